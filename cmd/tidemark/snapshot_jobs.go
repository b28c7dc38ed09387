package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
	"github.com/tidemark-db/tidemark/internal/progress"
)

func (a *app) newSnapshotJobsCommand(r *remote) *cobra.Command {
	var (
		output outputFlag
		wait   bool
	)
	c := flagged(&cobra.Command{
		Use:   "jobs [ID]",
		Short: "Show what makes and restores snapshots, and what did not long ago",
		Args:  cobra.MatchAll(cobra.MaximumNArgs(1), func(_ *cobra.Command, args []string) error { return noneEmpty(args) }),
	}, &output)
	c.Flags().BoolVar(&wait, "wait", false, "wait for the end of the job, and fail if it did not succeed")
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		switch {
		case len(args) == 1 && wait:
			job, err := follow(ctx, c, server, args[0])
			return showJob(c, job, err, output)
		case len(args) == 1:
			job, err := server.Job(ctx, args[0])
			return showJob(c, job, adviseJob(err), output)
		case wait:
			return usage(fmt.Errorf("--wait needs the ID of a job"))
		}
		jobs, err := server.Jobs(ctx)
		if err != nil {
			return err
		}
		if output.json() {
			return printJSON(c.OutOrStdout(), append([]client.Job{}, jobs...))
		}
		return showJobs(c.OutOrStdout(), jobs)
	})
	a.completeWith(c, r, nil, completesJob)
	c.AddCommand(a.newSnapshotJobsCancelCommand(r))
	return c
}

func (a *app) newSnapshotJobsCancelCommand(r *remote) *cobra.Command {
	var output outputFlag
	c := flagged(&cobra.Command{
		Use:   "cancel ID",
		Short: "End a job early",
		Long: "End a job early and wait until it has cleaned up. One that has ended, or is past the step in which a\n" +
			"collection is replaced, ends as it does, as the state that is printed says.",
		Args: cobra.MatchAll(cobra.ExactArgs(1), func(_ *cobra.Command, args []string) error { return noneEmpty(args) }),
	}, &output)
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		job, err := server.Cancel(ctx, args[0])
		return showJob(c, job, adviseJob(err), output)
	})
	a.completeWith(c, r, nil, completesJob)
	return c
}

// adviseJob tells where the ids of jobs are.
func adviseJob(err error) error {
	if isNotFound(err) {
		return try(err, "'tidemark snapshot jobs' shows those of the last day")
	}
	return err
}

func showJobs(w io.Writer, jobs []client.Job) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tOPERATION\tCOLLECTION\tSTATE\tPHASE\tBYTES\tLEFT\tSTARTED")
	for _, j := range jobs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Operation, orDash(j.Collection), j.State,
			orDash(j.Phase), jobBytes(j), jobLeft(j), utc(j.Started))
	}
	return t.Flush()
}

// showJob prints one job.
func showJob(c *cobra.Command, j client.Job, err error, output outputFlag) error {
	if err != nil {
		return err
	}
	if output.json() {
		return printJSON(c.OutOrStdout(), j)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, line := range []struct{ name, value string }{
		{"id", j.ID},
		{"operation", j.Operation},
		{"collection", j.Collection},
		{"source", j.Source},
		{"snapshot", j.Snapshot},
		{"state", j.State},
		{"phase", j.Phase},
		{"bytes", jobBytes(j)},
		{"left", jobLeft(j)},
		{"position", counted(j.Position)},
		{"undo until", utc(j.UndoUntil)},
		{"error", j.Error},
		{"started", utc(j.Started)},
		{"ended", utc(j.Ended)},
	} {
		if line.value != "" && line.value != "-" {
			fmt.Fprintf(t, "%s\t%s\n", line.name, clean(line.value))
		}
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return clean(s)
}

func jobBytes(j client.Job) string {
	switch {
	case j.Total == 0:
		return "-"
	case j.Done == nil || j.State != client.StateRunning:
		return progress.Bytes(j.Total)
	}
	return progress.Bytes(*j.Done) + " of " + progress.Bytes(j.Total)
}

func jobLeft(j client.Job) string {
	if j.Remaining == nil || j.State != client.StateRunning {
		return "-"
	}
	return fmt.Sprintf("%.0fs", *j.Remaining)
}
