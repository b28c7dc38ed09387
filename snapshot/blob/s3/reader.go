package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Reader reads objects of any bucket that the credentials may read, for a server
// that keeps its own snapshots elsewhere.
type Reader struct {
	place     // of no bucket
	transport *http.Transport
}

// OpenReader makes a Reader. Of the options those count that say how the server is
// reached. It asks the server for nothing.
func OpenReader(ctx context.Context, o Options) (*Reader, error) {
	o = o.withDefaults()
	if err := o.validateConnection(); err != nil {
		return nil, fmt.Errorf("read from S3: %w", err)
	}
	client, transport, err := newClient(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("read from S3: %w", err)
	}
	return &Reader{place{client: client}, transport}, nil
}

// Close gives connections back. No method may be in progress.
func (r *Reader) Close() error {
	r.transport.CloseIdleConnections()
	return nil
}

// GetFrom opens an object by its bucket and its key, as Get does those of the
// store. A bucket that is not there has no objects.
func (p place) GetFrom(ctx context.Context, bucket, object string) (blob.Object, error) {
	there := place{p.client, bucket}
	found, err := there.look(ctx, ref{object: object, name: path.Base(object)})
	if region := otherRegion(err); region != "" {
		return nil, errors.Join(fmt.Errorf("the bucket %s lies in region %s, not in %s", bucket, region, p.client.Options().Region), err)
	}
	if err != nil {
		return nil, err
	}
	if found.SHA256 == "" {
		found.SHA256, err = there.readChecksum(ctx, found.ref)
	}
	if err != nil && !errors.Is(err, blob.ErrDenied) { // the right to read the object alone will do
		return nil, err
	}
	return there.open(ctx, found), nil
}
