package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// The keys of an object's metadata.
const (
	metaSum   = "sha256" // of the content, 64 hex digits
	metaToken = "upload" // of the upload that made the object
)

// upload is an object on its way. It is committed once, or aborted.
type upload struct {
	*Store
	ref
	sum   string
	token string // random: it tells our object from an equal one of somebody else
	id    string // the server's name of a multipart upload, empty until there is one
	over  bool   // the server knows the upload no more
	err   error  // what became of the commit
}

func (s *Store) newUpload(r ref, sum string) *upload {
	return &upload{Store: s, ref: r, sum: sum, token: rand.Text()}
}

func (u *upload) metadata() map[string]string {
	return map[string]string{metaSum: u.sum, metaToken: u.token}
}

// begin has the server begin a multipart upload. If an answer to that may have been
// lost, so has the name of an upload.
func (u *upload) begin(ctx context.Context, in *s3.CreateMultipartUploadInput, options ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	out, err := u.client.CreateMultipartUpload(ctx, in, options...)
	lost := err != nil && (status(err) == 0 || status(err) >= http.StatusInternalServerError)
	if err == nil {
		u.began(out.UploadId)
		attempts, known := retry.GetAttemptResults(out.ResultMetadata)
		lost = known && len(attempts.Results) > 1
	}
	if lost {
		u.abortLost(ctx)
	}
	return out, err
}

// abortLost aborts the uploads of the object that are not in progress here.
func (u *upload) abortLost(ctx context.Context) {
	ctx, cancel := own(ctx)
	defer cancel()
	page, err := u.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &u.bucket, Prefix: &u.object})
	if err != nil {
		u.logger.Warn("could not look for lost uploads; they will be swept later", slog.String("object", u.object), slog.Any("error", err))
		return
	}
	for _, other := range page.Uploads {
		if id := aws.ToString(other.UploadId); aws.ToString(other.Key) == u.object && !u.uploads.has(id) {
			_ = u.abortID(ctx, u.object, id) // logged
		}
	}
}

// began notes the server's name of the upload.
func (u *upload) began(id *string) {
	u.id = aws.ToString(id)
	u.uploads.add(u.id)
}

// close forgets the upload. If the server still knows it, it is swept one day.
func (u *upload) close() { u.uploads.remove(u.id) }

// commit makes the object visible: first its checksum, then itself by complete,
// which must carry the condition that it does not exist. If commit fails, nothing
// of the object is visible and the upload is aborted, or the error wraps
// blob.ErrOutcomeUnknown.
func (u *upload) commit(ctx context.Context, complete func(context.Context) error) {
	unlock, err := u.commits.lock(ctx, u.object)
	if err == nil {
		defer unlock()
		err = u.absent(ctx, u.ref)
	}
	if err == nil {
		err = u.putChecksum(ctx, u.ref, u.sum)
	}
	if err != nil {
		u.abort(ctx)
		u.err = err
		return
	}
	if err = complete(ctx); err != nil {
		u.err = u.settle(ctx, err)
		return
	}
	u.over = true
}

// settle finds out what became of a completion that failed, or whose answer was
// lost.
func (u *upload) settle(ctx context.Context, cause error) error {
	ctx, cancel := own(ctx)
	defer cancel()
	fenced := u.fence(ctx, cause)
	found, err := u.head(ctx, u.ref)
	switch {
	case err == nil && found.token == u.token:
		u.logger.Info("the answer to an upload was lost, the snapshot is stored", slog.String("snapshot", u.name), slog.Any("error", cause))
		return nil
	case err == nil:
		u.giveChecksumBack(ctx, found)
		return exists(u.name)
	case errors.Is(err, blob.ErrNotFound) && fenced:
		u.discard(ctx, u.object+checksumSuffix)
		return wrap("complete the upload of a snapshot", cause)
	}
	return fmt.Errorf("complete the upload of a snapshot: %w: %w", blob.ErrOutcomeUnknown, cause)
}

// fence reports whether a completion that has not taken effect never will.
func (u *upload) fence(ctx context.Context, cause error) bool {
	if u.id == "" { // an object in one piece: only a refusal is certain
		s := status(cause)
		return s >= http.StatusBadRequest && s < http.StatusInternalServerError
	}
	return u.abort(ctx)
}

// abort has the server forget the parts and reports whether it has. It has a
// context of its own.
func (u *upload) abort(ctx context.Context) bool {
	if u.id == "" || u.over {
		return true
	}
	ctx, cancel := own(ctx)
	defer cancel()
	u.over = u.abortID(ctx, u.object, u.id) == nil
	return u.over
}

// abortID aborts an upload. One that the server does not know is aborted.
func (s *Store) abortID(ctx context.Context, object, id string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.options.Bucket, Key: &object, UploadId: &id})
	if err != nil && code(err) != "NoSuchUpload" {
		s.logger.Warn("could not abort an upload; it will be swept later", slog.String("object", object), slog.Any("error", err))
		return err
	}
	return nil
}

// putChecksum puts the checksum object. One that is there already belongs to no
// object.
func (s *Store) putChecksum(ctx context.Context, r ref, sum string) error {
	object := r.object + checksumSuffix
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: &object, Body: strings.NewReader(sum), ContentType: aws.String("text/plain"),
	})
	return wrap("put the checksum of a snapshot", err)
}

// giveChecksumBack mends the checksum object of somebody else's object, over which
// ours was put because that object came in between.
func (s *Store) giveChecksumBack(ctx context.Context, found found) {
	if found.SHA256 == "" {
		s.discard(ctx, found.object+checksumSuffix)
		return
	}
	if err := s.putChecksum(ctx, found.ref, found.SHA256); err != nil {
		s.logger.Warn("the checksum object of a snapshot is wrong", slog.String("object", found.object), slog.Any("error", err))
	}
}

// discard removes an object that means nothing to anybody. If that fails it is
// replaced later.
func (s *Store) discard(ctx context.Context, object string) {
	ctx, cancel := own(ctx)
	defer cancel()
	if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.options.Bucket, Key: &object}); err != nil {
		s.logger.Warn("could not remove an object that is no longer needed", slog.String("object", object), slog.Any("error", err))
	}
}
