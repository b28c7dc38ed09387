package wal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func TestPosition(t *testing.T) {
	for p, text := range map[wal.Position]string{0: "0", 1: "1", wal.MaxPosition: "9007199254740991"} {
		require.Equal(t, text, p.String())
		require.Equal(t, p == 0, p.IsZero())
	}
}

func TestCorruptErrorNamesThePlace(t *testing.T) {
	err := fmt.Errorf("open: %w", &wal.CorruptError{File: "dir/1", Offset: 8192, Position: 41, Reason: "wrong checksum"})
	require.Equal(t, "open: log is damaged: dir/1 at byte 8192, after position 41: wrong checksum", err.Error())
	var c *wal.CorruptError
	require.True(t, errors.As(err, &c))
}
