package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, key blob.Key, src blob.Source) (blob.Info, error) {
	if err := validate(key); err != nil {
		return blob.Info{}, err
	}
	r := s.ref(key)
	if err := s.absent(ctx, r); err != nil { // before a pass over all bytes
		return blob.Info{}, err
	}
	sum, err := sumOf(ctx, src)
	if err != nil {
		return blob.Info{}, fmt.Errorf("read snapshot for its checksum: %w", err)
	}
	if err := s.send(ctx, r, src, sum); err != nil {
		return blob.Info{}, err
	}
	return s.stored(ctx, r, src.Size, sum), nil
}

// absent returns blob.ErrExists if the object is there.
func (s *Store) absent(ctx context.Context, r ref) error {
	_, err := s.head(ctx, r)
	switch {
	case err == nil:
		return exists(r.name)
	case errors.Is(err, blob.ErrNotFound):
		return nil
	}
	return err
}

// stored describes an object that was put a moment ago. It is stored, whatever
// comes of looking at it.
func (s *Store) stored(ctx context.Context, r ref, size int64, sum string) blob.Info {
	found, err := s.head(ctx, r)
	if err != nil {
		return blob.Info{Name: r.name, Size: size, SHA256: sum, Created: time.Now().UTC().Truncate(time.Second)}
	}
	return found.Info
}

// sumWriter hashes what goes through it.
type sumWriter struct {
	ctx  context.Context
	to   io.Writer
	hash hash.Hash
	size int64
}

func newSumWriter(ctx context.Context, to io.Writer) *sumWriter {
	return &sumWriter{ctx: ctx, to: to, hash: sha256.New()}
}

// Write implements io.Writer.
func (w *sumWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.to.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, err
}

// finish returns the checksum, or an error if other than size bytes were written.
func (w *sumWriter) finish(size int64) (string, error) {
	if w.size != size {
		return "", fmt.Errorf("%d bytes were written, %d were announced", w.size, size)
	}
	return hex.EncodeToString(w.hash.Sum(nil)), nil
}

// sumOf is the first pass over a source.
func sumOf(ctx context.Context, src blob.Source) (string, error) {
	w := newSumWriter(ctx, io.Discard)
	if err := src.Write(ctx, w); err != nil {
		return "", err
	}
	return w.finish(src.Size)
}

// writeAgain is the second pass. Only if it gives the same bytes, its end is the
// end of the upload.
func writeAgain(ctx context.Context, src blob.Source, sum string, to io.Writer) error {
	w := newSumWriter(ctx, to)
	if err := src.Write(ctx, w); err != nil {
		return err
	}
	again, err := w.finish(src.Size)
	if err == nil && again != sum {
		err = errors.New("the snapshot's bytes changed between two readings")
	}
	return err
}

// errSendEnded is what a source gets from its writer when the upload has failed.
var errSendEnded = errors.New("the upload has ended")

// send is the second pass: it uploads the source and commits. No goroutine is left
// when it returns.
func (s *Store) send(ctx context.Context, r ref, src blob.Source, sum string) error {
	body, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeAgain(ctx, src, sum, w)
		_ = w.CloseWithError(err) // never fails; nil is the end of the body
		written <- err
	}()
	err := s.upload(ctx, r, body, src.Size, sum)
	_ = body.CloseWithError(errSendEnded) // never fails
	if broken := <-written; broken != nil && !errors.Is(broken, errSendEnded) {
		return fmt.Errorf("upload snapshot: %w", broken) // the cause of what the upload says
	}
	return err
}

// upload sends a body of known size and checksum in parts and commits it.
func (s *Store) upload(ctx context.Context, r ref, body io.Reader, size int64, sum string) error {
	part, err := partSize(size)
	if err != nil {
		return err
	}
	u := s.newUpload(r, sum)
	defer u.close()
	in := &transfermanager.UploadObjectInput{
		Bucket: &s.options.Bucket, Key: &r.object, Body: body,
		Metadata: u.metadata(), ContentType: aws.String(contentType), IfNoneMatch: aws.String("*"),
		StorageClass: types.StorageClass(s.options.StorageClass),
	}
	if size > 0 {
		in.ContentLength = &size // the server compares it with the sum of the parts
	}
	manager := transfermanager.New(managed{s.client, u}, func(o *transfermanager.Options) {
		o.PartSizeBytes = part
		o.MultipartUploadThreshold = 1 // one way for all sizes, as only parts can be fenced off
		o.Concurrency = concurrency(part, s.options.Concurrency)
		o.RequestChecksumCalculation = s.options.requestChecksums()
		o.FailTimeout = afterwards
	})
	if _, err := manager.UploadObject(ctx, in); err != nil {
		return wrap("upload snapshot", err)
	}
	return u.err
}

const contentType = "application/x-tar"
