package archive

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Format is the format that this version writes, and the highest that it reads.
const Format = 1

// The limits of an archive. They bound what a reader holds in memory.
const (
	MaxManifestBytes    = 16 << 20
	MaxFiles            = 1 << 16
	MaxConfigBytes      = 16 << 20
	MaxFileBytes        = 8 << 30
	MaxPosition         = 1 << 52 // so that positions after a restore stay below 2^53
	MaxNameChars        = 255
	MaxDescriptionBytes = 4096
	MaxLabels           = 64
	MaxLabelKeyBytes    = 128
	MaxLabelValueBytes  = 1024
)

// What a manifest can hold of two characters at most. Counting them first keeps
// millions of empty objects or labels from being decoded into memory.
const (
	maxTextBytes = 4*MaxNameChars + MaxDescriptionBytes + MaxLabels*(MaxLabelKeyBytes+MaxLabelValueBytes)
	maxBraces    = 2 + MaxFiles + maxTextBytes
	maxQuotes    = 64 + 14*MaxFiles + 4*MaxLabels + maxTextBytes
)

// Kind says what a file of an archive holds.
type Kind string

// The kinds of files, in the order in which they stand in an archive.
const (
	KindConfig  Kind = "config"  // exactly one
	KindDeletes Kind = "deletes" // at most one
	KindSegment Kind = "segment" // any number, ascending by name
)

// The names of entries that are not segments.
const (
	ManifestName = "manifest.json"
	ConfigName   = "config.json"
	DeletesName  = "deletes"
	EndName      = "manifest.sha256"
)

// SegmentName returns the name of the entry of a segment, which is named by
// the sha256 (64 lower-case hex digits) of its bytes.
func SegmentName(sha256 string) string { return "segments/" + sha256 + ".seg" }

// File describes one entry after the manifest.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // 64 lower-case hex digits
	Kind   Kind   `json:"kind"`
}

// Manifest says what an archive holds: the state of one collection at one
// position.
type Manifest struct {
	Format  int    `json:"format"`
	Version string `json:"version"` // the program that wrote it
	// Lineage and Position name the state; Digest proves it.
	Lineage    uuid.UUID `json:"lineage"`
	Collection string    `json:"collection"`
	Position   uint64    `json:"position"`
	EventTime  time.Time `json:"event_time"` // of the record at Position, UTC
	Digest     string    `json:"digest"`     // 32 lower-case hex digits
	Count      uint64    `json:"count"`      // live points
	// Description and Labels are the user's.
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Files       []File            `json:"files"`
}

// Encode returns the canonical bytes of a valid manifest: one line of JSON,
// keys in fixed order, labels sorted by key.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m.append(nil), nil
}

// decodeManifest accepts exactly what Encode returns for some valid manifest.
// Offsets of its errors are relative to the manifest.
func decodeManifest(data []byte) (*Manifest, error) {
	if bytes.Count(data, []byte("{")) > maxBraces || bytes.Count(data, []byte(`"`)) > maxQuotes {
		return nil, &CorruptError{Entry: ManifestName, Reason: "it holds more files or labels than any archive may"}
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, cmp.Or(newerFormat(data, Format), error(&CorruptError{Entry: ManifestName, Offset: jsonOffset(err), Reason: err.Error()}))
	}
	if err := m.Validate(); err != nil {
		return nil, cmp.Or(newerFormat(data, Format), error(&CorruptError{Entry: ManifestName, Reason: err.Error()}))
	}
	if at := difference(m.append(nil), data); at >= 0 {
		return nil, &CorruptError{Entry: ManifestName, Offset: int64(at), Reason: "it is not in canonical form from here on"}
	}
	return m, nil
}

// newerFormat reads only what every format keeps, so that an archive of a later
// one is refused with a reason. It returns nil if data is none.
func newerFormat(data []byte, known int) error {
	var head struct {
		Format  int    `json:"format"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format <= known {
		return nil //nolint:nilerr // the caller knows what is wrong with data
	}
	return &NewerFormatError{Format: head.Format, Known: known, Version: cmp.Or(safeVersion(head.Version), "of that format")}
}

func jsonOffset(err error) int64 {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &typ):
		return typ.Offset
	}
	return 0
}

// difference returns the index of the first byte in which a and b differ, or
// -1 if they are equal.
func difference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// Validate reports the first thing in m that no archive may hold.
func (m *Manifest) Validate() error {
	if m.Format != Format {
		return fmt.Errorf("format %d is unknown", m.Format)
	}
	if m.Position == 0 || m.Position > MaxPosition {
		return fmt.Errorf("position %d is outside 1 to 2^52", m.Position)
	}
	if m.EventTime.Location() != time.UTC || m.EventTime.Year() < 1970 || m.EventTime.Year() > 9999 {
		return fmt.Errorf("event time %s is no time in UTC after 1970", m.EventTime)
	}
	if !isHex(m.Digest, 32) {
		return fmt.Errorf("digest %s is not 32 hex digits", quoteShort(m.Digest))
	}
	if err := m.validateTexts(); err != nil {
		return err
	}
	return validateFiles(m.Files)
}
