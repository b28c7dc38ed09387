package s3

import (
	"context"
	"fmt"
	"mime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

var _ blob.Presigner = (*Store)(nil)

// maxExpiry is what the protocol allows.
const maxExpiry = 7 * 24 * time.Hour

// Presign implements blob.Presigner. The URL names the endpoint as we reach it.
func (s *Store) Presign(ctx context.Context, key blob.Key, expires time.Duration) (string, error) {
	if expires < time.Second || expires > maxExpiry {
		return "", fmt.Errorf("sign a URL: it cannot be valid for %s", expires)
	}
	if _, err := s.Stat(ctx, key); err != nil {
		return "", err
	}
	signed, err := s3.NewPresignClient(s.client).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.options.Bucket, Key: aws.String(s.ref(key).object),
		ResponseContentDisposition: aws.String(mime.FormatMediaType("attachment", map[string]string{"filename": key.Name})),
	}, s3.WithPresignExpires(expires))
	if err != nil {
		return "", wrap("sign a URL", err)
	}
	return signed.URL, nil
}
