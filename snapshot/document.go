package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/wal"
)

// document is the manifest of a state and what follows from it: the files of the
// archive that holds it. In an archive the manifest is config.json. Unpacked, an
// archive is what a checkpoint at its position would have left on disk.
type document struct {
	manifest *segments.Manifest
	config   []byte
	files    []archive.File
	names    map[string]string // of files on disk, by their names in the archive
}

func sumHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// generation is that of the manifest in every archive.
const generation = 1

func newDocument(m *segments.Manifest) (*document, error) {
	config, err := m.Encode()
	if err != nil {
		return nil, err
	}
	return documentOf(m, config)
}

func decodeDocument(config []byte) (*document, error) {
	m, err := segments.DecodeManifest(archive.ConfigName, config)
	if err != nil {
		return nil, err
	}
	return documentOf(m, config)
}

// documentOfState reads the document of a state that was unpacked into dir.
func documentOfState(fsys fsx.FS, dir string) (*document, error) {
	config, err := fsx.ReadFile(fsys, filepath.Join(dir, segments.ManifestName(generation)))
	if err != nil {
		return nil, fmt.Errorf("read the manifest of an unpacked state: %w", err)
	}
	return decodeDocument(config)
}

func documentOf(m *segments.Manifest, config []byte) (*document, error) {
	if m.Generation != generation {
		return nil, fmt.Errorf("its manifest has generation %d", m.Generation)
	}
	d := &document{manifest: m, config: config, names: make(map[string]string)}
	d.add(archive.File{Name: archive.ConfigName, Kind: archive.KindConfig, Size: int64(len(config)), SHA256: sumHex(config)}, segments.ManifestName(generation))
	if f := m.Deletes; f != nil {
		if f.Name != segments.DeletesName(generation) {
			return nil, fmt.Errorf("its deletes are named %q", f.Name)
		}
		d.add(archive.File{Name: archive.DeletesName, Kind: archive.KindDeletes, Size: f.Size, SHA256: f.SHA256}, f.Name)
	}
	first := len(d.files)
	for _, s := range m.Segments {
		if !isSegmentName(s.FileInfo) {
			return nil, fmt.Errorf("a segment is named %q", s.Name)
		}
		d.add(archive.File{Name: archive.SegmentName(s.SHA256), Kind: archive.KindSegment, Size: s.Size, SHA256: s.SHA256}, filepath.Join(segments.SegmentsDir, s.Name))
	}
	slices.SortFunc(d.files[first:], func(a, b archive.File) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}

func (d *document) add(f archive.File, name string) {
	d.files = append(d.files, f)
	d.names[f.Name] = name
}

// segmentName matches names of segment files, and so no path.
var segmentName = regexp.MustCompile(`^\d{1,20}-([0-9a-f]{16})\` + segments.SegmentSuffix + `$`)

func isSegmentName(f segments.FileInfo) bool {
	match := segmentName.FindStringSubmatch(f.Name)
	return match != nil && strings.HasPrefix(f.SHA256, match[1])
}

// archiveManifest returns what an archive of the state says of itself.
func (d *document) archiveManifest(version string, o CreateOptions) *archive.Manifest {
	m := &archive.Manifest{
		Format: archive.Format, Version: version,
		Lineage: d.manifest.Lineage, Collection: d.manifest.Collection,
		Position: uint64(d.manifest.Through), EventTime: d.manifest.EventTime.UTC(),
		Digest: d.manifest.Digest.String(), Count: uint64(d.manifest.Count),
		Description: o.Description, Files: d.files,
	}
	if len(o.Labels) > 0 {
		m.Labels = o.Labels
	}
	return m
}

// checkAgainst compares what an archive says of itself with what it holds.
func (d *document) checkAgainst(m *archive.Manifest) error {
	own := d.archiveManifest(m.Version, CreateOptions{Description: m.Description, Labels: m.Labels})
	switch {
	case own.Lineage != m.Lineage:
		return fmt.Errorf("its lineage is %s", own.Lineage)
	case own.Collection != m.Collection:
		return fmt.Errorf("its collection is %q", own.Collection)
	case own.Position != m.Position:
		return fmt.Errorf("its position is %s", wal.Position(own.Position))
	case !own.EventTime.Equal(m.EventTime):
		return fmt.Errorf("its event time is %s", own.EventTime)
	case own.Digest != m.Digest:
		return fmt.Errorf("its digest is %s", own.Digest)
	case own.Count != m.Count:
		return fmt.Errorf("it counts %d points", own.Count)
	case !slices.Equal(own.Files, m.Files):
		return fmt.Errorf("it names other files")
	}
	return nil
}

// nameOnDisk returns the place of a file below the directory of a collection.
func (d *document) nameOnDisk(f archive.File) string {
	if f.Kind == archive.KindConfig { // the first, from which d is made
		return segments.ManifestName(generation)
	}
	return d.names[f.Name]
}
