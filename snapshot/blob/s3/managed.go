package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// managed is the client that the transfer manager works with. The manager cuts the
// body into parts and sends them; to begin, to commit and to abort is up to the
// upload, which knows how to find out what happened if an answer is lost.
type managed struct {
	*s3.Client
	upload *upload
}

var _ transfermanager.S3APIClient = managed{}

// CreateMultipartUpload implements transfermanager.S3APIClient.
func (m managed) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, options ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return m.upload.begin(ctx, in, options...)
}

// CompleteMultipartUpload implements transfermanager.S3APIClient. It never fails:
// what became of the commit is noted in the upload.
func (m managed) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, options ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	m.upload.commit(ctx, func(ctx context.Context) error {
		_, err := m.Client.CompleteMultipartUpload(ctx, in, options...)
		return err
	})
	return &s3.CompleteMultipartUploadOutput{}, nil
}

// PutObject implements transfermanager.S3APIClient. The manager calls it for an
// empty object, which has no parts.
func (m managed) PutObject(ctx context.Context, in *s3.PutObjectInput, options ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	m.upload.commit(ctx, func(ctx context.Context) error {
		_, err := m.Client.PutObject(ctx, in, options...)
		return err
	})
	return &s3.PutObjectOutput{}, nil
}

// AbortMultipartUpload implements transfermanager.S3APIClient. A failure is logged
// and no reason to hide the first one.
func (m managed) AbortMultipartUpload(ctx context.Context, _ *s3.AbortMultipartUploadInput, _ ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	m.upload.abort(ctx)
	return &s3.AbortMultipartUploadOutput{}, nil
}
