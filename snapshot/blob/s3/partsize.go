package s3

import "fmt"

// What the protocol allows.
const (
	maxParts     = 10_000
	maxPartBytes = 5 << 30
)

// minPartBytes is large enough for a request to be worth its while, small enough
// to be sent again.
const minPartBytes = 8 << 20

// partBuffers bounds the parts of one object that are on their way, unless a single
// one is larger. One more is being filled, and the first is held besides.
const partBuffers = 32 << 20

// partSize returns the size of the parts in which an object of the given size is
// sent: at least 8 MiB, whole MiB, and no more than 10,000 of them.
func partSize(size int64) (int64, error) {
	const mib = 1 << 20
	if size > maxParts*maxPartBytes {
		return 0, fmt.Errorf("an object of %d bytes cannot be stored: there may be %d parts of %d bytes", size, maxParts, int64(maxPartBytes))
	}
	least := (size + maxParts - 1) / maxParts
	return max(minPartBytes, (least+mib-1)/mib*mib), nil
}

// concurrency returns how many parts of that size are sent at once.
func concurrency(partSize int64, most int) int {
	return int(min(max(partBuffers/partSize, 1), int64(most)))
}
