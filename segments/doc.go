// Package segments keeps the points of a collection: in memory in heads, on
// disk in immutable segment files, and shows them in views.
//
// State is what the applier of a collection owns: it is changed record by
// record and publishes a View after each group of records. A view is the state
// at one position; it never changes, taking one costs nothing that grows with
// the data, and it holds nobody up. That works because nothing that a view can
// see is ever modified: columns of a head grow at their end only, in chunks
// that never move, ids lie in a tree that is copied on write, and dead rows are
// bitmaps whose pages are shared between versions.
//
// A row is the content of a point as one record left it. A row dies when a
// later record replaces or removes the point, in the same step that adds the
// new row: at every position each id is live in exactly one place. A part, head
// or segment, never loses rows; it is replaced as a whole when it is written to
// disk or merged.
package segments
