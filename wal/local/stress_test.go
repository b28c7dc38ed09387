package local_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// Writers, readers that come and go, releases and barriers at once. Under the
// race detector this is the test of the locking.
func TestEverythingAtOnce(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	log, _ := mustOpen(t, filepath.Join(fastDir(t), "wal"), local.Options{
		SegmentBytes: 16 * block, MaxGroupBytes: 6000, TailBytes: 20000,
	})
	const writers, each = 6, 150
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 100)
	report := func(err error) {
		if err != nil {
			errs <- err
		}
	}
	var writing, others sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for i := range each {
				p, err := log.Enqueue(ctx, make([]byte, i*13%2000))
				if err == nil && i%3 > 0 {
					_, err = p.Wait(ctx)
				}
				report(err)
			}
		})
	}
	for range 3 {
		others.Go(func() {
			for ctx.Err() == nil {
				report(followAWhile(ctx, log, 40))
			}
		})
	}
	others.Go(func() {
		for ctx.Err() == nil {
			last, err := log.Last(ctx)
			if ctx.Err() == nil {
				report(err)
				report(log.Release(context.WithoutCancel(ctx), last-min(last, 50)))
			}
		}
	})
	writing.Wait()
	last, err := log.Last(ctx)
	require.NoError(t, err)
	require.EqualValues(t, writers*each, last)
	cancel()
	others.Wait()
	require.NoError(t, log.Close())
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

// followAWhile reads some groups from near the end of the log.
func followAWhile(ctx context.Context, log *local.Log, groups int) error {
	last, err := log.Last(ctx)
	if err != nil {
		return ignoreEnd(err)
	}
	at := last - min(last, 30)
	r, err := log.Tail(ctx, at)
	if err != nil {
		return ignoreEnd(err)
	}
	for range groups {
		records, err := r.Next(ctx)
		if err != nil {
			return errors.Join(ignoreEnd(err), r.Close())
		}
		for _, rec := range records {
			if at++; rec.Position != at {
				return errors.Join(errors.New("a gap"), r.Close())
			}
		}
	}
	return r.Close()
}

func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, wal.ErrReleased) {
		return nil
	}
	return err
}

