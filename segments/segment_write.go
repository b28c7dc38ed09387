package segments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/writeback"
)

// FileInfo names an immutable file and proves its content.
type FileInfo struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // 64 hexadecimal digits
}

// SegmentInfo describes a segment that was written.
type SegmentInfo struct {
	FileInfo
	Rows int
	Sums Sums // of the vectors that rows have
}

// SegmentSuffix ends the names of segment files.
const SegmentSuffix = ".seg"

// SegmentName returns the name of a segment file: the generation of the
// manifest that names it first, and the begin of its hash. No name is ever used
// for two contents.
func SegmentName(generation uint64, sum [sha256.Size]byte) string {
	return fmt.Sprintf("%d-%s%s", generation, hex.EncodeToString(sum[:8]), SegmentSuffix)
}

// WriteSegment writes rows with the vectors of schema as a segment file into
// dir and returns what it wrote. The file and its name are durable when it
// returns. The rows are gone through several times, once for each column, so
// that memory stays small whatever their number. If there are none, the error
// is ErrNoRows. After an error no file is left, unless it could not be removed.
func WriteSegment(ctx context.Context, fsys fsx.FS, dir string, generation uint64, schema Schema, rows Rows) (SegmentInfo, error) {
	tmp := filepath.Join(dir, fmt.Sprintf("%d%s%s", generation, SegmentSuffix, fsx.TempSuffix))
	info, err := writeSegmentFile(ctx, fsys, tmp, generation, schema, rows)
	if err != nil {
		return SegmentInfo{}, errors.Join(fmt.Errorf("write segment: %w", err), removeIfThere(fsys, tmp))
	}
	if err := fsys.Rename(tmp, filepath.Join(dir, info.Name)); err != nil {
		return SegmentInfo{}, errors.Join(fmt.Errorf("name segment: %w", err), removeIfThere(fsys, tmp))
	}
	if err := fsys.SyncDir(dir); err != nil {
		return SegmentInfo{}, fmt.Errorf("sync directory of segment %s: %w: %w", info.Name, fsx.ErrNotDurable, err)
	}
	return info, nil
}

func removeIfThere(fsys fsx.FS, name string) error {
	if err := fsys.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func writeSegmentFile(ctx context.Context, fsys fsx.FS, name string, generation uint64, schema Schema, rows Rows) (info SegmentInfo, err error) {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return SegmentInfo{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := &segmentWriter{file: newFileWriter(ctx, writeback.NewWriter(f)), rows: rows}
	if err := w.write(schema); err != nil {
		return SegmentInfo{}, err
	}
	if err := f.Sync(); err != nil {
		return SegmentInfo{}, err
	}
	var sum [sha256.Size]byte
	w.file.sha.Sum(sum[:0])
	return SegmentInfo{
		FileInfo: FileInfo{Name: SegmentName(generation, sum), Size: w.file.offset, SHA256: hex.EncodeToString(sum[:])},
		Rows:     w.contents.rows,
		Sums:     w.contents.sums(),
	}, nil
}

// sums returns the sums that a table of contents says.
func (c *contents) sums() Sums {
	s := Sums{Points: c.points}
	for _, col := range c.columns {
		s.Vectors = append(s.Vectors, VectorSum{Key: col.key, Sum: col.sum})
	}
	return s
}

// segmentWriter writes one segment, a column after the other.
type segmentWriter struct {
	file     *fileWriter
	rows     Rows
	contents contents
	encoder  *zstd.Encoder
	scratch  []byte
}

func (w *segmentWriter) write(schema Schema) error {
	if err := w.file.raw(appendHeader(nil)); err != nil {
		return err
	}
	for _, step := range []func() error{w.count, w.writeRows, w.writePayloads, w.writeIndex} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, spec := range schema {
		if err := w.writeColumn(spec); err != nil {
			return fmt.Errorf("vector %q: %w", spec.Name, err)
		}
	}
	return w.finish()
}

// add notes a section that was finished.
func (w *segmentWriter) add(s section, err error) error {
	if err == nil {
		w.contents.sections = append(w.contents.sections, s)
	}
	return err
}

// each goes once through all rows and makes sure that they are the same as
// before.
func (w *segmentWriter) each(visit func(Row) error) error {
	n := 0
	for row, err := range w.rows.Scan() {
		if err != nil {
			return err
		}
		if n%1024 == 0 && w.file.ctx.Err() != nil {
			return w.file.ctx.Err()
		}
		if err := visit(row); err != nil {
			return err
		}
		n++
	}
	if w.contents.rows > 0 && n != w.contents.rows {
		return fmt.Errorf("%d rows where there were %d before", n, w.contents.rows)
	}
	return nil
}

// count counts the rows and checks their order.
func (w *segmentWriter) count() error {
	var last PointID
	n, numbers := 0, 0
	err := w.each(func(row Row) error {
		if n > 0 && row.id.Compare(last) <= 0 {
			return fmt.Errorf("point %v comes after %v", row.id, last)
		}
		if n == MaxSegmentRows {
			return ErrSegmentTooLarge
		}
		if !row.id.IsUUID() {
			numbers++
		}
		last = row.id
		n++
		return nil
	})
	if err == nil && n == 0 {
		return ErrNoRows
	}
	w.contents.rows, w.contents.numbers = n, numbers
	return err
}

// writeRows writes ids, versions and hashes.
func (w *segmentWriter) writeRows() error {
	if err := w.file.begin(rowsSection, 0); err != nil {
		return err
	}
	err := w.each(func(row Row) error {
		hash, err := row.Hash()
		if err != nil {
			return err
		}
		w.contents.points = w.contents.points.Add(hash)
		w.scratch = appendRow(w.scratch[:0], row, hash)
		return w.file.write(w.scratch)
	})
	if err != nil {
		return err
	}
	return w.add(w.file.end())
}

// writeIndex writes what stays in memory to find ids: the filter, and every
// id that begins a block.
func (w *segmentWriter) writeIndex() error {
	filter := newIDFilter(w.contents.rows)
	var fences []byte
	n := 0
	err := w.each(func(row Row) error {
		filter.add(idHash(row.id))
		if n%blockRows == 0 {
			fences = append(fences, make([]byte, idBytes)...)
			row.id.put(fences[len(fences)-idBytes:])
		}
		n++
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.add(w.file.whole(filterSection, 0, filter)); err != nil {
		return err
	}
	return w.add(w.file.whole(fencesSection, 0, fences))
}

// finish writes the table of contents and the footer.
func (w *segmentWriter) finish() error {
	if err := w.file.pad(); err != nil {
		return err
	}
	toc := w.contents.append(nil)
	foot := footer{contentsOffset: w.file.offset, contentsLength: int64(len(toc)), contentsSum: checksum(toc)}
	if err := w.file.raw(toc); err != nil {
		return err
	}
	total := w.file.total.Sum128()
	foot.total = Hash{Hi: total.Hi, Lo: total.Lo}
	if err := w.file.raw(foot.append(nil)); err != nil {
		return err
	}
	return w.file.out.Flush()
}
