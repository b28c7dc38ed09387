package segments

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// testSchema has one vector of each kind.
func testSchema() Schema {
	return Schema{
		{Key: VectorKey{1, 0}, Name: "", Kind: Dense, Size: 4, Datatype: Float32, Distance: Dot},
		{Key: VectorKey{1, 1}, Name: "half", Kind: Dense, Size: 3, Datatype: Float16, Distance: Cosine},
		{Key: VectorKey{1, 2}, Name: "sparse", Kind: Sparse, Datatype: Float32, Distance: Dot},
		{Key: VectorKey{1, 3}, Name: "multi", Kind: Multi, Size: 2, Datatype: Uint8, Distance: Dot},
	}
}

// testObject returns a payload with one integer and a text of n bytes.
func testObject(i int64, n int) payload.Object {
	var b payload.Builder
	b.BeginObject()
	b.Key("n")
	b.Int(i)
	b.Key("text")
	b.String(string(make([]byte, n)))
	b.End()
	o, err := b.Object()
	if err != nil {
		panic(err)
	}
	return o
}

// testID returns a number for even n and a UUID for odd n.
func testID(n int) PointID {
	if n%2 == 0 {
		return NumberID(uint64(n))
	}
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[8:], uint64(n))
	return UUIDID(u)
}

// testPoint returns a point whose content depends on n and version; some have
// no payload, and each vector is missing in some.
func testPoint(schema Schema, n int, version wal.Position) *Point {
	x := n*31 + int(version)
	p := &Point{ID: testID(n), Version: version}
	if x%5 != 0 {
		p.Payload = testObject(int64(x), x%40)
	}
	for i, spec := range schema {
		if (x>>i)%4 == 3 {
			continue
		}
		p.Vectors = append(p.Vectors, Vector{Key: spec.Key, Data: testVector(spec, x)})
	}
	return p
}

func testVector(spec VectorSpec, x int) []byte {
	row := func(x int) []float32 {
		v := make([]float32, spec.Size)
		for i := range v {
			v[i] = float32((x*7 + i*3) % 200)
		}
		return v
	}
	var data []byte
	var err error
	switch spec.Kind {
	case Dense:
		data, err = EncodeDense(spec.Datatype, row(x))
	case Sparse:
		n := x % 6
		indices, values := make([]uint32, n), make([]float32, n)
		for i := range n {
			indices[i], values[i] = uint32(i*i+x%3), float32(x+i)
		}
		data, err = EncodeSparse(spec.Datatype, indices, values)
	default:
		rows := make([][]float32, 1+x%3)
		for i := range rows {
			rows[i] = row(x + i)
		}
		data, err = EncodeMulti(spec.Datatype, rows)
	}
	if err != nil {
		panic(err)
	}
	return data
}

// fataler is what testing.TB and rapid.T share.
type fataler interface {
	require.TestingT
	Helper()
}

var (
	_ fataler = (*testing.T)(nil)
	_ fataler = (*rapid.T)(nil)
)

// applyTo is what a collection's applier does with puts and removals.
func applyTo(t fataler, s *State, at wal.Position, puts []*Point, removals []PointID) {
	t.Helper()
	var changes []Change
	for _, p := range puts {
		old, _, err := s.Locate(p.ID)
		require.NoError(t, err)
		changes = append(changes, Change{ID: p.ID, Old: old, New: p})
	}
	for _, id := range removals {
		old, ok, err := s.Locate(id)
		require.NoError(t, err)
		if ok {
			changes = append(changes, Change{ID: id, Old: old})
		}
	}
	s.Apply(at, changes)
}

func newTestState(schema Schema) *State {
	s := NewState()
	for _, spec := range schema {
		s.AddVectors(spec)
	}
	return s
}

// content is what a view should hold.
type content map[PointID]*Point

func (c content) clone() content {
	out := make(content, len(c))
	for id, p := range c {
		out[id] = p
	}
	return out
}

// sums computes the sums from nothing.
func (c content) sums(schema Schema) Sums {
	var s Sums
	for _, spec := range schema {
		s.addVector(spec.Key)
	}
	for _, p := range c {
		s.Points = s.Points.Add(HashPoint(p.ID, p.Version, p.Payload))
		for _, v := range p.Vectors {
			if sum := s.vector(v.Key); sum != nil {
				*sum = sum.Add(HashVector(p.ID, v.Data))
			}
		}
	}
	return s
}

// requireContent checks all that a view says against what it should hold.
func requireContent(t fataler, want content, schema Schema, v *View) {
	t.Helper()
	require.NoError(t, compareContent(want, schema, v))
}

