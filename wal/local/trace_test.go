package local

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// The order of writes and syncs is what makes the log survive a crash. It is
// fixed here as text: a change of the golden file is a change of protocol.
func TestGoldenTrace(t *testing.T) {
	dir := t.TempDir()
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	open := func(remark string) *Log {
		rec.Mark(remark)
		log, _, err := Open(dir, Options{FS: rec, SegmentBytes: 5 * blockSize})
		require.NoError(t, err)
		return log
	}
	write := func(log *Log, remark string) wal.Position {
		rec.Mark(remark)
		p, err := log.Enqueue(t.Context(), []byte("a record"))
		require.NoError(t, err)
		at, err := p.Wait(t.Context())
		require.NoError(t, err)
		require.NoError(t, log.Quiesce(t.Context())) // the spare is prepared in the background
		return at
	}
	closeLog := func(log *Log, remark string) {
		rec.Mark(remark)
		require.NoError(t, log.Close())
	}

	log := open("create")
	write(log, "write")
	write(log, "write, and prepare the next generation")
	write(log, "write")
	write(log, "write into the next generation")
	rec.Mark("release")
	require.NoError(t, log.Release(t.Context(), 3))
	write(log, "write, and prepare the next generation")
	closeLog(log, "close")
	log = open("open")
	write(log, "first write")
	closeLog(log, "close")

	golden(t, "trace.golden", strings.ReplaceAll(rec.Trace(0), libraryName, "1"))
}
