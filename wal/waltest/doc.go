// Package waltest holds what tests of the log and of its users share: Run, the
// conformance suite of every wal.Log, and Memory, a log without files.
package waltest
