package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Job is something that takes time. What is not known is zero or nil.
type Job struct {
	ID         string   `json:"id"`
	Operation  string   `json:"operation"`
	Collection string   `json:"collection,omitempty"`
	Source     string   `json:"source,omitempty"`   // from where it reads
	Snapshot   string   `json:"snapshot,omitempty"` // the name of what it makes or looks at
	State      string   `json:"state"`
	Phase      string   `json:"phase,omitempty"`
	Done       *int64   `json:"bytes_done,omitempty"` // of the phase
	Total      int64    `json:"bytes_total,omitempty"`
	Rate       int64    `json:"bytes_per_second,omitempty"`
	Remaining  *float64 `json:"eta_seconds,omitempty"`
	Position   uint64   `json:"position,omitempty"`
	UndoUntil  string   `json:"undo_until,omitempty"` // until when what it replaced can be brought back
	Error      string   `json:"error,omitempty"`
	Started    string   `json:"started_at"`
	Ended      string   `json:"ended_at,omitempty"`
}

// The states of jobs that a caller tells apart.
const (
	StateRunning = "running"
	StateDone    = "done"
)

// jobHeader names the job that an answer belongs to.
const jobHeader = "Tidemark-Job-Id"

func jobID(h http.Header) (string, error) {
	if id := h.Get(jobHeader); id != "" {
		return id, nil
	}
	return "", errors.New("the answer names no job: the server is no Tidemark")
}

// Jobs returns the jobs that run and those that ended not long ago.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	var jobs []Job
	_, err := c.call(ctx, request{method: http.MethodGet, path: []string{"snapshots", "jobs"}}, &jobs)
	return jobs, err
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	_, err := c.call(ctx, request{method: http.MethodGet, path: []string{"snapshots", "jobs", id}}, &j)
	return j, err
}

// Cancel ends a job early and returns what became of it.
func (c *Client) Cancel(ctx context.Context, id string) (Job, error) {
	var j Job
	_, err := c.call(ctx, request{method: http.MethodDelete, path: []string{"snapshots", "jobs", id}}, &j)
	return j, err
}

const (
	firstLook  = 20 * time.Millisecond // after which a job is looked at again
	laterLooks = time.Second           // what that grows to
	// patience is for how many looks in a row a server may give no answer: it is
	// perhaps being started anew.
	patience = 30
)

// Follow looks at a job until it has ended, and shows watch what it sees. A server
// that gives no answer for a while is asked again.
func (c *Client) Follow(ctx context.Context, id string, watch func(Job)) (Job, error) {
	for pause, missed := firstLook, 0; ; pause = min(pause*2, laterLooks) {
		j, err := c.Job(ctx, id)
		var gone *UnreachableError
		switch {
		case err == nil && j.State != StateRunning:
			return j, nil
		case err == nil:
			missed = 0
			watch(j)
		case errors.As(err, &gone) && missed < patience:
			missed++
		default:
			return Job{}, err
		}
		if err := sleep(ctx, pause); err != nil {
			return Job{}, err
		}
	}
}

// sleep waits for d, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
