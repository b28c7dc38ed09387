package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// entry is one entry of a tar file that somebody else wrote.
type entry struct {
	header  tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(content))}, content}
}

func special(name string, kind byte, link string) entry {
	return entry{tar.Header{Name: name, Mode: 0o644, Typeflag: kind, Linkname: link}, ""}
}

// pack writes entries with headers as ours are, as far as they are regular.
func pack(t *testing.T, entries ...entry) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if e.header.Typeflag == tar.TypeReg {
			require.NoError(t, w.Flush())
			h := header(e.header.Name, e.header.Size)
			out.Write(h[:])
			out.WriteString(e.content)
			out.Write(zeros[:padding(e.header.Size)])
			continue
		}
		require.NoError(t, w.WriteHeader(&e.header))
	}
	require.NoError(t, w.Flush())
	out.Write(zeros[:])
	return out.Bytes()
}

// ownEntries takes our small archive apart.
func ownEntries(t *testing.T) []entry {
	s := smallSample()
	manifest, err := s.manifest.Encode()
	require.NoError(t, err)
	out := []entry{file(ManifestName, string(manifest))}
	for _, f := range s.manifest.Files {
		out = append(out, file(f.Name, string(s.content[f.Name])))
	}
	return append(out, file(EndName, string(endContent(manifest, ManifestName))))
}

