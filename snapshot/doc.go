// Package snapshot makes, lists and restores snapshots of collections.
//
// A snapshot is the state of one collection at exactly one position of its log.
// To take one, the engine freezes a view, which costs writers nothing; what the
// view holds in memory is encoded into staging; everything is streamed into one
// archive and put into a blob store, where it appears whole or not at all.
//
// To restore one, the archive is unpacked, and proven while it is unpacked, into
// a directory that nothing names yet. Only then does the engine put it into the
// place of the collection, in one step. Until then nothing that was there is
// touched.
//
// Work goes on when a request that began it ends; only Close ends it early. Per
// collection one piece of work is done at a time, in order of arrival.
package snapshot
