package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// reopened is the ledger that a next run finds.
func reopened(t *testing.T, path string, now time.Time) *ledger {
	t.Helper()
	return openLedger(fsx.OS, path, func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

func (h *house) remember(t *testing.T) (path string) {
	path = filepath.Join(t.TempDir(), "jobs.json")
	h.ledger.path = path
	return path
}

func TestJobsAreListed(t *testing.T) {
	h := newHouse(t)
	path := h.remember(t)
	info := h.create(t)
	requireError(t, h.Restore(context.Background(), "new", Source{Location: fileURL(h.upload(t, "x.snapshot", []byte("junk")))}), tidemark.BadInput, "cut off")
	list := h.Jobs()
	require.Len(t, list, 2)
	failed, made := list[0], list[1]
	require.Equal(t, JobStatus{
		ID: made.ID, Kind: JobCreate, Collection: "c", Snapshot: info.Name, State: JobDone, Phase: PhaseStore,
		Size: info.Size, Done: -1, Remaining: -1, Position: 7, Started: testNow, Ended: testNow,
	}, made)
	require.Equal(t, JobRecover, failed.Kind)
	require.Equal(t, "new", failed.Collection)
	require.Equal(t, JobFailed, failed.State)
	require.Contains(t, failed.Error, "cut off")
	require.NotEqual(t, made.ID, failed.ID)
	one, err := h.JobStatus(failed.ID.String())
	require.NoError(t, err)
	require.Equal(t, failed, one)
	_, err = h.JobStatus("none")
	requireError(t, err, tidemark.NotFound, "Snapshot job none not found")

	// What has ended cannot be cancelled; it is described as it ended.
	one, err = h.CancelJob(context.Background(), made.ID.String())
	require.NoError(t, err)
	require.Equal(t, made, one)
	_, err = h.CancelJob(context.Background(), "none")
	requireError(t, err, tidemark.NotFound, "Snapshot job none not found")

	h.Close(context.Background())
	next := reopened(t, path, testNow)
	require.Equal(t, list, next.list())
	require.Equal(t, h.ledger.rates, next.rates)
	require.Positive(t, next.estimate(JobCreate, 1<<30))
	require.Negative(t, next.estimate(JobRecover, 1<<30), "there was none that succeeded")
}

// TestRunningJob shows how far a job is, and what becomes of it when the server
// is killed.
func TestRunningJob(t *testing.T) {
	h := newHouse(t)
	path := h.remember(t)
	_, content, _ := snapshotOfC(t, h)
	go1 := make(chan struct{})
	from := newHost(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(content[:len(content)-1000])
		w.(http.Flusher).Flush()
		<-go1
		_, _ = w.Write(content[len(content)-1000:])
	})
	job, err := h.StartRestore(context.Background(), "new", Source{Location: parsed(t, from.URL+"/x")})
	require.NoError(t, err)
	var s JobStatus
	require.Eventually(t, func() bool {
		s, err = h.JobStatus(job.ID.String())
		return err == nil && s.Done > 0 && s.Position > 0
	}, time.Minute, time.Millisecond)
	require.Equal(t, JobRunning, s.State)
	require.Equal(t, PhaseUnpack, s.Phase)
	require.EqualValues(t, len(content), s.Size, "the manifest says it")
	require.LessOrEqual(t, s.Done, s.Size)
	require.True(t, s.Ended.IsZero())

	later := testNow.Add(time.Hour)
	killed := reopened(t, path, later).list()[0]
	require.Equal(t, job.ID, killed.ID)
	require.Equal(t, JobInterrupted, killed.State)
	require.Equal(t, later, killed.Ended)
	require.Equal(t, interruptedText, killed.Error)

	close(go1)
	_, err = job.Wait(context.Background())
	require.NoError(t, err)
	s, err = h.JobStatus(job.ID.String())
	require.NoError(t, err)
	require.Equal(t, JobDone, s.State)
}

// TestCancel ends jobs in each of their phases. Nothing is left of them.
func TestCancel(t *testing.T) {
	cancelled := func(t *testing.T, h *house, job *Job[Restored]) {
		t.Helper()
		s, err := h.CancelJob(context.Background(), job.ID.String())
		require.NoError(t, err)
		require.Equal(t, JobCancelled, s.State)
		require.Equal(t, "the snapshot operation was cancelled", s.Error)
		_, err = job.Wait(context.Background())
		requireError(t, err, tidemark.Unavailable, "the snapshot operation was cancelled")
		_, ok := h.engine.get("new")
		require.False(t, ok)
		require.Equal(t, "cancelled", (<-h.events.ended).Reason)
		h.requireClean(t)
	}
	t.Run("waiting for its turn", func(t *testing.T) {
		h := newHouse(t)
		path, _, _ := snapshotOfC(t, h)
		<-h.events.ended
		release, err := h.turns.take(context.Background(), "new")
		require.NoError(t, err)
		job, err := h.StartRestore(context.Background(), "new", Source{Location: fileURL(path)})
		require.NoError(t, err)
		s, err := h.CancelJob(context.Background(), job.ID.String())
		require.NoError(t, err)
		require.Equal(t, JobCancelled, s.State)
		release()
		cancelled(t, h, job)
	})
	t.Run("reading", func(t *testing.T) {
		h := newHouse(t)
		_, content, _ := snapshotOfC(t, h)
		<-h.events.ended
		asked := make(chan struct{})
		from := newHost(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(content[:1000])
			w.(http.Flusher).Flush()
			close(asked)
			<-r.Context().Done()
		})
		job, err := h.StartRestore(context.Background(), "new", Source{Location: parsed(t, from.URL)})
		require.NoError(t, err)
		<-asked
		cancelled(t, h, job)
	})
	t.Run("installing", func(t *testing.T) {
		h := newHouse(t)
		path, _, _ := snapshotOfC(t, h)
		<-h.events.ended
		reached := make(chan struct{})
		h.engine.onInstall = func(ctx context.Context, _ string) error {
			close(reached)
			<-ctx.Done()
			return ctx.Err()
		}
		job, err := h.StartRestore(context.Background(), "new", Source{Location: fileURL(path)})
		require.NoError(t, err)
		<-reached
		cancelled(t, h, job)
	})
	t.Run("creating", func(t *testing.T) {
		h := newHouse(t)
		reached := make(chan struct{})
		h.store.onPut = func(ctx context.Context, _ blob.Key, src blob.Source) error {
			close(reached)
			<-ctx.Done()
			return src.Write(ctx, io.Discard)
		}
		job, err := h.StartCreate("c", CreateOptions{})
		require.NoError(t, err)
		<-reached
		s, err := h.CancelJob(context.Background(), job.ID.String())
		require.NoError(t, err)
		require.Equal(t, JobCancelled, s.State)
		list, err := h.List(context.Background(), "c")
		require.NoError(t, err)
		require.Empty(t, list)
		h.requireClean(t)
	})
	t.Run("past the point of no return", func(t *testing.T) {
		h := newHouse(t)
		path, _, _ := snapshotOfC(t, h)
		reached := make(chan struct{})
		h.engine.onInstall = func(ctx context.Context, _ string) error {
			close(reached)
			<-ctx.Done()
			return nil // it was committed before
		}
		job, err := h.StartRestore(context.Background(), "new", Source{Location: fileURL(path)})
		require.NoError(t, err)
		<-reached
		s, err := h.CancelJob(context.Background(), job.ID.String())
		require.NoError(t, err)
		require.Equal(t, JobDone, s.State)
	})
}

