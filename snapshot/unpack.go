package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// Unpack reads an archive and writes the state that it holds into dir, which
// exists and is empty, as a collection's directory. check judges the manifest of
// the state before what follows is read; it may be nil. What an archive says of
// itself is compared with what it holds; the points are not looked at. After an
// error the caller removes dir.
func Unpack(ctx context.Context, fsys fsx.FS, dir string, src io.Reader, check func(*segments.Manifest) error) (*archive.Manifest, *segments.Manifest, error) {
	r, err := archive.NewReader(src)
	if err != nil {
		return nil, nil, err
	}
	m, err := unpackFrom(ctx, fsys, dir, r, check)
	return r.Manifest(), m, err
}

// unpackFrom is Unpack for an archive of which the manifest has been read.
func unpackFrom(ctx context.Context, fsys fsx.FS, dir string, r *archive.Reader, check func(*segments.Manifest) error) (*segments.Manifest, error) {
	u := &unpacking{archive: r.Manifest(), document: new(document), check: check}
	_, err := r.Unpack(ctx, fsys, dir, archive.UnpackOptions{
		Config: u.config,
		Path:   func(f archive.File) string { return u.document.nameOnDisk(f) },
	})
	return u.document.manifest, err
}

type unpacking struct {
	archive  *archive.Manifest
	document *document
	check    func(*segments.Manifest) error
}

// config reads the manifest of the state, after which the places of the other
// files are known.
func (u *unpacking) config(b []byte) error {
	d, err := decodeDocument(b)
	if err == nil {
		err = d.checkAgainst(u.archive)
	}
	if err != nil {
		return &StateError{Err: err}
	}
	u.document = d
	if u.check == nil {
		return nil
	}
	return u.check(d.manifest)
}

// StateError says that an archive is whole but does not hold the state that it
// says it holds: whoever made it was wrong.
type StateError struct{ Err error }

// Error implements error.
func (e *StateError) Error() string {
	return "the snapshot does not hold what it says: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *StateError) Unwrap() error { return e.Err }

// VerifyUnpacked reads every point of a state that Unpack has just written, and
// so proven byte for byte, computes all hashes from their content and compares
// the digest. It returns a StateError if anything differs.
func VerifyUnpacked(ctx context.Context, fsys fsx.FS, dir string) error {
	return verifyState(ctx, fsys, dir, (*segments.Durable).VerifyRows)
}

func verifyState(ctx context.Context, fsys fsx.FS, dir string, verify func(*segments.Durable, context.Context) error) error {
	m, err := segments.LoadManifest(fsys, dir)
	if err != nil {
		return stateError(err)
	}
	d, err := segments.OpenDurable(fsys, dir, m)
	if err != nil {
		return stateError(err)
	}
	defer d.Release()
	if err := verify(d, ctx); err != nil {
		return stateError(err)
	}
	if sums := d.Sums(m.Sums); sums.Digest() != m.Digest || d.Count() != m.Count {
		return &StateError{Err: fmt.Errorf("it has %d points with digest %s, its manifest says %d and %s", d.Count(), sums.Digest(), m.Count, m.Digest)}
	}
	return nil
}

// stateError tells damage from other errors. The names of files in it are for
// the log: forClient shows them without their directory.
func stateError(err error) error {
	var damaged *segments.DamagedError
	if errors.As(err, &damaged) && damaged.Cause != nil { // by the disk, not by the sender
		return fmt.Errorf("read what was unpacked: %w", damaged.Cause)
	}
	var newer *segments.NewerFormatError
	if errors.Is(err, segments.ErrDamaged) || errors.Is(err, segments.ErrSumsDiffer) || errors.As(err, &newer) {
		return &StateError{Err: err}
	}
	return err
}
