package tidemark

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
)

// TestWritesRaceWithConfigurations lets writers use a vector that others drop
// and create. A record that was made for another configuration than the one in
// force would stop the collection.
func TestWritesRaceWithConfigurations(t *testing.T) {
	_, c, _ := newTestCollection(t)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for w := range uint64(4) {
		group.Go(func() {
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err := c.Write(t.Context(), []Operation{upsert(PointInput{ID: num(w*1000 + i%50), Vectors: []NamedVector{dense("x", 1, 2)}})}, WriteOptions{Wait: i%2 == 0})
				if err != nil && KindOf(err) != BadInput {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 200 {
		_, err := c.Configure(t.Context(), func(cfg *Config) (ConfigChange, error) {
			if _, ok := cfg.Schema.Find("x"); ok {
				return ConfigChange{DropVectors: []string{"x"}}, nil
			}
			spec := segments.VectorSpec{Name: "x", Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot}
			return ConfigChange{AddVectors: []segments.VectorSpec{spec}}, nil
		}, WriteOptions{})
		require.NoError(t, err)
	}
	close(stop)
	group.Wait()
	mustWrite(t, c, upsert(PointInput{ID: num(9999)}))
}

func TestConfigureRefuses(t *testing.T) {
	_, c, _ := newTestCollection(t)
	own := errors.New("the caller's")
	for _, tc := range []struct {
		name   string
		change ConfigChange
		err    error
		text   string
	}{
		{"what the caller refuses", ConfigChange{}, own, "the caller's"},
		{"dropping an unknown vector", ConfigChange{DropVectors: []string{"zz"}}, nil, "Not existing vector name error: zz"},
		{"a name twice", ConfigChange{AddVectors: []segments.VectorSpec{testSchema()[1]}}, nil, "Dense and sparse vector names must be unique - duplicate found with 'cos'"},
		{"a vector without size", ConfigChange{AddVectors: []segments.VectorSpec{{Name: "y", Kind: segments.Dense, Datatype: segments.Float32, Distance: segments.Dot}}}, nil, "vector 'y': its size is 0, it must be from 1 to 65536"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := c.config().Version
			_, err := c.Configure(t.Context(), func(*Config) (ConfigChange, error) { return tc.change, tc.err }, WriteOptions{})
			require.EqualError(t, err, tc.text)
			require.Equal(t, before, c.config().Version)
		})
	}
}
