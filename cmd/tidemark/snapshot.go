package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/snapshot"
)

// newSnapshotCommand returns the commands that look at snapshot archives. They
// need no server and no data directory.
func newSnapshotCommand() *cobra.Command {
	c := &cobra.Command{Use: "snapshot", Short: "Look at a snapshot archive"}
	c.AddCommand(newSnapshotInspectCommand(), newSnapshotVerifyCommand())
	return c
}

func newSnapshotInspectCommand() *cobra.Command {
	return newSnapshotReportCommand(&cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what an archive says of itself",
		Long: "Show what an archive says of itself. Only its beginning is read, and its length compared.\n" +
			"Ends with 0, 1 if the file cannot be read or is of another format, 3 if damage was found.",
	}, func(_ context.Context, path string) (snapshot.Report, error) { return snapshot.Inspect(path) })
}

func newSnapshotVerifyCommand() *cobra.Command {
	var tempDir string
	c := newSnapshotReportCommand(&cobra.Command{
		Use:   "verify FILE",
		Short: "Prove an archive: every byte, every point and the digest",
		Long: "Prove an archive: every byte of it, FILE.checksum if there is one, and every point, whose hashes and digest\n" +
			"are computed anew. The archive is unpacked into a temporary directory, which needs as much room as FILE.\n" +
			"Ends with 0 if all is right, 1 if that cannot be found out, 3 if damage was found.",
	}, func(ctx context.Context, path string) (snapshot.Report, error) {
		return snapshot.VerifyFile(ctx, path, tempDir)
	})
	c.Flags().StringVar(&tempDir, "temp-dir", os.TempDir(), "where to unpack")
	return c
}

func newSnapshotReportCommand(c *cobra.Command, examine func(context.Context, string) (snapshot.Report, error)) *cobra.Command {
	var output outputFlag
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		report, err := examine(c.Context(), args[0])
		if snapshot.IsDamage(err) {
			return &exitError{exitDamage, fmt.Errorf("%s: %w", args[0], err)}
		}
		if err != nil {
			return err
		}
		if output.json() {
			return printJSON(c.OutOrStdout(), report)
		}
		return showSnapshot(c.OutOrStdout(), report)
	}
	output.register(c.Flags())
	return c
}

func showSnapshot(w io.Writer, r snapshot.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	m := r.Manifest
	fmt.Fprintf(t, "collection\t%q\n", m.Collection)
	fmt.Fprintf(t, "lineage\t%s\n", m.Lineage)
	fmt.Fprintf(t, "position\t%d, of %s\n", m.Position, m.EventTime.Format(time.RFC3339))
	fmt.Fprintf(t, "points\t%d, digest %s\n", m.Count, m.Digest)
	fmt.Fprintf(t, "archive\t%d bytes, format %d, written by Tidemark %s\n", r.Size, m.Format, m.Version)
	if r.SHA256 != "" {
		fmt.Fprintf(t, "verified\tevery byte and every point\n")
		fmt.Fprintf(t, "sha256\t%s\n", r.SHA256)
	}
	if m.Description != "" {
		fmt.Fprintf(t, "description\t%q\n", m.Description)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Labels)) {
		fmt.Fprintf(t, "label\t%q = %q\n", key, m.Labels[key])
	}
	fmt.Fprintln(t, "\nKIND\tBYTES\tNAME")
	for _, f := range m.Files {
		fmt.Fprintf(t, "%s\t%d\t%s\n", f.Kind, f.Size, f.Name)
	}
	return t.Flush()
}
