package fsx

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FreeBytes returns how many bytes an unprivileged process may still write to
// the device of a directory of the host.
func FreeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for the free room of %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
