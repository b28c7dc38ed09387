package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tidemark-db/tidemark"
)

// maxRedirects is how often a host may send a download on to another URL.
const maxRedirects = 10

// errRemote marks errors of a host from which an archive is fetched.
var errRemote = errors.New("the snapshot could not be fetched")

// fetcher fetches archives from other hosts.
type fetcher struct {
	client *http.Client
	// idle is how long nothing may come.
	idle time.Duration
}

// newFetcher returns a fetcher that connects to the addresses that allow has.
// Proxies of the environment are not used: who connects would then not be who
// checks the address.
func newFetcher(idle time.Duration, allow addresses) *fetcher {
	transport := &http.Transport{
		DialContext:            allow.dialer(idle).DialContext,
		TLSHandshakeTimeout:    idle,
		ResponseHeaderTimeout:  idle,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the archive is wanted as it is
		DisableKeepAlives:      true, // nothing is left when a fetch ends
	}
	return &fetcher{client: &http.Client{Transport: transport, CheckRedirect: checkRedirect}, idle: idle}
}

// keyHeader carries the key of a request, as in the reference.
const keyHeader = "Api-Key"

// checkRedirect keeps the key, and what the URL itself may hold of secrets, from
// every host but the first. Once a request has left it, the key is gone.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("stopped after %d redirects", maxRedirects)
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return fmt.Errorf("redirected to a URL with scheme %q", r.URL.Scheme)
	}
	r.Header.Del("Referer") // it is the URL before, with its query
	for _, earlier := range append(via[1:len(via):len(via)], r) {
		if earlier.URL.Scheme != via[0].URL.Scheme || earlier.URL.Host != via[0].URL.Host {
			r.Header.Del(keyHeader)
			r.Header.Del("Authorization")
		}
	}
	return nil
}

// remote is an origin behind a URL.
type remote struct {
	*fetcher
	url *url.URL
	key string

	body io.Closer          // nil before open
	stop context.CancelFunc // ends the request
}

func (o *remote) open(ctx context.Context) (stream, error) {
	ctx, o.stop = context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url.String(), http.NoBody)
	if err != nil {
		return stream{}, tidemark.Errorf(tidemark.BadRequest, "URL %s cannot be fetched", shownURL(o.url))
	}
	req.Header.Set("Accept-Encoding", "identity")
	if o.key != "" {
		req.Header.Set(keyHeader, o.key)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return stream{}, o.requestError(ctx, err)
	}
	o.body = resp.Body
	if resp.StatusCode != http.StatusOK {
		return stream{}, tidemark.Errorf(tidemark.BadInput, "Failed to download tar from %s: status - %s", shownURL(o.url), statusText(resp.StatusCode))
	}
	return stream{&impatient{r: resp.Body, ctx: ctx, stop: o.stop, patience: o.idle}, resp.ContentLength}, nil
}

// requestError is the answer when there is no answer. What the network says is
// for the log: it would tell who asks what stands behind the server.
func (o *remote) requestError(ctx context.Context, err error) error {
	var refused *addressError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused):
		return tidemark.Errorf(tidemark.Forbidden, "Snapshot URL leads to the address %s, which must not be fetched from", refused.addr)
	}
	return &tidemark.Error{
		Kind: tidemark.Internal, Err: fmt.Errorf("%w: %w", errRemote, hideURL(err)),
		Text: fmt.Sprintf("Http request error: error sending request for url (%s)", shownURL(o.url)),
	}
}

// hideURL takes the URL from an error, which may hold secrets in its query.
func hideURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Close implements io.Closer.
func (o *remote) Close() error {
	if o.stop != nil {
		o.stop()
	}
	if o.body != nil {
		return o.body.Close()
	}
	return nil
}

// shownURL is a URL as answers, logs and jobs show it: without user, password,
// query and fragment, which may be secrets.
func shownURL(u *url.URL) string {
	shown := *u
	shown.User, shown.RawQuery, shown.ForceQuery, shown.Fragment, shown.RawFragment = nil, "", false, "", ""
	return shown.String()
}

func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprintf("%d", code)
}

// impatient reads a body and ends the request when nothing comes for too long.
type impatient struct {
	r        io.Reader
	ctx      context.Context
	stop     context.CancelFunc
	patience time.Duration
	read     int64
	late     bool // stop was called because nothing came
}

// Read implements io.Reader.
func (i *impatient) Read(p []byte) (int, error) {
	timer := time.AfterFunc(i.patience, i.stop)
	n, err := i.r.Read(p)
	i.late = !timer.Stop() || i.late
	i.read += int64(n)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case i.late:
		return n, i.broken("stream read timeout: no data received within timeout period")
	case i.ctx.Err() != nil:
		return n, i.ctx.Err()
	}
	return n, i.broken(fmt.Sprintf("the connection broke after %d bytes", i.read))
}

// broken says that the host or the way to it failed, which says nothing of the
// archive.
func (i *impatient) broken(why string) error {
	return &tidemark.Error{Kind: tidemark.Internal, Text: "Failed to unpack tar archive: " + why, Err: errRemote}
}
