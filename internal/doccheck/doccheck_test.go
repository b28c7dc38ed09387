package doccheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRepository is the check itself.
func TestRepository(t *testing.T) {
	found, err := Check(filepath.Join("..", ".."))
	require.NoError(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

func TestCheck(t *testing.T) {
	files := map[string]string{
		"docs/other.md": "# A heading: with `code`, twice\n# Two\n# Two\n",
		"main.go":       "package main\n",
	}
	tests := []struct{ name, file, content, want string }{
		{"a link to a file", "a.md", "[x](docs/other.md)", ""},
		{"a link with a title", "a.md", `[x](docs/other.md "title")`, ""},
		{"a link to a folder", "a.md", "[x](docs)", ""},
		{"a link upwards", "docs/b.md", "[x](../main.go)", ""},
		{"a link to a heading", "a.md", "[x](docs/other.md#a-heading-with-code-twice)", ""},
		{"a link to a repeated heading", "a.md", "[x](docs/other.md#two-1)", ""},
		{"a link to a heading of its own", "a.md", "# Here\n[x](#here)", ""},
		{"a link to a site", "a.md", "[x](https://example.org/none.md)", ""},
		{"an example in a fence", "a.md", "```\n[x](none.md)\n```", ""},
		{"a dead link", "a.md", "text\n[x](none.md)", "a.md:2: link none.md: leads to no file"},
		{"a second dead link", "a.md", "[x](main.go) [x](none.md)", "a.md:1: link none.md: leads to no file"},
		{"a dead link after a fence", "a.md", "```\n```\n[x](none.md)", "a.md:3: link none.md: leads to no file"},
		{"an absolute link", "a.md", "[x](/main.go)", "a.md:1: link /main.go: is absolute; links are relative to their file"},
		{"a missing heading", "a.md", "[x](docs/other.md#none)", "a.md:1: link docs/other.md#none: leads to no heading"},
		{"a missing heading of its own", "a.md", "[x](#none)", "a.md:1: link #none: leads to no heading"},
		{"a machine's path", "a.md", "see `/work/main`", "a.md:1: path of a machine: `/work/"},
		{"a home", "a.md", "cd /home/ann/tidemark", "a.md:1: path of a machine: /home/ann/"},
		{"a machine's path in code", "b.go", `const x = "/root/x"`, `b.go:1: path of a machine: "/root/`},
		{"scratch in a document", "a.md", "cat /tmp/x.md", "a.md:1: path of a machine: /tmp/x"},
		{"scratch in code", "b.go", `const x = "/tmp/x"`, ""},
		{"a path of the product", "a.md", "/var/lib/tidemark, ./work/x, https://x.org/root/y", ""},
		{"a registry", "a.md", "from https://pypi.org/simple", "a.md:1: host of a package registry: pypi.org"},
		{"a registry in a script", ".ci/run", "GOPROXY=https://proxy.golang.org", ".ci/run:1: host of a package registry: proxy.golang.org"},
		{"recorded data", "testdata/a.md", "/work/x", ""},
		{"somebody else's package", "test/.venv/a.py", "/work/x", ""},
		{"a binary", "a.bin", "/work/x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range files {
				write(t, root, name, content)
			}
			write(t, root, tt.file, tt.content)
			found, err := Check(root)
			require.NoError(t, err)
			var got []string
			for _, f := range found {
				got = append(got, f.String())
			}
			require.Equal(t, tt.want, strings.Join(got, "\n"))
		})
	}
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}
