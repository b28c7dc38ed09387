package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tidemark-db/tidemark"

// edge is an import that a package might have. The package is a folder of the
// module, "." for the root; with the suffix "_test" the import stands in a test
// file. The import is a folder of the module if it begins with "./".
type edge struct{ from, imports string }

// forbidden edges lead from a package to one that may not be known there. They
// form no cycle, so that one module can hold them all.
var forbidden = map[edge][]string{ // by the lists that must report them
	{"internal/fsx", "./wal"}:                          {"fsx"},
	{"internal/jsondoc", "./wal"}:                      {"internal"},
	{"wal", "./segments"}:                              {"wal"},
	{"wal", "./wal/local"}:                             {"wal"},
	{"wal", "github.com/google/uuid"}:                  {"wal"},
	{"wal/local", "./transport"}:                       {"wal-local"},
	{"segments/payload", "./segments"}:                 {"payload-below-segments"},
	{"segments/payload", "./wal"}:                      {"payload-below-segments"},
	{"segments", "./index"}:                            {"segments"},
	{"segments", "./wal/local"}:                        {"segments"},
	{"index", "."}:                                     {"index"},
	{"index/filter", "./snapshot"}:                     {"index"},
	{".", "./snapshot"}:                                {"engine"},
	{".", "./wal/local"}:                               {"engine"},
	{".", "./config"}:                                  {"engine"},
	{".", "github.com/stretchr/testify/require"}:       {"engine"},
	{"snapshot/blob", "./snapshot"}:                    {"blob"},
	{"snapshot/blob/local", "./snapshot"}:              {"blob-local"},
	{"snapshot/blob/s3", "./snapshot"}:                 {"blob-s3"},
	{"snapshot/archive", "./snapshot"}:                 {"snapshot-archive"},
	{"snapshot", "./transport"}:                        {"snapshot"},
	{"snapshot", "./wal/local"}:                        {"snapshot"},
	{"transport", "./transport/rest"}:                  {"transport"},
	{"transport", "./metrics"}:                         {"transport"},
	{"transport/rest", "./transport/grpc"}:             {"transport-rest"},
	{"transport/rest", "./config"}:                     {"transport-rest"},
	{"transport/grpc", "./metrics"}:                    {"transport-grpc"},
	{"config", "./internal/doccheck"}:                  {"config"},
	{"metrics", "./config"}:                            {"metrics"},
	{"segments_test", "./config"}:                      {"leaves-in-tests"},
	{"snapshot_test", "./metrics"}:                     {"leaves-in-tests"},
	{"index_test", "./transport"}:                      {"leaves-in-tests"},
	{"transport", "github.com/gin-gonic/gin"}:          {"only-in-rest", "transport"},
	{"segments", "github.com/tidwall/wal"}:             {"only-in-wal-local", "segments"},
	{"cmd/tidemark", "github.com/knadh/koanf/v2"}:      {"cmd", "only-in-config"},
	{"config", "github.com/spf13/cobra"}:               {"config", "only-in-cmd"},
	{".", "github.com/prometheus/client_golang/api"}:   {"engine", "only-in-metrics"},
	{"snapshot", "github.com/aws/aws-sdk-go-v2/aws"}:   {"only-in-s3", "snapshot"},
	{"transport/rest", "google.golang.org/grpc"}:       {"only-in-grpc", "transport-rest"},
	{"wal_test", "github.com/tidwall/wal"}:             {"only-in-wal-local"},
	{"wal/waltest", "github.com/tidwall/wal"}:          {"only-in-wal-local"},
	{"snapshot/blob/blobtest", "./config"}:             {"leaves-in-tests"},
	{"transport_test", "github.com/gin-gonic/gin"}:     {"only-in-rest"},
	{"cmd/tidemark_test", "github.com/knadh/koanf/v2"}: {"only-in-config"},
}

var allowed = []edge{
	{"wal/local", "./wal"},
	{"wal/local", "./internal/fsx"},
	{"wal/local", "github.com/tidwall/wal"},
	{"segments", "./wal"},
	{"segments", "./segments/payload"},
	{"segments", "github.com/tidwall/btree"},
	{"index", "./segments"},
	{"index/filter", "./segments/payload"},
	{".", "./index/filter"},
	{".", "./internal/jsondoc"},
	{"snapshot/blob/local", "./snapshot/blob"},
	{"snapshot/blob/s3", "github.com/aws/aws-sdk-go-v2/aws"},
	{"snapshot", "."},
	{"snapshot", "./snapshot/blob"},
	{"snapshot", "./snapshot/archive"},
	{"snapshot/archive", "./internal/fsx"},
	{"transport", "./snapshot"},
	{"transport/rest", "./transport"},
	{"transport/rest", "github.com/gin-gonic/gin"},
	{"transport/grpc", "google.golang.org/grpc"},
	{"metrics", "./transport"},
	{"metrics", "github.com/prometheus/client_golang/api"},
	{"config", "github.com/knadh/koanf/v2"},
	{"cmd/tidemark", "./config"},
	{"cmd/tidemark", "./wal/local"},
	{"cmd/tidemark", "./transport/rest"},
	{"cmd/tidemark", "github.com/spf13/cobra"},
	{"snapshot_test", "./wal/local"},
	{"segments/payload/payloadtest", "github.com/stretchr/testify/require"},
	{"wal/waltest", "github.com/stretchr/testify/require"},
	{"._test", "./wal/local"},
	{"._test", "github.com/stretchr/testify/require"},
}

