package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Content is what is to be archived of a file of the manifest.
type Content struct {
	io.ReadCloser
	// Checked says that the reader ends by io.EOF only if every byte is what was
	// written when the manifest's sha256 was taken. The sha256 is not computed
	// again then: it is the largest part of the work, beside that of the archive
	// as a whole.
	Checked bool
}

// Open returns the content of a file of the manifest. The caller closes it.
type Open func(File) (Content, error)

// Size returns the length in bytes of the archive that Write makes of m.
func Size(m *Manifest) (int64, error) {
	data, err := m.Encode()
	if err != nil {
		return 0, fmt.Errorf("encode manifest: %w", err)
	}
	total := entrySize(int64(len(data))) + entrySize(int64(len(endContent(data, ManifestName)))) + trailerSize
	for _, f := range m.Files {
		total += entrySize(f.Size)
	}
	return total, nil
}

// entrySize is the length of an entry with its header and padding.
func entrySize(size int64) int64 { return blockSize + size + padding(size) }

// endContent is the content of the last entry, which proves the first, in the
// form that sha256sum -c reads.
func endContent(first []byte, name string) []byte {
	return []byte(sumOf(first) + "  " + name + "\n")
}

// sumOf returns the sha256 of b in hex.
func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Write streams the archive of m to w. It compares each file with its size and
// sha256 while it passes, unless it checks itself; a difference is a ChangedError
// and ends the archive without its end mark. The same m and contents always give the same bytes, so
// a pass with a hash as w tells the checksum of the archive beforehand.
func Write(ctx context.Context, w io.Writer, m *Manifest, open Open) error {
	manifest, err := m.Encode()
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := writeEntry(w, ManifestName, manifest); err != nil {
		return err
	}
	c := newCopier(m)
	for _, f := range m.Files {
		if err := writeFile(ctx, w, f, open, c); err != nil {
			return err
		}
	}
	if err := writeEntry(w, EndName, endContent(manifest, ManifestName)); err != nil {
		return err
	}
	return writeZeros(w, trailerSize)
}

func writeEntry(w io.Writer, name string, content []byte) error {
	h := header(name, int64(len(content)))
	if _, err := w.Write(h[:]); err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return writeZeros(w, padding(int64(len(content))))
}

func writeFile(ctx context.Context, w io.Writer, f File, open Open, c *copier) (err error) {
	content, err := open(f)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	h := header(f.Name, f.Size)
	if _, err := w.Write(h[:]); err != nil {
		return err
	}
	src := &fileReader{content: content, file: f, left: f.Size}
	if !content.Checked {
		src.hash = sha256.New()
	}
	if err := c.copy(ctx, w, src, f.Size); err != nil {
		return err
	}
	return writeZeros(w, padding(f.Size))
}

// fileReader reads a file that is to be archived. It ends by io.EOF only if the
// file is what the manifest says, and never returns more than that.
type fileReader struct {
	content io.Reader
	file    File
	left    int64
	hash    hash.Hash // nil if the content checks itself
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, r.end()
	}
	n, err := r.content.Read(p[:min(int64(len(p)), r.left)])
	if r.hash != nil {
		r.hash.Write(p[:n])
	}
	r.left -= int64(n)
	switch {
	case err == nil || r.left == 0:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, &ChangedError{Entry: r.file.Name, Reason: fmt.Sprintf("it ends %d bytes early", r.left)}
	}
	return n, fmt.Errorf("read %s: %w", r.file.Name, err)
}

// end compares a file that was read whole.
func (r *fileReader) end() error {
	var more [1]byte
	switch n, err := io.ReadFull(r.content, more[:]); {
	case n > 0:
		return &ChangedError{Entry: r.file.Name, Reason: fmt.Sprintf("it does not end after %d bytes", r.file.Size)}
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read %s: %w", r.file.Name, err)
	}
	if r.hash == nil {
		return io.EOF
	}
	if got := hex.EncodeToString(r.hash.Sum(nil)); got != r.file.SHA256 {
		return &ChangedError{Entry: r.file.Name, Reason: fmt.Sprintf("its sha256 is %s, it was written as %s", got, r.file.SHA256)}
	}
	return io.EOF
}

var zeros [trailerSize]byte

func writeZeros(w io.Writer, n int64) error {
	if n == 0 {
		return nil
	}
	_, err := w.Write(zeros[:n])
	return err
}
