// Package local keeps snapshots as files:
//
//	<dir>/<folder>/<name>.snapshot             the object
//	<dir>/<folder>/<name>.snapshot.checksum    its sha256, 64 hex digits
//	<dir>/<folder>/<name>.snapshot.note        its note, if it has one
//	<dir>/<name>.snapshot                      objects of the empty folder
//	<dir>/.staging/                            ours: locked, swept at start
//	<temp>/tidemark-<hash>/                    the same, if TempDir is set
//
// An object is written and synced in staging. Then its checksum file goes to
// its place, the directory is synced, the object is linked to its place, which
// never replaces anything, and the directory is synced again: the link is the
// commit. Removal goes the other way round, so that a visible object always has
// its checksum; a checksum without an object means nothing and is replaced.
package local
