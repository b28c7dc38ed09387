package writeback

import (
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// begin is advice: if the file system cannot do it nothing is lost, and an
// error of the device is reported by the fsync that follows.
func begin(f fsx.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

// setDirect turns writing past the page cache on or off and reports whether
// that could be done.
func setDirect(f fsx.File, on bool) bool {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err == nil
}
