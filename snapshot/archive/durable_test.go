package archive

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// TestUnpackTrace fixes the order of operations as text.
func TestUnpackTrace(t *testing.T) {
	dir := t.TempDir()
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	_, err = Unpack(context.Background(), rec, dir, bytes.NewReader(smallSample().bytes(t)), UnpackOptions{})
	require.NoError(t, err)
	golden := filepath.Join("testdata", "unpack.trace")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(rec.Trace(0)), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), rec.Trace(0))
}

// TestUnpackIsDurable cuts the power when Unpack has returned: nothing that was
// not synced survives, and everything is there.
func TestUnpackIsDurable(t *testing.T) {
	dir, s := t.TempDir(), smallSample()
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	_, err = Unpack(context.Background(), rec, dir, bytes.NewReader(s.bytes(t)), UnpackOptions{})
	require.NoError(t, err)
	for state := range fsx.CrashStates(rec) {
		if state.After < rec.Len() {
			continue
		}
		clone := t.TempDir()
		require.NoError(t, state.LayOut(clone))
		for name, content := range s.content {
			got, err := os.ReadFile(filepath.Join(clone, name))
			require.NoError(t, err)
			require.Equal(t, content, got, "%s, %s", name, state.Survival)
		}
	}
}

// TestUnpackFaults lets each operation fail; none is passed over.
func TestUnpackFaults(t *testing.T) {
	whole := smallSample().bytes(t)
	for nth := 1; ; nth++ {
		faults := fsx.NewFaults(fsx.OS)
		faults.Inject(fsx.Rule{Nth: nth, Times: 1, Err: syscall.ENOSPC, Short: 3})
		_, err := Unpack(context.Background(), faults, t.TempDir(), bytes.NewReader(whole), UnpackOptions{})
		if err == nil {
			require.Equal(t, 4*3+1+2+1, nth, "create, write and sync of four files, a directory, two syncs of directories")
			return
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		var corrupt *CorruptError
		require.False(t, errors.As(err, &corrupt), "the archive is not to blame")
	}
}
