package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
)

func (a *app) newSnapshotListCommand(r *remote) *cobra.Command {
	var (
		t      target
		output outputFlag
	)
	c := flagged(&cobra.Command{
		Use:   "list {COLLECTION | --all}",
		Short: "List stored snapshots and what they say of themselves",
		Args:  t.args(),
	}, &t, &output)
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		place, _ := t.split(args)
		list, err := server.List(ctx, place)
		if err != nil {
			return err
		}
		if output.json() {
			return printJSON(c.OutOrStdout(), append([]client.Snapshot{}, list...))
		}
		return showSnapshots(c.OutOrStdout(), list)
	})
	a.completeWith(c, r, &t, completesCollection)
	return c
}

func showSnapshots(w io.Writer, list []client.Snapshot) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tCREATED\tBYTES\tPOSITION\tPOINTS\tVERIFIED\tDESCRIPTION")
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", clean(s.Name), utc(s.Created), s.Size,
			counted(s.Position), points(s.Points), verdict(s.Verified), clean(s.Description))
	}
	return t.Flush()
}

// points shows a number that may not be known.
func points(n *uint64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// verdict tells the outcome of the last verification.
func verdict(receipts []client.Receipt) string {
	var last *client.Receipt
	for i := range receipts {
		if r := &receipts[i]; last == nil || r.At >= last.At {
			last = r
		}
	}
	switch {
	case last == nil:
		return "-"
	case last.Error != "":
		return last.Level + ": DAMAGED"
	}
	return last.Level + ": ok"
}

func (a *app) newSnapshotDeleteCommand(r *remote) *cobra.Command {
	var (
		t      target
		output outputFlag
	)
	c := flagged(&cobra.Command{
		Use:   "delete {COLLECTION | --all} NAME",
		Short: "Delete a stored snapshot",
		Args:  t.args("NAME"),
	}, &t, &output)
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		place, more := t.split(args)
		if err := server.Delete(ctx, place, more[0]); err != nil {
			return err
		}
		if output.json() {
			return printJSON(c.OutOrStdout(), map[string]string{"deleted": more[0]})
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "deleted %s\n", more[0])
		return err
	})
	a.completeWith(c, r, &t, completesCollection, completesSnapshot)
	return c
}

// findStored finds a snapshot by name, with advice if there is none.
func findStored(ctx context.Context, server *client.Client, p client.Place, name string) (client.Snapshot, error) {
	s, err := server.Find(ctx, p, name)
	if errors.Is(err, client.ErrNoSnapshot) {
		return s, try(fmt.Errorf("%s has no snapshot %s", inWords(p), name), "'tidemark snapshot list "+inArgs(p)+"' shows what is there")
	}
	return s, err
}
