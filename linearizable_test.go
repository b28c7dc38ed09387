package tidemark

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

// registerInput is one call on one point, which holds a value or is absent.
type registerInput struct {
	id    uint64
	kind  string // "write", "delete", "delete if", "insert", "read"
	value int
}

const absent = -1

// registerModel says what a point does when one call follows another. The
// output is what was read; writes put out nothing.
var registerModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := make(map[uint64][]porcupine.Operation)
		for _, op := range history {
			id := op.Input.(registerInput).id
			by[id] = append(by[id], op)
		}
		var out [][]porcupine.Operation
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return absent },
	Step: func(state, input, output any) (bool, any) {
		in, now := input.(registerInput), state.(int)
		switch in.kind {
		case "write":
			return true, in.value
		case "delete":
			return true, absent
		case "delete if":
			if now == in.value {
				return true, absent
			}
			return true, now
		case "insert":
			if now == absent {
				return true, in.value
			}
			return true, now
		default:
			return output.(int) == now, now
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %v", input, output) },
}

// call carries out one call and returns what it read.
func registerCall(t *testing.T, c *Collection, in registerInput, o WriteOptions) int {
	id := num(in.id)
	var op Operation
	switch in.kind {
	case "write":
		op = upsert(PointInput{ID: id, Payload: object(t, "v", in.value)})
	case "insert":
		op = &Upsert{Mode: InsertOnly, Points: []PointInput{{ID: id, Payload: object(t, "v", in.value)}}}
	case "delete":
		op = &Delete{Selector: Selector{IDs: []segments.PointID{id}}}
	case "delete if":
		op = &Delete{Selector: Selector{Filter: &filter.Filter{Must: []filter.Condition{
			&filter.Field{Key: mustPath(t, "v"), Match: filter.MatchInt(in.value)},
			&filter.HasID{IDs: []segments.PointID{id}},
		}}}}
	default:
		v, err := c.View(t.Context())
		if err != nil {
			t.Error(err)
			return absent
		}
		defer v.Release()
		row, ok, err := v.Get(id)
		if err != nil || !ok {
			return absent
		}
		o, err := row.Payload()
		if err != nil {
			t.Error(err)
		}
		value, _ := o.Get("v")
		return int(value.Int())
	}
	if _, err := c.Write(t.Context(), []Operation{op}, o); err != nil {
		t.Error(err)
	}
	return absent
}

// TestWritesAndReadsAreLinearizable lets clients write, write under a condition
// and read the same few points at once, with and without waiting for apply.
func TestWritesAndReadsAreLinearizable(t *testing.T) {
	_, c, _ := newTestCollection(t)
	const clients, calls, points = 6, 150, 3
	kinds := []string{"write", "write", "delete", "delete if", "insert", "read", "read", "read"}
	var mu sync.Mutex
	var history []porcupine.Operation
	start := time.Now()
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for range calls {
				in := registerInput{id: rand.Uint64N(points), kind: kinds[rand.IntN(len(kinds))], value: rand.IntN(3)}
				called := time.Since(start)
				out := registerCall(t, c, in, WriteOptions{Wait: rand.IntN(2) == 0})
				returned := time.Since(start)
				mu.Lock()
				history = append(history, porcupine.Operation{
					ClientId: client, Input: in, Call: int64(called), Output: out, Return: int64(returned),
				})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	result := porcupine.CheckOperationsTimeout(registerModel, history, 30*time.Second)
	require.Equal(t, porcupine.Ok, result)
}
