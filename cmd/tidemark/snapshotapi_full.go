package main

import (
	"context"
	"io"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// ListFull implements rest.FullSnapshots.
func (a snapshotAPI) ListFull(ctx context.Context) ([]rest.FullSnapshot, error) {
	list, err := a.manager.DescribeFull(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]rest.FullSnapshot, len(list))
	for i, d := range list {
		out[i] = rest.FullSnapshot{SnapshotDescription: describe(d.Info), Storage: fullContent(d.Storage)}
		for _, r := range d.Receipts {
			out[i].Verified = append(out[i].Verified, receipt(r))
		}
	}
	return out, nil
}

func fullContent(s *archive.Storage) *rest.FullContent {
	if s == nil {
		return nil
	}
	out := &rest.FullContent{Format: s.Format, Version: s.Version, Description: s.Description, Labels: s.Labels}
	for _, p := range s.Collections {
		out.Collections = append(out.Collections, rest.FullPart{Collection: p.Collection, Position: p.Position, Points: p.Count})
	}
	for _, alias := range s.Aliases {
		out.Aliases = append(out.Aliases, tidemark.Alias{Name: alias.Alias, Collection: alias.Collection})
	}
	return out
}

// CreateFull implements rest.FullSnapshots.
func (a snapshotAPI) CreateFull(notes rest.SnapshotNotes) (rest.Begun[rest.SnapshotDescription], error) {
	job, err := a.manager.StartCreateFull(snapshot.CreateOptions(notes))
	if err != nil {
		return rest.Begun[rest.SnapshotDescription]{}, err
	}
	return begun(job, describe), nil
}

// PlanCreateFull implements rest.FullSnapshots.
func (a snapshotAPI) PlanCreateFull(ctx context.Context, notes rest.SnapshotNotes) (rest.FullPlan, error) {
	p, err := a.manager.PlanCreateFull(ctx, snapshot.CreateOptions(notes))
	return describeFullPlan(p), err
}

// PlanRecoverFull implements rest.FullSnapshots.
func (a snapshotAPI) PlanRecoverFull(ctx context.Context, from rest.FullSource) (rest.FullPlan, error) {
	p, err := a.manager.PlanRestoreFull(ctx, source(from.SnapshotSource), fullOptions(from))
	return describeFullPlan(p), err
}

func fullOptions(from rest.FullSource) snapshot.FullOptions {
	return snapshot.FullOptions{Collections: from.Collections, Rename: from.Rename}
}

func describeFullPlan(p snapshot.FullPlan) rest.FullPlan {
	out := rest.FullPlan{
		Operation: string(p.Kind), Source: fullContent(p.Storage), Bytes: p.Bytes, Needed: p.Needed, Free: p.Free, Aliases: p.Aliases, Took: p.Took,
	}
	for _, c := range p.Collections {
		part := rest.FullPlanPart{FullPart: rest.FullPart{Collection: c.Collection, Position: c.Position, Points: c.Points}, Bytes: c.Bytes, Name: c.Name}
		if r := c.Replaces; r != nil {
			part.Replaces = &rest.SnapshotReplaced{Damaged: r.Damaged, Position: r.Position, Points: r.Points, SameHistory: c.SameHistory}
		}
		out.Collections = append(out.Collections, part)
	}
	return out
}

// DeleteFull implements rest.FullSnapshots.
func (a snapshotAPI) DeleteFull(ctx context.Context, name string) error {
	return a.manager.DeleteFull(ctx, name)
}

// OpenFull implements rest.FullSnapshots.
func (a snapshotAPI) OpenFull(ctx context.Context, name string) (rest.SnapshotFile, error) {
	o, err := a.manager.OpenFull(ctx, name)
	if err != nil {
		return rest.SnapshotFile{}, err
	}
	return rest.SnapshotFile{ReadSeekCloser: io.ReadSeekCloser(o), SnapshotDescription: describe(o.Info())}, nil
}

// RecoverFull implements rest.FullSnapshots.
func (a snapshotAPI) RecoverFull(ctx context.Context, from rest.FullSource) (rest.Begun[struct{}], error) {
	job, err := a.manager.StartRestoreFull(ctx, source(from.SnapshotSource), fullOptions(from))
	if err != nil {
		return rest.Begun[struct{}]{}, err
	}
	return begun(job, nothing), nil
}

// UploadFull implements rest.FullSnapshots.
func (a snapshotAPI) UploadFull(o rest.UploadOptions) (rest.Begun[struct{}], rest.Receiver, error) {
	keep := a.keep
	if o.Keep != nil {
		keep = *o.Keep
	}
	upload, err := a.manager.StartUploadFull(snapshot.UploadOptions{Checksum: o.Checksum, Name: o.Name, Keep: keep})
	if err != nil {
		return rest.Begun[struct{}]{}, nil, err
	}
	return begun(upload.Job, nothing), upload, nil
}

// VerifyFull implements rest.FullSnapshots.
func (a snapshotAPI) VerifyFull(name, level string) (rest.Begun[rest.SnapshotReceipt], error) {
	l, err := snapshot.ParseLevel(level)
	if err != nil {
		return rest.Begun[rest.SnapshotReceipt]{}, err
	}
	job, err := a.manager.StartVerifyFull(name, l)
	if err != nil {
		return rest.Begun[rest.SnapshotReceipt]{}, err
	}
	return begun(job, receipt), nil
}

// nothing is the result of a job that has none.
func nothing(struct{}) struct{} { return struct{}{} }
