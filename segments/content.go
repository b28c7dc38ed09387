package segments

import (
	"errors"
	"io"

	"github.com/zeebo/xxh3"
)

// contentReader reads a segment file from its beginning, as Content says. It is
// for one goroutine.
type contentReader struct {
	segment *Segment
	off     int64
	total   xxh3.Hasher
	foot    []byte
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	s := r.segment
	if r.off == s.size {
		return 0, r.end()
	}
	n, err := s.file.ReadAt(p[:min(int64(len(p)), s.size-r.off)], r.off)
	if n == 0 && err != nil {
		return 0, s.damaged(r.off, err)
	}
	body := max(0, min(int64(n), s.size-footerSize-r.off))
	_, _ = r.total.Write(p[:body]) // never fails
	r.foot = append(r.foot, p[body:n]...)
	r.off += int64(n)
	return n, nil
}

// end compares what was read with what was written.
func (r *contentReader) end() error {
	s := r.segment
	foot, err := decodeFooter(r.foot)
	if err != nil || foot != s.foot {
		return s.damaged(s.size-footerSize, errors.New("the footer is not the one that was there when the segment was opened"))
	}
	if t := r.total.Sum128(); (Hash{Hi: t.Hi, Lo: t.Lo}) != s.foot.total {
		return s.damaged(s.size-footerSize, errors.New("the checksum of the whole does not match"))
	}
	return io.EOF
}
