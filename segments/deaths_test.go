package segments

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/wal"
)

func TestDeathsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log deathLog
		var model []Death
		at, born := wal.Position(0), uint64(0)
		for range rapid.IntRange(0, 5).Draw(t, "rounds") {
			for range rapid.IntRange(0, 3*deathChunk).Draw(t, "deaths") {
				at += wal.Position(born % 3) // several at one position
				d := Death{At: at, ID: NumberID(born)}
				born++
				log.add(d.At, d.ID)
				model = append(model, d)
			}
			forgotten := wal.Position(rapid.Uint64Range(0, uint64(at)).Draw(t, "forget"))
			before, kept := log.Deaths, model
			log.forget(forgotten)
			for len(model) > 0 && model[0].At <= forgotten {
				model = model[1:]
			}
			requireDeaths(t, kept, before)
			requireDeaths(t, model, log.Deaths)
			b := wal.Position(rapid.Uint64Range(0, uint64(at)).Draw(t, "b"))
			q := wal.Position(rapid.Uint64Range(0, uint64(at)+1).Draw(t, "q"))
			var between []Death
			for _, d := range model {
				if d.At > b && d.At <= q {
					between = append(between, d)
				}
			}
			requireDeaths(t, between, log.Between(b, q))

			// Numbers stay with their deaths, whatever is forgotten.
			if len(model) > 0 {
				i := rapid.IntRange(0, len(model)-1).Draw(t, "i")
				number := log.number() + uint64(i)
				require.Equal(t, model[i].ID.Number(), number)
				requireDeaths(t, model[i:min(i+7, len(model))], log.part(number, 7))
			}
		}
	})
}

func requireDeaths(t fataler, want []Death, got Deaths) {
	t.Helper()
	require.Equal(t, len(want), got.Len())
	for i := range want {
		if got.at(i) != want[i] {
			require.Equal(t, want[i], got.at(i), "death %d", i)
		}
	}
}

func TestDied(t *testing.T) {
	var log deathLog
	log.add(10, NumberID(1))
	log.add(15, NumberID(2))
	require.True(t, log.Between(9, 10).Died(NumberID(1)))
	require.False(t, log.Between(10, 15).Died(NumberID(1)), "a row built at 10 is not dead because of a death at 10")
	require.True(t, log.Between(10, 15).Died(NumberID(2)))
}
