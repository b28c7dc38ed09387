package snapshot

import (
	"time"

	"github.com/google/uuid"
)

// JobKind is what a job does.
type JobKind string

// The kinds of jobs.
const (
	JobCreate  JobKind = "create"
	JobRecover JobKind = "recover"
	JobUpload  JobKind = "upload"
	JobVerify  JobKind = "verify"
	JobUndo    JobKind = "undo"

	// Of the whole storage: such a job has no collection.
	JobCreateFull  JobKind = "create_full"
	JobRecoverFull JobKind = "recover_full"
	JobUploadFull  JobKind = "upload_full"
)

// Operation returns what an Observer is told of jobs of this kind.
func (k JobKind) Operation() Operation {
	switch k {
	case JobRecover, JobUpload:
		return OpRestore
	case JobRecoverFull, JobUploadFull:
		return OpRestoreFull
	}
	return Operation(k) // the others are named alike
}

// JobState is how far a job is.
type JobState string

// The states of jobs. All but the first are final.
const (
	JobRunning     JobState = "running"
	JobDone        JobState = "done"
	JobFailed      JobState = "failed"
	JobCancelled   JobState = "cancelled"   // by a user
	JobInterrupted JobState = "interrupted" // the server stopped
)

// JobStatus describes a job. Of a job that failed, was cancelled or interrupted,
// nothing is left but this.
type JobStatus struct {
	ID         uuid.UUID `json:"id"`
	Kind       JobKind   `json:"kind"`
	Collection string    `json:"collection"`
	// Source is from where a restore reads, without secrets.
	Source string `json:"source,omitzero"`
	// Snapshot is the name of the snapshot that is made or looked at, once it is
	// known.
	Snapshot string   `json:"snapshot,omitzero"`
	State    JobState `json:"state"`
	// Phase is the one that the job is in, or ended in.
	Phase Phase `json:"phase,omitzero"`
	// Size is that of the archive in bytes, 0 while it is not known. Done is how
	// many of them the phase has got through, negative if that is not counted.
	Size int64 `json:"size,omitzero"`
	Done int64 `json:"-"`
	// Rate is how many bytes a second the phase gets through, 0 if that is not
	// known. Remaining is how long the job will take from now on, negative if
	// nothing is known that would tell.
	Rate      float64       `json:"-"`
	Remaining time.Duration `json:"-"`
	// Position is where the state stands that is saved, restored or brought back.
	Position uint64 `json:"position,omitzero"`
	// UndoUntil is how long what the job replaced can be brought back.
	UndoUntil time.Time `json:"undo_until,omitzero"`
	// Error is why the job failed, for clients.
	Error   string    `json:"error,omitzero"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"` // zero while it runs
}

// bytePhases are the phases of each kind whose duration grows with the archive.
var bytePhases = map[JobKind][]Phase{
	JobCreate:  {PhaseEncode, PhaseStore},
	JobRecover: {PhaseUnpack, PhaseVerify},
	JobUpload:  {PhaseUnpack, PhaseVerify},
	JobVerify:  {PhaseRead, PhaseVerify},

	JobCreateFull:  {PhaseEncode, PhaseStore},
	JobRecoverFull: {PhaseUnpack, PhaseVerify},
	JobUploadFull:  {PhaseUnpack, PhaseVerify},
}

// rates are how many bytes a second each phase got through in earlier jobs.
type rates map[Phase]float64

// smallSize is the size below which a job says little about larger ones: what
// it waits for does not depend on its bytes.
const smallSize = 4 << 20

// learn takes a phase into account that got through size bytes.
func (r rates) learn(p Phase, size int64, took time.Duration) {
	if size <= 0 || took <= 0 {
		return
	}
	rate, known := float64(size)/took.Seconds(), r[p] > 0
	switch {
	case !known:
		r[p] = rate
	case size >= smallSize:
		r[p] = (r[p] + rate) / 2
	}
}

// estimate returns how long phases take for size bytes; ok is false if one of
// them was never measured.
func (r rates) estimate(size int64, phases ...Phase) (total time.Duration, ok bool) {
	for _, p := range phases {
		if r[p] <= 0 {
			return 0, false
		}
		total += seconds(float64(size) / r[p])
	}
	return total, true
}

// seconds returns a duration, at most a year.
func seconds(s float64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(min(s*float64(time.Second), float64(year)))
}

// measured is the shortest time from which a rate is taken.
const measured = time.Second

// progress completes the status of a running job: done bytes of the phase, which
// has lasted for elapsed.
func (s *JobStatus) progress(r rates, done int64, elapsed time.Duration) {
	s.Done, s.Remaining = done, -1
	if done > 0 && elapsed >= measured {
		s.Rate = float64(done) / elapsed.Seconds()
	}
	phases := bytePhases[s.Kind]
	if s.Phase == PhaseInstall && s.Kind != JobUndo { // which replays a log
		s.Remaining = 0
		return
	}
	var left time.Duration
	for i, p := range phases {
		if p != s.Phase {
			continue
		}
		phases = phases[i+1:]
		switch rate := r[p]; {
		case s.Rate > 0 && s.Size > 0:
			left = seconds(float64(max(0, s.Size-done)) / s.Rate)
		case rate > 0:
			left = max(0, seconds(float64(s.Size)/rate)-elapsed)
		default:
			return
		}
		break
	}
	if later, ok := r.estimate(s.Size, phases...); ok && s.Size > 0 {
		s.Remaining = left + later
	}
}
