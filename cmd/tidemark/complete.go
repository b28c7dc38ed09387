package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
)

// completes returns what may stand in the place of an argument; args are those
// before it.
type completes func(ctx context.Context, server *client.Client, args []string) ([]string, cobra.ShellCompDirective)

// completeWith lets the shell complete the arguments of a command, each with one
// of by. With --all there is no collection, which is then left out.
func (a *app) completeWith(c *cobra.Command, r *remote, t *target, by ...completes) {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		by := by
		if t != nil && t.all {
			by = by[1:]
		}
		if len(args) >= len(by) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		server, err := r.connect(a.environ)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer server.Close()
		const patience = 2 * time.Second // somebody waits at the prompt
		ctx, cancel := context.WithTimeout(c.Context(), patience)
		defer cancel()
		return by[len(args)](ctx, server, args)
	}
}

func completesCollection(ctx context.Context, server *client.Client, _ []string) ([]string, cobra.ShellCompDirective) {
	names, err := server.Collections(ctx)
	return completed(names, err)
}

// completesFileOrCollection offers collections, and files as well.
func completesFileOrCollection(ctx context.Context, server *client.Client, args []string) ([]string, cobra.ShellCompDirective) {
	names, directive := completesCollection(ctx, server, args)
	if directive == cobra.ShellCompDirectiveError {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return names, cobra.ShellCompDirectiveDefault
}

func completesSnapshot(ctx context.Context, server *client.Client, args []string) ([]string, cobra.ShellCompDirective) {
	var place client.Place
	if len(args) > 0 {
		place.Collection = args[0]
	}
	list, err := server.List(ctx, place)
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return completed(names, err)
}

func completesJob(ctx context.Context, server *client.Client, _ []string) ([]string, cobra.ShellCompDirective) {
	jobs, err := server.Jobs(ctx)
	ids := make([]string, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID + "\t" + j.Operation + " " + j.Collection + " " + j.State
	}
	return completed(ids, err)
}

func completed(names []string, err error) ([]string, cobra.ShellCompDirective) {
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
