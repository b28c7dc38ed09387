package segments

import (
	"bufio"
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"github.com/zeebo/xxh3"
)

// fileWriter writes the sections of a file one after the other and computes
// all checksums on the way, so that nothing has to be read again.
type fileWriter struct {
	ctx    context.Context
	out    *bufio.Writer
	offset int64
	sha    hash.Hash
	total  xxh3.Hasher // of all bytes so far

	// current is the section that is being written, nil between sections.
	current *section
	block   []byte // of the current section, not yet full
}

const writeBuffer = 256 << 10

func newFileWriter(ctx context.Context, w io.Writer) *fileWriter {
	f := &fileWriter{ctx: ctx, sha: sha256.New()}
	f.out = bufio.NewWriterSize(w, writeBuffer)
	f.total.Reset()
	return f
}

// raw writes bytes as they are.
func (f *fileWriter) raw(b []byte) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if f.offset+int64(len(b)) > MaxSegmentBytes {
		return ErrSegmentTooLarge
	}
	if _, err := f.out.Write(b); err != nil {
		return err
	}
	f.offset += int64(len(b))
	_, _ = f.sha.Write(b) // never fails
	_, _ = f.total.Write(b)
	return nil
}

// pad writes zeros up to the next multiple of sectionAlign.
func (f *fileWriter) pad() error {
	return f.raw(make([]byte, align(f.offset)-f.offset))
}

// begin starts a section.
func (f *fileWriter) begin(kind sectionKind, column int) error {
	if err := f.pad(); err != nil {
		return err
	}
	f.current = &section{kind: kind, column: column, offset: f.offset}
	f.block = f.block[:0]
	return nil
}

// write appends to the section. b is not kept.
func (f *fileWriter) write(b []byte) error {
	f.current.length += int64(len(b))
	size := int(blockSizeOf(f.current.kind))
	if size == 0 {
		return f.raw(b)
	}
	for len(b) > 0 {
		n := min(size-len(f.block), len(b))
		f.block = append(f.block, b[:n]...)
		b = b[n:]
		if len(f.block) == size {
			if err := f.endBlock(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fileWriter) endBlock() error {
	f.current.sums = append(f.current.sums, checksum(f.block))
	err := f.raw(f.block)
	f.block = f.block[:0]
	return err
}

// end finishes the section and returns it.
func (f *fileWriter) end() (section, error) {
	var err error
	if len(f.block) > 0 {
		err = f.endBlock()
	}
	s := *f.current
	f.current = nil
	return s, err
}

// whole writes a section in one piece.
func (f *fileWriter) whole(kind sectionKind, column int, b []byte) (section, error) {
	if err := f.begin(kind, column); err != nil {
		return section{}, err
	}
	if err := f.write(b); err != nil {
		return section{}, err
	}
	return f.end()
}
