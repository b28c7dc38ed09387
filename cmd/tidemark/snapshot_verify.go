package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
)

const fileOrStoredUse = " {FILE | COLLECTION NAME | --all NAME}"

func (a *app) newSnapshotInspectCommand(r *remote) *cobra.Command {
	var (
		t      target
		output outputFlag
	)
	c := flagged(&cobra.Command{
		Use:   "inspect" + fileOrStoredUse,
		Short: "Show what a file, or a stored snapshot, says of itself",
		Long: "Show what a snapshot says of itself.\n" +
			"With one argument it is a file, which is looked at without a server: only its beginning is read, and its\n" +
			"length compared. With two it is a stored snapshot of the server.\n" +
			"Ends with 0, 1 if it cannot be read or is of another format, 3 if damage was found.",
		Args: fileOrStored(&t),
	}, &t, &output)
	stored := a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		place, more := t.split(args)
		s, err := findStored(ctx, server, place, more[0])
		if err != nil {
			return err
		}
		return showStored(c.OutOrStdout(), s, output)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if isFile(&t, args) {
			return inspectFile(c, args[0], output)
		}
		return stored(c, args)
	}
	a.completeWith(c, r, &t, completesFileOrCollection, completesSnapshot)
	return c
}

// levels are the levels of verification that a server knows.
var levels = []string{"bytes", "structure", "state"}

func (a *app) newSnapshotVerifyCommand(r *remote) *cobra.Command {
	var (
		t       target
		output  outputFlag
		wait    waiting
		tempDir string
		level   string
	)
	c := flagged(&cobra.Command{
		Use:   "verify" + fileOrStoredUse,
		Short: "Prove a file, or a stored snapshot: every byte, every point and the digest",
		Long: "Prove a snapshot: every byte of it, and every point, whose hashes and digest are computed anew.\n" +
			"With one argument it is a file, which is looked at without a server, together with FILE.checksum if there\n" +
			"is one, and unpacked into a temporary directory, which needs as much room. With two it is a stored\n" +
			"snapshot of the server, which does the same and keeps the outcome; --level says how much is proven:\n" +
			"the sha256 of the file (bytes), also of each file in it (structure), or all (state).\n" +
			"Ends with 0 if all is right, 1 if that cannot be found out, 3 if damage was found.",
		Args: fileOrStored(&t),
	}, &t, &output)
	wait.register(c)
	c.Flags().StringVar(&tempDir, "temp-dir", "", "where to unpack a FILE (default: that of the system)")
	c.Flags().StringVar(&level, "level", "state", "of a stored snapshot: bytes, structure or state")
	stored := a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		place, more := t.split(args)
		id, err := server.Verify(ctx, place, more[0], level)
		if err != nil {
			return err
		}
		if wait.not {
			return printJob(c, id, output)
		}
		return verified(ctx, c, server, place, more[0], id, output)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkVerify(c, isFile(&t, args), level); err != nil {
			return usage(err)
		}
		if isFile(&t, args) {
			return verifyFile(c.Context(), c, args[0], tempDir, output)
		}
		return stored(c, args)
	}
	a.completeWith(c, r, &t, completesFileOrCollection, completesSnapshot)
	return c
}

// checkVerify refuses flags that would have no effect.
func checkVerify(c *cobra.Command, file bool, level string) error {
	without := []string{"temp-dir"}
	if file {
		without = []string{"level", "no-wait"}
	}
	for _, name := range without {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s has no effect here: one argument is a FILE, two are a stored snapshot", name)
		}
	}
	if !slices.Contains(levels, level) {
		return fmt.Errorf("--level must be one of %v", levels)
	}
	return nil
}

// verified waits for a verification and prints its outcome. Damage has been found
// if the server keeps it as the outcome; other failures say nothing of the
// snapshot.
func verified(ctx context.Context, c *cobra.Command, server *client.Client, p client.Place, name, id string, output outputFlag) error {
	job, failed := follow(ctx, c, server, id)
	if failed != nil && job.ID == "" {
		return failed
	}
	s, err := server.Find(ctx, p, name)
	if err != nil {
		return errors.Join(failed, err)
	}
	r, ok := receiptOf(s, job)
	if !ok {
		return failed
	}
	if err := showReceipt(c, s.Name, r, output); err != nil {
		return err
	}
	if r.Error != "" {
		return &exitError{exitDamage, try(fmt.Errorf("%s: %s", name, r.Error),
			"a new snapshot, 'tidemark snapshot create "+inArgs(p)+"'; then look at the disk under this one")}
	}
	return failed
}

// receiptOf returns the outcome of a job: the newest one that is not older.
func receiptOf(s client.Snapshot, job client.Job) (client.Receipt, bool) {
	var newest client.Receipt
	for _, r := range s.Verified {
		if r.At >= job.Started && r.At >= newest.At && r.Error == job.Error {
			newest = r
		}
	}
	return newest, newest.At != ""
}

func showReceipt(c *cobra.Command, name string, r client.Receipt, output outputFlag) error {
	if output.json() {
		return printJSON(c.OutOrStdout(), r)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "name\t%s\n", clean(name))
	writeReceipt(t, r)
	if r.Position > 0 {
		fmt.Fprintf(t, "position\t%d\n", r.Position)
	}
	return t.Flush()
}
