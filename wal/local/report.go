package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Report describes a log on disk.
type Report struct {
	Dir         string             `json:"dir"`
	InUse       bool               `json:"in_use"` // a process has it open; what it writes just now may look unfinished
	Clean       bool               `json:"clean"`  // it was closed in order
	After       wal.Position       `json:"after"`  // records lie above
	Last        wal.Position       `json:"last"`
	Bytes       int64              `json:"bytes"`
	Generations []GenerationReport `json:"generations"`
	Tail        *TailReport        `json:"tail,omitempty"`
	Quarantined []string           `json:"quarantined,omitempty"` // files with the tails of earlier repairs
	Damage      []Damage           `json:"damage,omitempty"`
}

// GenerationReport describes one file of a log. Frames and records were
// counted if the file was read to its end.
type GenerationReport struct {
	Number  uint64       `json:"number"`
	State   string       `json:"state"` // closed, active, spare, damaged
	After   wal.Position `json:"after"`
	Last    wal.Position `json:"last"`
	Bytes   int64        `json:"bytes"`
	Groups  uint64       `json:"groups,omitempty"`
	Records uint64       `json:"records,omitempty"`
}

// TailReport describes what follows the last whole frame, and what opening the
// log will do about it.
type TailReport struct {
	File        string `json:"file"`
	Offset      int64  `json:"offset"`
	Bytes       int64  `json:"bytes"`
	Zero        bool   `json:"zero"`         // nothing but zeros
	PerhapsLost bool   `json:"perhaps_lost"` // a whole commit group with a wrong checksum
}

// Damage is a place at which a log is not what it must be. Opening the log, or
// reading that far, refuses it.
type Damage struct {
	File     string       `json:"file"`
	Offset   int64        `json:"offset"`
	Position wal.Position `json:"position"` // last position before it
	Reason   string       `json:"reason"`
}

// Inspect describes the log in dir from the heads of its files and the whole
// of the last one. It changes nothing and does not need the lock.
func Inspect(dir string) (Report, error) { return report(fsx.OS, dir, false) }

// Verify is Inspect, and reads every byte of every generation.
func Verify(dir string) (Report, error) { return report(fsx.OS, dir, true) }

func report(fsys fsx.FS, dir string, deep bool) (Report, error) {
	rep := Report{Dir: dir}
	var err error
	if rep.InUse, err = inUse(dir); err != nil {
		return rep, err
	}
	v, err := take(fsys, dir)
	defer v.close()
	if err := rep.damaged(err); err != nil {
		return rep, err
	}
	if len(v.generations) == 0 && len(rep.Damage) == 0 {
		return rep, fmt.Errorf("%s holds no log", dir)
	}
	rep.Clean = v.marker != nil
	for _, name := range v.torn {
		rep.Quarantined = append(rep.Quarantined, filepath.Join(dir, name))
	}
	if v.tail.length > 0 {
		rep.Tail = &TailReport{
			File: v.last.file.Name(), Offset: v.tail.offset, Bytes: v.tail.length,
			Zero: v.tail.zero, PerhapsLost: v.tail.whole && !v.tail.zero,
		}
	}
	for i, number := range v.generations {
		g, err := describe(fsys, dir, number, deep || i+2 >= len(v.generations))
		if v.last != nil && number == v.last.origin.number && v.tail.length > 0 {
			err = nil // rep.Tail says it
		}
		if number == v.spare {
			g, err = GenerationReport{Number: number, State: "spare"}, nil
		}
		if err := rep.damaged(err); err != nil {
			return rep, err
		}
		rep.add(g)
	}
	return rep, nil
}

// damaged keeps err if it tells of damage, once, and returns every other.
func (rep *Report) damaged(err error) error {
	var c *wal.CorruptError
	if !errors.As(err, &c) {
		return err
	}
	for _, known := range rep.Damage {
		if known.File == c.File && known.Offset == c.Offset {
			return nil
		}
	}
	rep.Damage = append(rep.Damage, Damage{File: c.File, Offset: c.Offset, Position: c.Position, Reason: c.Reason})
	return nil
}

func (rep *Report) add(g GenerationReport) {
	if len(rep.Generations) == 0 {
		rep.After = g.After
	}
	rep.Last = max(rep.Last, g.Last)
	rep.Bytes += g.Bytes
	rep.Generations = append(rep.Generations, g)
}

// describe reads the header of a generation and, if deep, everything else. It
// returns what it learned also if it finds damage.
func describe(fsys fsx.FS, dir string, number uint64, deep bool) (GenerationReport, error) {
	g := GenerationReport{Number: number, State: "damaged"}
	s, err := openScanner(fsys, dir, number, -1)
	if s == nil {
		return g, err
	}
	defer s.file.Close()
	g.Bytes = s.end
	if err != nil {
		return g, s.corrupt(err)
	}
	g.After, g.Last = s.base, s.base
	if !deep {
		return g, g.shallow(fsys, dir, s)
	}
	for {
		f, err := s.read()
		g.Last = max(g.Last, s.lastRecord())
		switch {
		case errors.Is(err, io.EOF):
			g.State = stateOf(s.closed)
			return g, nil
		case err != nil:
			return g, s.corrupt(err)
		case f.kind == kindGroup:
			g.Groups++
			g.Records += uint64(f.count)
		}
	}
}

// shallow takes the end of a closed generation from its successor.
func (g *GenerationReport) shallow(fsys fsx.FS, dir string, s *scanner) error {
	next, err := openScanner(fsys, dir, s.origin.number+1, -1)
	if next == nil {
		return err
	}
	defer next.file.Close()
	if err == nil {
		g.State, g.Last = stateOf(true), next.origin.prevLast
	}
	return nil // damage of the successor is reported with the successor
}

func stateOf(closed bool) string {
	if closed {
		return "closed"
	}
	return "active"
}

// inUse reports whether a process holds the lock of the log.
func inUse(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at lock of log: %w", err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
