package segments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// Verify checks everything in a segment file: its name, the checksum of each
// block and of the whole, the order of ids, the id filter, the canonical form
// of payloads and vectors, and every hash. It returns what the file holds.
func Verify(ctx context.Context, fsys fsx.FS, path string) (SegmentInfo, error) {
	s, err := OpenSegment(fsys, path)
	if err != nil {
		return SegmentInfo{}, err
	}
	info, err := s.verify(ctx)
	return info, errors.Join(err, s.Release())
}

func (s *Segment) verify(ctx context.Context) (SegmentInfo, error) {
	info, err := s.verifyFile(ctx)
	if err != nil {
		return SegmentInfo{}, err
	}
	info.Sums, err = s.verifyRows(ctx)
	return info, err
}

// verifyFile checks the bytes of the file and its name. It does not know the
// sums.
func (s *Segment) verifyFile(ctx context.Context) (SegmentInfo, error) {
	sum, err := s.verifyBytes(ctx)
	if err != nil {
		return SegmentInfo{}, err
	}
	info := SegmentInfo{FileInfo: FileInfo{Name: s.Name(), Size: s.size, SHA256: hex.EncodeToString(sum)}, Rows: s.Rows()}
	if _, digits, ok := strings.Cut(s.Name(), "-"); !ok || digits != info.SHA256[:16]+SegmentSuffix {
		return SegmentInfo{}, s.damaged(0, fmt.Errorf("its hash is %s, its name says another", info.SHA256))
	}
	return info, nil
}

// verifyBytes reads the file once, compares the total checksum, which covers
// the bytes between sections too, and returns the sha256.
func (s *Segment) verifyBytes(ctx context.Context) ([]byte, error) {
	sha := sha256.New()
	var total xxh3.Hasher
	total.Reset()
	buf := make([]byte, min(1<<20, s.size))
	for off := int64(0); off < s.size; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := s.file.ReadAt(buf[:min(int64(len(buf)), s.size-off)], off)
		if n == 0 && err != nil {
			return nil, unreadable(s.path, off, err)
		}
		hashUpTo(&total, buf[:n], s.size-footerSize-off)
		_, _ = sha.Write(buf[:n]) // never fails
		off += int64(n)
	}
	if t := total.Sum128(); (Hash{Hi: t.Hi, Lo: t.Lo}) != s.foot.total {
		return nil, s.damaged(s.size-footerSize, errors.New("the checksum of the whole does not match"))
	}
	return sha.Sum(nil), nil
}

// hashUpTo hashes b, but no more than its first n bytes.
func hashUpTo(h hash.Hash, b []byte, n int64) {
	if n > 0 {
		_, _ = h.Write(b[:min(int64(len(b)), n)]) // never fails
	}
}
