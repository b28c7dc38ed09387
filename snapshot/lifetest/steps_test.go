package lifetest

import (
	"context"
	"strings"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/snapshot"
)

// headLogBytes is how much log makes a checkpoint due. A point of fill is larger,
// all others together are smaller.
const headLogBytes = 8 << 10

func create(name string) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		return l.store.Create(ctx, name, tidemark.CreateSpec{
			Settings: []byte(`{"a":1}`),
			Vectors: []segments.VectorSpec{
				{Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot},
				{Name: "sparse", Kind: segments.Sparse, Datatype: segments.Float32, Distance: segments.Dot},
			},
		})
	}
}

func drop(name string) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		_, err := l.store.Drop(ctx, name)
		return err
	}
}

func undo(name string) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		_, err := l.manager.Undo(ctx, name, snapshot.UndoOptions{})
		return err
	}
}

func alias(name, collection string) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		return l.store.UpdateAliases(ctx, []tidemark.AliasChange{{Kind: tidemark.AliasCreate, Alias: name, Target: collection}})
	}
}

// operate writes operations as one record.
func operate(name string, ops ...tidemark.Operation) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		c, err := l.store.Collection(name)
		if err != nil {
			return err
		}
		_, err = c.Write(ctx, ops, tidemark.WriteOptions{Wait: true})
		return err
	}
}

func put(name string, ids ...uint64) func(*life, context.Context) error {
	return operate(name, upsert("some text", ids...))
}

// fill writes a point that makes a checkpoint due.
func fill(name string, id uint64) func(*life, context.Context) error {
	return operate(name, upsert(strings.Repeat("x", headLogBytes), id))
}

// change patches one point and replaces another.
func change(name string, patched, replaced uint64) func(*life, context.Context) error {
	return operate(name, patch(patched), upsert("another text", replaced))
}

// replace replaces one point and removes another.
func replace(name string, replaced, removed uint64) func(*life, context.Context) error {
	return operate(name, upsert("another text", replaced), &tidemark.Delete{Selector: selectIDs(removed)})
}

func upsert(text string, ids ...uint64) tidemark.Operation {
	op := new(tidemark.Upsert)
	for _, id := range ids {
		op.Points = append(op.Points, tidemark.PointInput{
			ID: segments.NumberID(id), Payload: object("text", text),
			Vectors: []tidemark.NamedVector{
				{Vector: tidemark.VectorInput{Kind: segments.Dense, Dense: []float32{float32(id), 1}}},
				{Name: "sparse", Vector: tidemark.VectorInput{
					Kind: segments.Sparse, Sparse: tidemark.SparseInput{Indices: []uint32{7}, Values: []float32{float32(id)}},
				}},
			},
		})
	}
	return op
}

func patch(ids ...uint64) tidemark.Operation {
	return &tidemark.SetPayload{Selector: selectIDs(ids...), Payload: object("patched", "yes")}
}

func selectIDs(ids ...uint64) (s tidemark.Selector) {
	for _, id := range ids {
		s.IDs = append(s.IDs, segments.NumberID(id))
	}
	return s
}

func object(key, value string) payload.Object {
	var b payload.Builder
	b.BeginObject()
	b.Key(key)
	b.String(value)
	b.End()
	o, err := b.Object()
	if err != nil {
		panic(err) // the text is ours
	}
	return o
}

func remove(name string, ids ...uint64) func(*life, context.Context) error {
	return operate(name, &tidemark.Delete{Selector: selectIDs(ids...)})
}
