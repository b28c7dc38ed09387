package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidemark-db/tidemark/internal/client"
)

// envSourceKey is the environment of --source-api-key.
const envSourceKey = "TIDEMARK_SOURCE_API_KEY"

// restore is a restore as the command line asks for it.
type restore struct {
	checksum, sourceKey string
	keep, dry           bool

	// Of the whole storage: what of it, and under which names.
	collections, renames []string
	rename               map[string]string
}

func (o *restore) register(set *pflag.FlagSet) {
	set.StringVar(&o.checksum, "checksum", "", "sha256 that the archive must have; of a FILE by default what FILE.checksum says, if there is one")
	set.StringVar(&o.sourceKey, "source-api-key", "", "`key` that the server sends to the URL it fetches from (better: "+envSourceKey+")")
	set.BoolVar(&o.keep, "keep-uploaded", false, "keep an uploaded file as a stored snapshot")
	set.BoolVar(&o.dry, "dry-run", false, "only tell what would be done")
	set.StringArrayVar(&o.collections, "collection", nil, "with --all: only this `COLLECTION` of the snapshot; may be repeated")
	set.StringArrayVar(&o.renames, "rename", nil, "with --all: `OLD=NEW`, restore a collection or alias under another name; may be repeated")
}

// check completes the options and refuses those that would have no effect.
func (o *restore) check(environ []string, all, local bool) (err error) {
	if o.sourceKey == "" {
		o.sourceKey = environment(environ, envSourceKey)
	}
	if o.rename, err = pairs("rename", o.renames); err != nil {
		return err
	}
	some := len(o.collections) > 0 || len(o.rename) > 0
	switch {
	case some && !all:
		return usage(errors.New("--collection and --rename need --all"))
	case some && local:
		return usage(try(errors.New("--collection and --rename cannot be had with a file that is sent"),
			"a file below the snapshots directory of the server as file:///…, or a stored snapshot"))
	}
	return noneEmptyOf("--collection", o.collections)
}

func noneEmptyOf(flag string, values []string) error {
	if noneEmpty(values) != nil {
		return usage(fmt.Errorf("%s is empty", flag))
	}
	return nil
}

func (a *app) newSnapshotRestoreCommand(r *remote) *cobra.Command {
	var (
		t      target
		output outputFlag
		wait   waiting
		o      restore
	)
	c := flagged(&cobra.Command{
		Use:   "restore {COLLECTION | --all} SOURCE",
		Short: "Replace a collection by a snapshot, or create it from one",
		Long: "Replace a collection by a snapshot, or create it from one. The whole archive is proven before anything is\n" +
			"replaced, in one step; after a failure everything is as it was. --dry-run tells what would be replaced.\n" +
			"With --all the collections and aliases of a snapshot of the whole storage, all of them or none.\n\n" +
			"SOURCE is one of\n" +
			"  /PATH, ./PATH or ../PATH   a file of this machine, which is sent to the server\n" +
			"  https://…, http://…        fetched by the server, with --source-api-key\n" +
			"  file:///…                  a file of the server below its snapshots directory\n" +
			"  NAME, OTHER/NAME           a stored snapshot of the collection, or of another one; NAME ends in .snapshot",
		Args: t.args("SOURCE"),
	}, &t, &output, &o)
	wait.register(c)
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		place, more := t.split(args)
		local, err := isLocal(more[0])
		if err == nil {
			err = o.check(a.environ, t.all, local)
		}
		if err != nil {
			return err
		}
		return o.run(ctx, c, server, place, more[0], local, wait, output)
	})
	a.completeWith(c, r, &t, completesCollection, completesSnapshot)
	return c
}

func (o *restore) run(ctx context.Context, c *cobra.Command, server *client.Client, p client.Place, source string, local bool, wait waiting, output outputFlag) (err error) {
	if o.dry {
		plan, err := o.plan(ctx, server, p, source, local)
		return showPlan(c, plan, adviseSource(err, source), output)
	}
	var id string
	if local {
		id, err = o.upload(ctx, c, server, p, source)
	} else {
		id, err = server.Recover(ctx, p, o.source(source))
	}
	if err != nil {
		return adviseSource(err, source)
	}
	if wait.not {
		return printJob(c, id, output)
	}
	job, err := follow(ctx, c, server, id)
	if err != nil {
		return adviseSource(err, source)
	}
	return showRestored(ctx, c, server, p, job, output)
}

func (o *restore) source(location string) client.Source {
	return client.Source{
		Location: location, Checksum: o.checksum, APIKey: o.sourceKey, Collections: o.collections, Rename: o.rename,
	}
}

// isLocal reports whether a source is a file of this machine. Whether there is one
// does not matter: what a command means must not depend on what lies around.
func isLocal(source string) (bool, error) {
	switch {
	case strings.HasPrefix(source, "/"), strings.HasPrefix(source, "./"), strings.HasPrefix(source, "../"):
		return true, nil
	case strings.Contains(source, "://"), strings.HasSuffix(source, ".snapshot"):
		return false, nil
	}
	return false, usage(try(fmt.Errorf("SOURCE %q is neither a path that begins with / or ./ nor a URL nor the name of a snapshot, which ends in .snapshot", source),
		"./"+source+" if a file of this machine is meant"))
}

// adviseSource points at a file of this machine if a stored snapshot of its name
// is not there.
func adviseSource(err error, source string) error {
	if err == nil || strings.Contains(source, "://") || strings.HasPrefix(source, ".") {
		return err
	}
	if _, serr := os.Stat(source); serr == nil && !strings.HasPrefix(source, "/") {
		return try(err, "./"+source+" to send the file of this machine; without ./ it is the name of a stored snapshot")
	}
	return err
}

// restored is what `snapshot restore -o json` prints.
type restored struct {
	Job client.Job `json:"job"`
	// State is that of the collection now, if it could be asked for.
	State *client.State `json:"state,omitempty"`
}

func showRestored(ctx context.Context, c *cobra.Command, server *client.Client, p client.Place, job client.Job, output outputFlag) error {
	result := restored{Job: job}
	if p.Collection != "" {
		// It succeeded, whether or not the server says more.
		if state, err := server.State(ctx, p.Collection); err == nil {
			result.State = &state
		}
	}
	if output.json() {
		return printJSON(c.OutOrStdout(), result)
	}
	text := "restored " + inWords(p)
	if job.Position > 0 {
		text += fmt.Sprintf(" to the state at position %d", job.Position)
	}
	if s := result.State; s != nil {
		text += fmt.Sprintf(": %d points, now at position %d, digest %s", s.Points, s.Position, clean(s.Digest))
	}
	text += "\n" + undoHint(p, job)
	_, err := io.WriteString(c.OutOrStdout(), text)
	return err
}

// undoHint says how a restore can be undone, if it can.
func undoHint(p client.Place, job client.Job) string {
	if job.UndoUntil == "" {
		return ""
	}
	name := p.Collection
	if name == "" {
		name = "COLLECTION"
	}
	return fmt.Sprintf("what it replaced is kept until %s: tidemark snapshot undo %s\n", utc(job.UndoUntil), name)
}

// errNoFile says that a source is not a file.
var errNoFile = errors.New("is not a file")
