package snapshot

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Buckets are the buckets of S3 that the server's credentials may read.
type Buckets interface {
	// GetFrom opens an object by its bucket and its key, as the Get of a
	// blob.Store does.
	GetFrom(ctx context.Context, bucket, key string) (blob.Object, error)
}

// bucketOrigin opens an object of any bucket.
func (m *Manager) bucketOrigin(ctx context.Context, location *url.URL) (origin, error) {
	switch {
	case m.options.Buckets == nil:
		return nil, tidemark.Errorf(tidemark.BadRequest, "URL %s cannot be read: the server's configuration has no section s3_config", shownURL(location))
	case m.fetcher == nil:
		return nil, errURLsDisabled()
	}
	bucket, key, err := bucketAndKey(location)
	if err != nil {
		return nil, err
	}
	o, err := openStored(ctx, func(ctx context.Context) (blob.Object, error) { return m.options.Buckets.GetFrom(ctx, bucket, key) })
	switch {
	case err == nil:
		return o, nil
	case errors.Is(err, blob.ErrDenied):
		return nil, &tidemark.Error{Kind: tidemark.Forbidden, Err: err, Text: "the server may not read " + location.String()}
	}
	return nil, forObject(err, location.String())
}

// bucketAndKey reads s3://bucket/key. The key stands there as it is, as for the
// tools of S3: what looks percent-encoded belongs to it.
func bucketAndKey(location *url.URL) (bucket, key string, err error) {
	key = location.RawPath // what was written, unless its encoding is the usual one
	if key == "" {
		key = location.EscapedPath()
	}
	key = strings.TrimPrefix(key, "/")
	plain := location.User == nil && location.RawQuery == "" && !location.ForceQuery && location.Fragment == "" && location.Port() == ""
	if !plain || location.Host == "" || !strings.HasSuffix(key, blob.Suffix) {
		return "", "", tidemark.Errorf(tidemark.BadRequest, "Invalid snapshot URI %s, expected s3://bucket/key with a key that ends in %s", shownURL(location), blob.Suffix)
	}
	return location.Host, key, nil
}
