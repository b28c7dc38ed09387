package local_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// ledger is what the writers of a log were told about their records.
type ledger struct {
	mu      sync.Mutex
	serial  uint64
	durable map[uint64]wal.Position // acknowledged
	never   map[uint64]bool         // refused for good
}

func newLedger() *ledger {
	return &ledger{durable: map[uint64]wal.Position{}, never: map[uint64]bool{}}
}

// payload returns the next numbered record, of a length that depends on its
// number.
func (g *ledger) payload() (uint64, []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serial++
	b := binary.LittleEndian.AppendUint64(nil, g.serial)
	return g.serial, append(b, make([]byte, g.serial*131%3000)...)
}

func (g *ledger) note(serial uint64, at wal.Position, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.durable[serial] = at
	case !errors.Is(err, wal.ErrOutcomeUnknown):
		g.never[serial] = true
	}
}

// write appends records with several writers until all are done or have seen
// an error.
func (g *ledger) write(t *testing.T, log wal.Log, writers, each int) {
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				serial, payload := g.payload()
				var at wal.Position
				p, err := log.Enqueue(t.Context(), payload)
				if err == nil {
					at, err = p.Wait(t.Context())
				}
				g.note(serial, at, err)
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// check reads the log and compares it with what the writers were told.
func (g *ledger) check(t *testing.T, log wal.Log, after wal.Position) {
	t.Helper()
	last, err := log.Last(t.Context())
	require.NoError(t, err)
	r, err := log.Tail(t.Context(), after)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	found := map[uint64]wal.Position{}
	for at := after; at < last; {
		records, err := r.Next(t.Context())
		require.NoError(t, err)
		for _, rec := range records {
			at++
			require.Equal(t, at, rec.Position)
			serial := binary.LittleEndian.Uint64(rec.Payload)
			require.Len(t, rec.Payload, 8+int(serial*131%3000))
			require.False(t, g.never[serial], "record %d was refused and is there", serial)
			require.NotContains(t, found, serial, "twice")
			found[serial] = at
		}
	}
	for serial, at := range g.durable {
		if at > after {
			require.Equal(t, at, found[serial], "acknowledged record %d", serial)
		}
	}
}

// Each write and sync of a log fails in turn. The log must become read-only,
// reopening must heal it, and what the writers were told must hold.
func TestEveryFaultPoisonsAndReopeningHeals(t *testing.T) {
	o := local.Options{SegmentBytes: 6 * block, MaxGroupBytes: 8 << 10}
	for _, fault := range []fsx.Rule{
		{Kinds: []fsx.Kind{fsx.KindLogWrite}, Err: syscall.ENOSPC},
		{Kinds: []fsx.Kind{fsx.KindLogWrite}, Err: syscall.ENOSPC, Short: 1},
		{Kinds: []fsx.Kind{fsx.KindLogWrite}, Short: 3000},
		{Kinds: []fsx.Kind{fsx.KindLogWrite}, Short: 1 << 20},
		{Kinds: []fsx.Kind{fsx.KindLogSync}},
		{Kinds: []fsx.Kind{fsx.KindSyncDir}},
		{Kinds: []fsx.Kind{fsx.KindSync}},
		{Kinds: []fsx.Kind{fsx.KindCreate}, Err: syscall.ENOSPC},
		{Kinds: []fsx.Kind{fsx.KindRemove}, Path: "CLEAN"},
	} {
		t.Run(fmt.Sprintf("%s %v %d", fault.Kinds[0], fault.Err, fault.Short), func(t *testing.T) {
			failed := 0
			for nth := 1; ; nth++ {
				fault.Nth = nth
				if !failsOnce(t, o, fault) {
					break
				}
				failed++
			}
			require.Positive(t, failed, "the fault was never met")
		})
	}
}

// failsOnce lets one operation fail while a log is used, and reports whether
// it was reached.
func failsOnce(t *testing.T, o local.Options, fault fsx.Rule) bool {
	t.Helper()
	dir, told, faults := filepath.Join(fastDir(t), "wal"), newLedger(), fsx.NewFaults(fsx.OS)
	o.FS = faults
	log, _ := mustOpen(t, dir, o)
	told.write(t, log, 3, 3)
	require.NoError(t, log.Close())

	log, _ = mustOpen(t, dir, o)
	faults.Inject(fault)
	told.write(t, log, 3, 8)
	_, poisoned := log.Last(t.Context())
	if poisoned != nil {
		require.ErrorIs(t, poisoned, wal.ErrPoisoned)
		faults.Clear() // a disk that works again does not make it writable
		_, err := log.Enqueue(t.Context(), nil)
		require.ErrorIs(t, err, wal.ErrPoisoned)
	}
	closed := log.Close()
	if poisoned != nil {
		require.ErrorIs(t, closed, wal.ErrPoisoned)
	}
	if poisoned == nil && closed == nil {
		return false
	}
	for range 2 {
		log, _ = mustOpen(t, dir, local.Options{})
		told.check(t, log, 0)
		told.write(t, log, 2, 2)
		told.check(t, log, 0)
		require.NoError(t, log.Close())
	}
	return true
}

// The metric rises once, however many writers find out.
func TestPoisonIsReportedOnce(t *testing.T) {
	faults, o := fsx.NewFaults(fsx.OS), new(observed)
	log, _ := mustOpen(t, filepath.Join(fastDir(t), "wal"), local.Options{FS: faults, Observer: o})
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindLogSync}})
	newLedger().write(t, log, 8, 3)
	require.ErrorIs(t, log.Close(), syscall.EIO)
	require.Equal(t, 1, o.poisoned)
	require.Zero(t, o.groups)
}

