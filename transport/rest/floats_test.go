package rest

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wantFloat is what scanFloat must return, according to strconv.
func wantFloat(s string) (float32, bool) {
	f, err := strconv.ParseFloat(s, 32)
	return float32(f), err == nil
}

func TestScanFloatAgreesWithStrconv(t *testing.T) {
	cases := []string{
		"0", "-0", "0.0", "1", "-1", "0.1", "123456789", "0.30000000000000004", "16777217", "16777217.0000001",
		"1e39", "-1e39", "3.4028235e38", "3.4028236e38", "340282350000000000000000000000000000000", "1e-45", "1e-46",
		"1.401298464324817e-45", "0.000000000000000000000000000000000000000000001", "9007199254740993",
		"18446744073709551615", "18446744073709551616", "99999999999999999999999", "1.17549435e-38", "0.5e1", "5E-1", "5e+1",
		"8.5899346e9", "0.00000000000000000000001", "1.00000017881393432617187499", "1.000000178813934326171875",
		"1.00000017881393432617187501", "33554431.999999999", "0.10000000149011612",
	}
	for _, s := range cases {
		checkFloat(t, s)
	}
}

// TestScanFloatNearTies draws values next to the middle between two float32,
// where rounding twice would go wrong.
func TestScanFloatNearTies(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		a := math.Float32frombits(rng.Uint32() & 0x7fffffff)
		if math.IsNaN(float64(a)) || math.IsInf(float64(a), 0) {
			continue
		}
		b := math.Nextafter32(a, math.MaxFloat32)
		middle := (float64(a) + float64(b)) / 2
		for _, f := range []float64{middle, math.Nextafter(middle, 0), math.Nextafter(middle, math.MaxFloat64)} {
			for _, format := range []byte{'f', 'g'} {
				checkFloat(t, strconv.FormatFloat(f, format, -1, 64))
				checkFloat(t, strconv.FormatFloat(f, format, 17, 64))
			}
		}
	}
}

func checkFloat(t *testing.T, s string) {
	t.Helper()
	want, ok := wantFloat(s)
	got, end, err := scanFloat([]byte(s+","), 0)
	if !ok {
		require.ErrorIs(t, err, errNotFinite, s)
		return
	}
	require.NoError(t, err, s)
	require.Equal(t, len(s), end, s)
	require.Equal(t, math.Float32bits(want), math.Float32bits(got), s)
}

func TestScanFloats(t *testing.T) {
	cases := []struct {
		raw   string
		want  []float32
		index int
		err   error
	}{
		{raw: "[]"},
		{raw: " [ ] "},
		{raw: "[1]", want: []float32{1}},
		{raw: "[ 1 ,\n2.5,\t-3e0 ]", want: []float32{1, 2.5, -3}},
		{raw: `[1,"2"]`, index: 1, err: errNotNumbers},
		{raw: "[1,null]", index: 1, err: errNotNumbers},
		{raw: "[1,[2]]", index: 1, err: errNotNumbers},
		{raw: "[1,2,1e39]", index: 2, err: errNotFinite},
		{raw: "{}", err: errNotNumbers},
		{raw: "[1", err: errNotNumbers},
		{raw: "[1.]", err: errNotNumbers},
		{raw: "[-]", err: errNotNumbers},
	}
	for _, c := range cases {
		got, index, err := scanFloats(nil, []byte(c.raw))
		require.ErrorIs(t, err, c.err, c.raw)
		require.Equal(t, c.index, index, c.raw)
		if c.err == nil {
			require.Equal(t, c.want, got, c.raw)
		}
	}
}

func FuzzScanFloat(f *testing.F) {
	for _, s := range []string{"1", "-0.5", "1e10", "0.1000000001", "16777217", "1.5e-45"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !jsonNumber(s) {
			scanFloats(nil, []byte(s)) // must not panic
			return
		}
		checkFloat(t, s)
		got, err := parseFloat64([]byte(s))
		want, wantErr := strconv.ParseFloat(s, 64)
		require.Equal(t, wantErr == nil, err == nil, s)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), s)
	})
}

// jsonNumber reports whether s is a number as JSON writes it.
func jsonNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if strings.HasPrefix(s, "0") && len(s) > 1 && s[1] >= '0' && s[1] <= '9' {
		return false
	}
	if !digits() {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		if s = rest; !digits() {
			return false
		}
	}
	if s != "" && s[0]|0x20 == 'e' {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

func TestAppendFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 1: "1.0", -2.5: "-2.5", 1e15: "1000000000000000.0", 1e16: "1e+16", 1e300: "1e+300", 1e-5: "0.00001", 1e-7: "1e-07",
	} {
		require.Equal(t, want, string(appendFloat64(nil, f)))
	}
	require.Equal(t, "-0.0", string(appendFloat64(nil, math.Copysign(0, -1))))
	require.Equal(t, "0.099975586", string(appendFloat32(nil, 0.099975586)))
}

func BenchmarkScanFloats(b *testing.B) {
	formats := map[string]func([]byte, float64) []byte{
		"4decimals": func(d []byte, f float64) []byte { return strconv.AppendFloat(d, f, 'f', 4, 64) },
		"float32":   func(d []byte, f float64) []byte { return strconv.AppendFloat(d, f, 'g', -1, 32) },
		"float64":   func(d []byte, f float64) []byte { return strconv.AppendFloat(d, f, 'g', -1, 64) },
		"float32as64": func(d []byte, f float64) []byte {
			return strconv.AppendFloat(d, float64(float32(f)), 'f', -1, 64)
		},
	}
	for name, format := range formats {
		rng := rand.New(rand.NewPCG(1, 2))
		raw := []byte{'['}
		for i := range 128 {
			if i > 0 {
				raw = append(raw, ',')
			}
			raw = format(raw, rng.NormFloat64())
		}
		raw = append(raw, ']')
		dst := make([]float32, 0, 128)
		b.Run(name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for range b.N {
				dst, _, _ = scanFloats(dst[:0], raw)
			}
		})
		b.Run(name+"/strconv", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for range b.N {
				dst = dst[:0]
				for s := range strings.SplitSeq(string(raw[1:len(raw)-1]), ",") {
					f, _ := strconv.ParseFloat(s, 32)
					dst = append(dst, float32(f))
				}
			}
		})
	}
}
