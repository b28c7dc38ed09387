package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// copyBytes is the size of the buffer through which contents pass.
const copyBytes = 256 << 10

// newBuffer returns a buffer that is no larger than the files need.
func newBuffer(m *Manifest) []byte {
	largest := int64(1)
	for _, f := range m.Files {
		largest = max(largest, f.Size)
	}
	return make([]byte, min(largest, copyBytes))
}

// Open returns the content of a file of the manifest. The caller closes it.
type Open func(File) (io.ReadCloser, error)

// Size returns the length in bytes of the archive that Write makes of m.
func Size(m *Manifest) (int64, error) {
	data, err := m.Encode()
	if err != nil {
		return 0, fmt.Errorf("encode manifest: %w", err)
	}
	total := entrySize(int64(len(data))) + entrySize(int64(len(endContent(data)))) + trailerSize
	for _, f := range m.Files {
		total += entrySize(f.Size)
	}
	return total, nil
}

// entrySize is the length of an entry with its header and padding.
func entrySize(size int64) int64 { return blockSize + size + padding(size) }

// endContent is the content of the last entry, in the form that sha256sum -c
// reads.
func endContent(manifest []byte) []byte {
	sum := sha256.Sum256(manifest)
	return []byte(hex.EncodeToString(sum[:]) + "  " + ManifestName + "\n")
}

// Write streams the archive of m to w. It compares each file with its size and
// sha256 while it passes; a difference is a ChangedError and ends the archive
// without its end mark. The same m and contents always give the same bytes, so
// a pass with a hash as w tells the checksum of the archive beforehand.
func Write(ctx context.Context, w io.Writer, m *Manifest, open Open) error {
	manifest, err := m.Encode()
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := writeEntry(w, ManifestName, manifest); err != nil {
		return err
	}
	buffer := newBuffer(m)
	for _, f := range m.Files {
		if err := writeFile(ctx, w, f, open, buffer); err != nil {
			return err
		}
	}
	if err := writeEntry(w, EndName, endContent(manifest)); err != nil {
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

func writeFile(ctx context.Context, w io.Writer, f File, open Open, buffer []byte) (err error) {
	content, err := open(f)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	h := header(f.Name, f.Size)
	if _, err := w.Write(h[:]); err != nil {
		return err
	}
	if err := copyFile(ctx, w, f, content, buffer); err != nil {
		return err
	}
	return writeZeros(w, padding(f.Size))
}

// copyFile never writes more than f.Size bytes, whatever the content is.
func copyFile(ctx context.Context, w io.Writer, f File, content io.Reader, buffer []byte) error {
	hash, left := sha256.New(), f.Size
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(content, buffer[:min(left, int64(len(buffer)))])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &ChangedError{Entry: f.Name, Reason: fmt.Sprintf("it ends %d bytes early", left-int64(n))}
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
		hash.Write(buffer[:n])
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	if n, err := io.ReadFull(content, buffer[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return &ChangedError{Entry: f.Name, Reason: fmt.Sprintf("it does not end after %d bytes", f.Size)}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != f.SHA256 {
		return &ChangedError{Entry: f.Name, Reason: fmt.Sprintf("its sha256 is %s, it was written as %s", got, f.SHA256)}
	}
	return nil
}

var zeros [trailerSize]byte

func writeZeros(w io.Writer, n int64) error {
	if n == 0 {
		return nil
	}
	_, err := w.Write(zeros[:n])
	return err
}
