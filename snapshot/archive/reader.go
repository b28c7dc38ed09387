package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Reader reads an archive from a stream, file by file, and checks every byte.
// Content that Read returns is proven only once Read has returned io.EOF for
// its file, and the archive only once Next has returned io.EOF. After any other
// error the Reader is of no use. It holds the manifest and nothing else in
// memory.
type Reader struct {
	src    io.Reader
	offset int64 // of the next byte of src

	manifest *Manifest
	end      []byte // the content that the last entry must have
	next     int    // index of the file after the current one
	current  File
	left     int64 // bytes of the current file that were not read
	open     bool  // the current file has not been proven yet
	hash     hash.Hash
	failed   error
}

// NewReader reads the manifest. It returns a CorruptError, ForeignError or
// NewerFormatError, or an error of src.
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{src: src, hash: sha256.New()}
	data, err := r.readManifest()
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, moveOffset(err, blockSize)
	}
	r.manifest, r.end = m, endContent(data)
	return r, nil
}

// Manifest returns what the archive says that it holds. It is not proven before
// Next has returned io.EOF.
func (r *Reader) Manifest() *Manifest { return r.manifest }

// moveOffset makes an offset within an entry's content one within the archive.
func moveOffset(err error, by int64) error {
	if c := (*CorruptError)(nil); errors.As(err, &c) {
		c.Offset += by
	}
	return err
}

func (r *Reader) readManifest() ([]byte, error) {
	var got block
	if err := r.full(got[:], ManifestName); err != nil {
		return nil, err
	}
	size, ok := got.size()
	switch {
	case got.isForeign():
		return nil, &ForeignError{Entry: got.text(fieldName)}
	case !got.isHeader():
		return nil, &CorruptError{Entry: ManifestName, Reason: "this is no snapshot archive"}
	case got.text(fieldName) != ManifestName || !ok:
		return nil, &CorruptError{Entry: ManifestName, Reason: got.describe(ManifestName, 0)}
	case size > MaxManifestBytes:
		return nil, &CorruptError{Entry: ManifestName, Offset: int64(fieldSize.offset), Reason: fmt.Sprintf("it claims %d bytes", size)}
	}
	want := header(ManifestName, size)
	if at := difference(want[:], got[:]); at >= 0 {
		return nil, &CorruptError{Entry: ManifestName, Offset: int64(at), Reason: got.describe(ManifestName, size)}
	}
	// Memory is taken as bytes arrive, not as the header claims.
	var data bytes.Buffer
	n, err := io.CopyN(&data, r.src, size)
	r.offset += n
	if err != nil {
		return nil, r.ended(err, ManifestName, size-n)
	}
	return data.Bytes(), r.zeros(padding(size), ManifestName)
}

// Next proves the rest of the current file and goes to the next one. After the
// last it checks the end of the archive and returns io.EOF.
func (r *Reader) Next() (File, error) {
	if r.failed != nil {
		return File{}, r.failed
	}
	f, err := r.advance()
	r.failed = err
	return f, err
}

func (r *Reader) advance() (File, error) {
	if r.open {
		if _, err := io.Copy(io.Discard, onlyReader{r}); err != nil {
			return File{}, err
		}
	}
	if r.next == len(r.manifest.Files) {
		if err := r.readEnd(); err != nil {
			return File{}, err
		}
		return File{}, io.EOF
	}
	f := r.manifest.Files[r.next]
	if err := r.header(f.Name, f.Size); err != nil {
		return File{}, err
	}
	r.current, r.left, r.open = f, f.Size, true
	r.next++
	r.hash.Reset()
	return f, nil
}

type onlyReader struct{ io.Reader }

// Read reads the current file. It returns io.EOF once the whole file and its
// padding have been read and are as the manifest says.
func (r *Reader) Read(p []byte) (int, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	n, err := r.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

func (r *Reader) read(p []byte) (int, error) {
	if !r.open || r.left == 0 {
		return 0, r.finish()
	}
	n, err := r.src.Read(p[:min(int64(len(p)), r.left)])
	r.hash.Write(p[:n])
	r.offset += int64(n)
	r.left -= int64(n)
	if err != nil && r.left > 0 {
		return n, r.ended(err, r.current.Name, r.left)
	}
	return n, nil
}

// finish compares a file that was read whole.
func (r *Reader) finish() error {
	if !r.open {
		return io.EOF
	}
	if got := hex.EncodeToString(r.hash.Sum(nil)); got != r.current.SHA256 {
		return &CorruptError{
			Entry: r.current.Name, Offset: r.offset - r.current.Size,
			Reason: fmt.Sprintf("the sha256 of its content is %s, the manifest says %s", got, r.current.SHA256),
		}
	}
	if err := r.zeros(padding(r.current.Size), r.current.Name); err != nil {
		return err
	}
	r.open = false
	return io.EOF
}

// readEnd reads the last entry and what ends the archive.
func (r *Reader) readEnd() error {
	if err := r.header(EndName, int64(len(r.end))); err != nil {
		return err
	}
	start := r.offset
	got := make([]byte, len(r.end))
	if err := r.full(got, EndName); err != nil {
		return err
	}
	if at := difference(r.end, got); at >= 0 {
		return &CorruptError{Entry: EndName, Offset: start + int64(at), Reason: "it does not name the sha256 of " + ManifestName + ": one of the two is damaged"}
	}
	if err := r.zeros(padding(int64(len(r.end))), EndName); err != nil {
		return err
	}
	if err := r.zeros(trailerSize, ""); err != nil {
		return err
	}
	switch n, err := io.ReadFull(r.src, got[:1]); {
	case n > 0:
		return &CorruptError{Offset: r.offset, Reason: "bytes follow the end of the archive"}
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read snapshot archive: %w", err)
	}
	return nil
}

// header reads the header of an entry, which can only be one.
func (r *Reader) header(name string, size int64) error {
	var got block
	start := r.offset
	if err := r.full(got[:], name); err != nil {
		return err
	}
	want := header(name, size)
	if at := difference(want[:], got[:]); at >= 0 {
		return &CorruptError{Entry: name, Offset: start + int64(at), Reason: got.describe(name, size)}
	}
	return nil
}

// zeros reads n bytes that must be zero.
func (r *Reader) zeros(n int64, entry string) error {
	var got [trailerSize]byte
	start := r.offset
	if err := r.full(got[:n], entry); err != nil {
		return err
	}
	if at := difference(zeros[:n], got[:n]); at >= 0 {
		return &CorruptError{Entry: entry, Offset: start + int64(at), Reason: "a byte of padding is not zero"}
	}
	return nil
}

// full reads len(p) bytes.
func (r *Reader) full(p []byte, entry string) error {
	n, err := io.ReadFull(r.src, p)
	r.offset += int64(n)
	if err != nil {
		return r.ended(err, entry, int64(len(p)-n))
	}
	return nil
}

// ended turns the end of the stream into an error with its place. Other errors
// of the stream say nothing about the archive.
func (r *Reader) ended(err error, entry string, missing int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptError{Entry: entry, Offset: r.offset, Reason: fmt.Sprintf("the archive is cut off: at least %d bytes are missing", missing)}
	}
	return fmt.Errorf("read snapshot archive at byte %d: %w", r.offset, err)
}
