package archive

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryTruncation cuts a small archive at every byte.
func TestEveryTruncation(t *testing.T) {
	whole := smallSample().bytes(t)
	for n := range whole {
		_, err := Verify(context.Background(), bytes.NewReader(whole[:n]))
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, "cut after %d bytes", n)
		require.EqualValues(t, n, corrupt.Offset, "the place of the cut")
	}
}

// TestEveryBit flips each bit of a small archive. None may pass, and each
// refusal names a place at or before the bit, in the same entry.
func TestEveryBit(t *testing.T) {
	s := newSample([]byte("{}"), []byte{1}, []byte("segment"))
	whole, starts := s.bytes(t), entryStarts(t, s)
	for half := range 2 { // beside each other
		t.Run("", func(t *testing.T) {
			t.Parallel()
			changed := bytes.Clone(whole)
			for i := half; i < len(whole); i += 2 {
				for bit := range 8 {
					changed[i] ^= 1 << bit
					_, err := Verify(context.Background(), bytes.NewReader(changed))
					changed[i] ^= 1 << bit
					require.Error(t, err, "bit %d of byte %d", bit, i)
					requirePlace(t, err, starts, i)
				}
			}
		})
	}
}

// entryStarts returns where each entry begins, and the trailer.
func entryStarts(t *testing.T, s *sample) []int64 {
	manifest, err := s.manifest.Encode()
	require.NoError(t, err)
	starts := []int64{0, entrySize(int64(len(manifest)))}
	for _, f := range s.manifest.Files {
		starts = append(starts, starts[len(starts)-1]+entrySize(f.Size))
	}
	return append(starts, starts[len(starts)-1]+entrySize(int64(len(endContent(manifest, ManifestName)))))
}

func requirePlace(t *testing.T, err error, starts []int64, changed int) {
	t.Helper()
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		var newer *NewerFormatError // a flip in the number of the format
		require.ErrorAs(t, err, &newer)
		require.Less(t, int64(changed), starts[1])
		return
	}
	require.NotEmpty(t, corrupt.Reason)
	if int64(changed) < starts[1] {
		// The manifest says what must follow: a changed one may show itself only
		// by what then follows, at the latest by its checksum.
		return
	}
	entry := func(offset int64) (n int) {
		for n < len(starts) && starts[n] <= offset {
			n++
		}
		return n
	}
	require.Equal(t, entry(int64(changed)), entry(corrupt.Offset), "byte %d: %v", changed, err)
	require.LessOrEqual(t, corrupt.Offset, int64(changed))
}

// TestNothingMayFollow appends what other tar programs would accept.
func TestNothingMayFollow(t *testing.T) {
	whole := smallSample().bytes(t)
	for _, tail := range [][]byte{{0}, {1}, make([]byte, blockSize), make([]byte, 10240)} {
		_, err := Verify(context.Background(), bytes.NewReader(append(bytes.Clone(whole), tail...)))
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.EqualValues(t, len(whole), corrupt.Offset)
	}
}
