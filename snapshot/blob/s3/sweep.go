package s3

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// sweepEvery is short against OrphanAge and long against the cost of two requests.
const sweepEvery = time.Hour

// sweepOften sweeps until the context ends.
func (s *Store) sweepOften(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := s.sweep(ctx, time.Now().Add(-s.options.OrphanAge)); err != nil && ctx.Err() == nil {
			s.logger.Warn("could not look for uploads that were left over", slog.Any("error", err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep aborts uploads and removes probes that were left over: those from before
// a time, or all if it is zero.
func (s *Store) sweep(ctx context.Context, before time.Time) error {
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{
		Bucket: &s.options.Bucket, Prefix: aws.String(s.folder("")),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return wrap("list uploads", err)
		}
		for _, u := range page.Uploads {
			if s.isOrphan(u, before) {
				s.logger.Info("abort an upload that was left over", slog.String("object", aws.ToString(u.Key)))
				_ = s.abortID(ctx, aws.ToString(u.Key), aws.ToString(u.UploadId)) // logged
			}
		}
	}
	return s.sweepProbes(ctx, before)
}

// isOrphan reports whether an upload has the key of an object of ours, was begun
// before that time and is not in progress here.
func (s *Store) isOrphan(u types.MultipartUpload, before time.Time) bool {
	return s.isOurs(aws.ToString(u.Key)) && isBefore(u.Initiated, before) && !s.uploads.has(aws.ToString(u.UploadId))
}

// isBefore compares a time of the server, which may be missing. Everything is
// before the zero time.
func isBefore(t *time.Time, before time.Time) bool {
	return before.IsZero() || t != nil && t.Before(before)
}

// isOurs reports whether a key of the bucket is one that a Store gives to an
// object: a folder at most, and a name.
func (s *Store) isOurs(object string) bool {
	name, below := strings.CutPrefix(object, s.folder(""))
	if folder, rest, ok := strings.Cut(name, "/"); ok && folder != "" {
		name = rest
	}
	return below && blob.ValidName(name)
}

func (s *Store) sweepProbes(ctx context.Context, before time.Time) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: aws.String(s.folder("") + probeFolder),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return wrap("list probes", err)
		}
		for _, o := range page.Contents {
			if isBefore(o.LastModified, before) {
				s.discard(ctx, aws.ToString(o.Key))
			}
		}
	}
	return nil
}