func TestHostile(t *testing.T) {
	own := ownEntries(t)
	require.Equal(t, smallSample().bytes(t), pack(t, own...), "the helper packs as we do")
	with := func(i int, e ...entry) []byte { // own with entry i replaced
		return pack(t, append(append(append([]entry{}, own[:i]...), e...), own[i+1:]...)...)
	}
	manifest := func(edit func(string) string) []byte {
		return with(0, file(ManifestName, edit(own[0].content)))
	}
	replace := func(old, replacement string) []byte {
		return manifest(func(s string) string {
			require.Contains(t, s, old)
			return strings.Replace(s, old, replacement, 1)
		})
	}
	segment := own[3].header.Name
	tests := map[string]struct {
		archive []byte
		want    string
	}{
		"empty":                     {nil, "byte 0, entry manifest.json: the archive is cut off"},
		"not a tar":                 {bytes.Repeat([]byte("junk"), 1000), "this is no snapshot archive"},
		"zeros":                     {make([]byte, 4096), "this is no snapshot archive"},
		"other first entry":         {pack(t, file("readme", "x")), `in its place stands "readme", a file`},
		"manifest too large":        {pack(t, entry{tar.Header{Name: ManifestName, Typeflag: tar.TypeReg, Size: MaxManifestBytes + 1}, ""}), "it claims 16777217 bytes"},
		"manifest without content":  {pack(t, entry{tar.Header{Name: ManifestName, Typeflag: tar.TypeReg, Size: MaxManifestBytes}, ""}), "the archive is cut off"},
		"manifest is no JSON":       {with(0, file(ManifestName, "{")), "entry manifest.json"},
		"manifest is empty":         {with(0, file(ManifestName, "")), "entry manifest.json"},
		"unlisted file":             {with(1, own[1], file("extra", "x")), `in its place stands "extra", a file`},
		"missing file":              {with(2), "entry deletes: in its place stands"},
		"files exchanged":           {pack(t, own[0], own[2], own[1], own[3], own[4], own[5]), "entry config.json: in its place stands"},
		"duplicate":                 {with(1, own[1], own[1]), "entry deletes: in its place stands \"config.json\""},
		"traversal":                 {with(3, file("segments/../../x", own[3].content)), `in its place stands "segments/../../x", a file`},
		"absolute":                  {with(3, file("/etc/passwd", own[3].content)), `in its place stands "/etc/passwd", a file`},
		"symbolic link":             {with(3, special(segment, tar.TypeSymlink, "/etc/passwd")), "it is a symbolic link, not a file"},
		"hard link":                 {with(3, special(segment, tar.TypeLink, "/etc/passwd")), "it is a hard link, not a file"},
		"device":                    {with(3, special(segment, tar.TypeBlock, "")), "it is a block device, not a file"},
		"directory":                 {with(3, special("segments/", tar.TypeDir, "")), "a directory"},
		"extended header":           {with(3, entry{tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, ""}, own[3]), "extended header"},
		"size lies: shorter":        {with(3, file(segment, own[3].content[1:])), "its header says 18 bytes, the manifest 19"},
		"size lies: longer":         {with(3, file(segment, own[3].content+"x")), "its header says 20 bytes, the manifest 19"},
		"other content":             {with(3, file(segment, "segment two, l0nger")), "the sha256 of its content is"},
		"end missing":               {with(5), "entry manifest.sha256: the archive ends before this entry"},
		"end of another manifest":   {with(5, file(EndName, string(endContent([]byte("x"), ManifestName)))), "it does not name the sha256 of manifest.json"},
		"end twice":                 {with(5, own[5], own[5]), "a byte of padding is not zero"},
		"traversal in the manifest": {replace(segment, "segments/../../x"), "must be named segments/"},
		"absolute in the manifest":  {replace(`"deletes"`, `"/deletes"`), `file "/deletes" must be named deletes`},
		"unknown kind":              {replace(`"kind":"deletes"`, `"kind":"script"`), `unknown kind "script"`},
		"kind exchanged":            {replace(`"kind":"deletes"`, `"kind":"config"`), "must be named config.json"},
		"listed twice": {manifest(func(s string) string {
			i := strings.Index(s, `{"name":"deletes"`)
			return s[:i] + s[i:strings.Index(s, `{"name":"segments`)] + s[i:]
		}), "in the wrong place or twice"},
		"segment listed twice": {manifest(func(s string) string {
			i := strings.Index(s, `{"name":"segments`)
			return s[:i] + s[i:i+strings.Index(s[i:], "}")+1] + "," + s[i:]
		}), "in the wrong place or twice"},
		"segments not sorted":        {manifest(swapSegments), "in the wrong place or twice"},
		"no files":                   {manifest(func(s string) string { return s[:strings.Index(s, `"files":[`)+9] + "]}\n" }), "the first file is not the configuration"},
		"negative size":              {replace(`"size":9`, `"size":-9`), "size -9"},
		"huge size":                  {replace(`"size":9`, `"size":9223372036854775807`), "outside 0 to"},
		"size out of range":          {replace(`"size":9`, `"size":92233720368547758079`), "entry manifest.json"},
		"huge configuration":         {replace(`"size":7`, `"size":16777217`), "outside 0 to"},
		"position 0":                 {replace(`"position":4711`, `"position":0`), "position 0 is outside"},
		"position beyond 2^52":       {replace(`"position":4711`, `"position":4503599627370497`), "is outside 1 to 2^52"},
		"negative position":          {replace(`"position":4711`, `"position":-1`), "entry manifest.json"},
		"format 0":                   {replace(`"format":1`, `"format":0`), "format 0 is unknown"},
		"unknown key":                {replace(`"format":1`, `"format":1,"x":1`), "not in canonical form"},
		"key twice":                  {replace(`"format":1`, `"format":1,"format":1`), "not in canonical form"},
		"key in other case":          {replace(`"count"`, `"Count"`), "not in canonical form"},
		"spaces":                     {replace(`"format":1`, `"format": 1`), "not in canonical form"},
		"number in other form":       {replace(`"position":4711`, `"position":4711e0`), "entry manifest.json"},
		"empty description":          {replace(`"description":"before`, `"description":"","description":"before`), "not in canonical form"},
		"escape not needed":          {replace("<&>", "\\u003c&>"), "not in canonical form"},
		"labels not sorted":          {replace(`{"a":"\\1\u007f","b":"2"}`, `{"b":"2","a":"\\1\u007f"}`), "not in canonical form"},
		"null":                       {replace(`"version":"1.2.3"`, `"version":null`), "version"},
		"no newline":                 {manifest(func(s string) string { return strings.TrimSuffix(s, "\n") }), "not in canonical form"},
		"two documents":              {manifest(func(s string) string { return s + s }), "entry manifest.json"},
		"time with offset":           {replace("37.12Z", "37.12+01:00"), "no time in UTC"},
		"time in other form":         {replace("37.12Z", "37.120Z"), "not in canonical form"},
		"lineage in other form":      {replace("0e3b5a0c-98a1", "0E3B5A0C-98A1"), "not in canonical form"},
		"digest in upper case":       {replace("aabbcc", "AABBCC"), "is not 32 hex digits"},
		"invalid UTF-8":              {replace("wörter", "w\xf6rter"), "not in canonical form"},
		"name of no collection":      {replace("wörter", ""), "collection name"},
		"version with control codes": {replace("1.2.3", `\u001b[2J`), "is not 1 to 64 printable"},
		"a million empty objects":    {replace(`"files":[`, `"files":[`+strings.Repeat("{},", 1<<20)), "more files or labels than any archive may"},
		"a million labels":           {replace(`"labels":{`, `"labels":{`+strings.Repeat(`"":"",`, 1<<20)), "more files or labels than any archive may"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			dir := filepath.Join(outer, "staging")
			require.NoError(t, os.Mkdir(dir, 0o750))
			_, err := Unpack(context.Background(), fsx.OS, dir, bytes.NewReader(tt.archive), UnpackOptions{})
			require.ErrorContains(t, err, tt.want)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.LessOrEqual(t, corrupt.Offset, int64(len(tt.archive)))
			beside, err := os.ReadDir(outer)
			require.NoError(t, err)
			require.Len(t, beside, 1, "something was written outside of the directory")
		})
	}
}