func compareContent(want content, schema Schema, v *View) error {
	if v.Count() != len(want) {
		return fmt.Errorf("count is %d, want %d", v.Count(), len(want))
	}
	if sums := want.sums(schema); !sums.Equal(v.Sums()) || sums.Digest() != v.Digest() {
		return fmt.Errorf("sums are %v, want %v", v.Sums(), sums)
	}
	if err := compareScan(want, schema, v); err != nil {
		return err
	}
	if err := compareParts(want, v); err != nil {
		return err
	}
	for id, p := range want {
		row, ok, err := v.Get(id)
		if err != nil || !ok {
			return fmt.Errorf("get %v: found %v, error %w", id, ok, err)
		}
		if err := comparePoint(p, schema, row); err != nil {
			return err
		}
	}
	return nil
}

func compareScan(want content, schema Schema, v *View) error {
	n, last := 0, PointID{}
	scan := v.Scan(PointID{})
	for ; scan.Next(); n++ {
		row := scan.Row()
		if n > 0 && row.ID().Compare(last) <= 0 {
			return fmt.Errorf("scan gives %v after %v", row.ID(), last)
		}
		last = row.ID()
		p, ok := want[row.ID()]
		if !ok {
			return fmt.Errorf("scan gives %v, which does not exist", row.ID())
		}
		if err := comparePoint(p, schema, row); err != nil {
			return err
		}
	}
	if scan.Err() != nil || n != len(want) {
		return fmt.Errorf("scan gives %d points, want %d, error %w", n, len(want), scan.Err())
	}
	return nil
}

func compareParts(want content, v *View) error {
	live := 0
	for _, p := range v.Parts() {
		alive := 0
		for n := range uint32(p.Rows()) {
			if p.Dead(n) != (p.DeadWord(n/64)&(1<<(n%64)) != 0) {
				return fmt.Errorf("row %d is dead in one form and alive in the other", n)
			}
			if p.Dead(n) {
				continue
			}
			alive++
			row, err := p.Row(n)
			if err != nil {
				return err
			}
			if w, ok := want[row.ID()]; !ok || w.Version != row.Version() {
				return fmt.Errorf("row %d of a part has point %v in version %d", n, row.ID(), row.Version())
			}
		}
		if alive != p.Rows()-p.DeadRows() {
			return fmt.Errorf("%d of %d rows are alive, but %d are counted dead", alive, p.Rows(), p.DeadRows())
		}
		live += alive
	}
	if live != len(want) {
		return fmt.Errorf("parts have %d live rows, want %d", live, len(want))
	}
	return nil
}

func comparePoint(want *Point, schema Schema, row Row) error {
	if row.ID() != want.ID || row.Version() != want.Version {
		return fmt.Errorf("row is %v in version %d, want %v in version %d", row.ID(), row.Version(), want.ID, want.Version)
	}
	got, err := row.Payload()
	if err != nil || string(got) != string(want.Payload) {
		return fmt.Errorf("payload of %v is %x, want %x, error %w", want.ID, got, want.Payload, err)
	}
	hash, err := row.Hash()
	if err != nil || hash != HashPoint(want.ID, want.Version, want.Payload) {
		return fmt.Errorf("hash of %v is wrong, error %w", want.ID, err)
	}
	for _, spec := range schema {
		if err := compareVector(want, spec, row); err != nil {
			return err
		}
	}
	return nil
}

func compareVector(want *Point, spec VectorSpec, row Row) error {
	var data []byte
	has := false
	for _, v := range want.Vectors {
		if v.Key == spec.Key {
			data, has = v.Data, true
		}
	}
	got, ok, err := row.Vector(spec.Key)
	if err != nil || ok != has || string(got) != string(data) {
		return fmt.Errorf("vector %q of %v is %x (%v), want %x (%v), error %w", spec.Name, want.ID, got, ok, data, has, err)
	}
	hash, ok, err := row.VectorHash(spec.Key)
	if err != nil || ok != has || has && hash != HashVector(want.ID, data) {
		return fmt.Errorf("hash of vector %q of %v is wrong, error %w", spec.Name, want.ID, err)
	}
	return nil
}

// eachDense visits all runs in the order of rows.
func eachDense(d DenseVectors, visit func(DenseBlock) error) error {
	var r DenseReader
	for run := range d.Runs() {
		if err := r.Visit(d, run, visit); err != nil {
			return err
		}
	}
	return nil
}
