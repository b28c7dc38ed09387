package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/time/rate"
)

// newClient makes the SDK's client of the options. Nothing is asked of the
// server, but perhaps of the machine's metadata service.
func newClient(ctx context.Context, o Options) (*s3.Client, *http.Transport, error) {
	loaded, err := config.LoadDefaultConfig(ctx, loadOptions(o)...)
	if err != nil {
		return nil, nil, fmt.Errorf("read the AWS settings of the environment: %w", err)
	}
	if loaded.Region == "" && o.Endpoint != "" {
		loaded.Region = "us-east-1" // what servers other than Amazon's expect
	}
	if loaded.Region == "" {
		return nil, nil, errors.New("the region is not named, neither in the configuration nor in the environment")
	}
	transport, err := newTransport(o, trusted(loaded))
	if err != nil {
		return nil, nil, err
	}
	options := []func(*s3.Options){func(c *s3.Options) {
		c.HTTPClient = httpClient(o, transport)
		c.UsePathStyle = *o.PathStyle
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
		c.RequestChecksumCalculation = o.requestChecksums()
		if o.Checksums == ChecksumsWhenRequired {
			c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		} else {
			c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		}
		c.DisableLogOutputChecksumValidationSkipped = true // objects in parts never have one to compare
	}}
	if o.Observer != nil {
		options = append(options, observed(o.Observer))
	}
	return s3.NewFromConfig(loaded, options...), transport, nil
}

func (o Options) requestChecksums() aws.RequestChecksumCalculation {
	if o.Checksums == ChecksumsWhenRequired {
		return aws.RequestChecksumCalculationWhenRequired
	}
	return aws.RequestChecksumCalculationWhenSupported
}

// httpClient is for requests of the store. Credentials are fetched by the SDK's
// own.
func httpClient(o Options, transport http.RoundTripper) *http.Client {
	if o.Wrap != nil {
		transport = o.Wrap(transport)
	}
	if o.Observer != nil {
		transport = &counted{transport, o.Observer}
	}
	if o.Bandwidth > 0 {
		transport = &limited{RoundTripper: transport, limiter: rate.NewLimiter(rate.Limit(o.Bandwidth), burst)}
	}
	return &http.Client{
		Transport: transport,
		// A redirect is an answer like others: its target is another region, for
		// which the signature is wrong.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// trusted returns the certificates that the environment names (AWS_CA_BUNDLE), nil
// for those of the host.
func trusted(loaded aws.Config) *x509.CertPool {
	client, ok := loaded.HTTPClient.(*awshttp.BuildableClient)
	if !ok || client.GetTransport().TLSClientConfig == nil {
		return nil
	}
	return client.GetTransport().TLSClientConfig.RootCAs
}

func loadOptions(o Options) []func(*config.LoadOptions) error {
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer {
			standard := retry.NewStandard(func(r *retry.StandardOptions) {
				r.MaxAttempts, r.MaxBackoff = o.Attempts, o.MaxBackoff
			})
			return retry.AddWithErrorCodes(standard, changedOnTheWay...)
		}),
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.AccessKey != "" {
		keys := aws.Credentials{AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey, Source: "configuration"}
		options = append(options, config.WithCredentialsProvider(aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) { return keys, nil })))
	}
	return options
}

// changedOnTheWay are the codes of a server that got other bytes than were sent.
var changedOnTheWay = []string{"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}

func newTransport(o Options, roots *x509.CertPool) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &idleConn{Conn: conn, timeout: o.IdleTimeout}, nil
		},
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       30 * time.Second, // before servers and balancers give up
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // a length that is known, and bytes as they are
	}
	if len(o.CA) > 0 {
		var err error
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the file of certificates holds none in PEM form")
		}
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}
