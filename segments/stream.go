package segments

import "github.com/tidemark-db/tidemark/internal/fsx"

// stream reads sections from the file, some blocks ahead, and verifies every
// block each time. It is for whoever goes through a whole column once and must
// not depend on a mapping: merges, snapshots, verification. It belongs to one
// goroutine.
type stream struct {
	file    fsx.File
	windows map[*section]*window
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

// readAt implements blockReader.
func (r *stream) readAt(s *section, off int64, dst []byte) error {
	w := r.windows[s]
	if w == nil {
		ahead := streamAhead / blockSizeOf(s.kind) * blockSizeOf(s.kind)
		w = &window{buf: make([]byte, min(ahead, s.length))}
		r.windows[s] = w
	}
	for len(dst) > 0 {
		if off < w.from || off >= w.from+int64(len(w.data)) {
			if err := r.fill(w, s, off); err != nil {
				return err
			}
		}
		n := copy(dst, w.data[off-w.from:])
		dst, off = dst[n:], off+int64(n)
	}
	return nil
}

// fill reads the blocks from the one with off on.
func (r *stream) fill(w *window, s *section, off int64) error {
	size := blockSizeOf(s.kind)
	i := off / size
	w.from, w.data = i*size, nil
	end := min(w.from+int64(len(w.buf)), s.length)
	for at := w.from; at < end; at += size {
		if _, err := readBlock(r.file, s, at/size, w.buf[at-w.from:]); err != nil {
			if at == w.from {
				return err
			}
			end = at // serve what is good; the rest fails when it is reached
			break
		}
	}
	w.data = w.buf[:end-w.from]
	return nil
}
