package fsx

import "slices"

// Kind names an operation of an FS or a File, in traces and in rules of
// faults.
type Kind string

// Kinds of operations that change something or make it durable.
const (
	KindCreate   Kind = "create" // OpenFile that made a file
	KindMkdir    Kind = "mkdir"
	KindRename   Kind = "rename"
	KindLink     Kind = "link"
	KindRemove   Kind = "remove"
	KindWrite    Kind = "write"
	KindTruncate Kind = "truncate" // also OpenFile that emptied a file
	KindAllocate Kind = "allocate" // fails in tests, is not recorded
	KindSync     Kind = "fsync"
	KindSyncData Kind = "fdatasync"
	KindSyncDir  Kind = "syncdir"

	// KindLogWrite is a write by a library, announced through Announcer, and
	// KindLogSync the fdatasync of a file for which there was one.
	KindLogWrite Kind = "wal.write"
	KindLogSync  Kind = "wal.sync"

	// KindMark is a remark in a recording.
	KindMark Kind = "#"
)

// Kinds of operations that only read. A rule of faults must name them.
const (
	KindOpen    Kind = "open"
	KindRead    Kind = "read"
	KindReadDir Kind = "readdir"
	KindStat    Kind = "stat"
	KindFree    Kind = "free"
)

// isRead reports whether k changes nothing.
func (k Kind) isRead() bool {
	return slices.Contains([]Kind{KindOpen, KindRead, KindReadDir, KindStat, KindFree}, k)
}

// isSync reports whether k makes durable what others did.
func (k Kind) isSync() bool {
	return slices.Contains([]Kind{KindSync, KindSyncData, KindSyncDir, KindLogSync}, k)
}
