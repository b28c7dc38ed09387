package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// pageDate is the date of all man pages, fixed so that pages of one version are the
// same whenever and wherever they are made.
var pageDate = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// newManCommand returns the command that writes man pages for all commands.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a man page for each command into a directory",
		Long: "Write a man page for each command into a directory, which is made if it is not there.\n" +
			"'man DIR/tidemark.1' shows one; in /usr/local/share/man/man1 'man tidemark-snapshot' finds it.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return writePages(c.Root(), args[0]) },
	}
}

func writePages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write man pages: %w", err)
	}
	for _, c := range append(below(root), root) {
		if err := writePage(c, dir); err != nil {
			return fmt.Errorf("write the man page of %s: %w", c.CommandPath(), err)
		}
	}
	return nil
}

// below returns the commands below one that a user sees.
func below(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(append(all, sub), below(sub)...)
		}
	}
	return all
}

// writePage replaces a page as a whole.
func writePage(c *cobra.Command, dir string) error {
	c.DisableAutoGenTag = true // it has the date of today
	date := pageDate
	header := doc.GenManHeader{Section: "1", Source: "Tidemark " + version, Manual: "Tidemark", Date: &date}
	path := filepath.Join(dir, pageName(c))
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	err = doc.GenMan(c, &header, f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be gone
	}
	return err
}

func pageName(c *cobra.Command) string {
	name := c.Name()
	for p := c.Parent(); p != nil; p = p.Parent() {
		name = p.Name() + "-" + name
	}
	return name + ".1"
}
