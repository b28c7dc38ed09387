package s3

import (
	"context"
	"io"
	"net/http"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// Observer sees what is asked of the server. Its methods return at once and may be
// called concurrently.
type Observer interface {
	// Requested tells of a request that was answered or failed, each attempt for
	// itself: the operation has the name that the protocol gives it, the code is
	// empty after success, and took lasts until the head of the answer. That
	// there is no such object is a success.
	Requested(operation, code string, took time.Duration)
	// Moved tells of bytes of bodies that were sent or received.
	Moved(sent, received int)
}

// codes are the codes of errors that an Observer is told of. Servers may invent
// others, which are "other".
var codes = map[string]bool{
	"AccessDenied": true, "AuthorizationHeaderMalformed": true, "BadDigest": true, "ConditionalRequestConflict": true, "EntityTooLarge": true,
	"EntityTooSmall": true, "ExpiredToken": true, "InternalError": true, "InvalidAccessKeyId": true, "InvalidObjectState": true,
	"InvalidPart": true, "InvalidRange": true, "InvalidRequest": true, "InvalidStorageClass": true, "NoSuchBucket": true, "NoSuchUpload": true,
	"NotImplemented": true, "PermanentRedirect": true, "PreconditionFailed": true, "QuotaExceeded": true, "RequestTimeTooSkewed": true,
	"RequestTimeout": true, "ServiceUnavailable": true, "SignatureDoesNotMatch": true, "SlowDown": true, "ThrottlingException": true,
	"TooManyRequests": true, "XAmzContentChecksumMismatch": true, "XAmzContentSHA256Mismatch": true,
}

// observedCode returns the code of an error for an Observer.
func observedCode(ctx context.Context, err error) string {
	switch {
	case err == nil, isMissing(err):
		return ""
	case codes[code(err)]:
		return code(err)
	case status(err) == http.StatusPreconditionFailed:
		return "PreconditionFailed" // an answer to HEAD has no code
	case status(err) == http.StatusForbidden:
		return "AccessDenied"
	case status(err) != 0:
		return "other"
	case ctx.Err() != nil:
		return "cancelled"
	}
	return "network"
}

// observed tells the observer of every attempt of every operation.
func observed(o Observer) func(*s3.Options) {
	attempt := middleware.DeserializeMiddlewareFunc("tidemark.observe", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		began := time.Now()
		out, meta, err := next.HandleDeserialize(ctx, in)
		o.Requested(awsmiddleware.GetOperationName(ctx), observedCode(ctx, err), time.Since(began))
		return out, meta, err
	})
	return func(c *s3.Options) {
		// The first in this step is the last to see the answer, understood by then.
		c.APIOptions = append(c.APIOptions, func(stack *middleware.Stack) error {
			return stack.Deserialize.Add(attempt, middleware.Before)
		})
	}
}

// counted counts the bytes of bodies.
type counted struct {
	http.RoundTripper
	observer Observer
}

// RoundTrip implements http.RoundTripper.
func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(r.Context()) // a RoundTripper may not change its request
		r.Body = &countedBody{r.Body, func(n int) { c.observer.Moved(n, 0) }}
	}
	answer, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &countedBody{answer.Body, func(n int) { c.observer.Moved(0, n) }}
	return answer, nil
}

type countedBody struct {
	io.ReadCloser
	moved func(int)
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.moved(n)
	}
	return n, err
}
