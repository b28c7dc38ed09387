package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/writeback"
)

// UnpackOptions say where files go and who may refuse. All fields may be nil.
type UnpackOptions struct {
	// Path returns the place of a file below the directory; by default it is
	// the name of its entry.
	Path func(File) string
	// Manifest is called before anything is written. The manifest is not proven
	// yet: it may be used to refuse, not to act.
	Manifest func(*Manifest) error
	// Config is called with the proven content of config.json, before what
	// follows is read.
	Config func([]byte) error
}

// Unpack reads an archive and writes its files below dir, which exists and is
// empty. When it returns without an error everything has been proven and is
// durable, but for the entry of dir in its parent. After an error the caller
// removes dir. Nothing is ever written outside of it.
func Unpack(ctx context.Context, fsys fsx.FS, dir string, src io.Reader, o UnpackOptions) (*Manifest, error) {
	r, err := NewReader(src)
	if err != nil {
		return nil, err
	}
	return r.Unpack(ctx, fsys, dir, o)
}

// Unpack is the function of that name for an archive of which only the manifest
// has been read.
func (r *Reader) Unpack(ctx context.Context, fsys fsx.FS, dir string, o UnpackOptions) (*Manifest, error) {
	if o.Path == nil {
		o.Path = func(f File) string { return f.Name }
	}
	if o.Manifest != nil {
		if err := o.Manifest(r.Manifest()); err != nil {
			return nil, err
		}
	}
	u := &unpacker{fsys: fsys, dir: dir, reader: r, options: o, copier: newCopier(r.Manifest())}
	if err := u.files(ctx); err != nil {
		return nil, err
	}
	return r.Manifest(), u.syncDirs()
}

type unpacker struct {
	fsys    fsx.FS
	dir     string
	reader  *Reader
	options UnpackOptions
	copier  *copier
	subdirs []string // that were made
}

func (u *unpacker) files(ctx context.Context) error {
	for {
		f, err := u.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.file(ctx, f); err != nil {
			return err
		}
	}
}

func (u *unpacker) file(ctx context.Context, f File) (err error) {
	path, err := u.place(f)
	if err != nil {
		return err
	}
	out, err := u.fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	var config bytes.Buffer
	var w io.Writer = writeback.NewWriter(out)
	if f.Kind == KindConfig {
		w = io.MultiWriter(w, &config) // at most MaxConfigBytes
	}
	if err := u.copier.copy(ctx, w, u.reader, f.Size); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", f.Name, err)
	}
	if f.Kind == KindConfig && u.options.Config != nil {
		return u.options.Config(config.Bytes())
	}
	return nil
}

// place returns the path of a file and makes the directory that it is in.
func (u *unpacker) place(f File) (string, error) {
	name := u.options.Path(f)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("unpack %s: its place %s is not below the directory", f.Name, quoteShort(name))
	}
	path := filepath.Join(u.dir, name)
	parent := filepath.Dir(path)
	if parent == filepath.Clean(u.dir) || slices.Contains(u.subdirs, parent) {
		return path, nil
	}
	if err := u.fsys.Mkdir(parent, 0o750); err != nil {
		return "", fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	u.subdirs = append(u.subdirs, parent)
	return path, nil
}

// syncDirs makes the entries of all files durable, inner directories first.
func (u *unpacker) syncDirs() error {
	for _, dir := range append(u.subdirs, u.dir) {
		if err := u.fsys.SyncDir(dir); err != nil {
			return fmt.Errorf("sync unpacked directory: %w", err)
		}
	}
	return nil
}

// Verify reads an archive to its end and proves every byte of it. It does not
// look into the files.
func Verify(ctx context.Context, src io.Reader) (*Manifest, error) {
	r, err := NewReader(src)
	if err != nil {
		return nil, err
	}
	if err := r.verify(ctx); err != nil {
		return nil, err
	}
	return r.Manifest(), nil
}

// verify reads what follows the manifest.
func (r *Reader) verify(ctx context.Context) error {
	c := newCopier(r.Manifest())
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.copy(ctx, io.Discard, r, f.Size); err != nil {
			return err
		}
	}
}
