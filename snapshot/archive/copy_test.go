package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCopyLarge goes through all buffers more than once, and through errors on
// either side at every stage.
func TestCopyLarge(t *testing.T) {
	content := make([]byte, 9*copyBytes+123)
	for i := range content {
		content[i] = byte(i * i >> 8)
	}
	s := newSample([]byte("{}"), nil, content)
	whole := s.bytes(t)
	for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader, iotest.DataErrReader} {
		got, _, err := files(wrap(bytes.NewReader(whole)))
		require.NoError(t, err)
		require.Equal(t, s.content, got)
		_, err = Verify(context.Background(), wrap(bytes.NewReader(whole)))
		require.NoError(t, err)
	}
	broken := errors.New("broken")
	for n := 0; n < len(whole); n += copyBytes / 3 {
		require.ErrorIs(t, Write(context.Background(), &limited{n, broken}, &s.manifest, s.open), broken)
		_, err := Verify(context.Background(), io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken)
		_, err = Verify(context.Background(), bytes.NewReader(whole[:n]))
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.EqualValues(t, n, corrupt.Offset)
	}
}

// TestCopyEnds stops a copy under way.
func TestCopyEnds(t *testing.T) {
	s := newSample([]byte("{}"), nil, make([]byte, 5*copyBytes))
	ctx, cancel := context.WithCancel(context.Background())
	w := writerFunc(func(p []byte) (int, error) {
		if len(p) == copyBytes {
			cancel()
		}
		return len(p), nil
	})
	require.ErrorIs(t, Write(ctx, w, &s.manifest, s.open), context.Canceled)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
