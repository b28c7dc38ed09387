package metrics

import (
	"context"
	"time"

	"github.com/tidemark-db/tidemark/wal"
)

// Source is what is looked at when somebody scrapes. Its methods are called
// concurrently.
type Source interface {
	// Ready reports whether recovery is done.
	Ready() bool
	// Budget returns the memory that requests and points outside of segments
	// take, and the memory that they may take, in bytes.
	Budget() (used, limit int64)
	// Disk describes the disk of the data directory.
	Disk() Disk
	// RefusedForMemory returns how many requests found no room in the budget.
	RefusedForMemory() int64
	// Collections describes all collections, each name once. What cannot be
	// found out before the context ends is left out.
	Collections(ctx context.Context) []Collection
	// Resolve returns the name of the collection that a name or an alias stands
	// for. It is called for each request and must be cheap.
	Resolve(nameOrAlias string) (name string, ok bool)
}

// Disk is what a disk has left, and what that lets be done.
type Disk struct {
	Known      bool // false: the disk does not tell
	Free       int64
	Reserved   bool // the reserve file is there
	Watermarks []Watermark
	GivenUp    int64 // states kept for undo that were removed before their time
}

// Watermark is the room that one kind of work leaves free.
type Watermark struct {
	Work    string
	Bytes   int64
	Open    bool  // the work is let in
	Refused int64 // how often it was not
}

// Collection describes a collection at one moment.
type Collection struct {
	Name string
	// ID is the incarnation, empty if the collection is not served. It names
	// the collection's log, see Metrics.OpenLog.
	ID string
	// Serving is false while the collection recovers, when it could not be
	// opened and when it stopped applying its log. The fields below are then
	// zero, but for the last.
	Serving bool

	Points  int
	Vectors []VectorCount
	// Positions is nil if the log cannot tell.
	Positions *Positions

	Heads        int
	HeadBytes    int64
	Segments     int
	SegmentBytes int64
	DeadRows     int // of segments
	Deaths       int
	DeathsBytes  int64

	// Pins is nil if nobody knows.
	Pins *Pins

	// PreviousBytes is what the state takes on disk that a restore replaced and
	// that can be brought back. It is known also of a collection that is not
	// served.
	PreviousBytes int64
}

// Pins are the views that are held.
type Pins struct {
	Views int
	Bytes int64     // of segments that only these views keep
	Since time.Time // of the oldest one
}

// age returns how long the oldest view has been held.
func (p *Pins) age(now time.Time) time.Duration {
	if p.Views == 0 {
		return 0
	}
	return max(now.Sub(p.Since), 0)
}

// VectorCount is how many points have a vector; the name of the unnamed vector
// is empty.
type VectorCount struct {
	Name  string
	Count int
}

// Positions say how far a collection has come.
type Positions struct {
	Durable, Applied, Flushed wal.Position
}

// lag returns how many positions are durable but not applied. The two are not
// read at the same instant.
func (p *Positions) lag() wal.Position {
	if p.Applied >= p.Durable {
		return 0
	}
	return p.Durable - p.Applied
}
