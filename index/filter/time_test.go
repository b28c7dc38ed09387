package filter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2024-01-02T03:04:05Z":               "2024-01-02T03:04:05Z",
		"2024-01-02t03:04:05z":               "2024-01-02T03:04:05Z",
		"2024-01-02 03:04:05Z":               "2024-01-02T03:04:05Z",
		"2024-01-02T03:04:05.001+00:00":      "2024-01-02T03:04:05.001Z",
		"2024-01-02T03:04:05.123456789Z":     "2024-01-02T03:04:05.123456Z",
		"2024-01-02T03:04:05.1234567890123Z": "2024-01-02T03:04:05.123456Z",
		"2024-01-02T03:04:05+02:30":          "2024-01-02T00:34:05Z",
		"2024-01-02T03:04:05-0200":           "2024-01-02T05:04:05Z",
		"2024-01-02 03:04:05-02":             "2024-01-02T05:04:05Z",
		"2024-01-02T03:04:05":                "2024-01-02T03:04:05Z",
		"2024-01-02 03:04:05.5":              "2024-01-02T03:04:05.5Z",
		"2025-01-01 10:00":                   "2025-01-01T10:00:00Z",
		"2023-05-06":                         "2023-05-06T00:00:00Z",
		"2024-02-29":                         "2024-02-29T00:00:00Z",
		"2016-12-31T23:59:60Z":               "2017-01-01T00:00:00Z",
		"1969-12-31T23:59:59.9999999Z":       "1969-12-31T23:59:59.999999Z",
		"0001-01-01":                         "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59-23:59":          "10000-01-01T23:58:59Z",
	} {
		got, err := filter.ParseTime(text)
		require.NoError(t, err, text)
		require.Equal(t, want, time.UnixMicro(int64(got)).UTC().Format(time.RFC3339Nano), text)
	}
	recorded, err := filter.ParseTime("2024-01-02T03:04:05Z")
	require.NoError(t, err)
	require.EqualValues(t, 1704164645000000, recorded)
}

func TestParseTimeRefuses(t *testing.T) {
	for _, text := range []string{
		"bad", "", "2024", "2024-13-01", "2024-00-01", "2024-01-00", "2023-02-29", "2024-01-01T", "2024-01-01T1", "2024-01-01T24:00:00Z",
		"2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+", "2024-01-01T00:00:00+1",
		"2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+01:60", "2024-01-01T00:00:00+01:", "2024-01-01T00:00:00ZZ", "2024-01-01 ",
		" 2024-01-01", "2024-01-01Z", "24-01-01", "2024/01/01", "2024-01-01_00:00",
	} {
		_, err := filter.ParseTime(text)
		require.EqualError(t, err, "'"+text+"' does not match accepted datetime format (RFC3339). Example: 2014-01-01T00:00:00Z")
	}
}

// FuzzParseTime: nothing panics, and what the standard library reads as RFC 3339
// is read as the same moment.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2024-01-02T03:04:05.5Z", "2024-01-02 03:04-0200", "2023-05-06", "9999-12-31T23:59:60+23:59", "2024-1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := filter.ParseTime(text)
		want, stdErr := time.Parse(time.RFC3339Nano, text)
		if stdErr == nil && !strings.Contains(text, ",") { // that reads a comma as a point
			require.NoError(t, err, text)
			require.Equal(t, want.UnixMicro(), int64(got), text)
		}
	})
}
