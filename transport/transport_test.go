package transport_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

func TestShow(t *testing.T) {
	wrapped := fmt.Errorf("write: %w", &tidemark.Error{Kind: tidemark.BadInput, Text: "no", Err: errors.New("secret path")})
	cases := []struct {
		err    error
		status int
		text   string
	}{
		{tidemark.Errorf(tidemark.BadInput, "x"), 400, "Wrong input: x"},
		{tidemark.Errorf(tidemark.BadRequest, "x"), 400, "Bad request: x"},
		{tidemark.Errorf(tidemark.NotFound, "x"), 404, "Not found: x"},
		{tidemark.Errorf(tidemark.AlreadyExists, "x"), 409, "Wrong input: x"},
		{tidemark.Errorf(tidemark.Forbidden, "x"), 403, "Forbidden: x"},
		{tidemark.Errorf(tidemark.Timeout, "x"), 408, "Timeout: x"},
		{tidemark.Errorf(tidemark.Unavailable, "x"), 503, "Shard temporarily unavailable: x"},
		{tidemark.Errorf(tidemark.ChecksumMismatch, "x"), 400, "Checksum mismatch: x"},
		{tidemark.Errorf(tidemark.NotImplemented, "x"), 501, "Not implemented: x"},
		{tidemark.Errorf(tidemark.Internal, "x"), 500, "Service internal error: x"},
		{wrapped, 400, "Wrong input: no"},
		{context.DeadlineExceeded, 408, "Timeout: the operation did not finish within its timeout"},
		{errors.New("open /var/lib: secret"), 500, "Service internal error: an unexpected error; the log of the server has the details"},
	}
	for _, c := range cases {
		require.Equal(t, transport.Shown{Status: c.status, Text: c.text}, transport.Show(c.err))
	}
	require.Equal(t, 503, transport.Show(context.Canceled).Status)
}

func TestNames(t *testing.T) {
	for name, text := range map[string]string{
		"c": "", " ": "", "ü": "", "a.b-c_1": "", strings.Repeat("ü", 255): "",
		"":                       `value "" invalid, must be from 1 to 255 characters`,
		strings.Repeat("x", 256): "invalid, must be from 1 to 255 characters",
		"a/b":                    `collection name cannot contain "/" char`, "a\\b": `collection name cannot contain "\" char`,
		"a<b": `collection name cannot contain "<" char`, "a\x00": "collection name cannot contain", "a\x1f": "collection name cannot contain",
		"..": `collection name cannot be ".."`, ".": `collection name cannot be "."`, ".staging": `collection name cannot be ".staging"`,
		"\xff": "collection name must be valid UTF-8",
	} {
		err := transport.CheckNewCollection(name)
		if text == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, "Validation error in path parameters: [collection_name: ", name)
		require.ErrorContains(t, err, text, name)
	}
	require.NoError(t, transport.CheckCollection("a<b"), "what exists can be used")
	require.Error(t, transport.CheckCollection("a/b"))

	require.NoError(t, transport.CheckVectorName("dense", ""))
	require.EqualError(t, transport.CheckVectorName("sparse", ""), "Sparse vector name cannot be empty")
	require.EqualError(t, transport.CheckVectorName("dense", "a:b"), "Invalid dense vector name `a:b`: vector name cannot contain \":\" char")
	require.NoError(t, transport.CheckVectorName("dense", strings.Repeat("x", 200)))
	require.ErrorContains(t, transport.CheckVectorName("sparse", strings.Repeat("x", 201)), "must be at most 200 bytes long")
}

// values are parameters as the query of a URL.
type values string

func (v values) Lookup(name string) (string, bool) {
	parsed, err := url.ParseQuery(string(v))
	return parsed.Get(name), err == nil && parsed.Has(name)
}

func TestParams(t *testing.T) {
	w, err := transport.ParseWrite(values("wait=true&ordering=medium&timeout=3"))
	require.NoError(t, err)
	require.Equal(t, tidemark.WriteOptions{Wait: true, Timeout: 3 * time.Second}, w)
	w, err = transport.ParseWrite(values(""))
	require.NoError(t, err)
	require.Equal(t, tidemark.WriteOptions{}, w)
	for query, text := range map[string]string{
		"wait=1":        "provided string was not `true` or `false`",
		"wait=":         "provided string was not `true` or `false`",
		"ordering=Weak": "unknown variant `Weak`, expected one of `weak`, `medium`, `strong`",
		"timeout=-1":    "invalid digit found in string",
		"timeout=0":     "invalid value: integer `0`, expected a nonzero u64",
	} {
		_, err := transport.ParseWrite(values(query))
		require.EqualError(t, err, "Deserialize error in query parameters: "+text, query)
		require.Equal(t, 400, transport.Show(err).Status)
	}
	for _, ok := range []string{"", "consistency=2", "consistency=majority", "consistency=quorum", "consistency=all"} {
		_, err := transport.ParseRead(values(ok))
		require.NoError(t, err)
	}
	for _, bad := range []string{"consistency=0", "consistency=-1", "consistency=x", "consistency=", "timeout=x"} {
		_, err := transport.ParseRead(values(bad))
		require.Error(t, err, bad)
	}
	_, err = transport.ParseTimeout(values("timeout=0"))
	require.EqualError(t, err, "Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]")
	d, err := transport.ParseTimeout(values("timeout=18446744073709551615"))
	require.NoError(t, err)
	require.Equal(t, time.Duration(math.MaxInt64), d)
}

func TestAuthenticator(t *testing.T) {
	open := transport.NewAuthenticator(transport.Keys{})
	require.True(t, open.Open())
	require.Equal(t, transport.Manage, open.Access(""))
	a := transport.NewAuthenticator(transport.Keys{APIKey: "a", AltAPIKey: "b", ReadOnlyAPIKey: "c"})
	for key, access := range map[string]transport.Access{
		"a": transport.Manage, "b": transport.Manage, "c": transport.Read, "": transport.NoAccess, "A": transport.NoAccess, "aa": transport.NoAccess,
	} {
		require.Equal(t, access, a.Access(key), key)
	}
	same := transport.NewAuthenticator(transport.Keys{APIKey: "a", ReadOnlyAPIKey: "a"})
	require.Equal(t, transport.Manage, same.Access("a"))
	readers := transport.NewAuthenticator(transport.Keys{ReadOnlyAPIKey: "c"})
	require.False(t, readers.Open())
	require.Equal(t, transport.NoAccess, readers.Access(""))
}

func TestChecks(t *testing.T) {
	var c transport.Checks
	require.NoError(t, c.Err(transport.InBody))
	for i := range 100 {
		c.Fail(fmt.Sprintf("points[%d]", i), "bad")
	}
	text := c.Err(transport.InBody).Error()
	require.Less(t, len(text), 1000, "a text has an end however much is wrong")
	require.True(t, strings.HasPrefix(text, "Validation error in JSON body: [points[0]: bad; points[1]: bad; "))

	c = transport.Checks{}
	q := transport.Float32(0.1)
	transport.BetweenFloats(&c, "q", &q, 0.5, 1)
	require.EqualError(t, c.Err(transport.InBody), "Validation error in JSON body: [q: value 0.10000000149011612 invalid, must be from 0.5 to 1.0]")
}
