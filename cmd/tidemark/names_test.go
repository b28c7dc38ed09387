package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/transport"
)

// TestNamesInArchives: a snapshot of the storage brings back every collection that
// can be created, and no name that cannot.
func TestNamesInArchives(t *testing.T) {
	names := []string{"", ".", "..", ".staging", "a b", "wörter", "a\xff"}
	for c := range rune(256) {
		names = append(names, "a"+string(c)+"b")
	}
	for _, n := range []int{255, 256} {
		long := make([]rune, n)
		for i := range long {
			long[i] = 'ü'
		}
		names = append(names, string(long))
	}
	for _, name := range names {
		require.Equal(t, transport.CheckNewCollection(name) == nil, archive.CheckName(name) == nil, "%q", name)
	}
}
