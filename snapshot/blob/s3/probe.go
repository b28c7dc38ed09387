package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// probeFolder is a folder that no collection can have, as a leading dot is
// encoded.
const probeFolder = ".tidemark/"

// probe puts an object as Put does, tries to overwrite it, lists, reads and deletes
// it. Its errors say what is wrong and what may help.
func (s *Store) probe(ctx context.Context) error {
	name := "probe-" + rand.Text() + blob.Suffix
	r := ref{object: s.folder("") + probeFolder + name, name: name}
	content := []byte("Tidemark tries out whether it can keep snapshots here: " + name)
	sum := sha256.Sum256(content)
	put := func() error {
		return s.upload(ctx, r, bytes.NewReader(content), int64(len(content)), hex.EncodeToString(sum[:]))
	}
	if err := put(); err != nil {
		return explain(s.options, "write", err)
	}
	err := s.tryOut(ctx, r)
	if removed := s.removeProbe(ctx, r); err == nil {
		err = removed
	}
	return err
}

// tryOut does everything with a probe but putting and deleting it.
func (s *Store) tryOut(ctx context.Context, r ref) error {
	f, err := s.head(ctx, r)
	if err != nil {
		return explain(s.options, "look at", err)
	}
	if f.token == "" || f.SHA256 == "" {
		return errors.New("the server does not keep the metadata of objects")
	}
	if _, err := io.Copy(io.Discard, s.open(ctx, f)); err != nil { // it compares the checksum
		return explain(s.options, "read", err)
	}
	if err := s.CheckRoom(ctx, 0); err != nil {
		return explain(s.options, "list", err)
	}
	return s.tryToOverwrite(ctx, r)
}

// tryToOverwrite completes an upload for the key of an object that is there, as two
// servers might that know nothing of each other. The condition alone must keep the
// server from it.
func (s *Store) tryToOverwrite(ctx context.Context, r ref) error {
	u := s.newUpload(r, "")
	defer u.close()
	defer u.abort(ctx)
	begun, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.options.Bucket, Key: &r.object})
	if err != nil {
		return explain(s.options, "overwrite", err)
	}
	u.began(begun.UploadId)
	part, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.options.Bucket, Key: &r.object, UploadId: &u.id, PartNumber: aws.Int32(1), Body: strings.NewReader("other"),
	})
	if err != nil {
		return explain(s.options, "overwrite", err)
	}
	_, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.options.Bucket, Key: &r.object, UploadId: &u.id, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}},
	})
	switch {
	case isTaken(err):
		return nil
	case err == nil:
		return errors.New("the server ignores the condition If-None-Match: *, without which snapshots are not safe from being overwritten; use a server that honours it")
	}
	return explain(s.options, "overwrite", err)
}

func (s *Store) removeProbe(ctx context.Context, r ref) error {
	ctx, cancel := own(ctx)
	defer cancel()
	for _, object := range []string{r.object, r.object + checksumSuffix} {
		if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.options.Bucket, Key: &object}); err != nil {
			return explain(s.options, "delete", err)
		}
	}
	if err := s.absent(ctx, r); err != nil {
		return fmt.Errorf("the probe was deleted and is still there: %w", err)
	}
	return nil
}
