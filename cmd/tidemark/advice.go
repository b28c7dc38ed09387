package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/tidemark-db/tidemark/internal/client"
)

// advisedError is an error with what to try next.
type advisedError struct {
	err error
	try string
}

// Error implements error.
func (e *advisedError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *advisedError) Unwrap() error { return e.err }

// try adds advice to an error.
func try(err error, advice string) error { return &advisedError{err, advice} }

// adviceOf returns what to try after an error, "" if nothing is known.
func adviceOf(err error) string {
	var advised *advisedError
	if errors.As(err, &advised) {
		return advised.try
	}
	return ""
}

// advise adds to an error of speaking to a server what to try next and the exit
// code, unless it has them.
func advise(err error) error {
	var (
		code *exitError
		gone *client.UnreachableError
		no   *client.Error
		bad  *client.DamagedError
	)
	switch {
	case err == nil, errors.As(err, &code):
		return err
	case errors.Is(err, context.Canceled):
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case errors.As(err, &gone):
		return &exitError{exitUnavailable, try(err, "is the server running? Say where with --url or "+envURL+"; 'tidemark health' asks the local one")}
	case errors.As(err, &bad):
		return &exitError{exitDamage, try(err, "the same command again; if that happens again, 'tidemark snapshot verify' with the collection and the name of the snapshot")}
	case errors.As(err, &no):
		return adviseRefusal(err, no.Status)
	}
	return err
}

// adviseRefusal is advise for an answer of the server.
func adviseRefusal(err error, status int) error {
	if adviceOf(err) != "" {
		return err
	}
	switch status {
	case http.StatusUnauthorized:
		return try(err, "give the key in "+envKey+" or with --api-key")
	case http.StatusForbidden:
		return try(err, "a key that may manage, if the key is the reason")
	case http.StatusNotFound:
		return try(err, "another name, if it is misspelt: the shell can complete names, 'tidemark snapshot list COLLECTION' shows snapshots; those of a collection that was deleted can be restored by name")
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &exitError{exitUnavailable, try(err, "again later; 'tidemark doctor' on the machine of the server looks for reasons")}
	case http.StatusNotImplemented:
		return try(err, "a newer server")
	case http.StatusInternalServerError:
		return try(err, "the log of the server says more")
	}
	return err
}

// isNotFound reports whether a server says that something is not there.
func isNotFound(err error) bool {
	var no *client.Error
	return errors.As(err, &no) && no.Status == http.StatusNotFound
}
