package transport_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/transport"
	"github.com/tidemark-db/tidemark/wal"
)

func TestShowTellsWhatTheMachineLacks(t *testing.T) {
	const (
		unavailable = "Shard temporarily unavailable: "
		room        = "there is no room left on the disk"
		files       = "the server has too many open files: raise its limit, or have fewer collections and connections"
		unknown     = "; it is not known whether the change survives a crash"
	)
	open := func(err error) error {
		return fmt.Errorf("open: %w", &os.PathError{Op: "open", Path: "/secret/x", Err: err})
	}
	damaged := &segments.DamagedError{File: "/secret/00-aa.seg", Offset: 7, Reason: "a checksum"}
	poisoned := fmt.Errorf("%w: %w", wal.ErrPoisoned, open(syscall.ENOSPC))
	cases := []struct {
		err    error
		status int
		text   string
	}{
		{fmt.Errorf("read: %w", damaged), 503, unavailable + "the collection is damaged: file 00-aa.seg at byte 7: restore the collection from a snapshot"},
		{segments.ErrDamaged, 503, unavailable + "the collection is damaged: restore it from a snapshot"},
		{&tidemark.Error{Kind: tidemark.Unavailable, Text: "own", Err: damaged}, 503, unavailable + "own: the collection is damaged: file 00-aa.seg at byte 7: restore the collection from a snapshot"},
		{&tidemark.Error{Kind: tidemark.BadInput, Text: "own", Err: damaged}, 400, "Wrong input: own"},
		{open(syscall.ENOSPC), 503, unavailable + room + "; nothing was changed"},
		{open(syscall.EDQUOT), 503, unavailable + room + "; nothing was changed"},
		{open(syscall.EMFILE), 503, unavailable + files + "; nothing was changed"},
		{open(syscall.ENFILE), 503, unavailable + files + "; nothing was changed"},
		{&tidemark.Error{Text: "own", Err: open(syscall.EMFILE)}, 503, unavailable + files + "; nothing was changed"},
		{&tidemark.Error{Kind: tidemark.Unavailable, Text: "own", Err: open(syscall.ENOSPC)}, 503, unavailable + "own"},
		{errors.Join(fsx.ErrNotDurable, open(syscall.ENOSPC)), 503, unavailable + room + unknown},
		{errors.Join(blob.ErrOutcomeUnknown, open(syscall.ENOSPC)), 503, unavailable + room + unknown},
		{poisoned, 503, unavailable + room + unknown},
		{&tidemark.Error{Kind: tidemark.Unavailable, Text: "own", Err: poisoned}, 503, unavailable + "own (" + room + ")"},
	}
	for _, c := range cases {
		require.Equal(t, transport.Shown{Status: c.status, Text: c.text}, transport.Show(c.err))
	}
}
