package local

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// appendEntry adds a frame to a file's content and returns its checksum.
func appendEntry(file, buf []byte, h head) ([]byte, uint32) {
	frame, crc := sealFrame(buf, h)
	return append(binary.AppendUvarint(file, uint64(len(frame))), frame...), crc
}

// Each property of a frame that ties it to its place is checked for itself.
func TestFrameMustFollowTheOneBefore(t *testing.T) {
	const salt, first = 99, 501
	for what, c := range map[string]struct {
		change func(h *head)
		reason string
	}{
		"the right one":           {change: func(*head) {}},
		"another salt":            {func(h *head) { h.salt++ }, "another generation"},
		"another frame before":    {func(h *head) { h.prev++ }, "does not follow"},
		"a position too high":     {func(h *head) { h.first++ }, "where 501 is next"},
		"a position too low":      {func(h *head) { h.first-- }, "where 501 is next"},
		"a second header":         {func(h *head) { h.kind, h.count = kindHeader, 0 }, "second header"},
		"more records than bytes": {func(h *head) { h.count = 5000 }, "exceeds the body"},
	} {
		t.Run(what, func(t *testing.T) {
			header := head{kind: kindHeader, salt: salt, first: first}
			file, crc := appendEntry(nil, appendOrigin(make([]byte, headSize), origin{number: 1, prevLast: first - 1}), header)
			h := head{kind: kindGroup, salt: salt, first: first, count: 1, prev: crc}
			c.change(&h)
			file, _ = appendEntry(file, appendRecord(make([]byte, headSize), []byte("x")), h)
			s := scanFile(t, file)
			_, err := s.read()
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.reason)
			var corrupt *wal.CorruptError
			require.ErrorAs(t, s.corrupt(err), &corrupt)
			require.EqualValues(t, blockSize, corrupt.Offset)
			require.EqualValues(t, first-1, corrupt.Position)
		})
	}
}

func TestHeaderMustSayWhereItStands(t *testing.T) {
	for what, c := range map[string]struct {
		first wal.Position
		o     origin
	}{
		"another number":         {501, origin{number: 2, prevLast: 500}},
		"positions again":        {501, origin{number: 1, prevLast: 501}},
		"a position too high":    {wal.MaxPosition + 2, origin{number: 1, prevLast: 500}},
		"no position before one": {0, origin{number: 1}},
	} {
		file, _ := appendEntry(nil, appendOrigin(make([]byte, headSize), c.o), head{kind: kindHeader, first: c.first})
		s, err := openFile(t, file)
		require.ErrorAs(t, s.corrupt(err), new(*wal.CorruptError), what)
	}
}

// A closed generation with another history, that ends at the right position,
// is not the one that its successor follows.
func TestSuccessorFollowsOneHistory(t *testing.T) {
	dir := t.TempDir()
	log, _, err := Open(dir, Options{SegmentBytes: 4 * blockSize})
	require.NoError(t, err)
	for range 4 {
		p, err := log.Enqueue(t.Context(), []byte("x"))
		require.NoError(t, err)
		_, err = p.Wait(t.Context())
		require.NoError(t, err)
	}
	require.NoError(t, log.Close())
	name := generationFile(dir, 1)
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	closing := b[len(b)-blockSize+2:]
	require.EqualValues(t, kindClose, closing[offKind])
	closing[offPrev]++
	binary.LittleEndian.PutUint32(closing[offCRC:], frameCRC(closing))
	require.NoError(t, os.WriteFile(name, b, 0o600))
	_, _, err = Open(dir, Options{})
	require.ErrorContains(t, err, "not the one that its successor follows")
}

func scanFile(t *testing.T, content []byte) *scanner {
	t.Helper()
	s, err := openFile(t, content)
	require.NoError(t, err)
	return s
}

func openFile(t *testing.T, content []byte) (*scanner, error) {
	t.Helper()
	dir := t.TempDir()
	name := generationFile(dir, 1)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
	require.NoError(t, os.WriteFile(name, content, 0o600))
	s, err := openScanner(fsx.OS, dir, 1, -1)
	require.NotNil(t, s)
	t.Cleanup(func() { require.NoError(t, s.file.Close()) })
	return s, err
}
