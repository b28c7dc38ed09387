package tidemark

import (
	"slices"

	"github.com/tidemark-db/tidemark/segments"
)

// draft is an event in the making: effects that fit its limits.
type draft struct {
	effects  []Effect
	bytes    int // encoded size, estimated from above
	rows     int
	rowBytes int
}

// drafts distributes effects over as few events as the limits allow, in order.
type drafts struct {
	list []*draft
	// sizeOf estimates the size of the row that a patch starts from.
	sizeOf func(segments.PointID) int
}

// cost is what one effect adds to an event.
type cost struct{ bytes, rows, rowBytes int }

// whole reports whether the effect cannot be divided, or need not be.
func (c cost) whole() bool { return c.rows <= 1 || (&draft{}).fits(c) }

// add puts an effect into the last draft, or into new ones if it does not fit.
func (d *drafts) add(e Effect) {
	if c := d.cost(e); c.whole() {
		d.put(e, c)
		return
	}
	for _, part := range d.split(e) {
		d.put(part, d.cost(part))
	}
}

// put adds an effect that fits one draft.
func (d *drafts) put(e Effect, c cost) {
	last := d.last()
	if last == nil || !last.fits(c) {
		last = &draft{}
		d.list = append(d.list, last)
	}
	last.effects = append(last.effects, e)
	last.bytes += c.bytes
	last.rows += c.rows
	last.rowBytes += c.rowBytes
}

func (d *drafts) last() *draft {
	if len(d.list) == 0 {
		return nil
	}
	return d.list[len(d.list)-1]
}

func (d *draft) fits(c cost) bool {
	return d.rows+c.rows <= MaxEventRows && d.bytes+c.bytes <= MaxEventBytes && d.rowBytes+c.rowBytes <= MaxEventRowBytes
}

// effectOverhead is more than an effect's tag, id, counts and lengths take.
const effectOverhead = 64

func (d *drafts) cost(e Effect) cost {
	switch e := e.(type) {
	case *PutPoint:
		n := pointSize(e.Payload, e.Vectors)
		return cost{n + effectOverhead + len(e.Vectors)*16, 1, n}
	case *PutVectors:
		n := pointSize(nil, e.Vectors)
		return cost{n + effectOverhead + len(e.Vectors)*16, 1, n + d.sizeOf(e.ID)}
	case *RemovePoints:
		return cost{effectOverhead + len(e.IDs)*segments.PointIDSize, len(e.IDs), 0}
	case *PatchPayload:
		return d.patchCost(e.IDs, len(e.Payload), pathsSize(e))
	case *RemoveVectors:
		return d.patchCost(e.IDs, 0, len(e.Keys)*16)
	}
	return cost{}
}

func (d *drafts) patchCost(ids []segments.PointID, added, encoded int) cost {
	c := cost{bytes: effectOverhead + added + encoded + len(ids)*segments.PointIDSize, rows: len(ids)}
	for _, id := range ids {
		c.rowBytes += added + d.sizeOf(id)
	}
	return c
}

func pathsSize(e *PatchPayload) int {
	n := 0
	for _, p := range e.Paths {
		n += len(p.String()) + 8
	}
	return n
}

// split divides an effect that names more points than one event may change.
func (d *drafts) split(e Effect) []Effect {
	if d.cost(e).whole() {
		return []Effect{e}
	}
	switch e := e.(type) {
	case *RemovePoints:
		return d.halves(e.IDs, func(ids []segments.PointID) Effect { return &RemovePoints{IDs: ids} })
	case *PatchPayload:
		return d.halves(e.IDs, func(ids []segments.PointID) Effect {
			p := *e
			p.IDs = ids
			return &p
		})
	case *RemoveVectors:
		return d.halves(e.IDs, func(ids []segments.PointID) Effect { return &RemoveVectors{IDs: ids, Keys: e.Keys} })
	}
	return []Effect{e}
}

func (d *drafts) halves(ids []segments.PointID, part func([]segments.PointID) Effect) []Effect {
	mid := len(ids) / 2
	return slices.Concat(d.split(part(ids[:mid])), d.split(part(ids[mid:])))
}
