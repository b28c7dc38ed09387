package s3

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Store is a blob.Store in a bucket. It is opened by Open and closed by Close.
type Store struct {
	place
	options   Options
	transport *http.Transport
	logger    *slog.Logger

	// commits serialises, for each key, what makes its object appear and vanish.
	commits keyLocks
	// uploads are those in progress, by id, which the sweep leaves alone.
	uploads active
	known   infos
	notes   notes

	stop  context.CancelFunc
	group sync.WaitGroup // the sweeper
}

var (
	_ blob.Store = (*Store)(nil)
	_ blob.Noter = (*Store)(nil)
)

// Open connects to a bucket, tries there whatever a Store will do, and fails with
// what is wrong. Then it begins to sweep what crashes left over.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := try(ctx, o)
	if err != nil {
		return nil, err
	}
	if s.options.SweepAll {
		if err := s.sweep(ctx, time.Time{}); err != nil {
			s.logger.Warn("could not look for uploads that were left over", slog.Any("error", err))
		}
	}
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.group.Go(func() { s.sweepOften(sweeping) })
	return s, nil
}

// Try is Open without a Store: it tries what a Store will do, leaves nothing behind
// and sweeps nothing, so that it may run beside a server.
func Try(ctx context.Context, o Options) error {
	s, err := try(ctx, o)
	if err != nil {
		return err
	}
	return s.Close()
}

// try connects to a bucket and probes it.
func try(ctx context.Context, o Options) (*Store, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of snapshots: %w", err)
	}
	if err := s.probe(ctx); err != nil {
		s.transport.CloseIdleConnections()
		return nil, fmt.Errorf("open the bucket of snapshots %q: %w", o.Bucket, err)
	}
	return s, nil
}

// connect makes a Store without asking the server for anything.
func connect(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	client, transport, err := newClient(ctx, o)
	if err != nil {
		return nil, err
	}
	o.Region = client.Options().Region
	return &Store{place: place{client, o.Bucket}, options: o, transport: transport, logger: o.Logger, stop: func() {}}, nil
}

// Close ends the sweep and gives connections back. No method may be in progress.
func (s *Store) Close() error {
	s.stop()
	s.group.Wait()
	s.transport.CloseIdleConnections()
	return nil
}

// CheckRoom implements blob.Store. A bucket has room for every object that the
// protocol can hold; whether it can be reached is asked.
func (s *Store) CheckRoom(ctx context.Context, size int64) error {
	if _, err := partSize(size); err != nil {
		return err
	}
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: aws.String(s.folder("")), MaxKeys: aws.Int32(1),
	})
	return wrap("look into the bucket of snapshots", err)
}

// folder returns what the keys of a folder begin with.
func (s *Store) folder(name string) string {
	prefix := s.options.Prefix
	if prefix != "" {
		prefix += "/"
	}
	if name == "" {
		return prefix
	}
	return prefix + blob.FolderName(name) + "/"
}

// ref is an object of the bucket, and what messages call it.
type ref struct{ object, name string }

func (s *Store) ref(k blob.Key) ref { return ref{object: s.folder(k.Folder) + k.Name, name: k.Name} }

// checksumSuffix ends the key of the object that holds another one's checksum.
const checksumSuffix = ".checksum"

// validate returns an error that wraps blob.ErrInvalidKey if no object of ours can
// have the key.
func validate(k blob.Key) error {
	if hasControl(k.Name) {
		return fmt.Errorf("%q: %w", k.Name, blob.ErrInvalidKey)
	}
	return k.Validate()
}

// afterwards bounds what has to be done although the context has ended.
const afterwards = time.Minute

// own returns a context for work that must be done even if ctx has ended.
func own(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), afterwards)
}