// swapSegments exchanges the descriptions of the two segments.
func swapSegments(manifest string) string {
	first := strings.Index(manifest, `{"name":"segments`)
	second := first + 1 + strings.Index(manifest[first+1:], `{"name":"segments`)
	end := strings.LastIndex(manifest, "]}")
	return manifest[:first] + manifest[second:end] + "," + manifest[first:second-1] + manifest[end:]
}

// TestForeign recognises the archives of Qdrant by what they begin with.
func TestForeign(t *testing.T) {
	for _, first := range []string{
		"0/segments/3f2a4c7e-1111-4222-8333-444455556666.tar", "0/", "12/wal/open-1", "./0/replica_state.json", "config.json", "version.info",
		"segments/3f2a/files/segment.json", "shard_config.json", "newest_clocks.json", "c-3766212330831337-2024-07-22-08-31-55.snapshot",
	} {
		var gnu bytes.Buffer
		w := tar.NewWriter(&gnu)
		h := tar.Header{Name: first, Format: tar.FormatGNU, Mode: 0o644}
		if strings.HasSuffix(first, "/") {
			h.Typeflag = tar.TypeDir
		}
		require.NoError(t, w.WriteHeader(&h))
		require.NoError(t, w.Close())
		_, err := NewReader(&gnu)
		var foreign *ForeignError
		require.ErrorAs(t, err, &foreign, first)
		require.Equal(t, first, foreign.Entry)
		require.ErrorContains(t, err, "snapshot archive of Qdrant")
	}
}

// TestNewerFormat names the version that reads the archive, whatever else a
// later format changes.
func TestNewerFormat(t *testing.T) {
	later := fmt.Sprintf(`{"format":%d,"version":"9.1.0","chunks":[1,2]}`, Format+1)
	_, err := NewReader(bytes.NewReader(pack(t, file(ManifestName, later))))
	var newer *NewerFormatError
	require.ErrorAs(t, err, &newer)
	require.Equal(t, &NewerFormatError{Format: Format + 1, Known: Format, Version: "9.1.0"}, newer)
	require.ErrorContains(t, err, "restore it with Tidemark 9.1.0 or later")
}
