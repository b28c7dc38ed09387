package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say which server is spoken to, and as whom.
type Options struct {
	// URL is where the server answers. It may have a path, as behind a proxy.
	URL string
	// APIKey is sent to that host and to no other; "" if none is needed.
	APIKey string
	// Agent names the program in the logs of the server.
	Agent string
}

// Client speaks to one server. Its methods may be called concurrently.
type Client struct {
	base  *url.URL
	key   string
	agent string
	http  *http.Client
}

// New returns a Client. It does not connect yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL of the server: %w", err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("the URL of the server %q must begin with http:// or https:// and name a host", o.URL)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the URL of the server may have no user, query or fragment")
	}
	if strings.ContainsAny(o.APIKey, "\r\n\x00") {
		return nil, errors.New("the API key contains a line break")
	}
	c := &Client{base: base, key: o.APIKey, agent: o.Agent}
	c.http = &http.Client{Transport: newTransport(), CheckRedirect: c.redirect}
	return c, nil
}

// newTransport returns a transport that gives up a server which does not answer,
// but none that takes long to send or to take what it is sent.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     30 * time.Second,
		// How long an upload waits to hear whether it is wanted.
		ExpectContinueTimeout: 5 * time.Second,
		DisableCompression:    true, // a snapshot must arrive as it is
	}
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// redirect follows a few redirects of what only reads. The key stays behind when
// another host is asked.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	const most = 5
	switch {
	case via[0].Method != http.MethodGet:
		return fmt.Errorf("the server redirects to %s; name that one with --url", next.URL.Redacted())
	case len(via) > most:
		return fmt.Errorf("more than %d redirects", most)
	case next.URL.Host != c.base.Host || next.URL.Scheme != c.base.Scheme:
		next.Header.Del(keyHeader)
	}
	return nil
}

// keyHeader holds the API key.
const keyHeader = "api-key"

// request is one call of the interface.
type request struct {
	method string
	path   []string // parts, not escaped
	query  url.Values
	body   any // sent as JSON if not nil
}

// at returns the URL of a path below the server's.
func (c *Client) at(path []string, query url.Values) string {
	u := *c.base
	escaped := make([]string, len(path))
	for i, part := range path {
		escaped[i] = url.PathEscape(part)
	}
	u.Path = strings.TrimSuffix(c.base.Path, "/") + "/" + strings.Join(path, "/")
	u.RawPath = strings.TrimSuffix(c.base.EscapedPath(), "/") + "/" + strings.Join(escaped, "/")
	u.RawQuery = query.Encode()
	return u.String()
}

// build returns a request with all that every one of ours has.
func (c *Client) build(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if c.key != "" {
		r.Header.Set(keyHeader, c.key)
	}
	if c.agent != "" {
		r.Header.Set("User-Agent", c.agent)
	}
	return r, nil
}

// call sends a request and reads its result into result, unless that is nil.
func (c *Client) call(ctx context.Context, q request, result any) (http.Header, error) {
	var body io.Reader
	if q.body != nil {
		encoded, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	r, err := c.build(ctx, q.method, c.at(q.path, q.query), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return c.send(r, result)
}

// send is call for a request that was built.
func (c *Client) send(r *http.Request, result any) (http.Header, error) {
	answer, err := c.do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return answer.Header, refusal(answer)
	}
	if result == nil {
		return answer.Header, nil
	}
	envelope := struct{ Result any }{result}
	if err := json.NewDecoder(answer.Body).Decode(&envelope); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.base.Redacted(), err)
	}
	return answer.Header, nil
}

// do sends a request. An error means that no answer came.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err == nil {
		return answer, nil
	}
	if ended := context.Cause(r.Context()); ended != nil {
		return nil, ended
	}
	var failed *url.Error
	if errors.As(err, &failed) { // it repeats the whole URL
		err = failed.Err
	}
	return nil, &UnreachableError{URL: c.base.Redacted(), Err: err}
}
