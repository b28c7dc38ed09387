package tidemark

import "time"

// Observer is told what a store does in the background, for metrics. Its
// methods return at once and may be called concurrently. bytes is the size of
// the segment that was written.
type Observer interface {
	Checkpointed(collection string, took time.Duration, bytes int64, err error)
	Merged(collection string, took time.Duration, bytes int64, err error)
	Recovered(collection string, took time.Duration, err error)
	// Fenced is told for how long an install or an undo kept the writes of a
	// collection waiting.
	Fenced(collection string, took time.Duration)
}

type noObserver struct{}

func (noObserver) Checkpointed(string, time.Duration, int64, error) {}
func (noObserver) Merged(string, time.Duration, int64, error)       {}
func (noObserver) Recovered(string, time.Duration, error)           {}
func (noObserver) Fenced(string, time.Duration)                     {}
