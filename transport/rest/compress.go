package rest

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCompressed is the size below which compressing an answer does not pay.
const minCompressed = 2048

// acceptedEncoding returns the encoding that an Accept-Encoding header prefers
// among those that the server has, or "" for none. At equal weight zstd wins.
func acceptedEncoding(header string) string {
	best, weight := "", 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "zstd" && name != "gzip" {
			continue
		}
		q := quality(params)
		if q > weight || q == weight && q > 0 && name == "zstd" {
			best, weight = name, q
		}
	}
	return best
}

// quality returns the weight in the parameters of an encoding, 1 if there is
// none and 0 if it cannot be read.
func quality(params string) float64 {
	value, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

// packers compress answers. The encoders are pooled: each has large tables.
type packers struct {
	gzip sync.Pool
	zstd *zstd.Encoder
	// streams are zstd encoders, each for one answer at a time.
	streams sync.Pool
}

// streamWindow is how far a streaming encoder looks back, in bytes. It decides
// how much memory one takes.
const streamWindow = 256 << 10

func newPackers() (*packers, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	p := &packers{zstd: enc}
	p.gzip.New = func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
		return w
	}
	p.streams.New = func() any {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), // fails for options out of range only
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(streamWindow))
		return w
	}
	return p, nil
}

// packer is an encoder that can be used again.
type packer interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// stream writes to w in the named encoding what write writes.
func (p *packers) stream(encoding string, w io.Writer, write func(io.Writer) error) error {
	pool := &p.gzip
	if encoding == "zstd" {
		pool = &p.streams
	}
	enc := pool.Get().(packer)
	defer pool.Put(enc)
	enc.Reset(w)
	defer enc.Reset(nil) // keep nothing of the answer
	if err := write(enc); err != nil {
		return err
	}
	return enc.Close()
}

// pack returns body in the named encoding.
func (p *packers) pack(encoding string, body []byte) ([]byte, error) {
	if encoding == "zstd" {
		return p.zstd.EncodeAll(body, make([]byte, 0, len(body)/4)), nil
	}
	w := p.gzip.Get().(*gzip.Writer)
	defer p.gzip.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}
