// Package doccheck finds what must not stand in the repository's documents:
// links that lead nowhere, paths of somebody's machine, hosts of package
// registries.
package doccheck

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Finding is one thing to mend.
type Finding struct {
	File string // relative to the root, with slashes
	Line int
	Text string
}

// String returns the finding as "file:line: text".
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// Check reads all text files below root and returns what it found, in order of
// files and lines. Links are followed in Markdown files only.
func Check(root string) ([]Finding, error) {
	var found []Finding
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if isSkipped(rel) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !isText(rel) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found = append(found, checkFile(root, rel, string(content))...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check documents below %s: %w", root, err)
	}
	return found, nil
}

// isSkipped reports whether a folder is not ours to check, or names on purpose
// what is forbidden.
func isSkipped(rel string) bool {
	switch rel {
	case ".", ".ci":
		return false
	case "bin", "storage", "snapshots", "internal/doccheck":
		return true
	}
	base := filepath.Base(rel)
	return strings.HasPrefix(base, ".") || base == "node_modules"
}

func isText(rel string) bool {
	switch filepath.Ext(rel) {
	case ".md", ".go", ".yml", ".yaml", ".sh", ".py", ".toml", ".service", ".json":
		return !strings.Contains(rel, "testdata/")
	case "":
		base := filepath.Base(rel)
		return base == "Makefile" || base == "Dockerfile" || strings.HasPrefix(rel, ".ci/")
	}
	return false
}

var (
	machinePath  = regexp.MustCompile("(^|[\\s\"'`(=])/(work|root|home/[a-z]+|Users/[A-Za-z]+)(/|$|[\\s\"'`)])")
	scratchPath  = regexp.MustCompile("(^|[\\s\"'`(=])/(tmp|var/tmp)/[A-Za-z0-9]")
	markdownLink = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	urlScheme    = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
)

// machineRoots begin what machinePath finds; they are found faster.
var machineRoots = []string{"/work", "/root", "/home/", "/Users/"}

// registryHosts belong to where packages are fetched from, which is not the
// repository's to decide.
var registryHosts = []string{
	"proxy.golang.org", "sum.golang.org", "registry.npmjs.org", "pypi.org", "files.pythonhosted.org",
	"index.crates.io", "static.crates.io", "repo.maven.apache.org", "repo1.maven.org", "deb.debian.org",
}

// firstOf returns the first of words that s contains, or "".
func firstOf(s string, words []string) string {
	for _, w := range words {
		if strings.Contains(s, w) {
			return w
		}
	}
	return ""
}

func checkFile(root, rel, content string) []Finding {
	var found []Finding
	markdown := filepath.Ext(rel) == ".md"
	if !markdown && firstOf(content, machineRoots) == "" && firstOf(content, registryHosts) == "" {
		return nil // nearly all code: no need to look at each line
	}
	fenced := false
	for i, line := range strings.Split(content, "\n") {
		add := func(format string, args ...any) {
			found = append(found, Finding{File: rel, Line: i + 1, Text: fmt.Sprintf(format, args...)})
		}
		if m := machinePath.FindString(line); m != "" {
			add("path of a machine: %s", strings.TrimSpace(m))
		}
		if m := firstOf(line, registryHosts); m != "" {
			add("host of a package registry: %s", m)
		}
		if !markdown {
			continue
		}
		if m := scratchPath.FindString(line); m != "" {
			add("path of a machine: %s", strings.TrimSpace(m))
		}
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		for _, m := range markdownLink.FindAllStringSubmatch(line, -1) {
			if why := checkLink(root, rel, m[1]); why != "" {
				add("link %s: %s", m[1], why)
			}
		}
	}
	return found
}

// checkLink returns what is wrong with a link of the file rel, or "". Links to
// other sites are not followed: a test must not depend on them.
func checkLink(root, rel, link string) string {
	if urlScheme.MatchString(link) {
		return ""
	}
	target, anchor, _ := strings.Cut(link, "#")
	path := filepath.Join(root, rel)
	if strings.HasPrefix(target, "/") {
		return "is absolute; links are relative to their file"
	}
	if target != "" {
		path = filepath.Join(filepath.Dir(path), filepath.FromSlash(target))
		if _, err := os.Stat(path); err != nil {
			return "leads to no file"
		}
	}
	if anchor == "" || filepath.Ext(path) != ".md" {
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "cannot be read"
	}
	if !slices.Contains(anchors(string(content)), anchor) {
		return "leads to no heading"
	}
	return ""
}

var (
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *#*$`)
	notInSlugs = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors that code hosts make of a document's headings.
func anchors(content string) []string {
	var all []string
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(content, -1) {
		slug := strings.ReplaceAll(notInSlugs.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		n := seen[slug]
		seen[slug]++
		if n > 0 {
			slug = fmt.Sprintf("%s-%d", slug, n)
		}
		all = append(all, slug)
	}
	return all
}
