package archive

import (
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
	framing
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
func NewReader(src io.Reader) (*Reader, error) { return newReader(framing{src: src}) }

// newReader reads an archive that begins where f stands.
func newReader(f framing) (*Reader, error) {
	r := &Reader{framing: f, hash: sha256.New()}
	start := r.offset
	data, err := r.head(ManifestName)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, moveOffset(err, start+blockSize)
	}
	r.manifest, r.end = m, endContent(data, ManifestName)
	return r, nil
}

// Manifest returns what the archive says that it holds. It is not proven before
// Next has returned io.EOF.
func (r *Reader) Manifest() *Manifest { return r.manifest }

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
		if err := r.finale(EndName, ManifestName, r.end); err != nil {
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
