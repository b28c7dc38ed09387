package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
	"github.com/tidemark-db/tidemark/internal/progress"
	"github.com/tidemark-db/tidemark/snapshot"
)

// upload sends a file to be restored and returns the id of the job.
func (o *restore) upload(ctx context.Context, c *cobra.Command, server *client.Client, p client.Place, path string) (string, error) {
	f, size, err := openArchive(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // read only: nothing can be lost
	sum := o.checksum
	if sum == "" {
		if sum, err = checksumBeside(path); err != nil {
			return "", err
		}
	}
	meter := meterOf(c)
	id, err := server.Upload(ctx, p, client.Upload{
		Name: filepath.Base(path), Content: f, Size: size, Checksum: sum, Keep: o.keep,
		Watch: func(done int64) {
			meter.Show(progress.State{Phase: "upload", Done: done, Total: size, Left: -1})
		},
	})
	meter.End()
	if err != nil {
		return "", fmt.Errorf("send %s: %w", path, err)
	}
	return id, nil
}

func openArchive(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s %w", path, errNoFile)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// checksumBeside returns what the file beside an archive says, "" if there is none.
func checksumBeside(path string) (string, error) {
	content, err := os.ReadFile(path + snapshot.ChecksumSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the checksum: %w", err)
	}
	sum, _, _ := strings.Cut(strings.TrimSpace(string(content)), " ") // sha256sum adds the name
	return sum, nil
}

// plan tells what a restore would do. Of a file that would be sent the server
// knows nothing yet: it is looked at here.
func (o *restore) plan(ctx context.Context, server *client.Client, p client.Place, source string, local bool) (client.Plan, error) {
	if !local {
		return server.PlanRecover(ctx, p, o.source(source))
	}
	report, err := snapshot.Inspect(source)
	if snapshot.IsDamage(err) {
		return client.Plan{}, &exitError{exitDamage, fmt.Errorf("%s: %w", source, err)}
	}
	if err != nil {
		return client.Plan{}, err
	}
	if (report.Storage != nil) != (p.Collection == "") {
		return client.Plan{}, try(fmt.Errorf("%s is a snapshot of %s", source, kindOf(report)), "--all for a snapshot of the whole storage, COLLECTION for others")
	}
	if report.Storage != nil {
		return planStorage(report), nil
	}
	m := report.Manifest
	plan := client.Plan{
		Operation: "upload", Collection: p.Collection, Files: len(m.Files), Bytes: report.Size,
		Snapshot: &client.Content{
			Collection: m.Collection, Position: m.Position, Points: &m.Count, EventTime: m.EventTime.UTC().Format("2006-01-02T15:04:05Z07:00"),
			Format: m.Format, Version: m.Version, Description: m.Description, Labels: m.Labels,
		},
	}
	state, err := server.State(ctx, p.Collection)
	switch {
	case err == nil:
		plan.Replaces = &client.Replaced{Position: state.Position, Points: state.Points}
	case !isNotFound(err):
		return plan, err
	}
	return plan, nil
}

// kindOf says what an archive is of.
func kindOf(r snapshot.Report) string {
	if r.Storage != nil {
		return "the whole storage"
	}
	return fmt.Sprintf("collection %q", r.Manifest.Collection)
}

// planStorage describes an archive of a whole storage. What it would replace the
// server does not say before it has the archive.
func planStorage(r snapshot.Report) client.Plan {
	s := r.Storage
	plan := client.Plan{
		Operation: "upload", Bytes: r.Size,
		Snapshot: &client.Content{Format: s.Format, Version: s.Version, Description: s.Description, Labels: s.Labels},
	}
	for _, part := range s.Collections {
		plan.Collections = append(plan.Collections, client.Part{Collection: part.Collection, Position: part.Position, Points: part.Count})
	}
	for _, a := range s.Aliases {
		plan.Aliases = append(plan.Aliases, client.Alias{Alias: a.Alias, Collection: a.Collection})
	}
	return plan
}
