package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
)

func (a *app) newSnapshotUndoCommand(r *remote) *cobra.Command {
	var (
		output outputFlag
		dry    bool
		t      target
	)
	c := flagged(&cobra.Command{
		Use:   "undo COLLECTION",
		Short: "Bring back what a restore replaced",
		Long: "Bring back what a restore replaced, which the server keeps for a while. What is there now becomes the\n" +
			"previous state, so that a second undo undoes the first. --dry-run shows which writes would be set aside.",
		Args: t.args(),
	}, &output)
	c.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be done")
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		preview, err := server.PreviewUndo(ctx, args[0])
		if isNotFound(err) {
			return try(err, "'tidemark snapshot list "+args[0]+"' for a snapshot to restore")
		}
		if err != nil {
			return err
		}
		if dry {
			return showUndone(c, undone{Undone: preview}, output)
		}
		return undo(ctx, c, server, args[0], preview, output)
	})
	a.completeWith(c, r, &t, completesCollection)
	return c
}

// undo brings back exactly the state that the preview named.
func undo(ctx context.Context, c *cobra.Command, server *client.Client, collection string, preview client.Undone, output outputFlag) error {
	if preview.Previous == nil {
		return try(errors.New("the server does not say which state it would bring back"), "the same command again")
	}
	id, err := server.Undo(ctx, collection, preview.Previous.ID)
	if err != nil {
		return err
	}
	result := undone{Undone: preview}
	job, err := follow(ctx, c, server, id)
	if err != nil {
		return err
	}
	result.Job = &job
	// It succeeded, whether or not the server says more.
	if state, err := server.State(ctx, collection); err == nil {
		result.State = &state
	}
	return showUndone(c, result, output)
}

// undone is what `snapshot undo -o json` prints: what the server said before, and,
// but for a dry run, what became of it.
type undone struct {
	client.Undone
	Job   *client.Job   `json:"job,omitempty"`
	State *client.State `json:"state,omitempty"`
}

func showUndone(c *cobra.Command, u undone, output outputFlag) error {
	if output.json() {
		return printJSON(c.OutOrStdout(), u)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	if u.Job == nil {
		fmt.Fprintf(t, "would\tundo, nothing was done\n")
		fmt.Fprintf(t, "collection\t%q\n", u.Collection)
		if p := u.Previous; p != nil {
			fmt.Fprintf(t, "brings back\t%s points at position %s, kept until %s\n", points(p.Points), counted(p.Position), utc(p.Until))
		}
	} else {
		fmt.Fprintf(t, "undone\tcollection %q\n", u.Collection)
	}
	if s := u.State; s != nil {
		fmt.Fprintf(t, "now\t%d points at position %d, digest %s\n", s.Points, s.Position, clean(s.Digest))
	}
	fmt.Fprintf(t, "set aside\t%s\n", setAside(u.SetAside))
	if ids := u.SetAside.IDs; len(ids) > 0 {
		fmt.Fprintf(t, "of points\t%s\n", someIDs(u.SetAside))
	}
	if j := u.Job; j != nil && j.UndoUntil != "" {
		fmt.Fprintf(t, "undo it\tuntil %s: tidemark snapshot undo %s\n", utc(j.UndoUntil), u.Collection)
	}
	return t.Flush()
}

func setAside(s client.SetAside) string {
	if s.Writes == 0 {
		return "no writes"
	}
	text := fmt.Sprintf("%d writes", s.Writes)
	if s.Through > 0 {
		text += fmt.Sprintf(" after position %d, through %d", s.After, s.Through)
	}
	return text
}

// someIDs shows the first few points.
func someIDs(s client.SetAside) string {
	const most = 10
	var ids []string
	for _, id := range s.IDs[:min(len(s.IDs), most)] {
		ids = append(ids, clean(string(id)))
	}
	text := strings.Join(ids, " ")
	if len(s.IDs) > most {
		text += " … (-o json shows more)"
	}
	return text
}
