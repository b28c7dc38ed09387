package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// found is an object that is there.
type found struct {
	blob.Info
	ref
	etag  string // with its quotes; it changes with the content
	token string // of the upload that made it, empty if that was not ours
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key blob.Key) (blob.Info, error) {
	if validate(key) != nil {
		return blob.Info{}, notFound(key.Name)
	}
	found, err := s.head(ctx, s.ref(key))
	return found.Info, err
}

// Get implements blob.Store. Bytes are asked for when they are read.
func (s *Store) Get(ctx context.Context, key blob.Key) (blob.Object, error) {
	if validate(key) != nil {
		return nil, notFound(key.Name)
	}
	found, err := s.head(ctx, s.ref(key))
	if err != nil {
		return nil, err
	}
	return s.open(ctx, found), nil
}

// head looks at an object.
func (s *Store) head(ctx context.Context, r ref) (found, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.options.Bucket, Key: &r.object})
	if isMissing(err) {
		return found{}, notFound(r.name)
	}
	if err != nil {
		return found{}, wrap("look at a snapshot", err)
	}
	f := found{
		Info: blob.Info{
			Name: r.name, Size: aws.ToInt64(out.ContentLength), SHA256: parseSum(out.Metadata[metaSum]),
			// A listing has fractions of a second, a header has none.
			Created: aws.ToTime(out.LastModified).UTC().Truncate(time.Second),
		},
		ref: r, etag: aws.ToString(out.ETag), token: out.Metadata[metaToken],
	}
	if f.SHA256 == "" {
		f.SHA256, err = s.readChecksum(ctx, r)
	}
	return f, err
}

// readChecksum reads the checksum object of an object that somebody else put into
// its place. What is not in our form is not one.
func (s *Store) readChecksum(ctx context.Context, r ref) (string, error) {
	object := r.object + checksumSuffix
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.options.Bucket, Key: &object})
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

// parseSum returns a checksum in lower case, or nothing if it is none.
func parseSum(text string) string {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return ""
	}
	return hex.EncodeToString(raw)
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key blob.Key) error {
	if validate(key) != nil {
		return notFound(key.Name)
	}
	r := s.ref(key)
	unlock, err := s.commits.lock(ctx, r.object)
	if err != nil {
		return fmt.Errorf("delete snapshot: %w", err)
	}
	defer unlock()
	if _, err := s.head(ctx, r); err != nil {
		return err
	}
	if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.options.Bucket, Key: &r.object}); err != nil {
		return wrap("delete snapshot", err)
	}
	s.discard(ctx, r.object+checksumSuffix)
	return nil
}
