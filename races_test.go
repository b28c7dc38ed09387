package tidemark

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
)

// nameInput is one call on the name "c", or on the alias "al" that may stand for
// it.
type nameInput struct {
	kind  string // create, drop, write, read, restore, undo, alias, unalias, read alias
	value int
}

// nameOutput is what a call answered.
type nameOutput struct {
	outcome string // ok, missing, exists, changed, unknown
	value   int    // that was read
}

// nameState is what the name and the alias stand for.
type nameState struct {
	exists, alias bool
	value         int // of the one point, absent if it is not there
	undoable      bool
	previous      int // value of the state that an undo brings back
}

// nameModel says what may follow. A call whose outcome is unknown, because the
// collection was dropped under it, may or may not have had its effect.
var nameModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{nameState{value: absent}} },
	Step: func(state, input, output any) []any {
		s, in, out := state.(nameState), input.(nameInput), output.(nameOutput)
		if out.outcome == "unknown" {
			return append(nameStep(s, in, nameOutput{outcome: "ok"}), s)
		}
		return nameStep(s, in, out)
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// nameStep returns the state after a call, or none if the answer is impossible.
func nameStep(s nameState, in nameInput, out nameOutput) []any {
	if out.outcome == "changed" { // something else happened to the name meanwhile
		return when(in.kind == "restore" || in.kind == "undo", s)
	}
	if out.outcome == "missing" {
		missing := !s.exists || (in.kind == "read alias" && !s.alias) || (in.kind == "undo" && !s.undoable)
		return when(missing && in.kind != "create" && in.kind != "restore", s)
	}
	if out.outcome == "exists" {
		// A restore that found no name is refused if one is created meanwhile.
		return when((in.kind == "create" || in.kind == "restore") && s.exists, s)
	}
	switch in.kind {
	case "create":
		return when(!s.exists, nameState{exists: true, alias: s.alias, value: absent})
	case "drop":
		return when(s.exists, nameState{value: absent})
	case "restore":
		return []any{nameState{exists: true, alias: s.alias, value: in.value, undoable: s.exists, previous: s.value}}
	case "undo":
		next := s
		next.value, next.previous = s.previous, s.value
		return when(s.exists && s.undoable, next)
	case "write":
		next := s
		next.value = in.value
		return when(s.exists, next)
	case "alias":
		next := s
		next.alias = true
		return when(s.exists, next)
	case "unalias":
		next := s
		next.alias = false
		return []any{next}
	case "read alias":
		return when(s.exists && s.alias && out.value == s.value, s)
	default:
		return when(s.exists && out.value == s.value, s)
	}
}

func when(possible bool, next nameState) []any {
	if possible {
		return []any{next}
	}
	return nil
}

// nameClient carries out calls on a store.
type nameClient struct {
	t     *testing.T
	store *Store
	snaps map[int]copied // by the value that they hold
}

func (c *nameClient) call(in nameInput) nameOutput {
	var out nameOutput
	var err error
	switch in.kind {
	case "create":
		err = c.store.Create(c.t.Context(), "c", CreateSpec{})
	case "drop":
		var dropped bool
		if dropped, err = c.store.Drop(c.t.Context(), "c"); err == nil && !dropped {
			return nameOutput{outcome: "missing"}
		}
	case "restore":
		err = restoreCopy(c.t.Context(), c.store, "c", c.snaps[in.value])
	case "undo":
		_, err = c.store.Undo(c.t.Context(), "c", uuid.Nil)
	case "alias":
		err = c.store.UpdateAliases(c.t.Context(), []AliasChange{{AliasCreate, "al", "c"}})
	case "unalias":
		err = c.store.UpdateAliases(c.t.Context(), []AliasChange{{AliasDelete, "al", ""}})
	case "write":
		err = c.write(in.value)
	case "read alias":
		out.value, err = c.read("al")
	default:
		out.value, err = c.read("c")
	}
	out.outcome = outcomeOf(err)
	return out
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errChanged):
		return "changed"
	case KindOf(err) == NotFound:
		return "missing"
	case KindOf(err) == AlreadyExists:
		return "exists"
	default:
		return "unknown"
	}
}

func (c *nameClient) write(value int) error {
	col, err := c.store.Collection("c")
	if err != nil {
		return err
	}
	op := upsert(PointInput{ID: num(1), Payload: object(c.t, "v", value)})
	_, err = col.Write(c.t.Context(), []Operation{op}, WriteOptions{Wait: rand.IntN(2) == 0})
	return err
}

func (c *nameClient) read(name string) (int, error) {
	col, err := c.store.Collection(name)
	if err != nil {
		return 0, err
	}
	v, err := col.View(c.t.Context())
	if err != nil {
		return 0, err
	}
	defer v.Release()
	row, ok, err := v.Get(segments.NumberID(1))
	if err != nil || !ok {
		return absent, err
	}
	o, err := row.Payload()
	if err != nil {
		return 0, err
	}
	value, _ := o.Get("v")
	return int(value.Int()), nil
}

// TestNamesAreLinearizable lets restores, undos, drops, creations and changes of an
// alias race with writes, reads and each other.
func TestNamesAreLinearizable(t *testing.T) {
	client := &nameClient{t: t, store: openTestStore(t, t.TempDir(), newMemoryLogs()), snaps: make(map[int]copied)}
	t.Cleanup(func() { _ = client.store.Close(t.Context()) })
	for _, value := range []int{100, 200} {
		require.NoError(t, client.store.Create(t.Context(), "source", CreateSpec{}))
		source, err := client.store.Collection("source")
		require.NoError(t, err)
		mustWrite(t, source, upsert(PointInput{ID: num(1), Payload: object(t, "v", value)}))
		client.snaps[value], err = takeCopy(t, t.Context(), client.store, "source")
		require.NoError(t, err)
		_, err = client.store.Drop(t.Context(), "source")
		require.NoError(t, err)
	}
	kinds := []string{"create", "drop", "restore", "restore", "undo", "undo", "write", "write", "write", "read", "read", "read", "alias", "unalias", "read alias"}
	var mu sync.Mutex
	var history []porcupine.Operation
	start := time.Now()
	var group sync.WaitGroup
	for id := range 4 {
		group.Go(func() {
			for range 60 {
				in := nameInput{kind: kinds[rand.IntN(len(kinds))], value: rand.IntN(50)}
				if in.kind == "restore" {
					in.value = 100 * (1 + rand.IntN(2))
				}
				called := time.Since(start)
				out := client.call(in)
				returned := time.Since(start)
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: id, Input: in, Call: int64(called), Output: out, Return: int64(returned)})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	requireNothingUnnamed(t, client.store)
	model := nameModel.ToModel()
	if result := porcupine.CheckOperationsTimeout(model, history, 30*time.Second); result != porcupine.Ok {
		slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		for _, op := range history {
			t.Logf("%9d-%9d client %d %s", op.Call/1000, op.Return/1000, op.ClientId, nameModel.DescribeOperation(op.Input, op.Output))
		}
		require.Equal(t, porcupine.Ok, result)
	}
}
