package tidemark

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Options configure a Store.
type Options struct {
	// Dir is the data directory; it is created if it is missing.
	Dir string
	// OpenLog opens the log of one collection.
	OpenLog OpenLog
	// FS is the file system; nil is that of the host.
	FS fsx.FS
	// Logger gets what operators should know; nil discards it.
	Logger *slog.Logger
	// Recoveries bounds how many collections recover, or are closed, at once; 0 is
	// 4.
	Recoveries int
	// Budget bounds the memory, in bytes, of requests on their way into the
	// logs and of points that are not yet in segments; 0 is 256 MiB, more than
	// 6 GiB counts as 6 GiB.
	Budget int64
	// Patience is how long a write waits for room in the budget before it is
	// refused; 0 is 5 s.
	Patience time.Duration
	// HeadBytes and HeadLogBytes are the size of points in memory, and of the
	// log behind them, at which they are written to a segment; 0 is 64 MiB and
	// 256 MiB.
	HeadBytes, HeadLogBytes int64
	// DiskReserve is the distance between the watermarks of free space, in bytes: a
	// write leaves twice that much free beside what checkpoints have to write, a
	// merge three times, a snapshot four times. 0 is HeadBytes.
	DiskReserve int64
	// RetryInterval is the wait after a checkpoint that failed; 0 is 5 s.
	RetryInterval time.Duration
	// UndoRetention is how long the state that a restore replaced can be brought
	// back; 0 is an hour, less than 0 keeps none. UndoBytes bounds what all those
	// states take on disk: beyond it, and while the disk has no room for merges,
	// the oldest go early; 0 is 16 GiB.
	UndoRetention time.Duration
	UndoBytes     int64
	// Now tells the time; nil is the clock of the host.
	Now func() time.Time
	// Observer is told what goes on in the background; nil tells nobody.
	Observer Observer
}

// OpenLog opens the log below a directory, or creates it there.
type OpenLog func(LogOptions) (wal.Log, error)

// LogOptions says which log to open and what the collection expects of it.
type LogOptions struct {
	Dir string
	// Base is the position before the first record of a new log.
	Base wal.Position
	// From refuses a log whose oldest record lies above it, AtLeast one that
	// ends below it; 0 does not check.
	From, AtLeast wal.Position
	Logger        *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = fsx.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.UndoRetention == 0 {
		o.UndoRetention = time.Hour
	}
	setDefault(&o.UndoBytes, 16<<30)
	setDefault(&o.Recoveries, 4)
	setDefault(&o.Budget, 256<<20)
	o.Budget = min(o.Budget, maxBudget)
	setDefault(&o.Patience, 5*time.Second)
	setDefault(&o.HeadBytes, 64<<20)
	setDefault(&o.HeadLogBytes, 256<<20)
	setDefault(&o.DiskReserve, o.HeadBytes)
	setDefault(&o.RetryInterval, 5*time.Second)
	return o
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Store is a data directory and the collections in it. All methods may be
// called concurrently.
type Store struct {
	options Options
	logger  *slog.Logger
	lock    *fsx.Lock
	catalog *Catalog
	shared  *shared

	// changing serialises creation, removal and replacement of collections. It
	// guards what follows.
	changing sync.Mutex
	closed   bool
	reviving map[uuid.UUID]bool // previous incarnations that an undo has open
	rubbish  []string           // directories that changed removes
	// unfinished waits for what goes on without changing: undos that replay, and
	// removals.
	unfinished sync.WaitGroup

	mu       sync.RWMutex
	open     map[string]*entry   // by name, as the catalog has it
	previous map[uuid.UUID]int64 // bytes of previous incarnations
	// givenUp counts previous incarnations that were removed before their time.
	givenUp atomic.Int64

	ready atomic.Bool
	// running ends, by stop, when the store is closed.
	running      context.Context
	stop         context.CancelFunc
	recovery     sync.WaitGroup
	housekeeping sync.WaitGroup
	tidyUp       chan struct{}
}

// entry is a collection that the catalog names: recovering, open or refused.
type entry struct {
	collection *Collection
	// refused says why the collection cannot be served.
	refused error
	// recovering says that it may be served soon. Until then nothing replaces
	// or removes it.
	recovering bool
}

// Open locks the data directory, loads the catalog, sweeps what neither names
// and begins to recover the collections; Ready tells when that is done. A
// collection that cannot be opened is refused by name, the others are served.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	if o.OpenLog == nil {
		return nil, errors.New("open store: no log is configured")
	}
	if err := fsx.MkdirAll(o.FS, filepath.Join(o.Dir, collectionsDir), 0o750); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	lock, err := fsx.AcquireLock(filepath.Join(o.Dir, "LOCK"))
	if err != nil {
		return nil, fmt.Errorf("lock data directory %s: %w", o.Dir, err)
	}
	catalog, err := openCatalog(o.FS, o.Dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load catalog: %w", err), lock.Release())
	}
	budget := newBudget(o.Budget, o.Patience)
	room := newSpace(o, budget.inUse)
	catalog.makeRoom = room.makeRoom
	s := &Store{
		options: o, logger: o.Logger, lock: lock, catalog: catalog,
		open: make(map[string]*entry), previous: make(map[uuid.UUID]int64),
		reviving: make(map[uuid.UUID]bool), tidyUp: make(chan struct{}, 1),
	}
	s.shared = &shared{
		fsys: o.FS, openLog: o.OpenLog, budget: budget, space: room,
		headBytes: o.HeadBytes, logBytes: o.HeadLogBytes,
		retryInterval: o.RetryInterval, observer: o.Observer, merging: make(chan struct{}, 1),
	}
	if err := s.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("sweep data directory: %w", err), lock.Release())
	}
	room.open()
	s.running, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.recoverAll(s.running)
	s.housekeeping.Go(func() { s.watchSpace(s.running) })
	s.housekeeping.Go(func() {
		s.recovery.Wait() // what is served is what is told of sizes
		s.keepHouse(s.running)
	})
	return s, nil
}

