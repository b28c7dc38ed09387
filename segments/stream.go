package segments

import (
	"github.com/tidemark-db/tidemark/internal/fsx"
)

// stream reads sections from the file, some blocks ahead, and verifies every
// block each time. It is for whoever goes through a whole column once and must
// not depend on a mapping: merges, snapshots, verification. It belongs to one
// goroutine.
type stream struct {
	file    fsx.File
	windows map[*section]*window
	free    [][]byte // buffers of windows that were closed
}

// window holds verified blocks of a section that follow each other.
type window struct {
	from int64 // offset of data within the section
	data []byte
	buf  []byte
}

// streamAhead is about how many bytes are read at once.
const streamAhead = 256 << 10

func newStream(file fsx.File) *stream {
	return &stream{file: file, windows: make(map[*section]*window)}
}

// reset closes all windows and goes on with another file. The memory is used
// again.
func (r *stream) reset(file fsx.File) {
	for _, w := range r.windows {
		r.free = append(r.free, w.buf)
	}
	clear(r.windows)
	r.file = file
}

// readAt implements blockReader.
func (r *stream) readAt(s *section, off int64, dst []byte) error {
	w := r.window(s)
	for len(dst) > 0 {
		if !w.has(off, 1) {
			if err := r.fill(w, s, off, 1); err != nil {
				return err
			}
		}
		n := copy(dst, w.data[off-w.from:])
		dst, off = dst[n:], off+int64(n)
	}
	return nil
}

// view returns n bytes from offset off of the section. They are valid until the
// next call for the same section.
func (r *stream) view(s *section, off, n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	w := r.window(s)
	if !w.has(off, n) {
		if err := r.fill(w, s, off, n); err != nil {
			return nil, err
		}
	}
	return w.data[off-w.from:][:n:n], nil
}

func (r *stream) window(s *section) *window {
	w := r.windows[s]
	if w == nil {
		w = new(window)
		r.windows[s] = w
	}
	return w
}

// has reports whether n bytes from offset off of the section are in the window.
func (w *window) has(off, n int64) bool {
	return off >= w.from && off+n <= w.from+int64(len(w.data))
}

// fill reads the blocks that hold n bytes from off on, and some that follow.
func (r *stream) fill(w *window, s *section, off, n int64) error {
	size := blockSizeOf(s.kind)
	first := off / size
	w.from, w.data = first*size, nil
	need := min((off+n+size-1)/size*size, s.length) - w.from
	want := min(max(need, streamAhead/size*size), s.length-w.from)
	if int64(len(w.buf)) < want {
		w.buf = r.buffer(want)
	}
	got, err := r.file.ReadAt(w.buf[:want], s.offset+w.from)
	good := int64(0)
	for i := first; good < want; i++ {
		_, to := s.block(i)
		end := to - w.from
		var bad *DamagedError
		switch {
		case end > int64(got):
			bad = unreadable(r.file.Name(), s.offset+w.from+good, err)
		case checksum(w.buf[good:end]) != s.sums[i]:
			bad = &DamagedError{File: r.file.Name(), Offset: s.offset + w.from + good, Reason: errChecksum.Error()}
		}
		if bad != nil && good < need {
			return bad
		}
		if bad != nil {
			break // serve what is good; the rest fails when it is reached
		}
		good = end
	}
	w.data = w.buf[:good]
	return nil
}

// buffer returns at least n bytes of memory, from a window that was closed if
// one is large enough.
func (r *stream) buffer(n int64) []byte {
	for i, b := range r.free {
		if int64(len(b)) >= n {
			last := len(r.free) - 1
			r.free[i] = r.free[last]
			r.free = r.free[:last]
			return b
		}
	}
	return make([]byte, n)
}
