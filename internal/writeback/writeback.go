// Package writeback writes large files without letting dirty pages pile up, past
// the page cache or by cleaning it early: a later fsync, of this file or of another
// on the same device, then waits for little.
package writeback

import "github.com/tidemark-db/tidemark/internal/fsx"

// Interval is the number of bytes after which writing to the device begins.
const Interval = 8 << 20

// Writer writes to a file from its beginning. It is for one goroutine.
type Writer struct {
	file fsx.File
	// written are bytes in the file, begun those that are on their way to the
	// device.
	written, begun int64
}

// NewWriter returns a Writer to an empty file, which stays the caller's.
func NewWriter(f fsx.File) *Writer { return &Writer{file: f} }

// Write writes p, and begins to write back whenever an interval is full. It
// does not wait for the device.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.written += int64(n)
	if err == nil && w.written-w.begun >= Interval {
		begin(w.file, w.begun, w.written-w.begun)
		w.begun = w.written
	}
	return n, err
}
