package snapshot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Source says where an archive is.
type Source struct {
	// Location is one of
	//   - an http:// or https:// URL,
	//   - a file:// URL of a file in the snapshots directory,
	//   - s3://bucket/key, where the key is written as it is, not encoded,
	//   - without a scheme: the name of a stored snapshot, of the collection
	//     that is restored, or of another one as in "other/name.snapshot".
	Location *url.URL
	// File, if it is not empty, is used instead of Location: a path on this host,
	// which may lie anywhere. It is for the operator, never for a client.
	File string
	// Checksum is the sha256 that the file must have, 64 hex digits of either
	// case; empty if it does not matter.
	Checksum string
	// APIKey is sent to the host of an http:// or https:// URL and to no other.
	APIKey string
}

// shown is where the archive is, without secrets.
func (s Source) shown() string {
	if s.File != "" {
		return s.File
	}
	return shownURL(s.Location)
}

// origin is where an archive comes from. It is for one goroutine at a time and
// must be closed.
type origin interface {
	// open begins to read the archive. It is called once. The context ends the
	// reading, too.
	open(ctx context.Context) (stream, error)
	io.Closer
}

// stream is an archive that is read once, from its beginning.
type stream struct {
	io.Reader
	// size is the number of bytes that will come, -1 if that is not known.
	size int64
}

// originOf finds the origin of an archive for a collection. Files and stored
// snapshots are opened now: what is wrong with them is known at once, and they
// may be deleted while the work waits for its turn.
func (m *Manager) originOf(ctx context.Context, collection string, src Source) (origin, error) {
	if src.File != "" {
		return operatorFile(src.File)
	}
	switch src.Location.Scheme {
	case "http", "https":
		if m.fetcher == nil {
			return nil, errURLsDisabled()
		}
		if src.Location.Host == "" {
			return nil, tidemark.Errorf(tidemark.BadRequest, "URL %s names no host", shownURL(src.Location))
		}
		return &remote{fetcher: m.fetcher, url: src.Location, key: src.APIKey}, nil
	case "":
		return m.storedOrigin(ctx, collection, src.Location.Path)
	case "file":
		return m.fileOrigin(src.Location)
	case "s3":
		return m.bucketOrigin(ctx, src.Location)
	}
	return nil, tidemark.Errorf(tidemark.BadRequest, "URL %s with scheme %s is not supported", shownURL(src.Location), src.Location.Scheme)
}

// errURLsDisabled has the text that the reference's clients know.
func errURLsDisabled() error {
	return tidemark.Errorf(tidemark.Forbidden, "Snapshot recovery from remote URLs is disabled in the configuration")
}

// file is an origin that is a file of the host.
type file struct{ *os.File }

func (m *Manager) fileOrigin(location *url.URL) (origin, error) {
	f, err := m.openLocation(location)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// operatorFile opens a file wherever it lies.
func operatorFile(path string) (origin, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, &tidemark.Error{Kind: tidemark.BadRequest, Text: err.Error(), Err: err}
	}
	return file{f}, nil
}

// openRegular opens a regular file. Others may have no end, or keep who opens
// them waiting.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a regular file")}
	}
	return os.Open(path)
}

func (f file) open(context.Context) (stream, error) {
	st, err := f.Stat()
	if err != nil {
		return stream{}, storeError(err)
	}
	return stream{f.File, st.Size()}, nil
}

// stored is an origin that is an object of a store.
type stored struct {
	blob.Object
	stop   context.CancelFunc // ends every read of the object
	forget func() bool        // nil before open
}

// openStored opens an object for a job, which outlives the request that asks for
// it.
func openStored(ctx context.Context, get func(context.Context) (blob.Object, error)) (origin, error) {
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, stop) // who asks may give up while it is looked for
	o, err := get(reading)
	if !unlink() && err == nil {
		err = errors.Join(ctx.Err(), o.Close())
	}
	if err != nil {
		stop()
		return nil, err
	}
	return &stored{Object: o, stop: stop}, nil
}

// storedOrigin opens a snapshot by its name.
func (m *Manager) storedOrigin(ctx context.Context, collection, location string) (origin, error) {
	key, err := m.keyOf(collection, location)
	if err != nil {
		return nil, err
	}
	return m.originOfKey(ctx, key, location)
}

// originOfKey opens a snapshot that messages call by a name.
func (m *Manager) originOfKey(ctx context.Context, key blob.Key, name string) (origin, error) {
	o, err := openStored(ctx, func(ctx context.Context) (blob.Object, error) { return m.store.Get(ctx, key) })
	if err != nil {
		return nil, forObject(err, name)
	}
	return o, nil
}

// open ends a read that waits when the context ends.
func (s *stored) open(ctx context.Context) (stream, error) {
	s.forget = context.AfterFunc(ctx, s.stop)
	return stream{&cancellable{ctx, storeReader{s.Object}}, s.Info().Size}, nil
}

// Close implements io.Closer.
func (s *stored) Close() error {
	if s.forget != nil {
		s.forget()
	}
	defer s.stop()
	return s.Object.Close()
}

// storeReader marks what fails as a failure of the store: it says nothing of the
// archive, unless the store says that it is damaged.
type storeReader struct{ io.Reader }

// Read implements io.Reader.
func (r storeReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = storeError(err)
	}
	return n, err
}