const (
	collectionsDir = "collections"
	trashDir       = "trash"
	logDir         = "wal"
)

func (s *Store) dir(id uuid.UUID) string {
	return filepath.Join(s.options.Dir, collectionsDir, id.String())
}

// alive returns an error once the store is closed. changing is held.
func (s *Store) alive() error {
	if s.closed {
		return &Error{Kind: Unavailable, Text: "the store is closed"}
	}
	return nil
}

func (s *Store) set(name string, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[name] = e
}

// settled returns why nothing may replace or remove a collection now, if so.
func (s *Store) settled(name string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.open[name]; e != nil && e.recovering {
		return e.refused
	}
	return nil
}

// Ready reports whether all collections are recovered.
func (s *Store) Ready() bool { return s.ready.Load() }

// PeerID returns the identity of the data directory.
func (s *Store) PeerID() uint64 { return s.catalog.PeerID() }

// Budget returns the memory that requests and points outside of segments take,
// and its limit, in bytes.
func (s *Store) Budget() (used, limit int64) { return s.shared.budget.used() }

// RefusedForMemory returns how many requests found no room in the budget.
func (s *Store) RefusedForMemory() int64 { return s.shared.budget.refusals() }

// Names returns the names of all collections in order.
func (s *Store) Names() []string { return slices.Sorted(maps.Keys(s.catalog.Entries())) }

// Aliases returns all aliases in order of their names.
func (s *Store) Aliases() []Alias { return s.catalog.Aliases() }

// UpdateAliases carries out all changes in order, or none of them.
func (s *Store) UpdateAliases(_ context.Context, changes []AliasChange) error {
	return s.catalog.UpdateAliases(changes)
}

// Resolve returns the name of the collection that a name or an alias stands for.
// It knows collections that cannot be opened, too.
func (s *Store) Resolve(nameOrAlias string) (string, error) {
	name, _, ok := s.catalog.Resolve(nameOrAlias)
	if !ok {
		return "", notFoundCollection(nameOrAlias)
	}
	return name, nil
}

// Collection returns the collection that a name or an alias stands for.
func (s *Store) Collection(nameOrAlias string) (*Collection, error) {
	name, named, ok := s.catalog.Resolve(nameOrAlias)
	for ok {
		s.mu.RLock()
		e := s.open[name]
		s.mu.RUnlock()
		again, now, still := s.catalog.Resolve(nameOrAlias)
		// The catalog changes first. If it did not change while we looked, what
		// is open is what it names, or what is just being replaced by that.
		if still && again == name && now.ID == named.ID {
			return e.get(nameOrAlias)
		}
		name, named, ok = again, now, still
	}
	return nil, notFoundCollection(nameOrAlias)
}

// get returns the collection, or why it cannot be served.
func (e *entry) get(nameOrAlias string) (*Collection, error) {
	switch {
	case e == nil: // being created or dropped at this moment
		return nil, notFoundCollection(nameOrAlias)
	case e.refused != nil:
		return nil, e.refused
	}
	return e.collection, nil
}

// newCollectionBytes is about what a collection without points takes on disk.
const newCollectionBytes = 64 << 10

// Create makes a new collection. It is durable when Create returns.
func (s *Store) Create(ctx context.Context, name string, spec CreateSpec) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := cmp.Or(s.alive(), s.catalog.Free(name)); err != nil {
		return err
	}
	if err := s.shared.space.write(WorkWrite, newCollectionBytes); err != nil {
		return err
	}
	id := uuid.New()
	c, err := s.build(ctx, name, id, spec)
	if err != nil {
		return errors.Join(err, s.discard(id))
	}
	if err := s.catalog.Create(name, id); err != nil {
		err = errors.Join(err, c.close(context.WithoutCancel(ctx)))
		if !errors.Is(err, fsx.ErrNotDurable) { // else the catalog on disk may name it
			err = errors.Join(err, s.discard(id))
		}
		return err
	}
	s.set(name, &entry{collection: c})
	return nil
}

