package tidemark

import "github.com/tidemark-db/tidemark/segments"

// Limits of what one event and one point may hold. They bound what applying or
// replaying a single record costs; larger requests become consecutive events.
const (
	// MaxEventBytes bounds the encoded size of an event.
	MaxEventBytes = 64 << 20
	// MaxEventRowBytes bounds the size of the rows that an event results in.
	MaxEventRowBytes = 64 << 20
	// MaxEventRows bounds the number of points that an event changes.
	MaxEventRows = 100_000
	// MaxPointBytes bounds a point: its payload and its vectors in stored form.
	MaxPointBytes = 16 << 20
)

// maxBudget bounds Options.Budget. All heads of a collection become one segment,
// which takes no more on the disk than they do in memory and may have 8 GiB; what
// was let in below the budget and grows when it is applied has the rest.
const maxBudget = segments.MaxSegmentBytes / 4 * 3
