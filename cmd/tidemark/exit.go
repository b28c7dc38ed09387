package main

import "errors"

// The exit codes of the command.
const (
	exitOK      = 0
	exitFailure = 1 // it did not work; the reason is on stderr
	exitUsage   = 2 // the command line is wrong
	exitDamage  = 3 // data was examined, and damage was found
	exitConfig  = 4 // the configuration is invalid

	exitUnavailable = 5   // no server answers, or it asks to come again later
	exitExists      = 6   // --snapshot or --storage-snapshot names what exists
	exitInterrupted = 130 // the user stopped waiting; what was begun may go on
)

// exitError is an error that decides the exit code.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

// exitCode returns the code that an error asks for.
func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	default:
		return exitFailure
	}
}
