package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// cleanMarker says where a log that was closed in order ends. It is removed
// before the first append, so that whatever differs from it is damage and not
// the torn end of a write.
type cleanMarker struct {
	number uint64       // of the last generation
	size   int64        // of its file
	chain  uint32       // CRC of its last frame
	next   wal.Position // the position that the next record would get
}

var cleanMagic = []byte("TMCLEAN1")

const cleanSize = 8 + 8 + 8 + 4 + 8 + 4

func (m cleanMarker) encode() []byte {
	b := append(make([]byte, 0, cleanSize), cleanMagic...)
	b = binary.LittleEndian.AppendUint64(b, m.number)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, m.chain)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.next))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeClean(b []byte) (cleanMarker, error) {
	if len(b) != cleanSize || !bytes.HasPrefix(b, cleanMagic) {
		return cleanMarker{}, fmt.Errorf("%d bytes that are no marker of version 1", len(b))
	}
	sum := binary.LittleEndian.Uint32(b[cleanSize-4:])
	if crc32.Checksum(b[:cleanSize-4], castagnoli) != sum {
		return cleanMarker{}, fmt.Errorf("wrong checksum")
	}
	return cleanMarker{
		number: binary.LittleEndian.Uint64(b[8:]),
		size:   int64(binary.LittleEndian.Uint64(b[16:])),
		chain:  binary.LittleEndian.Uint32(b[24:]),
		next:   wal.Position(binary.LittleEndian.Uint64(b[28:])),
	}, nil
}

// readClean returns the marker of a log whose listing has one.
func readClean(fsys fsx.FS, dir string) (cleanMarker, error) {
	name := filepath.Join(dir, cleanName)
	b, err := fsx.ReadFile(fsys, name)
	if err != nil {
		return cleanMarker{}, fmt.Errorf("read marker of clean close: %w", err)
	}
	m, err := decodeClean(b)
	if err != nil {
		return cleanMarker{}, &wal.CorruptError{File: name, Reason: "marker of clean close: " + err.Error()}
	}
	return m, nil
}

func writeClean(fsys fsx.FS, dir string, m cleanMarker) error {
	if err := fsx.WriteAtomic(fsys, filepath.Join(dir, cleanName), m.encode()); err != nil {
		return fmt.Errorf("write marker of clean close: %w", err)
	}
	return nil
}

func removeClean(fsys fsx.FS, dir string) error {
	if err := fsys.Remove(filepath.Join(dir, cleanName)); err != nil {
		return fmt.Errorf("remove marker of clean close: %w", err)
	}
	if err := fsys.SyncDir(dir); err != nil {
		return fmt.Errorf("remove marker of clean close: %w", err)
	}
	return nil
}
