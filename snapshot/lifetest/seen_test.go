package lifetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// seen is what clients of a store see. It is the same in each run of a life.
type seen struct {
	collections map[string]content
	aliases     []tidemark.Alias
}

// content is what a collection holds.
type content struct {
	digest  segments.Digest
	count   int
	through wal.Position
	points  string // every point in a line
	// undoable says that a restore replaced something that can be brought back.
	undoable bool
}

// look reads everything.
func (h *house) look(ctx context.Context) (seen, error) {
	collections, err := h.collections()
	if err != nil {
		return seen{}, err
	}
	s := seen{collections: make(map[string]content), aliases: h.store.Aliases()}
	for name, c := range collections {
		now, err := lookAt(ctx, c)
		if err != nil {
			return seen{}, fmt.Errorf("read collection %s: %w", name, err)
		}
		_, now.undoable = h.store.Previous(name)
		s.collections[name] = now
	}
	return s, nil
}

func lookAt(ctx context.Context, c *tidemark.Collection) (content, error) {
	v, err := c.View(ctx)
	if err != nil {
		return content{}, err
	}
	defer v.Release()
	var lines strings.Builder
	scan := v.Scan(segments.NumberID(0))
	for scan.Next() {
		line, err := describe(scan.Row(), v.Config.Schema)
		if err != nil {
			return content{}, err
		}
		lines.WriteString(line)
	}
	return content{digest: v.Digest(), count: v.Count(), through: v.Through(), points: lines.String()}, scan.Err()
}

// describe is a row in a line: payload and vectors as a hash, so that the
// difference of two lists can be read.
func describe(row segments.Row, schema segments.Schema) (string, error) {
	object, err := row.Payload()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%x", object)
	for _, spec := range schema {
		data, ok, err := row.Vector(spec.Key)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "|%v %t %x", spec.Key, ok, data)
	}
	return fmt.Sprintf("%v@%d %x\n", row.ID(), row.Version(), hash.Sum(nil)[:8]), nil
}
