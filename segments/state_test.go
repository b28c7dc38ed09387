package segments

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/wal"
)

// machine drives a state and a model of it through random steps.
type machine struct {
	state  *State
	schema Schema
	model  content
	at     wal.Position
	held   []heldView
}

// heldView is a view that somebody reads for a long time.
type heldView struct {
	view   *View
	want   content
	schema Schema
}

// maxHeld is how many views are held at once; comparing them takes time.
const maxHeld = 3

func newMachine() *machine {
	m := &machine{state: newTestState(testSchema()), schema: testSchema(), model: content{}, at: 1}
	return m
}

func (m *machine) write(t *rapid.T) {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 60), 1, 20, rapid.ID).Draw(t, "ids")
	removed := rapid.IntRange(0, len(ids)).Draw(t, "removed")
	m.at += wal.Position(rapid.IntRange(1, 3).Draw(t, "gap"))
	var puts []*Point
	var removals []PointID
	for i, n := range ids {
		if i < removed {
			removals = append(removals, testID(n))
			delete(m.model, testID(n))
		} else {
			p := testPoint(m.schema, n, m.at)
			puts = append(puts, p)
			m.model[p.ID] = p
		}
	}
	applyTo(t, m.state, m.at, puts, removals)
}

func (m *machine) seal(*rapid.T) { m.state.Seal(m.at) }

func (m *machine) dropVector(t *rapid.T) {
	if len(m.schema) == 0 {
		t.Skip("no vector is left")
	}
	m.at++
	i := rapid.IntRange(0, len(m.schema)-1).Draw(t, "vector")
	m.state.DropVector(m.schema[i].Key)
	m.schema = slices.Delete(slices.Clone(m.schema), i, i+1)
}

func (m *machine) addVector(t *rapid.T) {
	m.at++
	spec := rapid.SampledFrom(testSchema()).Draw(t, "like")
	spec.Key = VectorKey{Position: m.at}
	spec.Name = fmt.Sprint(spec.Key)
	m.state.AddVectors(spec)
	m.schema = append(slices.Clone(m.schema), spec)
}

func (m *machine) hold(*rapid.T) {
	m.held = append(m.held, heldView{m.state.Publish(m.at), m.model.clone(), m.schema})
	m.held = m.held[max(0, len(m.held)-maxHeld):]
}

// check compares the present and everything that is held.
func (m *machine) check(t *rapid.T) {
	require.Equal(t, len(m.model), m.state.Count())
	require.Equal(t, m.model.sums(m.schema).Digest(), m.state.Digest())
	v := m.state.Publish(m.at)
	requireContent(t, m.model, m.schema, v)
	require.Equal(t, m.at, v.Through())
	v.Release()
	for _, h := range m.held {
		requireContent(t, h.want, h.schema, h.view)
	}
}

func TestStateAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"write": m.write, "write more": m.write, "seal": m.seal, "hold": m.hold,
			"drop vector": m.dropVector, "add vector": m.addVector, "": m.check,
		})
	})
}

// The digest is a function of the points alone: not of the order of writes, nor
// of what was there in between, nor of where the rows lie.
func TestDigestDoesNotDependOnOrderAndLayout(t *testing.T) {
	schema := testSchema()
	rapid.Check(t, func(t *rapid.T) {
		want := content{}
		for n := range 30 {
			p := testPoint(schema, n, wal.Position(100+n))
			want[p.ID] = p
		}
		s := newTestState(schema)
		at := wal.Position(1)
		for _, n := range rapid.Permutation([]int{0, 3, 6, 9, 12, 15, 18, 50, 60}).Draw(t, "first") {
			at++
			applyTo(t, s, at, []*Point{testPoint(schema, n, at)}, nil)
			if rapid.Bool().Draw(t, "seal") {
				s.Seal(at)
			}
		}
		applyTo(t, s, at+1, nil, []PointID{testID(50), testID(60)})
		order := make([]int, 30)
		for n := range order {
			order[n] = n
		}
		for _, n := range rapid.Permutation(order).Draw(t, "order") {
			p := *want[testID(n)] // a version belongs to the point, whatever the order here
			applyTo(t, s, at+2, []*Point{&p}, nil)
			if n%7 == 0 {
				s.Seal(at + 2)
			}
		}
		v := s.Publish(at + 2)
		defer v.Release()
		requireContent(t, want, schema, v)
	})
}

