package wal_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func TestPosition(t *testing.T) {
	for _, p := range []wal.Position{0, 1, 9007199254740991} {
		got, err := wal.ParsePosition(p.String())
		require.NoError(t, err)
		require.Equal(t, p, got)
		require.Equal(t, p == 0, p.IsZero())
	}
	require.Equal(t, wal.MaxPosition.String(), strconv.FormatInt(1<<53-1, 10))
	for _, s := range []string{"", "-1", "1.0", " 1", "0x10", "9007199254740992", "18446744073709551616"} {
		_, err := wal.ParsePosition(s)
		require.Error(t, err, s)
	}
}

func TestCorruptErrorNamesThePlace(t *testing.T) {
	err := fmt.Errorf("open: %w", &wal.CorruptError{File: "dir/1", Offset: 8192, Position: 41, Reason: "wrong checksum"})
	require.Equal(t, "open: log is damaged: dir/1 at byte 8192, after position 41: wrong checksum", err.Error())
	var c *wal.CorruptError
	require.True(t, errors.As(err, &c))
}
