package main

import (
	"context"
	"io"

	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// snapshotAPI shows a snapshot manager to the REST transport.
type snapshotAPI struct {
	manager *snapshot.Manager
	// keep is what becomes of uploads of which the client says nothing.
	keep bool
}

var _ rest.Snapshots = snapshotAPI{}

// List implements rest.Snapshots.
func (a snapshotAPI) List(ctx context.Context, collection string) ([]rest.SnapshotDescription, error) {
	list, err := a.manager.Describe(ctx, collection)
	if err != nil {
		return nil, err
	}
	out := make([]rest.SnapshotDescription, len(list))
	for i, d := range list {
		out[i] = describe(d.Info)
		out[i].Content = content(d.Manifest)
		for _, r := range d.Receipts {
			out[i].Verified = append(out[i].Verified, receipt(r))
		}
	}
	return out, nil
}

func describe(info blob.Info) rest.SnapshotDescription {
	return rest.SnapshotDescription{Name: info.Name, Created: info.Created, Size: info.Size, Checksum: info.SHA256}
}

// begun shows a job whose result a client sees as show makes it.
func begun[T, U any](job *snapshot.Job[T], show func(T) U) rest.Begun[U] {
	return rest.Begun[U]{ID: job.ID.String(), Wait: func(ctx context.Context) (U, error) {
		result, err := job.Wait(ctx)
		return show(result), err
	}}
}

// Create implements rest.Snapshots.
func (a snapshotAPI) Create(collection string, notes rest.SnapshotNotes) (rest.Begun[rest.SnapshotDescription], error) {
	job, err := a.manager.StartCreate(collection, snapshot.CreateOptions(notes))
	if err != nil {
		return rest.Begun[rest.SnapshotDescription]{}, err
	}
	return begun(job, describe), nil
}

// PlanCreate implements rest.Snapshots.
func (a snapshotAPI) PlanCreate(ctx context.Context, collection string, notes rest.SnapshotNotes) (rest.SnapshotPlan, error) {
	p, err := a.manager.PlanCreate(ctx, collection, snapshot.CreateOptions(notes))
	return describePlan(p), err
}

// PlanRecover implements rest.Snapshots.
func (a snapshotAPI) PlanRecover(ctx context.Context, collection string, from rest.SnapshotSource) (rest.SnapshotPlan, error) {
	p, err := a.manager.PlanRestore(ctx, collection, source(from))
	return describePlan(p), err
}

func source(from rest.SnapshotSource) snapshot.Source {
	return snapshot.Source{Location: from.Location, Checksum: from.Checksum, APIKey: from.APIKey}
}

func describePlan(p snapshot.Plan) rest.SnapshotPlan {
	out := rest.SnapshotPlan{
		Operation: string(p.Kind), Collection: p.Collection, Source: content(p.Archive), Position: p.Position, Files: p.Files,
		Bytes: p.Bytes, Needed: p.Needed, Free: p.Free, Reuses: p.Reuses, Took: p.Took,
	}
	if r := p.Replaces; r != nil {
		out.Replaces = &rest.SnapshotReplaced{
			Damaged: r.Damaged, Position: r.Position, Points: r.Points,
			SameHistory: p.Archive != nil && r.Lineage == p.Archive.Lineage,
		}
	}
	return out
}

func content(m *archive.Manifest) *rest.SnapshotContent {
	if m == nil {
		return nil
	}
	return &rest.SnapshotContent{
		Collection: m.Collection, Position: m.Position, Points: m.Count, EventTime: m.EventTime, Format: m.Format,
		Version: m.Version, Description: m.Description, Labels: m.Labels,
	}
}

// Delete implements rest.Snapshots.
func (a snapshotAPI) Delete(ctx context.Context, collection, name string) error {
	return a.manager.Delete(ctx, collection, name)
}

// Open implements rest.Snapshots.
func (a snapshotAPI) Open(ctx context.Context, collection, name string) (rest.SnapshotFile, error) {
	o, err := a.manager.Open(ctx, collection, name)
	if err != nil {
		return rest.SnapshotFile{}, err
	}
	return rest.SnapshotFile{ReadSeekCloser: io.ReadSeekCloser(o), SnapshotDescription: describe(o.Info())}, nil
}

// DownloadURL implements rest.Snapshots.
func (a snapshotAPI) DownloadURL(ctx context.Context, collection, name string) (string, error) {
	return a.manager.DownloadURL(ctx, collection, name)
}

// Stream implements rest.Snapshots.
func (a snapshotAPI) Stream(ctx context.Context, collection string) (rest.SnapshotStream, rest.SnapshotDescription, error) {
	s, err := a.manager.Stream(ctx, collection)
	if err != nil {
		return nil, rest.SnapshotDescription{}, err
	}
	return s, rest.SnapshotDescription{Name: s.Name, Size: s.Size}, nil
}

// Recover implements rest.Snapshots.
func (a snapshotAPI) Recover(ctx context.Context, collection string, from rest.SnapshotSource) (rest.Begun[rest.SnapshotRestored], error) {
	job, err := a.manager.StartRestore(ctx, collection, source(from))
	if err != nil {
		return rest.Begun[rest.SnapshotRestored]{}, err
	}
	return begun(job, describeRestored), nil
}

// Upload implements rest.Snapshots.
func (a snapshotAPI) Upload(collection string, o rest.UploadOptions) (rest.Begun[rest.SnapshotRestored], rest.Receiver, error) {
	keep := a.keep
	if o.Keep != nil {
		keep = *o.Keep
	}
	upload, err := a.manager.StartUpload(collection, snapshot.UploadOptions{Checksum: o.Checksum, Name: o.Name, Keep: keep})
	if err != nil {
		return rest.Begun[rest.SnapshotRestored]{}, nil, err
	}
	return begun(upload.Job, describeRestored), upload, nil
}

func describeRestored(r snapshot.Restored) rest.SnapshotRestored { return rest.SnapshotRestored(r) }

// Undo implements rest.Snapshots.
func (a snapshotAPI) Undo(ctx context.Context, collection string, o rest.UndoOptions) (rest.Begun[rest.SnapshotUndone], error) {
	job, err := a.manager.StartUndo(ctx, collection, snapshot.UndoOptions(o))
	if err != nil {
		return rest.Begun[rest.SnapshotUndone]{}, err
	}
	return begun(job, describeUndone), nil
}

// PreviewUndo implements rest.Snapshots.
func (a snapshotAPI) PreviewUndo(ctx context.Context, collection string) (rest.SnapshotUndone, error) {
	u, err := a.manager.PreviewUndo(ctx, collection)
	return describeUndone(u), err
}

func describeUndone(u snapshot.Undone) rest.SnapshotUndone { return rest.SnapshotUndone(u) }

// Verify implements rest.Snapshots.
func (a snapshotAPI) Verify(collection, name, level string) (rest.Begun[rest.SnapshotReceipt], error) {
	l, err := snapshot.ParseLevel(level)
	if err != nil {
		return rest.Begun[rest.SnapshotReceipt]{}, err
	}
	job, err := a.manager.StartVerify(collection, name, l)
	if err != nil {
		return rest.Begun[rest.SnapshotReceipt]{}, err
	}
	return begun(job, receipt), nil
}

func receipt(r snapshot.Receipt) rest.SnapshotReceipt {
	return rest.SnapshotReceipt{Level: string(r.Level), At: r.At, Took: r.Took, Position: r.Position, Error: r.Error}
}

// Jobs implements rest.SnapshotJobs.
func (a snapshotAPI) Jobs() []rest.SnapshotJob {
	jobs := a.manager.Jobs()
	out := make([]rest.SnapshotJob, len(jobs))
	for i, j := range jobs {
		out[i] = describeJob(j)
	}
	return out
}

// Job implements rest.SnapshotJobs.
func (a snapshotAPI) Job(id string) (rest.SnapshotJob, error) {
	j, err := a.manager.JobStatus(id)
	return describeJob(j), err
}

// CancelJob implements rest.SnapshotJobs.
func (a snapshotAPI) CancelJob(ctx context.Context, id string) (rest.SnapshotJob, error) {
	j, err := a.manager.CancelJob(ctx, id)
	return describeJob(j), err
}

func describeJob(j snapshot.JobStatus) rest.SnapshotJob {
	return rest.SnapshotJob{
		ID: j.ID.String(), Operation: string(j.Kind), Collection: j.Collection, Source: j.Source, Snapshot: j.Snapshot,
		State: string(j.State), Phase: string(j.Phase), Done: j.Done, Total: j.Size, Rate: j.Rate, Remaining: j.Remaining,
		Position: j.Position, UndoUntil: j.UndoUntil, Error: j.Error, Started: j.Started, Ended: j.Ended,
	}
}
