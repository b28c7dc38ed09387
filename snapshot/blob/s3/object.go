package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// maxCuts is how often in a row a body may be cut off without a byte.
const maxCuts = 4

// object is an open object. A body that is cut off is asked for again from where
// it ended, on the condition that the object is the same. What is read from the
// first byte to the last is compared with the checksum; the last bytes are
// withheld if it differs.
type object struct {
	place
	ctx   context.Context // of the Get
	found found

	at   int64         // where the next Read begins
	body io.ReadCloser // from at on; nil if it has to be asked for
	cuts int

	hash   hash.Hash // of the first hashed bytes
	hashed int64
	broken error // what every further Read returns
}

func (p place) open(ctx context.Context, f found) *object {
	return &object{place: p, ctx: ctx, found: f, hash: sha256.New()}
}

// Info implements blob.Object.
func (o *object) Info() blob.Info { return o.found.Info }

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	if o.broken != nil {
		return 0, o.broken
	}
	if o.at >= o.found.Size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := o.readSome(p)
		if err != nil {
			return 0, err
		}
		if n > 0 {
			return o.count(p[:n])
		}
	}
}

// readSome reads from the body; 0 is a body that was cut off, to be asked for
// again.
func (o *object) readSome(p []byte) (int, error) {
	if o.body == nil {
		if err := o.ask(); err != nil {
			return 0, err
		}
	}
	n, err := o.body.Read(p[:min(int64(len(p)), o.found.Size-o.at)])
	if n > 0 {
		o.cuts = 0
	}
	if err != nil {
		o.drop()
	}
	if n > 0 || err == nil {
		return n, nil
	}
	if err := o.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read snapshot: %w", err)
	}
	if o.cuts++; o.cuts > maxCuts {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("read snapshot at byte %d: %w: %w", o.at, blob.ErrUnavailable, err)
	}
	return 0, nil
}

// ask asks for the rest of the object.
func (o *object) ask() error {
	out, err := o.client.GetObject(o.ctx, &s3.GetObjectInput{
		Bucket: &o.bucket, Key: &o.found.object,
		IfMatch: aws.String(o.found.etag), Range: aws.String(fmt.Sprintf("bytes=%d-", o.at)),
	})
	if isMissing(err) || isTaken(err) {
		return fmt.Errorf("it was deleted while it was read: %w", notFound(o.found.name))
	}
	if err != nil {
		return wrap("read snapshot", err)
	}
	want := fmt.Sprintf("bytes %d-%d/%d", o.at, o.found.Size-1, o.found.Size)
	if got := aws.ToString(out.ContentRange); got != want && (o.at > 0 || got != "") {
		return errors.Join(fmt.Errorf("read snapshot: the server sent %q, it was asked for %q", got, want), out.Body.Close())
	}
	o.body = out.Body
	return nil
}

// count notes bytes that were read.
func (o *object) count(p []byte) (int, error) {
	if o.at == o.hashed {
		o.hash.Write(p)
		o.hashed += int64(len(p))
	}
	o.at += int64(len(p))
	if o.hashed == o.found.Size && o.at == o.hashed {
		if got := hex.EncodeToString(o.hash.Sum(nil)); o.found.SHA256 != "" && got != o.found.SHA256 {
			o.broken = fmt.Errorf("snapshot %q: its checksum is %s, it was stored as %s: %w", o.found.name, got, o.found.SHA256, blob.ErrDamaged)
			return 0, o.broken
		}
	}
	return len(p), nil
}

// Seek implements io.Seeker. It asks the server for nothing.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.found.Size
	default:
		return 0, fmt.Errorf("seek in snapshot: there is no way %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("seek in snapshot: before its beginning")
	}
	if offset != o.at {
		o.drop()
		o.at = offset
	}
	if offset == 0 {
		o.hash.Reset()
		o.hashed = 0
	}
	return offset, nil
}

func (o *object) drop() {
	if o.body != nil {
		_ = o.body.Close() // read only: nothing can be lost
		o.body = nil
	}
}

// Close implements io.Closer.
func (o *object) Close() error {
	o.drop()
	return nil
}
