package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// wrap says what was being done and makes an error of the SDK one of blob's. The
// SDK's text names the request's id, which the server's operator will ask for.
func wrap(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case isRefused(err):
		return fmt.Errorf("%s: %w: %w", doing, blob.ErrDenied, err)
	case isPassing(err):
		return fmt.Errorf("%s: %w: %w", doing, blob.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// status returns the status of the answer that the error is, 0 if there was no
// answer.
func status(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}

// code returns the protocol's name of an error, empty if it has none. An answer to
// HEAD has no body that could tell it.
func code(err error) string {
	var named smithy.APIError
	if errors.As(err, &named) {
		return named.ErrorCode()
	}
	return ""
}

// isMissing reports whether the server says that there is no such object. There
// are other things that may be missing; of them HEAD cannot tell the bucket.
func isMissing(err error) bool {
	return status(err) == http.StatusNotFound && slices.Contains([]string{"NoSuchKey", "NotFound", ""}, code(err))
}

// isTaken reports whether a condition was the reason of a failure: there is an
// object, or somebody else was putting one at the same time.
func isTaken(err error) bool {
	return status(err) == http.StatusPreconditionFailed || code(err) == "ConditionalRequestConflict"
}

func isRefused(err error) bool {
	return status(err) == http.StatusUnauthorized || status(err) == http.StatusForbidden
}

// isPassing reports whether a failure may pass by itself.
func isPassing(err error) bool {
	passing := []string{"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "ThrottlingException", "TooManyRequests"}
	if s := status(err); s != 0 {
		return s >= http.StatusInternalServerError && s != http.StatusNotImplemented || s == http.StatusTooManyRequests ||
			s == http.StatusRequestTimeout || slices.Contains(passing, code(err))
	}
	var network net.Error
	return errors.As(err, &network)
}

func notFound(name string) error { return fmt.Errorf("snapshot %q: %w", name, blob.ErrNotFound) }

func exists(name string) error { return fmt.Errorf("snapshot %q: %w", name, blob.ErrExists) }
