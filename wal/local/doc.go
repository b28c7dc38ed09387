// Package local keeps a wal.Log in files of the host. It is the adapter on
// tidwall/wal and adds what a database asks of a log: checksums, commit groups
// that are in the log whole or not at all, repair of torn tails, a lock, and
// detection of every damage that is not a torn tail.
//
// A log is a directory of generations. A generation is one library log in one
// file; it begins with a header frame, holds one frame for each commit group
// and, once it is full, ends with a close frame. docs/format/log.md has the
// format, the limits and the recovery table.
//
// Locks are taken in this order: the commit token (Log.token), then Log.mu.
// Files are touched under the token only, except by readers, which open
// descriptors of their own and stay below the durable end.
package local
