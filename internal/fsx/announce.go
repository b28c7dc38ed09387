package fsx

// Announcer is implemented by files of an FS that must know about writes made
// past the FS: by a library that opens the same path itself. Whoever calls
// such a library asks for it with a type assertion on the File.
type Announcer interface {
	// Announce is called before data is written to the file at off. If it
	// returns an error the caller does not write and fails with that error.
	Announce(data []byte, off int64) error
}