// build writes a new collection that nothing names yet.
func (s *Store) build(ctx context.Context, name string, id uuid.UUID, spec CreateSpec) (*Collection, error) {
	if err := fsx.MkdirAll(s.options.FS, s.dir(id), 0o750); err != nil {
		return nil, fmt.Errorf("create directory of collection: %w", err)
	}
	c, err := s.openCollection(ctx, name, id)
	if err != nil {
		return nil, err
	}
	if err := c.create(ctx, spec); err != nil {
		return nil, errors.Join(err, c.close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// discard removes the directory of an incarnation that nothing names, if there is
// one.
func (s *Store) discard(id uuid.UUID) error {
	if _, err := s.options.FS.Stat(s.dir(id)); err != nil {
		return nil //nolint:nilerr // nothing was created
	}
	return fsx.RemoveAll(s.options.FS, s.trash(id))
}

// trash puts the directory of an incarnation into the trash, so that its place is
// free at once, and returns where it is now: on a full disk, which has no room for
// that, where it was.
func (s *Store) trash(id uuid.UUID) string {
	fsys, trash := s.options.FS, filepath.Join(s.options.Dir, trashDir)
	target := filepath.Join(trash, id.String())
	err := fsx.MkdirAll(fsys, trash, 0o750)
	if err == nil {
		err = fsys.Rename(s.dir(id), target)
	}
	if err != nil {
		return s.dir(id)
	}
	return target
}

// changed gives changing back, and then removes what no name stands for any more:
// the files of a large collection take seconds, and no other change waits for them.
func (s *Store) changed() {
	rubbish := s.rubbish
	s.rubbish = nil
	if len(rubbish) > 0 { // then the store is not closed
		s.unfinished.Add(1)
		defer s.unfinished.Done()
	}
	s.changing.Unlock()
	for _, dir := range rubbish {
		if err := fsx.RemoveAll(s.options.FS, dir); err != nil { // swept at the next start
			s.logger.Warn("could not remove the files of a replaced or dropped collection", slog.String("dir", dir), slog.Any("error", err))
		}
	}
}

// Drop removes a collection and its aliases; an alias itself is not resolved.
// It returns false if there is no collection of that name. Snapshots stay.
func (s *Store) Drop(ctx context.Context, name string) (bool, error) {
	s.changing.Lock()
	defer s.changed()
	e, ok := s.catalog.Entries()[name]
	if !ok {
		return false, nil
	}
	if err := cmp.Or(s.alive(), s.settled(name)); err != nil {
		return false, err
	}
	if dropped, err := s.catalog.Drop(name, e.ID); err != nil || !dropped {
		s.served(name).suspendIf(err)
		return false, err
	}
	s.mu.Lock()
	gone := s.open[name]
	delete(s.open, name)
	s.mu.Unlock()
	if gone != nil && gone.collection != nil {
		gone.collection.dropped.Store(true)
		if err := gone.collection.close(context.WithoutCancel(ctx)); err != nil {
			s.logger.Warn("could not close a dropped collection", slog.String("collection", name), slog.Any("error", err))
		}
	}
	s.abandon(e.ID)
	if e.Previous != nil {
		s.abandon(e.Previous.ID)
	}
	return true, nil
}

// Close ends recovery, drains and closes all collections and gives the data
// directory back.
func (s *Store) Close(ctx context.Context) error {
	s.ready.Store(false)
	s.stop()
	s.recovery.Wait()
	s.changing.Lock()
	s.closed = true
	s.changing.Unlock()
	s.unfinished.Wait()
	s.housekeeping.Wait()
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	open := s.open
	s.open = make(map[string]*entry)
	s.mu.Unlock()
	return errors.Join(closeAll(ctx, open, s.options.Recoveries), s.lock.Release())
}

// closeAll closes collections, some at once, as each waits for its disk several
// times, and joins what went wrong in order of names.
func closeAll(ctx context.Context, open map[string]*entry, atOnce int) error {
	names := slices.Sorted(maps.Keys(open))
	errs := make([]error, len(names))
	turns := make(chan struct{}, atOnce)
	var closing sync.WaitGroup
	for i, name := range names {
		c := open[name].collection
		if c == nil {
			continue
		}
		turns <- struct{}{}
		closing.Go(func() {
			defer func() { <-turns }()
			if err := c.close(ctx); err != nil {
				errs[i] = fmt.Errorf("close collection %s: %w", name, err)
			}
		})
	}
	closing.Wait()
	return errors.Join(errs...)
}
