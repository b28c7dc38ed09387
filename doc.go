// Package tidemark is an event-sourced store for points: ids with vectors and a
// JSON payload.
//
// A Store is a data directory with collections. Every change of a Collection is
// an Event in its write-ahead log, and its state changes only by applying the
// records of that log: live writes, recovery and later replicas share one apply
// loop. What reads, reads a View: the state at one position, which never
// changes and holds nobody up.
//
// The way of a write: Collection.Write checks and encodes it without a lock,
// puts it in order under the order lock, waits until it is durable, and, if
// asked, until the applier has published a view that shows it. Writes that must
// look at points first, and changes of the configuration, hold the order lock
// exclusively, so that all writes are serialisable.
package tidemark
