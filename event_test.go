package tidemark

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

var update = flag.Bool("update", false, "write golden files anew")

func mustPath(t testing.TB, text string) payload.Path {
	p, err := payload.ParsePath(text)
	require.NoError(t, err)
	return p
}

// exampleEvents has one event of each type and one effect of each kind.
func exampleEvents(t testing.TB) map[string]*Event {
	header := Header{
		Clock:         time.UnixMicro(1_700_000_000_000_001).UTC(),
		OperationID:   uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"),
		ConfigVersion: 7,
	}
	id := segments.UUIDID(uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
	ids := []segments.PointID{num(1), id}
	key := segments.VectorKey{Position: 300, Ordinal: 1}
	vectors := []segments.Vector{{Key: key, Data: []byte{1, 2, 3, 4}}}
	specs := []segments.VectorSpec{{Name: "v", Kind: segments.Dense, Size: 4, Datatype: segments.Float16, Distance: segments.Cosine}}
	return map[string]*Event{
		"create":    {header, &CreateEvent{Lineage: header.OperationID, Vectors: specs, Settings: []byte(`{"a":1}`)}},
		"configure": {header, &ConfigureEvent{Settings: []byte(`{}`), DropVectors: []segments.VectorKey{key}, AddVectors: specs, DropIndexes: []string{"x"}}},
		"mark":      {header, &MarkEvent{At: 300, Digest: segments.Digest{1, 2, 3}}},
		"restore":   {header, &RestoreEvent{Lineage: header.OperationID, Position: 300, Digest: segments.Digest{1, 2, 3}}},
		"put":       {header, &PointsEvent{Effects: []Effect{&PutPoint{ID: num(1), Payload: object(t, "a", 1), Vectors: vectors}}}},
		"remove":    {header, &PointsEvent{Effects: []Effect{&RemovePoints{IDs: ids}}}},
		"patch": {header, &PointsEvent{Effects: []Effect{
			&PatchPayload{Kind: PatchMerge, IDs: ids, Payload: object(t, "a", 1)},
			&PatchPayload{Kind: PatchMergeAt, IDs: ids, Payload: object(t, "a", 1), Paths: []payload.Path{mustPath(t, "a.b[0]")}},
			&PatchPayload{Kind: PatchOverwrite, IDs: ids, Payload: object(t, "a", "x")},
			&PatchPayload{Kind: PatchRemove, IDs: ids, Paths: []payload.Path{mustPath(t, "a"), mustPath(t, "b.c")}},
			&PatchPayload{Kind: PatchClear, IDs: ids},
		}}},
		"vectors": {header, &PointsEvent{Effects: []Effect{&PutVectors{ID: id, Vectors: vectors}, &RemoveVectors{IDs: ids, Keys: []segments.VectorKey{key}}}}},
	}
}

var compareEvents = []cmp.Option{
	cmpopts.EquateEmpty(), cmp.Comparer(func(a, b payload.Path) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b segments.PointID) bool { return a == b }),
}

// TestEventGolden keeps the binary form as it is: it is stored for ever.
func TestEventGolden(t *testing.T) {
	for name, e := range exampleEvents(t) {
		t.Run(name, func(t *testing.T) {
			b, err := AppendEvent(nil, e)
			require.NoError(t, err)
			golden := filepath.Join("testdata", "event", name+".hex")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(hex.EncodeToString(b)+"\n"), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), hex.EncodeToString(b))
			got, err := DecodeEvent(b)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(e, got, compareEvents...))
		})
	}
}

func TestEventCutAnywhereIsRefused(t *testing.T) {
	for name, e := range exampleEvents(t) {
		b, err := AppendEvent(nil, e)
		require.NoError(t, err)
		for n := range b {
			_, err := DecodeEvent(b[:n])
			require.Error(t, err, "%s cut at %d", name, n)
		}
		_, err = DecodeEvent(append(b, 0))
		require.Error(t, err, "%s with a byte too many", name)
	}
}

func TestUnknownEvents(t *testing.T) {
	b, err := AppendEvent(nil, exampleEvents(t)["mark"])
	require.NoError(t, err)
	for _, tc := range []struct {
		name    string
		change  func([]byte)
		skipped bool
	}{
		{"version", func(b []byte) { b[0] = 2 }, false},
		{"type", func(b []byte) { b[1] = 99 }, false},
		{"type that may be skipped", func(b []byte) { b[1], b[2] = 99, flagIgnorable }, true},
		{"flag", func(b []byte) { b[2] = 2 }, false},
		{"flag of an event that may be skipped", func(b []byte) { b[1], b[2] = 99, 3 }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := append([]byte(nil), b...)
			tc.change(changed)
			e, err := DecodeEvent(changed)
			require.Nil(t, e)
			if tc.skipped {
				require.NoError(t, err)
				return
			}
			var unknown *UnknownEventError
			require.ErrorAs(t, err, &unknown)
		})
	}
}

func TestEventExtensionsAreSkipped(t *testing.T) {
	b, err := AppendEvent(nil, exampleEvents(t)["mark"])
	require.NoError(t, err)
	extended := append(append(append([]byte(nil), b[:eventHeaderSize]...), 1, 2, 3), b[eventHeaderSize:]...)
	extended[36] = 3
	e, err := DecodeEvent(extended)
	require.NoError(t, err)
	require.Equal(t, exampleEvents(t)["mark"], e)
}

func FuzzDecodeEvent(f *testing.F) {
	for _, e := range exampleEvents(f) {
		b, err := AppendEvent(nil, e)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEvent(b)
		if err != nil || e == nil {
			return
		}
		again, err := AppendEvent(nil, e)
		require.NoError(t, err)
		same, err := DecodeEvent(again)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(e, same, compareEvents...))
	})
}
