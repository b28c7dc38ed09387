package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// framing reads what stands around the contents of an archive: headers, padding,
// and the entries with which it begins and ends. There is only one form of each.
type framing struct {
	src    io.Reader
	offset int64 // of the next byte of src, within the whole file
}

// moveOffset makes an offset within an entry's content one within the archive.
func moveOffset(err error, by int64) error {
	if c := (*CorruptError)(nil); errors.As(err, &c) {
		c.Offset += by
	}
	return err
}

// head reads the entry with which an archive begins and returns its content.
func (f *framing) head(name string) ([]byte, error) {
	var got block
	start := f.offset
	if err := f.full(got[:], name); err != nil {
		return nil, err
	}
	size, ok := got.size()
	switch {
	case got.isForeign():
		return nil, &ForeignError{Entry: got.text(fieldName)}
	case !got.isHeader():
		return nil, &CorruptError{Entry: name, Offset: start, Reason: "this is no snapshot archive"}
	case got.text(fieldName) != name && isHead(got.text(fieldName)):
		return nil, &OtherKindError{Storage: name == ManifestName}
	case got.text(fieldName) != name || !ok:
		return nil, &CorruptError{Entry: name, Offset: start, Reason: got.describe(name, 0)}
	case size > MaxManifestBytes:
		return nil, &CorruptError{Entry: name, Offset: start + int64(fieldSize.offset), Reason: fmt.Sprintf("it claims %d bytes", size)}
	}
	want := header(name, size)
	if at := difference(want[:], got[:]); at >= 0 {
		return nil, &CorruptError{Entry: name, Offset: start + int64(at), Reason: got.describe(name, size)}
	}
	// Memory is taken as bytes arrive, not as the header claims.
	var data bytes.Buffer
	n, err := io.CopyN(&data, f.src, size)
	f.offset += n
	if err != nil {
		return nil, f.ended(err, name, size-n)
	}
	return data.Bytes(), f.zeros(padding(size), name)
}

// isHead reports whether an archive of ours may begin with an entry of that name.
func isHead(name string) bool { return name == ManifestName || name == StorageName }

// finale reads the last entry, which proves the first one, head, and what ends
// the archive.
func (f *framing) finale(name, head string, content []byte) error {
	if err := f.header(name, int64(len(content))); err != nil {
		return err
	}
	start := f.offset
	got := make([]byte, len(content))
	if err := f.full(got, name); err != nil {
		return err
	}
	if at := difference(content, got); at >= 0 {
		return &CorruptError{Entry: name, Offset: start + int64(at), Reason: "it does not name the sha256 of " + head + ": one of the two is damaged"}
	}
	if err := f.zeros(padding(int64(len(content))), name); err != nil {
		return err
	}
	if err := f.zeros(trailerSize, ""); err != nil {
		return err
	}
	switch n, err := io.ReadFull(f.src, got[:1]); {
	case n > 0:
		return &CorruptError{Offset: f.offset, Reason: "bytes follow the end of the archive"}
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read snapshot archive: %w", err)
	}
	return nil
}

// header reads the header of an entry, which can only be one.
func (f *framing) header(name string, size int64) error {
	var got block
	start := f.offset
	if err := f.full(got[:], name); err != nil {
		return err
	}
	want := header(name, size)
	if at := difference(want[:], got[:]); at >= 0 {
		return &CorruptError{Entry: name, Offset: start + int64(at), Reason: got.describe(name, size)}
	}
	return nil
}

// zeros reads n bytes that must be zero.
func (f *framing) zeros(n int64, entry string) error {
	var got [trailerSize]byte
	start := f.offset
	if err := f.full(got[:n], entry); err != nil {
		return err
	}
	if at := difference(zeros[:n], got[:n]); at >= 0 {
		return &CorruptError{Entry: entry, Offset: start + int64(at), Reason: "a byte of padding is not zero"}
	}
	return nil
}

// full reads len(p) bytes.
func (f *framing) full(p []byte, entry string) error {
	n, err := io.ReadFull(f.src, p)
	f.offset += int64(n)
	if err != nil {
		return f.ended(err, entry, int64(len(p)-n))
	}
	return nil
}

// ended turns the end of the stream into an error with its place. Other errors
// of the stream say nothing about the archive.
func (f *framing) ended(err error, entry string, missing int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptError{Entry: entry, Offset: f.offset, Reason: fmt.Sprintf("the archive is cut off: at least %d bytes are missing", missing)}
	}
	return fmt.Errorf("read snapshot archive at byte %d: %w", f.offset, err)
}
