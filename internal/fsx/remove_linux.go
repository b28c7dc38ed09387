package fsx

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// How the space of a large file is given back: this many bytes, then a pause.
const (
	removeStep  = 16 << 20
	removePause = 5 * time.Millisecond
)

// remove removes a file or an empty directory, as os.Remove does. A file system
// that frees hundreds of megabytes in one transaction lets all syncs of the
// device wait for it, for 50 ms and more; so a large file is emptied step by step
// after its name is gone. Only a file that nobody else has open, mapped or under
// another name is emptied; of any other the kernel frees the space when its last
// user has closed it.
func remove(name string) error {
	st, err := os.Lstat(name)
	if err != nil || !st.Mode().IsRegular() || st.Size() <= removeStep {
		return os.Remove(name) // reports what Lstat found, too
	}
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return os.Remove(name)
	}
	defer f.Close() // nothing was written
	if err := os.Remove(name); err != nil {
		return err
	}
	if !isOurs(f) {
		return nil
	}
	for left := st.Size() - removeStep; left > 0; left -= removeStep {
		if f.Truncate(left) != nil {
			return nil // the kernel frees it at the latest when it is closed
		}
		time.Sleep(removePause)
	}
	return nil
}

// isOurs reports whether f has no name and is open nowhere else; then nobody can
// open it any more. The kernel grants a write lease only on such a file.
func isOurs(f *os.File) bool {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 0 {
		return false
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	return err == nil
}