func TestImportRulesReportWhatIsForbidden(t *testing.T) {
	var edges []edge
	var want []string
	for e, lists := range forbidden {
		edges = append(edges, e)
		for _, list := range lists {
			want = append(want, fmt.Sprintf("%s imports %s: %s", e.from, e.imports, list))
		}
	}
	slices.Sort(want)
	compare(t, lint(t, edges), want)
}

func TestImportRulesLetThroughWhatIsAllowed(t *testing.T) {
	compare(t, lint(t, allowed), nil)
}

// TestImportRulesCoverEveryPackage: a package that no list mentions may import
// anything. Each package of the repository therefore gets an import that nobody
// may have, and each must be reported.
func TestImportRulesCoverEveryPackage(t *testing.T) {
	edges := map[string]bool{}
	for _, folder := range packages(t) {
		edges[folder] = false
	}
	var all []edge
	for folder := range edges {
		all = append(all, edge{folder, "example.org/nobody/knows/this"})
	}
	for _, line := range lint(t, all) {
		folder, _, _ := strings.Cut(line, " imports ")
		edges[folder] = true
	}
	for folder, reported := range edges {
		if !reported {
			t.Errorf("no list in strict mode covers the package in %s", folder)
		}
	}
}

// packages returns the folders of the repository's packages, without those that
// help tests.
func packages(t *testing.T) []string {
	t.Helper()
	const root = "../.."
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && rel != "." && (name[0] == '.' || name == "testdata" || strings.HasSuffix(name, "test") ||
			rel == "test" || rel == filepath.Join("internal", "tools")):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			found[filepath.ToSlash(filepath.Dir(rel))] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(found))
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("not reported: %s", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("reported, but allowed: %s", g)
		}
	}
}

var rule = regexp.MustCompile(`not allowed from list '([^']+)'`)

// lint writes a module of empty packages that has the edges, runs depguard over
// it with the repository's configuration, and returns what it reported as
// sorted lines "from imports what: list".
func lint(t *testing.T, edges []edge) []string {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, filepath.Join(dir, ".golangci.yml"), "../../.golangci.yml")
	files := writeModule(t, dir, edges)

	binary, err := filepath.Abs("../../bin/golangci-lint")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "--enable-only", "depguard", "--allow-parallel-runners",
		"--issues-exit-code", "0", "--uniq-by-line=false", "--output.json.path", "stdout", "--show-stats=false", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("golangci-lint: %v\n%s%s", err, out, stderr.String())
	}
	var report struct {
		Issues []struct {
			FromLinter, Text string
			Pos              struct{ Filename string }
		}
	}
	if err := json.Unmarshal(bytes.SplitN(out, []byte("\n"), 2)[0], &report); err != nil {
		t.Fatalf("parse the report: %v\n%s", err, out)
	}
	var got []string
	for _, issue := range report.Issues {
		m := rule.FindStringSubmatch(issue.Text)
		e, ok := files[filepath.ToSlash(issue.Pos.Filename)]
		if m == nil || !ok {
			t.Fatalf("unexpected report in %s: %s: %s", issue.Pos.Filename, issue.FromLinter, issue.Text)
		}
		got = append(got, fmt.Sprintf("%s imports %s: %s", e.from, e.imports, m[1]))
	}
	slices.Sort(got)
	return got
}

// writeModule writes one file per edge, an empty package for each folder that
// an edge names, and an empty module in place of each library. It returns the
// edges by their file.
func writeModule(t *testing.T, dir string, edges []edge) map[string]edge {
	t.Helper()
	files := map[string]edge{}
	libraries := map[string]bool{}
	for i, e := range edges {
		folder, isTest := strings.CutSuffix(e.from, "_test")
		path := e.imports
		if path == "." || strings.HasPrefix(path, "./") {
			writePackage(t, dir, strings.TrimPrefix(path, "./"))
			path = strings.TrimSuffix(module+strings.TrimPrefix(path, "."), "/")
		} else {
			libraries[path] = true
		}
		writePackage(t, dir, folder)
		pkg, name := packageName(folder), fmt.Sprintf("edge%d.go", i)
		if isTest {
			pkg, name = pkg+"_test", fmt.Sprintf("edge%d_test.go", i)
		}
		file := filepath.ToSlash(filepath.Join(folder, name))
		files[file] = e
		writeFile(t, filepath.Join(dir, file), fmt.Sprintf("package %s\n\nimport _ %q\n", pkg, path))
	}
	mod := "module " + module + "\n\ngo 1.26\n"
	for path := range libraries {
		mod += fmt.Sprintf("\nrequire %s %s\nreplace %s => ./_libraries/%s\n", path, stubVersion(path), path, path)
		writeFile(t, filepath.Join(dir, "_libraries", path, "stub.go"), "package stub\n")
		writeFile(t, filepath.Join(dir, "_libraries", path, "go.mod"), "module "+path+"\n")
	}
	writeFile(t, filepath.Join(dir, "go.mod"), mod)
	return files
}

// stubVersion is a version that fits the major version in a module's path.
func stubVersion(path string) string {
	if strings.HasSuffix(path, "/v2") {
		return "v2.0.0"
	}
	return "v0.0.0"
}

func packageName(folder string) string {
	switch folder {
	case ".":
		return "tidemark"
	case "cmd/tidemark":
		return "main"
	}
	return filepath.Base(folder)
}

func writePackage(t *testing.T, dir, folder string) {
	t.Helper()
	body := "package " + packageName(folder) + "\n"
	if packageName(folder) == "main" {
		body += "\nfunc main() {}\n"
	}
	writeFile(t, filepath.Join(dir, folder, "stub.go"), body)
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, string(content))
}
