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
