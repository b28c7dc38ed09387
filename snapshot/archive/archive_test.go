package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// sample is an archive in memory.
type sample struct {
	manifest Manifest
	content  map[string][]byte // by name of entry
}

// newSample makes an archive with the given configuration, deletes (none if
// nil) and segments.
func newSample(config, deletes []byte, segments ...[]byte) *sample {
	s := &sample{content: make(map[string][]byte), manifest: Manifest{
		Format: Format, Version: "1.2.3", Lineage: uuid.MustParse("0e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"),
		Collection: "wörter", Position: 4711, EventTime: time.Date(2026, 11, 24, 10, 53, 37, 120_000_000, time.UTC),
		Digest: "00112233445566778899aabbccddeeff", Count: 3,
	}}
	s.add(ConfigName, KindConfig, config)
	if deletes != nil {
		s.add(DeletesName, KindDeletes, deletes)
	}
	bySum := make(map[string][]byte)
	for _, content := range segments {
		bySum[sumOf(content)] = content
	}
	for _, sum := range slices.Sorted(maps.Keys(bySum)) {
		s.add(SegmentName(sum), KindSegment, bySum[sum])
	}
	return s
}

func (s *sample) add(name string, kind Kind, content []byte) {
	s.content[name] = content
	s.manifest.Files = append(s.manifest.Files, File{Name: name, Size: int64(len(content)), SHA256: sumOf(content), Kind: kind})
}

func (s *sample) open(f File) (Content, error) {
	content, ok := s.content[f.Name]
	if !ok {
		return Content{}, fmt.Errorf("no file %s", f.Name)
	}
	return Content{ReadCloser: io.NopCloser(bytes.NewReader(content))}, nil
}

func (s *sample) bytes(t require.TestingT) []byte {
	var out bytes.Buffer
	require.NoError(t, Write(context.Background(), &out, &s.manifest, s.open))
	return out.Bytes()
}

// smallSample is a whole archive of few bytes, for tests that try every place.
func smallSample() *sample {
	s := newSample([]byte(`{"a":1}`), []byte("dead rows"), []byte("segment one"), []byte("segment two, longer"))
	s.manifest.Description = "before the \"upgrade\"\n<&>"
	s.manifest.Labels = map[string]string{"b": "2", "a": "\\1\x7f"}
	return s
}

// files reads an archive and returns the content of its entries.
func files(src io.Reader) (map[string][]byte, *Manifest, error) {
	r, err := NewReader(src)
	if err != nil {
		return nil, nil, err
	}
	out := make(map[string][]byte)
	for {
		f, err := r.Next()
		if err == io.EOF { //nolint:errorlint // the exact value is the contract
			return out, r.Manifest(), nil
		}
		if err != nil {
			return nil, nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, nil, err
		}
		out[f.Name] = content
	}
}
