package s3

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// place is a bucket from which objects are read.
type place struct {
	client *s3.Client
	bucket string
}

// found is an object that is there.
type found struct {
	blob.Info
	ref
	etag  string // with its quotes; it changes with the content
	token string // of the upload that made it, empty if that was not ours
}

// head looks at an object, and at its checksum object if its metadata do not tell
// its checksum.
func (p place) head(ctx context.Context, r ref) (found, error) {
	f, err := p.look(ctx, r)
	if err == nil && f.SHA256 == "" {
		f.SHA256, err = p.readChecksum(ctx, r)
	}
	return f, err
}

// look looks at an object alone.
func (p place) look(ctx context.Context, r ref) (found, error) {
	out, err := p.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.bucket, Key: &r.object})
	if isMissing(err) {
		return found{}, notFound(r.name)
	}
	if err != nil {
		return found{}, wrap("look at a snapshot", err)
	}
	return found{
		Info: blob.Info{
			Name: r.name, Size: aws.ToInt64(out.ContentLength), SHA256: parseSum(out.Metadata[metaSum]), Version: aws.ToString(out.ETag),
			// A listing has fractions of a second, a header has none.
			Created: aws.ToTime(out.LastModified).UTC().Truncate(time.Second),
		},
		ref: r, etag: aws.ToString(out.ETag), token: out.Metadata[metaToken],
	}, nil
}

// readChecksum reads the checksum object of an object that somebody else put into
// its place. What is not in our form is not one.
func (p place) readChecksum(ctx context.Context, r ref) (string, error) {
	object := r.object + checksumSuffix
	out, err := p.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.bucket, Key: &object})
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", wrap("read the checksum of a snapshot", err)
	}
	text, err := io.ReadAll(io.LimitReader(out.Body, 66)) // with an end of line, and one byte too many
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return "", wrap("read the checksum of a snapshot", err)
	}
	return parseSum(strings.TrimSuffix(string(text), "\n")), nil
}
