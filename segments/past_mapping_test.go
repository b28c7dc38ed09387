package segments

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMergesReadPastTheMapping: what a merge writes must not depend on what a block
// was when it was first touched, and must not bring segments into memory that
// nobody queries.
func TestMergesReadPastTheMapping(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	all := make([]int, 2000)
	for i := range all {
		all[i] = i
	}
	c.write(all, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.replace(100, false)
	segment := c.opened[0]
	require.Nil(t, segment.accessor.mapped.Load(), "opening maps nothing")
	rows := func() (n int, err error) {
		for row, rerr := range c.durable.Rows(c.names()...).Scan() {
			if rerr != nil {
				return n, rerr
			}
			if _, err := row.Payload(); err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	n, err := rows()
	require.NoError(t, err)
	require.Equal(t, len(all), n)
	require.Nil(t, segment.accessor.mapped.Load(), "nor does a merge")

	c.requireState() // touches and verifies every block
	require.NotNil(t, segment.accessor.mapped.Load())
	path := filepath.Join(c.dir, SegmentsDir, segment.Name())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[segment.contents.section(rowsSection, 0).offset] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	_, err = rows()
	require.ErrorIs(t, err, ErrDamaged, "each block is verified each time")
	c.close()
}