// A log whose repair fails stays as it was, and can be opened later.
func TestFaultsWhileOpening(t *testing.T) {
	im := build(t, local.Options{SegmentBytes: 4 * block}, 8, false)
	name := generation("4")
	im[name] = im[name][:len(im[name])-100]
	im[generation("5")] = nil
	dir := fastDir(t)
	reached := 0
	for nth := range 30 {
		im.write(t, dir)
		faults := fsx.NewFaults(fsx.OS)
		faults.Inject(fsx.Rule{Nth: nth + 1, Times: 1, Short: 10})
		log, _, err := local.Open(dir, local.Options{FS: faults})
		if err == nil { // not reached, or something that was tried in two ways
			err = log.Close()
		} else {
			reached++
		}
		if err != nil {
			require.ErrorIs(t, err, syscall.EIO)
		}
		got, _, err := serve(t, dir, local.Options{}, 0)
		require.NoError(t, err)
		require.EqualValues(t, 7, got)
	}
	require.Greater(t, reached, 5)
}

func TestReadErrorsAreNotDamage(t *testing.T) {
	dir := fastDir(t)
	build(t, local.Options{SegmentBytes: 4 * block}, 8, true).write(t, dir)
	faults := fsx.NewFaults(fsx.OS)
	for _, kind := range []fsx.Kind{fsx.KindRead, fsx.KindReadDir} {
		faults.Clear()
		faults.Inject(fsx.Rule{Kinds: []fsx.Kind{kind}})
		_, _, err := local.Open(dir, local.Options{FS: faults})
		require.ErrorIs(t, err, syscall.EIO)
		require.NotErrorAs(t, err, new(*wal.CorruptError))
	}
	faults.Clear()
	log, _ := mustOpen(t, dir, local.Options{FS: faults})
	defer func() { require.NoError(t, log.Close()) }()
	r, err := log.Tail(t.Context(), 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}})
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, syscall.EIO)
	require.NotErrorAs(t, err, new(*wal.CorruptError))
}

// A removal that may not be durable is the last: the next would leave a gap.
func TestReleaseStopsAfterAFailedSync(t *testing.T) {
	dir := filepath.Join(fastDir(t), "wal")
	faults := fsx.NewFaults(fsx.OS)
	log, _ := mustOpen(t, dir, local.Options{FS: faults, SegmentBytes: 4 * block})
	told := newLedger()
	told.write(t, log, 1, 12)
	// Opened again, it prepares no generation in the background, which would
	// sync the directory too and take the fault.
	require.NoError(t, log.Close())
	log, _ = mustOpen(t, dir, local.Options{FS: faults, SegmentBytes: 4 * block})
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindSyncDir}, Times: 1})
	require.ErrorIs(t, log.Release(t.Context(), 100), syscall.EIO)
	require.ErrorIs(t, log.Release(t.Context(), 100), syscall.EIO)
	told.write(t, log, 1, 3)
	require.NoError(t, log.Close())
	log, r := mustOpen(t, dir, local.Options{})
	told.check(t, log, r.After)
	require.NoError(t, log.Release(t.Context(), 100))
	require.NoError(t, log.Close())
}

func TestReleaseKeepsWhatItCannotRename(t *testing.T) {
	dir := filepath.Join(fastDir(t), "wal")
	faults := fsx.NewFaults(fsx.OS)
	log, _ := mustOpen(t, dir, local.Options{FS: faults, SegmentBytes: 4 * block})
	told := newLedger()
	told.write(t, log, 1, 12)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRename}, Times: 1})
	require.ErrorIs(t, log.Release(t.Context(), 100), syscall.EIO)
	told.check(t, log, 0)
	require.NoError(t, log.Release(t.Context(), 100))
	require.NoError(t, log.Close())
}

// A full disk, which cut the last write short, does not keep a log closed; what
// may have been acknowledged is not cut off without a copy.
func TestTornTailOnAFullDisk(t *testing.T) {
	im := build(t, local.Options{}, 8, false)
	name := generation("1")
	whole := bytes.Clone(im[name])
	whole[len(whole)-block+100] ^= 1
	for _, c := range []struct {
		tail   []byte
		opened bool
	}{{im[name][:len(im[name])-100], true}, {whole, false}} {
		dir := fastDir(t)
		im.with(name, c.tail).write(t, dir)
		faults := fsx.NewFaults(fsx.OS)
		faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindCreate}, Err: syscall.ENOSPC})
		log, r, err := local.Open(dir, local.Options{FS: faults})
		if !c.opened {
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.Equal(t, c.tail, readImage(t, dir)[name])
			continue
		}
		require.NoError(t, err)
		require.EqualValues(t, 7, r.Last)
		require.Empty(t, r.Quarantine)
		require.Positive(t, r.Dropped)
		faults.Clear()
		require.NoError(t, log.Close())
		goesOn(t, dir, 0, 7)
	}
}
