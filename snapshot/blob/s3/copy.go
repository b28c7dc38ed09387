package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// copyPartBytes is the part of an object that the server copies in one request.
const copyPartBytes = 1 << 30

// Copy implements blob.Store. The server copies the bytes, in parts, as only an
// upload in parts can be committed like that of Put.
func (s *Store) Copy(ctx context.Context, from, to blob.Key) (blob.Info, error) {
	if validate(from) != nil {
		return blob.Info{}, notFound(from.Name)
	}
	source, err := s.head(ctx, s.ref(from))
	if err != nil {
		return blob.Info{}, err
	}
	if source.SHA256 == "" {
		return blob.Info{}, fmt.Errorf("copy snapshot %q: its checksum is not known: %w", from.Name, errors.ErrUnsupported)
	}
	if err := validate(to); err != nil {
		return blob.Info{}, err
	}
	r := s.ref(to)
	if err := s.absent(ctx, r); err != nil {
		return blob.Info{}, err
	}
	if source.Size == 0 {
		err = s.upload(ctx, r, strings.NewReader(""), 0, source.SHA256)
	} else {
		err = s.copyParts(ctx, source, r)
	}
	if err != nil {
		return blob.Info{}, err
	}
	return s.stored(ctx, r, source.Size, source.SHA256), nil
}

func (s *Store) copyParts(ctx context.Context, source found, to ref) error {
	u := s.newUpload(to, source.SHA256)
	defer u.close()
	_, err := u.begin(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.options.Bucket, Key: &to.object, Metadata: u.metadata(), ContentType: aws.String(contentType),
		StorageClass: types.StorageClass(s.options.StorageClass),
	})
	if err != nil {
		return wrap("copy snapshot", err)
	}
	parts, err := u.copyAll(ctx, source)
	if err != nil {
		u.abort(ctx)
		return wrap("copy snapshot", err)
	}
	u.commit(ctx, func(ctx context.Context) error {
		_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.options.Bucket, Key: &to.object, UploadId: &u.id, IfNoneMatch: aws.String("*"),
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		return err
	})
	return u.err
}

// copyAll has the server copy all parts of a source into the upload.
func (u *upload) copyAll(ctx context.Context, source found) ([]types.CompletedPart, error) {
	step := u.options.copyPart
	if least, err := partSize(source.Size); err != nil || least > step {
		step = least
	}
	parts := make([]types.CompletedPart, (source.Size+step-1)/step)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(u.options.Concurrency)
	for i := range parts {
		group.Go(func() (err error) {
			first := int64(i) * step
			parts[i], err = u.copyPart(ctx, source, int32(i+1), first, min(first+step, source.Size)-1)
			return err
		})
	}
	return parts, group.Wait()
}

// copyPart has the server copy the bytes from first to last.
func (u *upload) copyPart(ctx context.Context, source found, number int32, first, last int64) (types.CompletedPart, error) {
	out, err := u.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: &u.options.Bucket, Key: &u.object, UploadId: &u.id, PartNumber: &number,
		CopySource:        aws.String(copySource(u.options.Bucket, source.object)),
		CopySourceIfMatch: &source.etag,
		CopySourceRange:   aws.String(fmt.Sprintf("bytes=%d-%d", first, last)),
	})
	if isMissing(err) || isTaken(err) {
		return types.CompletedPart{}, notFound(source.name)
	}
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{PartNumber: &number, ETag: out.CopyPartResult.ETag}, nil
}

// copySource names an object in a header. Servers decode it as a path or as a
// query: a plus and a space are written so that both give them back.
func copySource(bucket, object string) string {
	parts := strings.Split(bucket+"/"+object, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}
