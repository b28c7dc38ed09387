package s3

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

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
	s.discardNote(ctx, r)
	return nil
}
