package local

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Log is a wal.Log in a directory. Open makes one.
type Log struct {
	dir  string
	opts Options
	lock *fsx.Lock

	// token is the right to write: whoever puts a value in holds it. It
	// guards active, spare, postponed and clean.
	token  chan struct{}
	active *generation
	spare  *spare
	// postponed is the size of the active generation at which a rotation that
	// could not be prepared is tried again, 0 if there was none.
	postponed int64
	clean     bool // the CLEAN marker is there

	mu      sync.Mutex // guards what follows, never held during I/O
	next    wal.Position
	durable wal.Position // last record that is durable
	queue   []*group     // not yet taken by a commit, oldest first
	open    *group       // the last of queue if records may join it, else nil
	newest  *group       // the last group ever started
	failed  error        // why nothing can be written: poisoned or closed
	closed  bool
	spans   []span // generations of the log, oldest first, the active one last
	recent  recent
	readers map[*reader]struct{}
	free    [][]byte // idle group buffers

	// releasing serialises Release and guards releaseErr.
	releasing  sync.Mutex
	releaseErr error // a removal that may not be durable: nothing more is removed

	kick       chan struct{} // a group was started
	stop       chan struct{} // closed by Close
	background sync.WaitGroup
	closing    sync.Once
	closeErr   error
}

var _ wal.Log = (*Log)(nil)

// Open opens the log in dir, or creates it. It repairs what the end of an
// interrupted write can have left behind and refuses every other damage with a
// *wal.CorruptError. The directory is locked until Close.
func Open(dir string, o Options) (*Log, Recovery, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, Recovery{}, fmt.Errorf("open log %s: %w", dir, err)
	}
	if err := fsx.MkdirAll(o.FS, dir, dirPerm); err != nil {
		return nil, Recovery{}, fmt.Errorf("open log: %w", err)
	}
	lock, err := acquireLock(dir)
	if err != nil {
		return nil, Recovery{}, fmt.Errorf("open log %s: %w", dir, err)
	}
	l := newLog(dir, o, lock)
	r, err := l.recover()
	if err != nil {
		return nil, r, errors.Join(fmt.Errorf("open log %s: %w", dir, err), l.abandon())
	}
	l.background.Add(1)
	go l.flushLoop()
	return l, r, nil
}

func newLog(dir string, o Options, lock *fsx.Lock) *Log {
	return &Log{
		dir: dir, opts: o, lock: lock,
		token:   make(chan struct{}, 1),
		readers: make(map[*reader]struct{}),
		kick:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
	}
}

// Size returns the number of generations and their bytes.
func (l *Log) Size() (generations int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.spans {
		bytes += s.size
	}
	return len(l.spans), bytes
}

// Last implements wal.Log.
func (l *Log) Last(ctx context.Context) (wal.Position, error) {
	l.mu.Lock()
	g, failed := l.newest, l.failed
	l.mu.Unlock()
	if failed != nil {
		return 0, failed
	}
	if err := l.awaitBarrier(ctx, g); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable, nil // read only now: it may have risen before g was looked at
}

// awaitBarrier is await for somebody who has no record in g, which may be nil.
func (l *Log) awaitBarrier(ctx context.Context, g *group) error {
	if g == nil {
		return ctx.Err()
	}
	err := l.await(ctx, g)
	if err != nil && !g.isDone() {
		return ctx.Err()
	}
	return err
}

// Close implements wal.Log. After a failed write it returns that failure, and
// frees everything all the same.
func (l *Log) Close() error {
	l.closing.Do(func() { l.closeErr = l.shut() })
	return l.closeErr
}

func (l *Log) shut() error {
	l.mu.Lock()
	failed := l.failed
	if failed == nil {
		l.failed = wal.ErrClosed // nothing more joins the queue
	}
	l.mu.Unlock()
	close(l.stop)
	l.background.Wait()

	l.token <- struct{}{} // kept: nothing is written any more
	for g := l.take(); g != nil; g = l.take() {
		l.commit(g)
	}
	l.mu.Lock()
	if !errors.Is(l.failed, wal.ErrClosed) {
		failed = l.failed
	}
	l.failed = wal.ErrClosed
	l.closed = true
	l.wake()
	l.mu.Unlock()

	if failed == nil {
		failed = l.writeMarker()
	}
	l.background.Wait() // a spare may have been started by the last commits
	l.releasing.Lock()  // a release may still be at work
	defer l.releasing.Unlock()
	return errors.Join(failed, l.abandon())
}

// writeMarker says that the log ends here in good order. The marker comes
// last: what it vouches for is durable already.
func (l *Log) writeMarker() error {
	if err := l.discardSpare(); err != nil || l.clean {
		return err
	}
	a := l.active
	a.giveBack()
	return writeClean(l.opts.FS, l.dir, cleanMarker{number: a.number, size: a.size, chain: a.chain, next: a.next})
}

// abandon closes what is open.
func (l *Log) abandon() error {
	var errs []error
	if l.spare != nil {
		<-l.spare.ready
		if l.spare.err == nil {
			errs = append(errs, l.spare.gen.close())
		}
	}
	if l.active != nil {
		errs = append(errs, l.active.close())
	}
	return errors.Join(append(errs, l.lock.Release())...)
}
