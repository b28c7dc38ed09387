package writeback

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// directBytes is the size of a direct write: large enough to keep a disk busy.
// alignment is what every file system asks of its place in memory and in the
// file, and of its length.
const (
	directBytes = 1 << 20
	alignment   = 4 << 10
)

// Direct writes a file from its beginning, past the page cache where the file
// system can: a large file that nobody will read soon costs others neither the
// memory of its pages nor the processor time of copying and cleaning them, and
// its fsync has nothing left to wait for. Elsewhere it writes as Writer does.
// While one buffer is on its way to the disk the next is filled. It is for one
// goroutine, which calls Flush or Abort at the end.
type Direct struct {
	file   fsx.File
	plain  *Writer
	direct bool
	buf    []byte // aligned; its length is what is filled
	// next is filled while buf is written; nil until it is needed.
	next []byte
	// written receives the outcome of the one write that is under way, if any.
	written chan error
	failed  error
}

// NewDirect returns a Direct to an empty file, which stays the caller's. It will
// hold about size bytes.
func NewDirect(f fsx.File, size int64) *Direct {
	room := min(size+alignment-size%alignment, directBytes)
	return &Direct{file: f, plain: NewWriter(f), direct: setDirect(f, true), buf: alignedBuffer(int(room))}
}

// alignedBuffer returns an empty buffer of n bytes, a multiple of alignment,
// that begins at such a multiple.
func alignedBuffer(n int) []byte {
	b := make([]byte, n+alignment)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (alignment - 1)
	return b[skip : skip : skip+n]
}

// Write implements io.Writer. Bytes that do not fill the buffer wait in it for
// more; an error may be that of what was written before.
func (w *Direct) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
		written += n
		if len(w.buf) == cap(w.buf) {
			if err := w.send(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// send begins to write the full buffer when the one before is written.
func (w *Direct) send() error {
	if err := w.wait(); err != nil {
		return err
	}
	if w.next == nil {
		w.next = alignedBuffer(cap(w.buf))
	}
	full, outcome := w.buf, make(chan error, 1)
	w.buf, w.next, w.written = w.next[:0], full, outcome
	go func() { outcome <- w.write(full) }()
	return nil
}

// wait ends the write that is under way and returns the first error of all.
func (w *Direct) wait() error {
	if w.written != nil {
		w.failed = <-w.written
		w.written = nil
	}
	return w.failed
}

// Flush writes what waits, and waits until all is written. Nothing may be
// written after it.
func (w *Direct) Flush() error {
	if err := w.wait(); err != nil {
		return err
	}
	whole := len(w.buf) / alignment * alignment
	if err := w.write(w.buf[:whole]); err != nil {
		return err
	}
	if w.direct { // the end has no length that a direct write may have
		w.direct = !setDirect(w.file, false)
	}
	return w.write(w.buf[whole:])
}

// Abort waits for the write that is under way, if there is one, and gives the
// rest up. It may follow Flush.
func (w *Direct) Abort() { _ = w.wait() } // the file is given up, whatever became of it

// write writes p; only one call is under way at a time.
func (w *Direct) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if w.direct {
		n, err := w.file.Write(p)
		if !errors.Is(err, unix.EINVAL) {
			return err
		}
		// Not a failure of the device: the file system asks for another
		// alignment, of the whole or, after a write that was cut short, of the
		// rest.
		setDirect(w.file, false)
		w.direct = false
		p = p[n:]
	}
	_, err := w.plain.Write(p)
	return err
}
