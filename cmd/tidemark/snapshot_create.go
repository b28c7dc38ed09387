package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
)

func (a *app) newSnapshotCreateCommand(r *remote) *cobra.Command {
	var (
		t      target
		output outputFlag
		wait   waiting
		notes  client.Notes
		labels []string
		dry    bool
	)
	c := flagged(&cobra.Command{
		Use:   "create {COLLECTION | --all}",
		Short: "Take a snapshot",
		Long:  "Take a snapshot of a collection, or of the whole storage at one instant, and print its name and what is in it.",
		Args:  t.args(),
	}, &t, &output)
	wait.register(c)
	c.Flags().StringVar(&notes.Description, "description", "", "kept in the snapshot and shown in lists")
	c.Flags().StringArrayVar(&labels, "label", nil, "`NAME=VALUE`, kept in the snapshot and shown in lists; may be repeated")
	c.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be done")
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		var err error
		if notes.Labels, err = pairs("label", labels); err != nil {
			return err
		}
		place, _ := t.split(args)
		if dry {
			plan, err := server.PlanCreate(ctx, place, notes)
			return showPlan(c, plan, err, output)
		}
		id, err := server.Create(ctx, place, notes)
		if err != nil {
			return err
		}
		if wait.not {
			return printJob(c, id, output)
		}
		job, err := follow(ctx, c, server, id)
		if err != nil {
			return err
		}
		return showCreated(ctx, c, server, place, job.Snapshot, output)
	})
	a.completeWith(c, r, &t, completesCollection)
	return c
}

// pairs takes values of the form NAME=VALUE apart.
func pairs(flag string, values []string) (map[string]string, error) {
	var m map[string]string
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, usage(fmt.Errorf("--%s %q is no NAME=VALUE", flag, v))
		}
		if _, twice := m[name]; twice {
			return nil, usage(fmt.Errorf("--%s %s is given twice", flag, name))
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[name] = value
	}
	return m, nil
}

// showCreated prints a snapshot that was just made.
func showCreated(ctx context.Context, c *cobra.Command, server *client.Client, p client.Place, name string, output outputFlag) error {
	s, err := server.Find(ctx, p, name)
	if errors.Is(err, client.ErrNoSnapshot) {
		return try(fmt.Errorf("snapshot %s was made and is not there any more", name), "who deleted it? 'tidemark snapshot list "+inArgs(p)+"'")
	}
	if err != nil {
		return fmt.Errorf("snapshot %s was made; look at it: %w", name, err)
	}
	return showStored(c.OutOrStdout(), s, output)
}
