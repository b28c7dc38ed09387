package s3

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Options configure a Store.
type Options struct {
	// Bucket must exist. Open does not create it.
	Bucket string
	// Region of the bucket; empty takes that of the environment, or us-east-1
	// if there is an Endpoint.
	Region string
	// AccessKey and SecretKey are given both or not at all; if not, the usual
	// sources are asked: environment, shared files, web identity, role of the
	// container or the machine.
	AccessKey, SecretKey string
	// Endpoint is the URL of a server other than Amazon's.
	Endpoint string
	// Prefix stands before all keys, without a slash at its ends; it may be
	// empty. A store has what lies below it to itself.
	Prefix string
	// CA is PEM of certificates that are trusted besides those of the host.
	CA []byte
	// PathStyle puts the bucket into the path of a URL instead of its host. Nil
	// does so if there is an Endpoint.
	PathStyle *bool
	// Checksums says when requests carry a checksum of their body.
	Checksums ChecksumMode
	// StorageClass of new objects; empty is the bucket's default.
	StorageClass string
	// Bandwidth bounds the bytes a second to and from the server, all together;
	// 0 is no bound.
	Bandwidth int64
	// Concurrency bounds the parts of one object that are on their way at once;
	// 0 is 4. Fewer are if parts are large.
	Concurrency int
	// Attempts bounds how often a request is sent, with growing random pauses of
	// at most MaxBackoff in between; 0 is 6 and 20 s.
	Attempts   int
	MaxBackoff time.Duration
	// IdleTimeout ends a connection on which no byte moved for so long; 0 is
	// 5 minutes, as completing a large object takes a server some time.
	IdleTimeout time.Duration
	// OrphanAge is the age from which an upload below Prefix that is not in
	// progress here was left over by a crash; 0 is 24 hours.
	OrphanAge time.Duration
	// SweepAll lets Open abort every upload below Prefix, of whatever age: this
	// process has none yet, and no other process uses the prefix.
	SweepAll bool
	// Observer sees every request; nil sees none.
	Observer Observer
	// Wrap puts something around the HTTP transport; nil leaves it as it is.
	Wrap func(http.RoundTripper) http.RoundTripper
	// pageKeys bounds the objects in a page of a listing; nil leaves it to the
	// server. Tests set it.
	pageKeys *int32
	// copyPart is the size of the parts in which the server copies; 0 is 1 GiB.
	// Tests set it.
	copyPart int64
	// Logger gets what operators should know; nil discards it.
	Logger *slog.Logger
}

// ChecksumMode says when requests carry a checksum of their body beside the one
// that is part of their signature.
type ChecksumMode string

// The modes have the names that the AWS SDKs give them.
const (
	// ChecksumsWhenSupported sends and compares CRCs wherever the protocol has
	// them.
	ChecksumsWhenSupported ChecksumMode = "when_supported"
	// ChecksumsWhenRequired is for servers that do not know those CRCs.
	ChecksumsWhenRequired ChecksumMode = "when_required"
)

// maxPrefixBytes leaves room for folder and name within the 1,024 bytes of a key.
const maxPrefixBytes = 400

func (o Options) withDefaults() Options {
	o.Prefix = strings.Trim(o.Prefix, "/")
	if o.PathStyle == nil {
		style := o.Endpoint != ""
		o.PathStyle = &style
	}
	if o.Checksums == "" {
		o.Checksums = ChecksumsWhenSupported
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
	if o.Attempts <= 0 {
		o.Attempts = 6
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = 20 * time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	if o.OrphanAge <= 0 {
		o.OrphanAge = 24 * time.Hour
	}
	if o.copyPart <= 0 {
		o.copyPart = copyPartBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// validate finds what is wrong without asking the server.
func (o Options) validate() error {
	if o.Bucket == "" {
		return errors.New("the bucket is not named")
	}
	return errors.Join(o.validateConnection(), o.validateKeys())
}

// validateConnection looks at what the server is reached by.
func (o Options) validateConnection() error {
	if (o.AccessKey == "") != (o.SecretKey == "") {
		return errors.New("access key and secret key must be given both, or neither")
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("the endpoint URL %q must look like https://host:port", o.Endpoint)
		}
		if u.User != nil || u.RawQuery != "" {
			return errors.New("the endpoint URL may hold no credentials and no query")
		}
	}
	if o.Checksums != ChecksumsWhenSupported && o.Checksums != ChecksumsWhenRequired {
		return fmt.Errorf("the checksum mode %q is neither %s nor %s", o.Checksums, ChecksumsWhenSupported, ChecksumsWhenRequired)
	}
	if o.Bandwidth < 0 {
		return errors.New("the bandwidth is negative")
	}
	return nil
}

func (o Options) validateKeys() error {
	if len(o.Prefix) > maxPrefixBytes {
		return fmt.Errorf("the prefix has %d bytes, it may have %d", len(o.Prefix), maxPrefixBytes)
	}
	for _, part := range strings.Split(o.Prefix, "/") {
		if o.Prefix != "" && (part == "" || part == "." || part == "..") || hasControl(part) {
			return fmt.Errorf("the prefix %q has a part that is empty, a dot, two dots, or has control characters", o.Prefix)
		}
	}
	known := types.StorageClass("").Values()
	for _, class := range known {
		if o.StorageClass == "" || o.StorageClass == string(class) {
			return nil
		}
	}
	return fmt.Errorf("the storage class %q is not known; there are %v", o.StorageClass, known)
}

// hasControl reports whether a text has characters that a listing in XML cannot
// have.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff })
}
