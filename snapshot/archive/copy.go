package archive

import (
	"context"
	"errors"
	"io"
)

// copyBytes is the size of the buffers through which contents pass.
const copyBytes = 512 << 10

// copier copies files from one place to another. Reading, which includes
// hashing, and writing take about as long as each other, so they go on beside
// each other, with buffers enough that neither waits whenever the other is held
// up for a moment. It is for one goroutine.
type copier struct {
	buffers [4][]byte
}

// newCopier returns a copier whose buffers are no larger than the files need.
func newCopier(m *Manifest) *copier {
	largest := int64(1)
	for _, f := range m.Files {
		largest = max(largest, f.Size)
	}
	c := new(copier)
	for i := range c.buffers {
		c.buffers[i] = make([]byte, min(largest, copyBytes))
	}
	return c
}

// chunk is what one Read returned.
type chunk struct {
	data []byte
	err  error
}

// copy copies size bytes from r to w; r says by io.EOF that it has ended as it
// should. No goroutine is left when copy returns.
func (c *copier) copy(ctx context.Context, w io.Writer, r io.Reader, size int64) error {
	if size <= copyBytes { // not worth a goroutine
		return write(ctx, w, func() chunk { return read(r, c.buffers[0]) })
	}
	full, free := make(chan chunk, len(c.buffers)), make(chan []byte, len(c.buffers))
	stop, done := make(chan struct{}), make(chan struct{})
	for _, b := range c.buffers {
		free <- b
	}
	go func() {
		defer close(done)
		readAhead(r, full, free, stop)
	}()
	defer func() {
		close(stop)
		<-done
	}()
	var last []byte
	return write(ctx, w, func() chunk {
		if last != nil {
			free <- last // has room for all buffers
		}
		next := <-full
		last = next.data
		return next
	})
}

// readAhead fills free buffers until r ends.
func readAhead(r io.Reader, full chan<- chunk, free <-chan []byte, stop <-chan struct{}) {
	for {
		select {
		case b := <-free:
			next := read(r, b)
			select {
			case full <- next:
			case <-stop:
				return
			}
			if next.err != nil {
				return
			}
		case <-stop:
			return
		}
	}
}

// read fills b as far as r has bytes.
func read(r io.Reader, b []byte) chunk {
	n := 0
	for n < len(b) {
		m, err := r.Read(b[n:])
		n += m
		if err != nil {
			return chunk{b[:n], err}
		}
	}
	return chunk{b[:n], nil}
}

// write writes chunks to w until one has an error.
func write(ctx context.Context, w io.Writer, next func() chunk) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := next()
		if len(c.data) > 0 {
			if _, err := w.Write(c.data); err != nil {
				return err
			}
		}
		if errors.Is(c.err, io.EOF) {
			return nil
		}
		if c.err != nil {
			return c.err
		}
	}
}
