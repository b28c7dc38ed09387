// Package jsondoc wraps a JSON document with its checksum, so that a file that
// people can read cannot be damaged or edited unnoticed.
//
// The form is {"format":N,"sha256":"<64 hex>","document":{…}}. In format 1 the
// checksum covers the bytes of document exactly as they stand in the file; in
// later ones the text "format N" and a newline before them, so that a damaged
// number is never taken for another format.
package jsondoc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrDamaged says that the bytes are not what Encode wrote.
var ErrDamaged = errors.New("the document is damaged")

// NewerFormatError says that a document was written by a later version.
type NewerFormatError struct{ Format, Known int }

// Error implements error.
func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("the document has format %d; this version reads formats up to %d: use the version that wrote it", e.Format, e.Known)
}

type envelope struct {
	Format   int             `json:"format"`
	SHA256   string          `json:"sha256"`
	Document json.RawMessage `json:"document"`
}

// Encode returns document as JSON in its envelope, ended by a newline.
func Encode(format int, document any) ([]byte, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return envelope{Format: format, SHA256: checksum(format, body), Document: body}.encode()
}

func (e envelope) encode() ([]byte, error) {
	out, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return append(out, '\n'), nil
}

func checksum(format int, body []byte) string {
	h := sha256.New()
	if format != 1 {
		fmt.Fprintf(h, "format %d\n", format)
	}
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// Decode checks data and fills document. known is the highest format that the
// caller reads. The error wraps ErrDamaged if data is not whole.
func Decode(data []byte, known int, document any) (format int, err error) {
	var env envelope
	if err := json.Unmarshal(data, &env); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if checksum(env.Format, env.Document) != env.SHA256 {
		return 0, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	if again, err := env.encode(); err != nil || !bytes.Equal(again, data) {
		return 0, fmt.Errorf("%w: it is not in the form in which it was written", ErrDamaged)
	}
	if env.Format > known || env.Format < 1 {
		return env.Format, &NewerFormatError{Format: env.Format, Known: known}
	}
	if err := json.Unmarshal(env.Document, document); err != nil {
		return env.Format, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return env.Format, nil
}
