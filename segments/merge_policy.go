package segments

import (
	"cmp"
	"slices"
)

const (
	// tierBase is the size up to which segments are in the lowest tier; each
	// tier holds segments four times as large as the one below.
	tierBase    = 64 << 20
	tierFactor  = 4
	maxPerTier  = 4
	deadPercent = 20
)

// mergeLimit is the expected size up to which segments are merged: below the
// limit of a file, because the estimate may be wrong.
const mergeLimit = MaxSegmentBytes / 16 * 15

// PickMerge returns the names of the segments that should be merged now, none if
// all is well. There may be four segments in a tier; one more, and the whole
// tier is merged. A segment of which more than a fifth is dead is rewritten.
// Merges stop where the result would become too large for a file.
func PickMerge(segments []SegmentEntry) []string {
	tiers := make(map[int][]SegmentEntry)
	for _, s := range segments {
		tiers[tierOf(s.Size)] = append(tiers[tierOf(s.Size)], s)
	}
	for tier := 0; tier <= tierOf(MaxSegmentBytes); tier++ {
		if len(tiers[tier]) > maxPerTier {
			if names := smallest(tiers[tier]); len(names) > 1 {
				return names
			}
		}
	}
	return PickRewrite(segments)
}

// PickRewrite returns the name of one segment of which more than a fifth is dead,
// none if there is none: that of which least is left, because it needs the least
// room to be rewritten.
func PickRewrite(segments []SegmentEntry) []string {
	var found *SegmentEntry
	for i := range segments {
		s := &segments[i]
		if s.Dead*100 > s.Rows*deadPercent && (found == nil || s.liveBytes() < found.liveBytes()) {
			found = s
		}
	}
	if found == nil {
		return nil
	}
	return []string{found.Name}
}

// tierOf returns the logarithm of size / tierBase to the base tierFactor,
// rounded down, at least 0.
func tierOf(size int64) int {
	tier := 0
	for size >= tierBase*tierFactor {
		size /= tierFactor
		tier++
	}
	return tier
}

// smallest returns the names of as many segments as fit into one, the smallest
// first.
func smallest(tier []SegmentEntry) []string {
	tier = slices.SortedFunc(slices.Values(tier), func(a, b SegmentEntry) int {
		return cmp.Or(cmp.Compare(a.liveBytes(), b.liveBytes()), cmp.Compare(a.Name, b.Name))
	})
	var names []string
	bytes, rows := int64(0), 0
	for _, s := range tier {
		bytes += s.liveBytes()
		rows += s.Rows - s.Dead
		if bytes > mergeLimit || int64(rows) > MaxSegmentRows {
			break
		}
		names = append(names, s.Name)
	}
	return names
}

// liveBytes estimates what a segment would take without its dead rows.
func (e *SegmentEntry) liveBytes() int64 {
	if e.Rows == 0 {
		return 0
	}
	return int64(float64(e.Size) * float64(e.Rows-e.Dead) / float64(e.Rows))
}
