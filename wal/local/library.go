package local

import (
	"fmt"
	"reflect"
	"unsafe"

	twal "github.com/tidwall/wal"
)

// library is one log of tidwall/wal that never starts a second file.
type library struct {
	log   *twal.Log
	index uint64 // of the last entry

	// What follows points into log, or is zero if the library does not look as
	// expected; see findBuffers.
	entries   *[]byte       // copy of the file's content, kept for Log.Read
	positions reflect.Value // where each entry lies in it
	batch     *[]byte       // copy of the entries being written
}

// openLibrary opens the log in dir. Every entry in it was checked before: the
// library refuses or misreads what is damaged.
func openLibrary(dir string) (*library, error) {
	log, err := twal.Open(dir, &twal.Options{
		NoSync:           true, // we sync on a descriptor of our own
		SegmentSize:      1 << 40,
		SegmentCacheSize: 1,
		NoCopy:           true,
		AllowEmpty:       true,
	})
	if err != nil {
		return nil, fmt.Errorf("open log library: %w", err)
	}
	index, err := log.LastIndex()
	if err != nil {
		return nil, fmt.Errorf("open log library: %w", err)
	}
	l := &library{log: log, index: index}
	l.findBuffers()
	l.trim()
	return l, nil
}

// write appends frame as the next entry. It is in the page cache only.
func (l *library) write(frame []byte) error {
	if err := l.log.Write(l.index+1, frame); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	l.index++
	l.trim()
	return nil
}

func (l *library) close() error {
	if err := l.log.Close(); err != nil {
		return fmt.Errorf("close log library: %w", err)
	}
	return nil
}

// findBuffers looks up the fields in which the library keeps all entries of
// its last file in memory. We never call Log.Read, so that they only cost: the
// whole file in memory, and growing it costs most of the time of a write. The
// fields are not exported; if any of them is not what it was in v1.2.1 none is
// touched, which is correct but slower.
func (l *library) findBuffers() {
	log := reflect.ValueOf(l.log).Elem()
	segments := log.FieldByName("segments")
	if !segments.IsValid() || segments.Kind() != reflect.Slice || segments.Len() != 1 ||
		segments.Type().Elem().Kind() != reflect.Pointer || segments.Type().Elem().Elem().Kind() != reflect.Struct {
		return
	}
	segment := segments.Index(0).Elem()
	entries, positions := segment.FieldByName("ebuf"), segment.FieldByName("epos")
	if !isBytes(entries) || !positions.IsValid() || positions.Kind() != reflect.Slice {
		return
	}
	wbatch := log.FieldByName("wbatch")
	if !wbatch.IsValid() || wbatch.Kind() != reflect.Struct || !isBytes(wbatch.FieldByName("datas")) {
		return
	}
	l.entries = (*[]byte)(addressOf(entries))
	l.batch = (*[]byte)(addressOf(wbatch.FieldByName("datas")))
	l.positions = reflect.NewAt(positions.Type(), addressOf(positions)).Elem()
}

func isBytes(v reflect.Value) bool { return v.IsValid() && v.Type() == reflect.TypeFor[[]byte]() }

// addressOf returns the address of a field that is not exported. The library's
// log stays reachable through l.log, so that the address stays good.
func addressOf(field reflect.Value) unsafe.Pointer {
	return unsafe.Pointer(field.UnsafeAddr())
}

// trim forgets the entries that the library keeps. Nobody else uses the
// library's log, so that its lock is not needed.
func (l *library) trim() {
	if l.entries == nil {
		return
	}
	for _, buf := range []*[]byte{l.entries, l.batch} {
		*buf = (*buf)[:0]
		if cap(*buf) > keepBytes {
			*buf = nil
		}
	}
	l.positions.SetLen(0)
}

// inherit takes over the buffers of a library that was closed, so that the new
// one need not grow its own.
func (l *library) inherit(old *library) {
	if l.entries == nil || old.entries == nil {
		return
	}
	*l.entries, *l.batch = *old.entries, *old.batch
	*old.entries, *old.batch = nil, nil
}
