package local

import "golang.org/x/sys/unix"

// readFlags open only what stands at the very place, never what a symbolic link
// points to, and do not wait for the other end of a pipe.
const readFlags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK
