// Package jsondoc wraps a JSON document with its checksum, so that a file that
// people can read cannot be damaged or edited unnoticed.
//
// The form is {"format":N,"sha256":"<64 hex>","document":{…}}: the checksum
// covers the bytes of document exactly as they stand in the file.
package jsondoc

import (
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
	sum := sha256.Sum256(body)
	out, err := json.Marshal(envelope{Format: format, SHA256: hex.EncodeToString(sum[:]), Document: body})
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return append(out, '\n'), nil
}

// Decode checks data and fills document. known is the highest format that the
// caller reads. The error wraps ErrDamaged if data is not whole.
func Decode(data []byte, known int, document any) (format int, err error) {
	var env envelope
	if err := json.Unmarshal(data, &env); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	sum := sha256.Sum256(env.Document)
	if hex.EncodeToString(sum[:]) != env.SHA256 {
		return 0, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	if env.Format > known || env.Format < 1 {
		return env.Format, &NewerFormatError{Format: env.Format, Known: known}
	}
	if err := json.Unmarshal(env.Document, document); err != nil {
		return env.Format, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return env.Format, nil
}
