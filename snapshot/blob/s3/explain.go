package s3

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// explain says which trial of a probe failed, and what an operator should look at.
func explain(o Options, trial string, err error) error {
	if hint := hint(o, trial, err); hint != "" {
		return fmt.Errorf("cannot %s a test object: %s: %w", trial, hint, err)
	}
	return fmt.Errorf("cannot %s a test object: %w", trial, err)
}

// hints are what the codes of the protocol mean to who configured the store.
var hints = map[string]string{
	"NoSuchBucket":                 "the bucket does not exist; create it or correct its name",
	"InvalidBucketName":            "no bucket can have that name",
	"InvalidAccessKeyId":           "the server does not know the access key",
	"XAdminUserNotFound":           "the server does not know the access key",
	"SignatureDoesNotMatch":        "the secret key does not belong to the access key, or a proxy changes requests",
	"ExpiredToken":                 "the credentials have expired",
	"RequestTimeTooSkewed":         "this machine's clock differs too much from the server's; set it",
	"InvalidStorageClass":          "the server does not have the storage class",
	"InvalidObjectState":           "objects of the storage class cannot be read at once; choose another one",
	"NotImplemented":               "the server lacks what is needed; perhaps it gets on with the checksum mode when_required",
	"XAmzContentSHA256Mismatch":    "the bytes were changed on their way; perhaps the server gets on with the checksum mode when_required",
	"AuthorizationHeaderMalformed": "the region is not that of the bucket",
	"PermanentRedirect":            "the bucket lies in another region or at another endpoint",
}

// hint returns the best guess at what is wrong, or nothing.
func hint(o Options, trial string, err error) string {
	if region := otherRegion(err); region != "" {
		return fmt.Sprintf("the bucket lies in region %s, not in %s", region, o.Region)
	}
	if text, known := hints[code(err)]; known {
		return text
	}
	switch status(err) {
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Sprintf("the keys do not permit it: grant %s", actions[trial])
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return "the bucket lies in another region or at another endpoint"
	case http.StatusNotFound:
		return "there is no such bucket, or the endpoint does not speak S3"
	case 0:
		return networkHint(o, err)
	case http.StatusBadRequest:
		return plainHint(o)
	}
	return ""
}

// actions are the permissions that each trial needs.
var actions = map[string]string{
	"write":     "s3:PutObject, s3:AbortMultipartUpload, s3:GetObject and s3:ListBucket",
	"look at":   "s3:GetObject and s3:ListBucket",
	"read":      "s3:GetObject",
	"list":      "s3:ListBucket",
	"overwrite": "s3:PutObject",
	"delete":    "s3:DeleteObject",
}

func otherRegion(err error) string {
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil || answer.Response.Response == nil {
		return ""
	}
	if s := answer.HTTPStatusCode(); s != http.StatusMovedPermanently && s != http.StatusTemporaryRedirect && s != http.StatusBadRequest {
		return ""
	}
	return answer.Response.Header.Get("x-amz-bucket-region")
}

// networkHint says what an error without an answer of the server means.
func networkHint(o Options, err error) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var dns *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return "the server's certificate is of an authority that is not known here; name its certificate as CA file"
	case errors.As(err, &invalid):
		return "the server's certificate is not valid"
	case errors.As(err, &name):
		return "the server's certificate is for another host; the endpoint must be named as the certificate does, and perhaps with path style"
	case errors.As(err, &dns):
		return "the endpoint's host cannot be found; correct the endpoint URL, or use path style"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at the endpoint"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the endpoint serves plain HTTP: its URL must begin with http://"
	case strings.Contains(err.Error(), "get credentials"), strings.Contains(err.Error(), "get identity"):
		return "no credentials were found; set access key and secret key"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return plainHint(o)
	}
	return ""
}

// plainHint is a guess at what a server means that does not understand us.
func plainHint(o Options) string {
	if strings.HasPrefix(o.Endpoint, "http://") {
		return "perhaps the server speaks TLS and the endpoint URL must begin with https://"
	}
	return ""
}