// TestStopInterrupts: a job that the server's stop ends says so afterwards.
func TestStopInterrupts(t *testing.T) {
	h := newHouse(t)
	path := h.remember(t)
	reached := make(chan struct{})
	h.engine.onFreeze = func(ctx context.Context, _ string) error {
		close(reached)
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := h.StartCreate("c", CreateOptions{})
	require.NoError(t, err)
	<-reached
	ctx, stop := context.WithCancel(context.Background())
	stop()
	h.Close(ctx)
	require.Equal(t, JobInterrupted, reopened(t, path, testNow).list()[0].State)
	_, err = h.StartCreate("c", CreateOptions{})
	requireError(t, err, tidemark.Unavailable, "the server is stopping")
	require.Len(t, h.Jobs(), 1, "a job that never began is not listed")
}

func TestLedgerForgets(t *testing.T) {
	now := testNow
	l := openLedger(fsx.OS, "", func() time.Time { return now }, slog.New(slog.DiscardHandler))
	running := l.add(JobStatus{Kind: JobCreate}, nil)
	for i := range maxEnded + 10 {
		e := l.add(JobStatus{Kind: JobCreate, Collection: fmt.Sprint(i)}, nil)
		l.end(e, JobDone, "", nil)
	}
	list := l.list()
	require.Len(t, list, maxEnded+1)
	require.Equal(t, fmt.Sprint(maxEnded+9), list[0].Collection)
	require.Equal(t, "10", list[maxEnded-1].Collection, "the oldest went first")
	require.Equal(t, running.status.ID, list[maxEnded].ID)
	now = now.Add(keepEnded)
	require.Len(t, l.list(), 1, "what runs stays")
}

// TestLedgerIsNoCondition: whatever happens to its file, jobs go on.
func TestLedgerIsNoCondition(t *testing.T) {
	h := newHouse(t)
	path := h.remember(t)
	h.ledger.fsys = h.faults
	h.faults.Inject(fsx.Rule{Path: "jobs.json", Err: syscall.ENOSPC})
	h.create(t)
	h.faults.Clear()
	require.Len(t, h.Jobs(), 1)
	require.NoError(t, os.WriteFile(path, []byte("junk"), 0o640))
	require.Empty(t, reopened(t, path, testNow).list())
	require.Empty(t, reopened(t, t.TempDir(), testNow).list(), "a directory")
}

func golden() ledgerDocument {
	return ledgerDocument{
		Format: 1,
		Jobs: []JobStatus{{
			ID: uuid.MustParse("7c0bb3b4-8d2c-4f5c-9a53-6a3b0f3a6d10"), Kind: JobCreate, Collection: "c", Snapshot: "c-1.snapshot", State: JobDone,
			Phase: PhaseStore, Size: 12345, Position: 77, Started: testNow, Ended: testNow.Add(time.Second),
		}, {
			ID: uuid.MustParse("0a7e5a3e-52ad-4f2a-8f1b-0c1d9be6cf11"), Kind: JobRecover, Collection: "d", Source: "https://host/x", State: JobFailed,
			Phase: PhaseUnpack, Error: "why", Started: testNow, Ended: testNow.Add(time.Minute),
		}},
		Rates: rates{PhaseStore: 1.5e8},
	}
}

// TestLedgerGolden: files of earlier versions stay readable.
func TestLedgerGolden(t *testing.T) {
	path := filepath.Join("testdata", "jobs-1.json")
	want, err := golden().encode()
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	d, err := decodeLedger(got)
	require.NoError(t, err)
	require.Equal(t, golden(), d)
}

func FuzzDecodeLedger(f *testing.F) {
	seed, err := golden().encode()
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte(`{"format":1,"jobs":[{"id":"00000000-0000-0000-0000-000000000000"}],"rates":{"store":1e999}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeLedger(b)
		if err != nil {
			return
		}
		again, err := d.encode()
		require.NoError(t, err)
		second, err := decodeLedger(again)
		require.NoError(t, err)
		twice, err := second.encode()
		require.NoError(t, err)
		require.True(t, bytes.Equal(again, twice))
		l := openLedger(fsx.OS, "", time.Now, slog.New(slog.DiscardHandler))
		l.restore(d)
		for _, s := range l.list() {
			require.NotEqual(t, JobRunning, s.State)
		}
		require.GreaterOrEqual(t, l.estimate(JobCreate, math.MaxInt64), time.Duration(-1))
	})
}

func TestProgress(t *testing.T) {
	known := rates{PhaseEncode: 100, PhaseStore: 50, PhaseVerify: 10}
	for _, tt := range []struct {
		name      string
		rates     rates
		status    JobStatus
		done      int64
		elapsed   time.Duration
		rate      float64
		remaining time.Duration
	}{
		{"nothing known", nil, JobStatus{Kind: JobCreate, Phase: PhaseStore, Size: 1000}, 100, 500 * time.Millisecond, 0, -1},
		{"measured", nil, JobStatus{Kind: JobCreate, Phase: PhaseStore, Size: 1000}, 100, 2 * time.Second, 50, 18 * time.Second},
		{"measured, a phase after it never was", nil, JobStatus{Kind: JobRecover, Phase: PhaseUnpack, Size: 1000}, 100, 2 * time.Second, 50, -1},
		{"measured, and a phase after it", known, JobStatus{Kind: JobRecover, Phase: PhaseUnpack, Size: 1000}, 100, 2 * time.Second, 50, 118 * time.Second},
		{"of earlier jobs", known, JobStatus{Kind: JobCreate, Phase: PhaseEncode, Size: 1000}, -1, 4 * time.Second, 0, 26 * time.Second},
		{"longer than thought", known, JobStatus{Kind: JobCreate, Phase: PhaseEncode, Size: 1000}, -1, time.Hour, 0, 20 * time.Second},
		{"before the first", known, JobStatus{Kind: JobCreate, Phase: PhaseWait, Size: 1000}, -1, time.Hour, 0, 30 * time.Second},
		{"unknown size", known, JobStatus{Kind: JobCreate, Phase: PhaseWait}, -1, time.Hour, 0, -1},
		{"at the end", nil, JobStatus{Kind: JobRecover, Phase: PhaseInstall, Size: 1000}, -1, time.Hour, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.status
			s.progress(tt.rates, tt.done, tt.elapsed)
			require.Equal(t, tt.done, s.Done)
			require.InDelta(t, tt.rate, s.Rate, 0)
			require.Equal(t, tt.remaining, s.Remaining)
		})
	}
}

func TestRates(t *testing.T) {
	r := make(rates)
	r.learn(PhaseStore, 1000, 10*time.Second)
	require.InDelta(t, 100, r[PhaseStore], 0)
	r.learn(PhaseStore, 1000, time.Second)
	require.InDelta(t, 100, r[PhaseStore], 0, "small jobs say little")
	r.learn(PhaseStore, smallSize, time.Second)
	require.InDelta(t, (100+smallSize)/2, r[PhaseStore], 0)
	r.learn(PhaseRead, 0, time.Second)
	r.learn(PhaseRead, 1, 0)
	_, ok := r.estimate(1000, PhaseStore, PhaseRead)
	require.False(t, ok)
	d, ok := rates{PhaseStore: 1e-300}.estimate(math.MaxInt64, PhaseStore)
	require.True(t, ok)
	require.Equal(t, 365*24*time.Hour, d)
}