// What a reader was handed stays as it is while others write and the buffers
// of groups are used again.
func TestHandedOutRecordsDoNotChange(t *testing.T) {
	log, _ := mustOpen(t, filepath.Join(fastDir(t), "wal"), local.Options{})
	defer func() { require.NoError(t, log.Close()) }()
	payload := func(p wal.Position) []byte {
		return binary.LittleEndian.AppendUint64(nil, uint64(p))
	}
	r, err := log.Tail(t.Context(), 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	for at := wal.Position(1); at < 60; at += 6 {
		p, err := log.Enqueue(t.Context(), payload(at))
		require.NoError(t, err)
		_, err = p.Wait(t.Context())
		require.NoError(t, err)
		records, err := r.Next(t.Context())
		require.NoError(t, err)
		for later := at + 1; later < at+6; later++ {
			p, err := log.Enqueue(t.Context(), payload(later))
			require.NoError(t, err)
			_, err = p.Wait(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, payload(at), records[0].Payload)
		for seen := at; seen < at+5; {
			records, err = r.Next(t.Context())
			require.NoError(t, err)
			seen = records[len(records)-1].Position
		}
	}
}

// A record that nobody waits for is durable after a moment, whatever else
// happens.
func TestUnwaitedRecordsAreFlushed(t *testing.T) {
	dir := filepath.Join(fastDir(t), "wal")
	synctest.Test(t, func(t *testing.T) {
		log, _ := mustOpen(t, dir, local.Options{})
		for i := range 5 {
			_, err := log.Enqueue(t.Context(), []byte("unwaited"))
			require.NoError(t, err)
			before := readImage(t, dir)[generation("1")]
			require.Len(t, before, (i+1)*block, "nothing is written at once")
			<-time.After(10 * time.Millisecond)
			synctest.Wait()
			after := readImage(t, dir)[generation("1")]
			require.Len(t, after, (i+2)*block)
		}
		require.NoError(t, log.Close())
	})
}

// Records join the group that waits for the disk: more than one record, one
// group.
func TestRecordsShareAGroup(t *testing.T) {
	dir := filepath.Join(fastDir(t), "wal")
	log, _ := mustOpen(t, dir, local.Options{})
	for range 50 {
		_, err := log.Enqueue(t.Context(), []byte("x"))
		require.NoError(t, err)
	}
	require.NoError(t, log.Close())
	r, err := local.Verify(dir)
	require.NoError(t, err)
	require.EqualValues(t, 50, r.Generations[0].Records)
	require.LessOrEqual(t, r.Generations[0].Groups, uint64(5))
}

func TestOpenFilesAreClosed(t *testing.T) {
	dir := filepath.Join(fastDir(t), "wal")
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(fds)
	}
	use := func() {
		log, _ := mustOpen(t, dir, local.Options{SegmentBytes: 4 * block})
		told := newLedger()
		told.write(t, log, 1, 20)
		r, err := log.Tail(t.Context(), 0)
		if err == nil {
			_, err = r.Next(t.Context())
			require.NoError(t, errors.Join(err, r.Close()))
		}
		last, err := log.Last(t.Context())
		require.NoError(t, err)
		require.NoError(t, log.Release(t.Context(), last))
		require.NoError(t, log.Close())
		_, err = local.Verify(dir)
		require.NoError(t, err)
	}
	use()
	before := count()
	for range 20 {
		use()
	}
	require.LessOrEqual(t, count(), before+2)
}

type observed struct {
	mu       sync.Mutex
	groups   int
	records  int
	bytes    int
	poisoned int
	size     int64
	parts    int
}

func (o *observed) Committed(took time.Duration, records, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.groups++
	o.records += records
	o.bytes += bytes
}

func (o *observed) Poisoned(error) { o.mu.Lock(); defer o.mu.Unlock(); o.poisoned++ }

func (o *observed) Resized(parts int, size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts, o.size = parts, size
}

func TestObserver(t *testing.T) {
	dir, o := filepath.Join(fastDir(t), "wal"), new(observed)
	log, _ := mustOpen(t, dir, local.Options{SegmentBytes: 4 * block, Observer: o})
	newLedger().write(t, log, 1, 10)
	parts, size := log.Size()
	require.NoError(t, log.Close())
	require.Equal(t, 10, o.groups)
	require.Equal(t, 10, o.records)
	require.Equal(t, 10*block, o.bytes)
	require.Zero(t, o.poisoned)
	report, err := local.Inspect(dir)
	require.NoError(t, err)
	require.Len(t, report.Generations, parts)
	require.Equal(t, report.Bytes, size)
	require.Equal(t, parts, o.parts)
	log, _ = mustOpen(t, dir, local.Options{Observer: o})
	require.Equal(t, report.Bytes, o.size)
	require.NoError(t, log.Release(t.Context(), 10))
	require.Equal(t, 1, o.parts)
	require.NoError(t, log.Close())
}

// Room on the disk is set aside while records are written, not for logs that
// only lie there, and is given back at the end. The files are no longer for it.
func TestRoomIsGivenBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	name := filepath.Join(dir, generation("1"))
	blocks := func() int64 {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(name, &st))
		return st.Blocks * 512
	}
	log, _ := mustOpen(t, dir, local.Options{SegmentBytes: 1 << 20})
	require.LessOrEqual(t, blocks(), int64(2*block))
	newLedger().write(t, log, 1, 1)
	if blocks() < 1<<20 {
		require.False(t, setsAside(t), "nothing was set aside")
		t.Skip("this file system sets nothing aside")
	}
	st, err := os.Stat(name)
	require.NoError(t, err)
	require.EqualValues(t, 2*block, st.Size())
	require.NoError(t, log.Close())
	require.LessOrEqual(t, blocks(), int64(4*block))
	require.Len(t, readImage(t, dir)[generation("1")], 2*block)
}

// setsAside reports whether the file system reserves blocks when asked.
func setsAside(t *testing.T) bool {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, block) == nil
}

func TestOptionsAreValidated(t *testing.T) {
	dir := t.TempDir()
	for _, o := range []local.Options{
		{SegmentBytes: -1}, {MaxGroupBytes: 1 << 31}, {MaxRecordBytes: 1 << 30}, {TailBytes: -5}, {Base: wal.MaxPosition + 1},
	} {
		_, _, err := local.Open(dir, o)
		require.Error(t, err, "%+v", o)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestRecordLimit(t *testing.T) {
	log, _ := mustOpen(t, filepath.Join(fastDir(t), "wal"), local.Options{MaxRecordBytes: 100})
	_, err := log.Enqueue(t.Context(), make([]byte, 101))
	require.ErrorIs(t, err, wal.ErrTooLarge)
	p, err := log.Enqueue(t.Context(), make([]byte, 100))
	require.NoError(t, err)
	_, err = p.Wait(t.Context())
	require.NoError(t, err)
	require.NoError(t, log.Close())
}
