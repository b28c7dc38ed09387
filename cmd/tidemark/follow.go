package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
	"github.com/tidemark-db/tidemark/internal/progress"
)

// meterOf returns a meter on stderr, so that the output stays clean.
func meterOf(c *cobra.Command) *progress.Meter {
	return progress.New(c.ErrOrStderr(), progress.Width(c.ErrOrStderr()))
}

// follow shows the progress of a job until it has ended, and fails if it did not
// succeed. Who stops waiting does not stop the job.
func follow(ctx context.Context, c *cobra.Command, server *client.Client, id string) (client.Job, error) {
	meter := meterOf(c)
	job, err := server.Follow(ctx, id, func(j client.Job) { meter.Show(stateOf(j)) })
	meter.End()
	switch {
	case ctx.Err() != nil:
		return job, &exitError{exitInterrupted, try(fmt.Errorf("interrupted; job %s goes on", id),
			fmt.Sprintf("'tidemark snapshot jobs --wait %s' to wait for it again, 'tidemark snapshot jobs cancel %s' to end it", id, id))}
	case err != nil:
		return job, fmt.Errorf("ask for job %s: %w", id, err)
	case job.State != client.StateDone:
		return job, try(jobFailure(job), "'tidemark snapshot jobs "+id+"' shows the job; the log of the server may say more")
	}
	return job, nil
}

// jobFailure says how a job ended.
func jobFailure(j client.Job) error {
	if j.Error == "" {
		return fmt.Errorf("the job was %s", j.State)
	}
	return fmt.Errorf("the job %s: %s", j.State, j.Error)
}

// stateOf is the progress of a job.
func stateOf(j client.Job) progress.State {
	s := progress.State{Phase: j.Phase, Done: -1, Total: j.Total, Rate: float64(j.Rate), Left: -1}
	if j.Done != nil {
		s.Done = *j.Done
	}
	if j.Remaining != nil {
		s.Left = time.Duration(*j.Remaining * float64(time.Second))
	}
	return s
}

// waiting is the flag with which a command only begins a job.
type waiting struct{ not bool }

func (w *waiting) register(c *cobra.Command) {
	c.Flags().BoolVar(&w.not, "no-wait", false, "only begin, and print the id of the job")
}

// printJob prints the id of a job that is not waited for.
func printJob(c *cobra.Command, id string, output outputFlag) error {
	if output.json() {
		return printJSON(c.OutOrStdout(), map[string]string{"job": id})
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", id)
	return err
}
