package snapshot

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Options configure a Manager.
type Options struct {
	Engine Engine
	Store  blob.Store
	// Version is the program's, written into archives.
	Version string
	// Staging is an existing directory for what is encoded before it is
	// archived. It is the Manager's alone; who gives it locks and empties it.
	Staging string
	// Dir is the directory in which file:// locations may lie.
	Dir string
	// Concurrent bounds how many operations run at once; 0 is 2.
	Concurrent int
	// Rate bounds the bytes a second that are written while writes of clients
	// wait; 0 is 200 MB/s, negative is no bound.
	Rate int64
	// FS is the file system; nil is that of the host.
	FS fsx.FS
	// StagingFS is the one in which archives are unpacked; nil is FS.
	StagingFS fsx.FS
	// JobsFile is where jobs are remembered across restarts; empty: they are not.
	JobsFile string
	// Buckets are those that s3:// locations may name; nil refuses them.
	Buckets Buckets
	// URLs says whether and from where archives are fetched.
	URLs URLOptions
	// Observer sees what is done; it may be nil.
	Observer Observer
	// Stock is told what the store holds of a collection, or with an empty name of
	// the whole storage, after that may have changed, see CountStored. It is called by one goroutine at a time. If it is
	// nil nothing is counted.
	Stock func(collection string, s Stock)
	// Logger gets what operators should know; nil discards it.
	Logger *slog.Logger
	// Now is the clock for names; nil is time.Now.
	Now func() time.Time
}

// URLOptions say from where archives may be fetched.
type URLOptions struct {
	// Disabled refuses every http:// and https:// URL.
	Disabled bool
	// PublicOnly refuses addresses of this machine and of private networks.
	// Those that no archive can come from in good faith, as link-local ones on
	// which clouds serve credentials, are always refused.
	PublicOnly bool
	// IdleTimeout ends a fetch when nothing came for that long; 0 is a minute.
	IdleTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Concurrent <= 0 {
		o.Concurrent = 2
	}
	if o.Rate == 0 {
		o.Rate = 200_000_000
	}
	if o.FS == nil {
		o.FS = fsx.OS
	}
	if o.StagingFS == nil {
		o.StagingFS = o.FS
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.URLs.IdleTimeout <= 0 {
		o.URLs.IdleTimeout = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Manager makes, lists and restores snapshots. All methods may be called
// concurrently. Collections are named by name or alias. Errors are
// *tidemark.Error with a text for clients.
type Manager struct {
	options  Options
	engine   Engine
	store    blob.Store
	fsys     fsx.FS
	observer Observer
	logger   *slog.Logger

	jobs    *jobs
	ledger  *ledger
	fetcher *fetcher // nil: URLs are refused
	details *details
	stocks  stocks
	turns   *turns
	// vouchers spare a create to read what it would give a second name.
	vouchers vouchers
	pace     *pace
	staging  stagingDirs
}

// NewManager returns a Manager; it must be closed.
func NewManager(o Options) (*Manager, error) {
	o = o.withDefaults()
	if o.Engine == nil || o.Store == nil || o.Staging == "" || o.Version == "" {
		return nil, errors.New("make snapshot manager: engine, store, staging and version are needed")
	}
	m := &Manager{
		options: o, engine: o.Engine, store: o.Store, fsys: o.FS, observer: o.Observer, logger: o.Logger,
		jobs: newJobs(), ledger: openLedger(o.FS, o.JobsFile, o.Now, o.Logger), details: newDetails(o.Store),
		turns: newTurns(o.Concurrent), pace: &pace{rate: o.Rate, busy: o.Engine.WritesWait},
		staging: stagingDirs{fsys: o.StagingFS, dir: o.Staging},
	}
	if !o.URLs.Disabled {
		m.fetcher = newFetcher(o.URLs.IdleTimeout, addresses{private: !o.URLs.PublicOnly})
	}
	return m, nil
}

// Close refuses new work and waits for what runs until the context ends; then it
// ends that early. Nothing of it is left when Close returns.
func (m *Manager) Close(ctx context.Context) { m.jobs.close(ctx) }

// List describes the snapshots of a collection in order of their names.
func (m *Manager) List(ctx context.Context, collection string) ([]blob.Info, error) {
	name, err := m.engine.Resolve(collection)
	if err != nil {
		return nil, err
	}
	list, err := m.store.List(ctx, name)
	if err != nil {
		return nil, forClient(storeError(err))
	}
	return list, nil
}

// Open opens a snapshot for a download. The caller closes it.
func (m *Manager) Open(ctx context.Context, collection, name string) (blob.Object, error) {
	key, err := m.key(collection, name)
	if err != nil {
		return nil, err
	}
	return m.openKey(ctx, key)
}

func (m *Manager) openKey(ctx context.Context, key blob.Key) (blob.Object, error) {
	o, err := m.store.Get(ctx, key)
	if err != nil {
		return nil, forObject(err, key.Name)
	}
	return o, nil
}

// URLLifetime is how long a URL of DownloadURL can be used to begin a download.
const URLLifetime = 15 * time.Minute

// DownloadURL returns a URL from which anybody can fetch a snapshot for a while
// without us, empty if the store has none.
func (m *Manager) DownloadURL(ctx context.Context, collection, name string) (string, error) {
	key, err := m.key(collection, name)
	if err != nil {
		return "", err
	}
	store, ok := m.store.(blob.Presigner)
	if !ok {
		return "", nil
	}
	if key.Validate() != nil {
		return "", notFound(name)
	}
	url, err := store.Presign(ctx, key, URLLifetime)
	if err != nil {
		return "", forObject(err, name)
	}
	return url, nil
}

// Delete removes a snapshot. A download of it that is under way goes on.
func (m *Manager) Delete(ctx context.Context, collection, name string) error {
	key, err := m.key(collection, name)
	if err != nil {
		return err
	}
	return m.deleteKey(ctx, key)
}

func (m *Manager) deleteKey(ctx context.Context, key blob.Key) error {
	// A client that hangs up must not leave half of the work behind.
	defer m.CountStored(key.Folder)
	if err := m.store.Delete(context.WithoutCancel(ctx), key); err != nil {
		return forObject(err, key.Name)
	}
	m.logger.Info("snapshot deleted", slog.String("collection", key.Folder), slog.String("snapshot", key.Name))
	return nil
}

func (m *Manager) key(collection, name string) (blob.Key, error) {
	real, err := m.engine.Resolve(collection)
	return blob.Key{Folder: real, Name: name}, err
}

func forObject(err error, name string) error {
	if errors.Is(err, blob.ErrNotFound) {
		return notFound(name)
	}
	return forClient(storeError(err))
}
