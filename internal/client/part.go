package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// part is a file that is not complete, and the hash of what it holds. One process
// at a time has it open.
type part struct {
	file *os.File
	hash hash.Hash
	size int64 // what is there
	want int64 // what must be there
}

// openPart opens the file of what came of a snapshot before, and hashes it. Without
// a checksum nothing says that it belongs to this snapshot, and it is emptied.
func openPart(path string, s Snapshot) (*part, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the download: %w", err)
	}
	p := &part{file: f, hash: sha256.New(), want: s.Size}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is being downloaded by another process: %w", path, err), f.Close())
	}
	if p.size, err = io.Copy(p.hash, f); err != nil {
		return nil, errors.Join(fmt.Errorf("read what was downloaded before: %w", err), f.Close())
	}
	if s.Checksum == "" || p.size > p.want {
		if err := p.restart(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return p, nil
}

func (p *part) complete() bool { return p.size == p.want }

// restart forgets what has come.
func (p *part) restart() error {
	p.hash.Reset()
	p.size = 0
	err := p.file.Truncate(0)
	if err == nil {
		_, err = p.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("begin the download anew: %w", err)
	}
	return nil
}

// close frees the file. It was synced if it counts.
func (p *part) close() { _ = p.file.Close() }

func syncDir(dir string) error { return fsx.OS.SyncDir(dir) }
