package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// reuse looks for a snapshot of the very same state, verifies it and gives it a
// second name. A candidate that is not what it should be is passed over: the
// snapshot is then made from the collection.
func (c *creation) reuse(ctx context.Context) (blob.Info, bool, error) {
	for _, from := range c.candidates(ctx) {
		at, same, err := c.isSame(ctx, from)
		if ctx.Err() != nil {
			return blob.Info{}, false, ctx.Err()
		}
		if err != nil {
			c.logger.Warn("an earlier snapshot of this position is not in order",
				slog.String("collection", from.Folder), slog.String("snapshot", from.Name), slog.Any("error", err))
		}
		if same {
			return c.copy(ctx, from, at)
		}
	}
	return blob.Info{}, false, ctx.Err()
}

// copy gives a snapshot that was proven at a time a second name. If the store cannot, that is no failure:
// the snapshot can still be made.
func (c *creation) copy(ctx context.Context, from blob.Key, at time.Time) (blob.Info, bool, error) {
	info, err := c.named(ctx, func(to blob.Key) (blob.Info, error) {
		info, err := c.store.Copy(ctx, from, to)
		if err == nil {
			c.vouchers.note(to, info, at, c.options.Now())
		}
		return info, err
	})
	if err != nil {
		c.logger.Info("could not give an earlier snapshot a second name", slog.Any("error", err))
		return blob.Info{}, false, ctx.Err()
	}
	return info, true, nil
}

// maxCandidates bounds how many earlier snapshots are looked into.
const maxCandidates = 8

// candidates returns the newest snapshots that have our position in their names.
func (c *creation) candidates(ctx context.Context) []blob.Key {
	folder := c.state.Collection
	list, err := c.store.List(ctx, folder)
	if err != nil {
		return nil // putting the new one will say what is wrong
	}
	name := regexp.MustCompile(fmt.Sprintf(`-%d(-\d+)?%s$`, c.state.Position, regexp.QuoteMeta(blob.Suffix)))
	list = slices.DeleteFunc(list, func(i blob.Info) bool { return i.SHA256 == "" || !name.MatchString(i.Name) })
	slices.SortStableFunc(list, func(a, b blob.Info) int { return b.Created.Compare(a.Created) })
	var keys []blob.Key
	for _, info := range list[:min(len(list), maxCandidates)] {
		keys = append(keys, blob.Key{Folder: folder, Name: info.Name})
	}
	return keys
}

// isSame reports whether a snapshot holds our state and notes. It reads all of
// it, unless that was proven not long ago: what does not verify gets no second
// name.
func (c *creation) isSame(ctx context.Context, key blob.Key) (proven time.Time, same bool, err error) {
	o, err := c.store.Get(ctx, key)
	if err != nil {
		return proven, false, err
	}
	defer o.Close() // read only: nothing can be lost
	r, err := archive.NewReader(o)
	if err != nil {
		return proven, false, err
	}
	if !c.holds(r.Manifest()) {
		return proven, false, nil
	}
	if at, ok := c.vouched(ctx, key, o.Info()); ok {
		return at, true, nil
	}
	if _, err := o.Seek(0, io.SeekStart); err != nil {
		return proven, false, err
	}
	hash := sha256.New()
	if _, err := archive.Verify(ctx, io.TeeReader(o, hash)); err != nil {
		return proven, false, err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != o.Info().SHA256 {
		return proven, false, fmt.Errorf("its checksum is %s, it was stored as %s", got, o.Info().SHA256)
	}
	now := c.options.Now()
	c.vouchers.note(key, o.Info(), now, now)
	return now, true, nil
}

// holds reports whether an archive is of our state and has our notes. Its files
// may be others: segments come and go while the state stays.
func (c *creation) holds(m *archive.Manifest) bool {
	return m.Collection == c.state.Collection && m.Lineage == c.state.Lineage && m.Position == uint64(c.state.Position) &&
		m.Digest == c.state.Digest.String() && m.Description == c.notes.Description && maps.Equal(m.Labels, c.notes.Labels)
}
