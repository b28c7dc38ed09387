package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
	"github.com/tidemark-db/tidemark/internal/progress"
)

// downloaded is what `snapshot download -o json` prints.
type downloaded struct {
	File     string `json:"file"`
	Size     int64  `json:"size"`
	Checksum string `json:"checksum,omitempty"`
}

func (a *app) newSnapshotDownloadCommand(r *remote) *cobra.Command {
	var (
		t      target
		output outputFlag
		to     string
		force  bool
	)
	c := flagged(&cobra.Command{
		Use:   "download {COLLECTION | --all} NAME",
		Short: "Fetch a snapshot into a file",
		Long: "Fetch a snapshot into a file, which gets its name only when all of it has come and has the checksum that\n" +
			"the server told. What an interrupted download left beside it is used by the next one of the same snapshot.",
		Args: t.args("NAME"),
	}, &t, &output)
	c.Flags().StringVar(&to, "to", ".", "`PATH` of the file, or of the directory for it")
	c.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	c.RunE = a.withServer(r, func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error {
		place, more := t.split(args)
		s, err := findStored(ctx, server, place, more[0])
		if err != nil {
			return err
		}
		path, err := downloadPath(to, s.Name)
		if err != nil {
			return err
		}
		if err := download(ctx, c, server, place, client.Download{Snapshot: s, Path: path, Replace: force}); err != nil {
			return err
		}
		return showDownloaded(c, downloaded{path, s.Size, s.Checksum}, output)
	})
	a.completeWith(c, r, &t, completesCollection, completesSnapshot)
	return c
}

// downloadPath is where a snapshot is written. Its name comes from the server and
// must be one of a file.
func downloadPath(to, name string) (string, error) {
	if st, err := os.Stat(to); err != nil || !st.IsDir() {
		if strings.HasSuffix(to, string(filepath.Separator)) {
			return "", try(fmt.Errorf("there is no directory %s", to), "mkdir -p "+to)
		}
		return to, nil
	}
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", try(fmt.Errorf("the snapshot has a name that no file can have: %q", name), "--to FILE")
	}
	return filepath.Join(to, name), nil
}

func download(ctx context.Context, c *cobra.Command, server *client.Client, p client.Place, d client.Download) error {
	meter := meterOf(c)
	d.Watch = func(done int64) {
		meter.Show(progress.State{Phase: "download", Done: done, Total: d.Snapshot.Size, Left: -1})
	}
	err := server.Download(ctx, p, d)
	meter.End()
	switch {
	case errors.Is(err, client.ErrExists):
		return try(err, "--force to replace it, --to for another place")
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, try(errors.New("interrupted; what has come is kept"), "the same command again goes on where this one ended")}
	}
	return err
}

func showDownloaded(c *cobra.Command, d downloaded, output outputFlag) error {
	if output.json() {
		return printJSON(c.OutOrStdout(), d)
	}
	proof := "sha256 " + d.Checksum
	if d.Checksum == "" {
		proof = "the server knows no checksum; prove it with 'tidemark snapshot verify " + d.File + "'"
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes, %s\n", d.File, d.Size, proof)
	return err
}
