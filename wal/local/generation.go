package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

const (
	osReadOnly = os.O_RDONLY
	dirPerm    = 0o750
	filePerm   = 0o640
)

// generation is the one that records are appended to, or a spare that has no
// header yet.
type generation struct {
	number uint64
	lib    *library
	file   fsx.File // for sync; the library writes through its own descriptor
	salt   uint64
	chain  uint32 // CRC of the last frame
	size   int64  // bytes in the file, a multiple of blockSize
	groups uint64
	next   wal.Position // that a record in it would get

	room  int64 // bytes of the file that the disk was asked to set aside, see reserve
	limit int64 // size at which the next generation begins
	// spacious reports whether the disk has room for that many bytes to be set
	// aside.
	spacious func(bytes int64) bool
}

// unpreparedError says that a generation could not be prepared, and that nothing
// of it counts: it may be prepared again, with files of its own.
type unpreparedError struct {
	number uint64
	err    error
}

func (e *unpreparedError) Error() string {
	return fmt.Sprintf("create generation %d of the log: %v", e.number, e.err)
}

func (e *unpreparedError) Unwrap() error { return e.err }

// prepareGeneration creates an empty generation whose directory entries and
// file survive a crash. Up to the sync of dir, what fails is an unpreparedError.
func prepareGeneration(o *Options, dir string, number uint64) (*generation, error) {
	name := generationFile(dir, number)
	if err := o.FS.Mkdir(filepath.Dir(name), dirPerm); err != nil {
		return nil, &unpreparedError{number, err}
	}
	f, err := o.FS.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return nil, &unpreparedError{number, err}
	}
	return fillGeneration(o, dir, number, f)
}

// resetGeneration empties the file of a generation whose header was never
// written whole.
func resetGeneration(o *Options, dir string, number uint64) (*generation, error) {
	f, err := o.FS.OpenFile(generationFile(dir, number), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("reset generation %d of the log: %w", number, err)
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("reset generation %d of the log: %w", number, err), f.Close())
	}
	return fillGeneration(o, dir, number, f)
}

// fillGeneration makes an empty file durable and opens the library on it. It
// owns f.
func fillGeneration(o *Options, dir string, number uint64, f fsx.File) (*generation, error) {
	err := f.Sync()
	if err == nil {
		err = o.FS.SyncDir(filepath.Dir(f.Name()))
	}
	if err != nil {
		return nil, errors.Join(&unpreparedError{number, err}, f.Close())
	}
	// This directory is not new: a sync of it that failed is not repeated.
	if err := o.FS.SyncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("create generation %d of the log: %w", number, err), f.Close())
	}
	lib, err := openLibrary(filepath.Dir(f.Name()))
	if err != nil {
		return nil, errors.Join(&unpreparedError{number, err}, f.Close())
	}
	return &generation{number: number, lib: lib, file: f, limit: o.SegmentBytes, spacious: o.spacious(dir)}, nil
}

// resumeGeneration opens a generation for append behind the frames that a
// scanner read to their end.
func resumeGeneration(o *Options, dir string, s *scanner) (*generation, error) {
	f, err := o.FS.OpenFile(generationFile(dir, s.origin.number), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open generation %d of the log: %w", s.origin.number, err)
	}
	lib, err := openLibrary(filepath.Dir(f.Name()))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if lib.index != s.frames {
		err := &wal.CorruptError{
			File: f.Name(), Offset: s.off, Position: s.next - 1,
			Reason: fmt.Sprintf("the library sees %d entries, there are %d frames", lib.index, s.frames),
		}
		return nil, errors.Join(err, lib.close(), f.Close())
	}
	return &generation{
		number: s.origin.number, lib: lib, file: f,
		salt: s.salt, chain: s.chain, size: s.off, groups: s.frames - 1, next: s.next,
		room: s.off, limit: o.SegmentBytes, spacious: o.spacious(dir),
	}, nil
}

// begin writes the header frame: from then on the generation is part of the
// log.
func (g *generation) begin(salt uint64, prev uint32, next wal.Position, o origin) error {
	g.salt, g.chain = salt, prev
	if _, err := g.append(appendOrigin(make([]byte, headSize, blockSize), o), kindHeader, next, 0); err != nil {
		return err
	}
	_, err := g.sync()
	return err
}

// append writes one frame, without sync. buf has headSize bytes of room before
// the body; the buffer that holds the frame is returned for reuse.
func (g *generation) append(buf []byte, k kind, first wal.Position, count int) ([]byte, error) {
	frame, crc := sealFrame(buf, head{kind: k, salt: g.salt, first: first, count: uint32(count), prev: g.chain})
	if err := g.announce(frame); err != nil {
		return frame, err
	}
	if k == kindGroup {
		g.reserve()
	}
	if err := g.lib.write(frame); err != nil {
		return frame, err
	}
	g.chain, g.next = crc, first+wal.Position(count)
	g.size += entrySize(len(frame))
	if k == kindGroup {
		g.groups++
	}
	return frame, nil
}

// announce tells a file system that records or fails what is written what the
// library is about to write behind its back.
func (g *generation) announce(frame []byte) error {
	a, ok := g.file.(fsx.Announcer)
	if !ok {
		return nil
	}
	entry := append(binary.AppendUvarint(nil, uint64(len(frame))), frame...)
	if err := a.Announce(entry, g.size); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// reserve asks the disk to set blocks aside for the whole generation, before
// its first group. The file does not grow by that, but a sync then need not
// record new blocks, and the file lies in one piece: a lone writer of small
// records has 0.9 of the speed of a bare file with it, 0.7 without or if the
// room comes later or in steps. It is advice: whatever comes of it changes
// nothing else. A disk without room for it is not asked: some would give all
// that they have.
func (g *generation) reserve() {
	if g.room >= g.limit {
		return
	}
	g.room = g.limit
	if !g.spacious(g.limit - g.size) {
		return
	}
	_ = unix.Fallocate(int(g.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, g.size, g.limit-g.size)
}

// giveBack returns to the disk what was reserved and not used.
func (g *generation) giveBack() {
	if g.room > g.size {
		g.room = g.size
		_ = unix.Ftruncate(int(g.file.Fd()), g.size) // frees what lies behind the end
	}
}

// sync makes everything appended durable and says how long that took.
func (g *generation) sync() (time.Duration, error) {
	start := time.Now()
	if err := g.file.SyncData(); err != nil {
		return 0, fmt.Errorf("sync log: %w", err)
	}
	return time.Since(start), nil
}

func (g *generation) close() error { return errors.Join(g.lib.close(), g.file.Close()) }
