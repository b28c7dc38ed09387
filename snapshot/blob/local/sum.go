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

// sumWriter writes a file from its beginning and hashes what it writes. The two
// go on beside each other, as each takes about as long as the other.
type sumWriter struct {
	ctx  context.Context
	file *writeback.Direct
	hash hash.Hash
	size int64
}

func newSumWriter(ctx context.Context, f fsx.File, size int64) *sumWriter {
	return &sumWriter{ctx: ctx, file: writeback.NewDirect(f, size), hash: sha256.New()}
}

// besideBytes is the size from which a goroutine is worth its start.
const besideBytes = 32 << 10

// Write implements io.Writer. No goroutine is left when it returns.
func (w *sumWriter) Write(p []byte) (n int, err error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p) < besideBytes {
		w.hash.Write(p)
		n, err = w.file.Write(p)
	} else {
		hashed := make(chan struct{})
		go func() {
			defer close(hashed)
			w.hash.Write(p)
		}()
		n, err = w.file.Write(p)
		<-hashed
	}
	w.size += int64(n)
	return n, err
}

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
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{in}, make([]byte, piece)); err != nil {
		return err
	}
	return w.Flush()
}
