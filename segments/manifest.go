package segments

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/jsondoc"
	"github.com/tidemark-db/tidemark/wal"
)

const (
	manifestFormat = 1
	manifestPrefix = "manifest-"
	manifestSuffix = ".json"
)

// SegmentsDir is the directory of segment files below that of a collection.
const SegmentsDir = "segments"

// Manifest is what is on disk of one collection: everything in it is as of one
// position, Through, and what came later is in the log. The manifest with the
// highest generation counts; docs/format/manifest.md describes the file.
type Manifest struct {
	// Generation numbers the manifests of a collection. It is in the name of
	// the file.
	Generation uint64    `json:"generation"`
	Collection string    `json:"collection"` // the name, for people; the catalog decides
	Lineage    uuid.UUID `json:"lineage"`
	// Config is the configuration in force, in the form of its owner.
	Config    json.RawMessage `json:"config"`
	Through   wal.Position    `json:"through"`
	EventTime time.Time       `json:"event_time"`
	Digest    Digest          `json:"digest"`
	Sums      Sums            `json:"sums"`
	Count     int             `json:"count"`
	// Counters are what else is counted from record to record.
	Counters map[string]uint64 `json:"counters,omitempty"`
	// Since is nil if the collection was never restored.
	Since    *Since         `json:"since,omitempty"`
	Segments []SegmentEntry `json:"segments"` // in the order of their names
	// Deletes has the dead rows of all segments; nil if there are none.
	Deletes *FileInfo `json:"deletes,omitempty"`
}

// SegmentEntry names a segment in a manifest.
type SegmentEntry struct {
	FileInfo
	Rows int `json:"rows"`
	// Dead is how many rows are dead as of the manifest's position.
	Dead int `json:"dead"`
	// Live are the sums of the rows that are not dead.
	Live Sums `json:"live"`
}

// ManifestName returns the name of the manifest of a generation.
func ManifestName(generation uint64) string {
	return manifestPrefix + strconv.FormatUint(generation, 10) + manifestSuffix
}

// ParseManifestName returns the generation of a manifest by its name.
func ParseManifestName(name string) (generation uint64, ok bool) {
	digits, found := strings.CutPrefix(name, manifestPrefix)
	digits, ends := strings.CutSuffix(digits, manifestSuffix)
	generation, err := strconv.ParseUint(digits, 10, 64)
	return generation, found && ends && err == nil && name == ManifestName(generation)
}

// Encode returns the content of the file.
func (m *Manifest) Encode() ([]byte, error) { return jsondoc.Encode(manifestFormat, m) }

// DecodeManifest reads and checks the content of a manifest. name stands in
// errors.
func DecodeManifest(name string, b []byte) (*Manifest, error) {
	m := new(Manifest)
	_, err := jsondoc.Decode(b, manifestFormat, m)
	var newer *jsondoc.NewerFormatError
	switch {
	case errors.As(err, &newer):
		return nil, fmt.Errorf("%s: %w", name, err)
	case err == nil:
		err = m.check()
	}
	if err != nil {
		return nil, &DamagedError{File: name, Reason: err.Error()}
	}
	return m, nil
}

// check makes sure that the parts of a manifest agree with each other.
func (m *Manifest) check() error {
	live, last := 0, ""
	sums := Sums{}
	for _, v := range m.Sums.Vectors {
		sums.addVector(v.Key)
	}
	for _, s := range m.Segments {
		switch {
		case s.Name <= last || s.Name != filepath.Base(s.Name) || !strings.HasSuffix(s.Name, SegmentSuffix):
			return fmt.Errorf("segment %q is out of order or has no valid name", s.Name)
		case s.Dead < 0 || s.Dead > s.Rows || s.Dead > 0 && m.Deletes == nil:
			return fmt.Errorf("segment %q has %d dead of %d rows", s.Name, s.Dead, s.Rows)
		}
		last = s.Name
		live += s.Rows - s.Dead
		sums.add(s.Live)
	}
	switch {
	case live != m.Count:
		return fmt.Errorf("its segments have %d points, it counts %d", live, m.Count)
	case !sums.Equal(m.Sums):
		return ErrSumsDiffer
	case m.Digest != m.Sums.Digest():
		return errors.New("its digest is not that of its sums")
	case m.Deletes != nil && m.Deletes.Name != filepath.Base(m.Deletes.Name):
		return fmt.Errorf("deletes file %q has no valid name", m.Deletes.Name)
	}
	return nil
}

// CommitManifest makes m what counts of the collection in dir. Everything that
// it names must be durable. After an error that wraps fsx.ErrNotDurable either
// manifest may count after a crash: nothing that one of them names may be
// removed until a later commit has succeeded.
func CommitManifest(fsys fsx.FS, dir string, m *Manifest) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("commit manifest: %w", err)
	}
	b, err := m.Encode()
	if err != nil {
		return fmt.Errorf("commit manifest: %w", err)
	}
	if err := fsx.WriteAtomic(fsys, filepath.Join(dir, ManifestName(m.Generation)), b); err != nil {
		return fmt.Errorf("commit manifest: %w", err)
	}
	return nil
}

// ErrNoManifest is returned if a collection has none: everything is in its log.
var ErrNoManifest = fmt.Errorf("the collection has no manifest: %w", fs.ErrNotExist)

// LoadManifest returns the manifest that counts in dir. If it is damaged, that
// is an error: an older one is for repair by hand and never used silently.
func LoadManifest(fsys fsx.FS, dir string) (*Manifest, error) {
	generations, err := ManifestGenerations(fsys, dir)
	if err != nil {
		return nil, err
	}
	if len(generations) == 0 {
		return nil, ErrNoManifest
	}
	newest := generations[len(generations)-1]
	path := filepath.Join(dir, ManifestName(newest))
	b, err := fsx.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m, err := DecodeManifest(path, b)
	if err == nil && m.Generation != newest {
		err = &DamagedError{File: path, Reason: fmt.Sprintf("it says that it has generation %d", m.Generation)}
	}
	return m, err
}

// ManifestGenerations lists the generations of the manifests in dir, ascending.
func ManifestGenerations(fsys fsx.FS, dir string) ([]uint64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list manifests: %w", err)
	}
	var out []uint64
	for _, e := range entries {
		if g, ok := ParseManifestName(e.Name()); ok {
			out = append(out, g)
		}
	}
	slices.Sort(out)
	return out, nil
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
