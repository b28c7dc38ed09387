package segments

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// blockReader reads sections of one segment file and gives out no byte of a
// block whose checksum was not verified.
type blockReader interface {
	// readAt fills dst from offset off of the section.
	readAt(s *section, off int64, dst []byte) error
}

// accessor is the only code that reads the mapping of a segment file. It
// verifies a block when it is touched for the first time, by reading it from
// the file, so that bad memory of a disk is found before a mapped byte is
// looked at. A fault in the mapping, which is what an I/O error or a file that
// was cut look like, becomes a DamagedError. It may be used concurrently.
type accessor struct {
	file fsx.File
	size int64

	mapping  sync.Mutex
	mapped   atomic.Pointer[[]byte]
	verified map[*section][]atomic.Uint64 // a bit for each block
	buffers  sync.Pool
}

func newAccessor(file fsx.File, size int64, c *contents) *accessor {
	a := &accessor{file: file, size: size, verified: make(map[*section][]atomic.Uint64, len(c.sections))}
	for i := range c.sections {
		s := &c.sections[i]
		a.verified[s] = make([]atomic.Uint64, (len(s.sums)+63)/64)
	}
	return a
}

// data returns the mapping of the whole file, made when it is first needed.
func (a *accessor) data() ([]byte, error) {
	if p := a.mapped.Load(); p != nil {
		return *p, nil
	}
	a.mapping.Lock()
	defer a.mapping.Unlock()
	if p := a.mapped.Load(); p != nil {
		return *p, nil
	}
	b, err := unix.Mmap(int(a.file.Fd()), 0, int(a.size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", a.file.Name(), err)
	}
	a.mapped.Store(&b)
	return b, nil
}

// unmap ends the mapping. Nothing may use the accessor any more.
func (a *accessor) unmap() error {
	p := a.mapped.Swap(nil)
	if p == nil {
		return nil
	}
	return unix.Munmap(*p)
}

// verify makes sure that all blocks of a range were verified.
func (a *accessor) verify(s *section, off, n int64) error {
	if n <= 0 {
		return nil
	}
	bits, size := a.verified[s], blockSizeOf(s.kind)
	for i := off / size; i <= (off+n-1)/size; i++ {
		if bits[i/64].Load()&(1<<(i%64)) != 0 {
			continue
		}
		if err := a.verifyBlock(s, i); err != nil {
			return err
		}
		bits[i/64].Or(1 << (i % 64))
	}
	return nil
}

func (a *accessor) verifyBlock(s *section, i int64) error {
	buf, _ := a.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
		*buf = make([]byte, min(blockBytes, a.size))
	}
	defer a.buffers.Put(buf)
	_, err := readBlock(a.file, s, i, *buf)
	return err
}

// readBlock reads a block of a section into buf and verifies it.
func readBlock(file fsx.File, s *section, i int64, buf []byte) ([]byte, error) {
	from, to := s.block(i)
	b := buf[:to-from]
	if n, err := file.ReadAt(b, s.offset+from); n < len(b) {
		return nil, unreadable(file.Name(), s.offset+from+int64(n), err)
	}
	if checksum(b) != s.sums[i] {
		return nil, &DamagedError{File: file.Name(), Offset: s.offset + from, Reason: errChecksum.Error()}
	}
	return b, nil
}

// readAt implements blockReader.
func (a *accessor) readAt(s *section, off int64, dst []byte) error {
	return a.use(s, off, int64(len(dst)), func(b []byte) error {
		copy(dst, b)
		return nil
	})
}

// use calls visit with verified mapped bytes. They must not be kept, nor used
// by another goroutine: only here faults are caught.
func (a *accessor) use(s *section, off, n int64, visit func([]byte) error) (err error) {
	if err := a.verify(s, off, n); err != nil {
		return err
	}
	data, err := a.data()
	if err != nil {
		return err
	}
	from := s.offset + off
	defer a.catch(data, debug.SetPanicOnFault(true), &err)
	return visit(data[from : from+n : from+n])
}

// catch turns a fault within the mapping into an error. Any other panic goes
// on.
func (a *accessor) catch(data []byte, before bool, err *error) {
	debug.SetPanicOnFault(before)
	r := recover()
	if r == nil {
		return
	}
	if fault, ok := r.(interface{ Addr() uintptr }); ok {
		if off := int64(fault.Addr() - address(data)); off >= 0 && off < int64(len(data)) {
			*err = &DamagedError{File: a.file.Name(), Offset: off, Reason: "it cannot be read any more"}
			return
		}
	}
	panic(r)
}
