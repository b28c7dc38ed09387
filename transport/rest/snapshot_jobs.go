package rest

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
)

// SnapshotJobs knows the jobs that make and restore snapshots.
type SnapshotJobs interface {
	// Jobs describes the jobs that run and those that ended not long ago, the
	// newest first.
	Jobs() []SnapshotJob
	// Job describes one job. Its error is NotFound if there is none.
	Job(id string) (SnapshotJob, error)
	// CancelJob ends a job early, waits until it has cleaned up and describes it.
	CancelJob(ctx context.Context, id string) (SnapshotJob, error)
}

// SnapshotJob describes a job. What is not known is zero.
type SnapshotJob struct {
	ID         string
	Operation  string // create, recover, upload, verify, undo
	Collection string
	Source     string // from where a restore reads
	Snapshot   string // the name of the snapshot that is made
	State      string // running, done, failed, cancelled, interrupted
	Phase      string
	// Total is the size of the archive in bytes, Done how many of them the phase
	// has got through, negative if that is not counted.
	Done, Total int64
	Rate        float64       // bytes a second
	Remaining   time.Duration // negative if not known
	Position    uint64
	UndoUntil   time.Time // of a job that replaced something
	Error       string    // of a job that did not succeed
	Started     time.Time
	Ended       time.Time
}

// jobJSON is a SnapshotJob as clients see it. Times are in UTC.
type jobJSON struct {
	ID         string   `json:"id"`
	Operation  string   `json:"operation"`
	Collection string   `json:"collection"`
	Source     string   `json:"source,omitzero"`
	Snapshot   string   `json:"snapshot,omitzero"`
	State      string   `json:"state"`
	Phase      string   `json:"phase,omitzero"`
	Done       *int64   `json:"bytes_done,omitzero"`
	Total      int64    `json:"bytes_total,omitzero"`
	Rate       int64    `json:"bytes_per_second,omitzero"`
	Remaining  *float64 `json:"eta_seconds,omitzero"`
	Position   uint64   `json:"position,omitzero"`
	UndoUntil  string   `json:"undo_until,omitzero"`
	Error      string   `json:"error,omitzero"`
	Started    string   `json:"started_at"`
	Ended      string   `json:"ended_at,omitzero"`
}

func (j SnapshotJob) json() jobJSON {
	out := jobJSON{
		ID: j.ID, Operation: j.Operation, Collection: j.Collection, Source: j.Source, Snapshot: j.Snapshot,
		State: j.State, Phase: j.Phase, Total: j.Total, Rate: int64(j.Rate), Position: j.Position, Error: j.Error,
		Started: j.Started.UTC().Format(time.RFC3339),
	}
	if j.Done >= 0 {
		out.Done = &j.Done
	}
	if j.Remaining >= 0 {
		eta := float64(j.Remaining.Milliseconds()) / 1000
		out.Remaining = &eta
	}
	if !j.UndoUntil.IsZero() {
		out.UndoUntil = j.UndoUntil.UTC().Format(time.RFC3339)
	}
	if !j.Ended.IsZero() {
		out.Ended = j.Ended.UTC().Format(time.RFC3339)
	}
	return out
}

func (s *Server) listSnapshotJobs(c *gin.Context) {
	jobs := s.options.Snapshots.Jobs()
	out := make([]jobJSON, len(jobs))
	for i, j := range jobs {
		out[i] = j.json()
	}
	s.okJSON(c, out)
}

func (s *Server) getSnapshotJob(c *gin.Context) {
	job, err := s.options.Snapshots.Job(c.Param("job_id"))
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okJSON(c, job.json())
}

func (s *Server) cancelSnapshotJob(c *gin.Context) {
	job, err := s.options.Snapshots.CancelJob(c.Request.Context(), c.Param("job_id"))
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okJSON(c, job.json())
}
