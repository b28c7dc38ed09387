package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// UnreachableError says that no answer came.
type UnreachableError struct {
	URL string
	Err error
}

// Error implements error.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Error is a refusal by the server.
type Error struct {
	Status int    // of HTTP
	Text   string // the server's own words
}

// Error implements error.
func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the server answers %d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Text
}

// DamagedError says that what arrived is not what the server has.
type DamagedError struct{ Text string }

// Error implements error.
func (e *DamagedError) Error() string { return e.Text }

// maxRefusal is how many bytes of a refusal are read.
const maxRefusal = 64 << 10

// refusal reads why a server says no: an envelope with an error, or plain text.
func refusal(answer *http.Response) *Error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	e := &Error{Status: answer.StatusCode}
	if err != nil {
		return e // the status says enough
	}
	var envelope struct {
		Status struct{ Error string }
	}
	switch {
	case json.Unmarshal(body, &envelope) == nil:
		e.Text = envelope.Status.Error
	case strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain"):
		e.Text = strings.TrimSpace(string(body))
	}
	return e
}
