package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// StorageSize returns the length in bytes of the archive that WriteStorage makes
// of s.
func StorageSize(s *Storage) (int64, error) {
	data, err := s.Encode()
	if err != nil {
		return 0, fmt.Errorf("encode description of the storage: %w", err)
	}
	total := entrySize(int64(len(data))) + entrySize(int64(len(endContent(data, StorageName)))) + trailerSize
	for _, p := range s.Collections {
		total += entrySize(p.Size)
	}
	return total, nil
}

// OpenPart returns what is to be archived of the part with an index.
type OpenPart func(i int) (*Manifest, Open)

// WriteStorage streams the archive of s to w, as Write does for one collection.
func WriteStorage(ctx context.Context, w io.Writer, s *Storage, open OpenPart) error {
	data, err := s.Encode()
	if err != nil {
		return fmt.Errorf("encode description of the storage: %w", err)
	}
	if err := writeEntry(w, StorageName, data); err != nil {
		return err
	}
	for i, p := range s.Collections {
		m, files := open(i)
		if got, err := PartOf(m); err != nil || got != p {
			return fmt.Errorf("the archive of collection %s is not the one that was described (%w)", quoteShort(p.Collection), err)
		}
		h := header(p.Name(), p.Size)
		if _, err := w.Write(h[:]); err != nil {
			return err
		}
		if err := Write(ctx, w, m, files); err != nil {
			return fmt.Errorf("archive collection %s: %w", quoteShort(p.Collection), err)
		}
	}
	if err := writeEntry(w, StorageEndName, endContent(data, StorageName)); err != nil {
		return err
	}
	return writeZeros(w, trailerSize)
}

// StorageReader reads an archive of a whole storage from a stream, collection by
// collection, and checks every byte. The archive is proven only once Next has
// returned io.EOF. After any other error the StorageReader is of no use.
type StorageReader struct {
	framing
	storage *Storage
	end     []byte // the content that the last entry must have
	next    int    // index of the collection after the current one
	part    *Reader
	failed  error
}

// NewStorageReader reads the description. It returns a CorruptError, ForeignError,
// OtherKindError or NewerFormatError, or an error of src.
func NewStorageReader(src io.Reader) (*StorageReader, error) {
	r := &StorageReader{framing: framing{src: src}}
	data, err := r.head(StorageName)
	if err != nil {
		return nil, err
	}
	if r.storage, err = decodeStorage(data); err != nil {
		return nil, moveOffset(err, blockSize)
	}
	r.end = endContent(data, StorageName)
	return r, nil
}

// Storage returns what the archive says that it holds. It is not proven before
// Next has returned io.EOF.
func (r *StorageReader) Storage() *Storage { return r.storage }

// Next proves the rest of the current collection and goes to the next one, whose
// archive the Reader reads. Nobody else may use the Reader after the next call.
func (r *StorageReader) Next() (Part, *Reader, error) {
	if r.failed != nil {
		return Part{}, nil, r.failed
	}
	p, part, err := r.advance()
	r.failed = err
	return p, part, err
}

func (r *StorageReader) advance() (Part, *Reader, error) {
	if err := r.finish(); err != nil {
		return Part{}, nil, err
	}
	if r.next == len(r.storage.Collections) {
		if err := r.finale(StorageEndName, StorageName, r.end); err != nil {
			return Part{}, nil, err
		}
		return Part{}, nil, io.EOF
	}
	p := r.storage.Collections[r.next]
	r.next++
	if err := r.header(p.Name(), p.Size); err != nil {
		return Part{}, nil, err
	}
	start := r.offset
	part, err := newReader(framing{src: io.LimitReader(r.src, p.Size), offset: start})
	if err != nil {
		return Part{}, nil, err
	}
	if got, err := PartOf(part.manifest); err != nil || got != p {
		return Part{}, nil, &CorruptError{
			Entry: p.Name(), Offset: start,
			Reason: fmt.Sprintf("its manifest is that of %s at position %d with sha256 %s, %s says otherwise", quoteShort(got.Collection), got.Position, got.Manifest, StorageName),
		}
	}
	r.part = part
	return p, part, nil
}

// finish proves the rest of the current collection.
func (r *StorageReader) finish() error {
	if r.part == nil {
		return nil
	}
	for {
		if _, err := r.part.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	r.offset, r.part = r.part.offset, nil
	return nil
}

// VerifyStorage reads an archive to its end and proves every byte of it.
func VerifyStorage(ctx context.Context, src io.Reader) (*Storage, error) {
	r, err := NewStorageReader(src)
	for err == nil {
		var part *Reader
		if _, part, err = r.Next(); err == nil {
			err = part.verify(ctx)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.storage, nil
}
