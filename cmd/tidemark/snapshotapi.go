package main

import (
	"context"
	"io"

	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// snapshotAPI shows a snapshot manager to the REST transport.
type snapshotAPI struct{ manager *snapshot.Manager }

var _ rest.Snapshots = snapshotAPI{}

// List implements rest.Snapshots.
func (a snapshotAPI) List(ctx context.Context, collection string) ([]rest.SnapshotDescription, error) {
	list, err := a.manager.List(ctx, collection)
	if err != nil {
		return nil, err
	}
	out := make([]rest.SnapshotDescription, len(list))
	for i, info := range list {
		out[i] = describe(info)
	}
	return out, nil
}

func describe(info blob.Info) rest.SnapshotDescription {
	return rest.SnapshotDescription{Name: info.Name, Created: info.Created, Size: info.Size, Checksum: info.SHA256}
}

// Create implements rest.Snapshots.
func (a snapshotAPI) Create(collection string) (func(context.Context) (rest.SnapshotDescription, error), error) {
	job, err := a.manager.StartCreate(collection, snapshot.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (rest.SnapshotDescription, error) {
		info, err := job.Wait(ctx)
		return describe(info), err
	}, nil
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

// Recover implements rest.Snapshots.
func (a snapshotAPI) Recover(collection string, from rest.SnapshotSource) (func(context.Context) error, error) {
	job, err := a.manager.StartRestore(collection, snapshot.Source{Location: from.Location, Checksum: from.Checksum})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := job.Wait(ctx)
		return err
	}, nil
}
