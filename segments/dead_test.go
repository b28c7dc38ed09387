package segments

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Versions of dead rows that were handed out must never change.
func TestDeadRowsAgainstModel(t *testing.T) {
	type version struct {
		rows deadRows
		want map[uint32]bool
	}
	rows := rapid.OneOf(rapid.Uint32Range(0, 200), rapid.Uint32Range(0, 3*tableRows), rapid.SampledFrom([]uint32{
		0, 63, 64, pageRows - 1, pageRows, tableRows - 1, tableRows, tableRows + 1,
	}))
	rapid.Check(t, func(t *rapid.T) {
		var d deadRows
		epoch := uint64(1)
		want := map[uint32]bool{}
		var versions []version
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "publish") == 0 {
				copied := map[uint32]bool{}
				for row := range want {
					copied[row] = true
				}
				versions = append(versions, version{d, copied})
				epoch++
			}
			row := rows.Draw(t, "row")
			require.Equal(t, !want[row], d.add(row, epoch))
			want[row] = true
		}
		versions = append(versions, version{d, want})
		for _, v := range versions {
			require.Equal(t, len(v.want), v.rows.count)
			for row := range want {
				require.Equal(t, v.want[row], v.rows.has(row), "row %d", row)
				require.Equal(t, v.want[row+1], v.rows.has(row+1), "row %d", row+1)
			}
		}
	})
}
