package segments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments/payload"
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
	info := SegmentInfo{FileInfo: FileInfo{Name: s.Name(), Size: s.size}, Rows: s.Rows()}
	sum, err := s.verifyBytes(ctx)
	if err != nil {
		return SegmentInfo{}, err
	}
	info.SHA256 = hex.EncodeToString(sum)
	if _, digits, ok := strings.Cut(s.Name(), "-"); !ok || digits != info.SHA256[:16]+SegmentSuffix {
		return SegmentInfo{}, s.damaged(0, fmt.Errorf("its hash is %s, its name says another", info.SHA256))
	}
	info.Sums, err = s.verifyRows(ctx)
	return info, err
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
			return nil, s.damaged(off, err)
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

// verifyRows reads each row as others do, and computes its hashes.
func (s *Segment) verifyRows(ctx context.Context) (Sums, error) {
	part := newSegmentPart(s, newStream(s.file))
	v := rowVerifier{segment: s, part: part, sums: Sums{Vectors: make([]VectorSum, len(part.columns))}, present: make([]int, len(part.columns))}
	for i := range part.columns {
		v.sums.Vectors[i].Key = part.columns[i].key
	}
	for n := range uint32(s.contents.rows) {
		if n%1024 == 0 && ctx.Err() != nil {
			return Sums{}, ctx.Err()
		}
		if err := v.row(n); err != nil {
			return Sums{}, err
		}
	}
	for i := range part.columns {
		if v.present[i] != part.columns[i].present {
			return Sums{}, s.damaged(part.columns[i].hashes.offset, fmt.Errorf("%d rows have the vector, not %d", v.present[i], part.columns[i].present))
		}
	}
	if !v.sums.Equal(s.Sums()) {
		return Sums{}, s.damaged(s.foot.contentsOffset, errors.New("the sums of the hashes do not match"))
	}
	return v.sums, nil
}

type rowVerifier struct {
	segment *Segment
	part    *segmentPart
	last    PointID
	sums    Sums
	present []int
}

func (v *rowVerifier) row(n uint32) error {
	row, err := v.part.at(n)
	if err != nil {
		return err
	}
	if err := v.id(row); err != nil {
		return v.bad(n, err)
	}
	object, err := row.Payload()
	if err != nil {
		return err
	}
	if err := payload.Validate(object); err != nil {
		return v.bad(n, err)
	}
	hash, err := row.Hash()
	if err != nil {
		return err
	}
	if hash != HashPoint(row.id, row.version, object) {
		return v.bad(n, errors.New("its hash does not match"))
	}
	v.sums.Points = v.sums.Points.Add(hash)
	for i := range v.part.columns {
		if err := v.vector(row, i); err != nil {
			return err
		}
	}
	return nil
}

// id checks that the row can be found.
func (v *rowVerifier) id(row Row) error {
	id := row.id
	switch {
	case row.n > 0 && id.Compare(v.last) <= 0:
		return fmt.Errorf("point %v comes after %v", id, v.last)
	case id.kind == numberKind && id.hi != 0:
		return errPointID
	case !v.segment.filter.mayHave(idHash(id)):
		return fmt.Errorf("the id filter does not know point %v", id)
	case row.n%blockRows == 0 && v.segment.fence(int(row.n/blockRows)) != id:
		return fmt.Errorf("point %v does not begin its block in the index", id)
	}
	v.last = id
	return nil
}

func (v *rowVerifier) vector(row Row, i int) error {
	c := &v.part.columns[i]
	n, ok, err := v.part.place(c, row.n)
	if err != nil || !ok {
		return err
	}
	if n != int64(v.present[i]) {
		return v.bad(row.n, fmt.Errorf("vector %v of it is counted as %d instead of %d", c.key, n, v.present[i]))
	}
	v.present[i]++
	data, _, err := row.Vector(c.key)
	if err != nil {
		return err
	}
	if err := CheckVector(c.spec(), data); err != nil {
		return v.bad(row.n, err)
	}
	hash, _, err := row.VectorHash(c.key)
	if err != nil {
		return err
	}
	if hash != HashVector(row.id, data) {
		return v.bad(row.n, fmt.Errorf("the hash of vector %v does not match", c.key))
	}
	v.sums.Vectors[i].Sum = v.sums.Vectors[i].Sum.Add(hash)
	return nil
}

func (v *rowVerifier) bad(row uint32, err error) error {
	return v.segment.damaged(v.part.rowSection.offset+int64(row)*rowSize, fmt.Errorf("row %d: %w", row, err))
}

// FileHash returns the size and the sha256 of a file.
func FileHash(ctx context.Context, fsys fsx.FS, path string) (info FileInfo, err error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return FileInfo{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sha := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return FileInfo{}, err
		}
		n, err := f.Read(buf)
		_, _ = sha.Write(buf[:n]) // never fails
		info.Size += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return FileInfo{}, err
		}
	}
	info.SHA256 = hex.EncodeToString(sha.Sum(nil))
	return info, nil
}
