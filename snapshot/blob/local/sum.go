package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/writeback"
)

// sumWriter writes a file from its beginning and hashes what it writes, while
// what came before is on its way to the disk.
type sumWriter struct {
	ctx  context.Context
	file *writeback.Direct
	hash hash.Hash
	size int64
}

func newSumWriter(ctx context.Context, f fsx.File, size int64) *sumWriter {
	return &sumWriter{ctx: ctx, file: writeback.NewDirect(f, size), hash: sha256.New()}
}

// Write implements io.Writer.
func (w *sumWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	w.hash.Write(p)
	n, err := w.file.Write(p)
	w.size += int64(n)
	return n, err
}

// abort waits for what is being written. It may follow finish.
func (w *sumWriter) abort() { w.file.Abort() }

// finish writes what waits and returns the checksum of what was written.
func (w *sumWriter) finish() (string, error) {
	if err := w.file.Flush(); err != nil {
		return "", err
	}
	return hex.EncodeToString(w.hash.Sum(nil)), nil
}

// copyBytes copies a file past the page cache.
func copyBytes(out, in fsx.File) error {
	const piece = 1 << 20
	w := writeback.NewDirect(out, piece)
	defer w.Abort()
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{in}, make([]byte, piece)); err != nil {
		return err
	}
	return w.Flush()
}