func TestScanBeginsAtAnyID(t *testing.T) {
	s := newTestState(nil)
	for n := range 40 {
		applyTo(t, s, wal.Position(n+1), []*Point{{ID: testID((n * 7) % 40), Version: wal.Position(n + 1)}}, nil)
		if n%9 == 0 {
			s.Seal(wal.Position(n + 1))
		}
	}
	v := s.Publish(40)
	defer v.Release()
	var all []PointID
	for n := range 40 {
		all = append(all, testID(n))
	}
	slices.SortFunc(all, PointID.Compare)
	for i, id := range all {
		scan := v.Scan(id)
		for _, want := range all[i:] {
			require.True(t, scan.Next())
			require.Equal(t, want, scan.Row().ID())
		}
		require.False(t, scan.Next())
		require.False(t, scan.Next(), "the end stays the end")
		require.NoError(t, scan.Err())
	}
}

// A replaced row dies in the step that adds the new one, in whichever head.
func TestEachIDIsLiveInOnePlace(t *testing.T) {
	s := newTestState(nil)
	for at := wal.Position(1); at <= 5; at++ {
		applyTo(t, s, at, []*Point{{ID: NumberID(7), Version: at}}, nil)
		s.Seal(at)
		v := s.Publish(at)
		requireContent(t, content{NumberID(7): {ID: NumberID(7), Version: at}}, nil, v)
		v.Release()
	}
	require.Equal(t, 4, s.deaths.Len())
}

func TestApplyCopiesItsInput(t *testing.T) {
	schema := testSchema()
	s := newTestState(schema)
	p := testPoint(schema, 4, 1)
	want := testPoint(schema, 4, 1)
	applyTo(t, s, 1, []*Point{p}, nil)
	clear(p.Payload)
	for _, v := range p.Vectors {
		clear(v.Data)
	}
	v := s.Publish(1)
	defer v.Release()
	requireContent(t, content{want.ID: want}, schema, v)
}

func TestLargePayloadsAndVectors(t *testing.T) {
	schema := Schema{{Key: VectorKey{1, 0}, Kind: Dense, Size: 65536, Datatype: Float32, Distance: Dot}}
	s := newTestState(schema)
	want := content{}
	for n := range 5 {
		p := testPoint(schema, n, 1)
		p.Payload = testObject(1, 300<<10)
		want[p.ID] = p
		applyTo(t, s, 1, []*Point{p}, nil)
	}
	v := s.Publish(1)
	defer v.Release()
	requireContent(t, want, schema, v)
}

func TestUsageCountsRowsAndDeaths(t *testing.T) {
	s := newTestState(nil)
	require.Zero(t, s.Usage().Total())
	applyTo(t, s, 1, []*Point{{ID: NumberID(1), Version: 1, Payload: testObject(1, 1000)}}, nil)
	active := s.Usage().Active
	require.Greater(t, active, int64(1000))
	require.True(t, s.Seal(1))
	require.False(t, s.Seal(1), "a head without rows is not sealed")
	require.Equal(t, Usage{Sealed: active}, s.Usage())
	applyTo(t, s, 2, nil, []PointID{NumberID(1)})
	require.Equal(t, Usage{Sealed: active, Deaths: deathBytes}, s.Usage())
	require.Equal(t, active+deathBytes, s.Usage().Total())
	require.EqualValues(t, deathBytes, s.Growth(), "since the last seal")
	require.False(t, s.Seal(2))
	require.Zero(t, s.Growth())
}

func TestRetainFailsAfterTheLastRelease(t *testing.T) {
	v := NewState().Publish(1)
	require.True(t, v.TryRetain())
	v.Release()
	v.Release()
	require.False(t, v.TryRetain())
	require.Panics(t, v.Release)
}

// Readers and the applier share memory without locks: run with -race. Each view
// is read while the applier goes on, and shows exactly its own position.
func TestReadersWhileTheApplierWrites(t *testing.T) {
	schema := testSchema()
	s := newTestState(schema)
	model := content{}
	views := make(chan heldView, 8)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for h := range views {
				for range 2 {
					if err := compareContent(h.want, schema, h.view); err != nil {
						t.Error(err)
					}
				}
				h.view.Release()
			}
		})
	}
	for at := wal.Position(1); at <= 400; at++ {
		var puts []*Point
		for i := range 5 {
			n := (int(at)*13 + i*29) % 300
			p := testPoint(schema, n, at)
			if _, twice := model[p.ID]; twice && model[p.ID].Version == at {
				continue
			}
			puts = append(puts, p)
			model[p.ID] = p
		}
		gone := testID((int(at) * 17) % 300)
		if p, ok := model[gone]; ok && p.Version != at {
			delete(model, gone)
			applyTo(t, s, at, puts, []PointID{gone})
		} else {
			applyTo(t, s, at, puts, nil)
		}
		if at%90 == 0 {
			s.Seal(at)
		}
		if at%5 == 0 {
			views <- heldView{view: s.Publish(at), want: model.clone()}
		} else {
			s.Publish(at).Release()
		}
	}
	close(views)
	readers.Wait()
}
