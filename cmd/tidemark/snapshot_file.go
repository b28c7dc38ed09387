package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/snapshot"
)

// fileOrStored checks the arguments of a command that looks at a file if it is
// given one argument, and at a stored snapshot if it is given COLLECTION NAME or
// --all NAME.
func fileOrStored(t *target) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if t.all || len(args) == 2 {
			return t.args("NAME")(c, args)
		}
		if len(args) != 1 {
			return errors.New("one argument is a FILE; a stored snapshot is named by COLLECTION NAME, or by --all NAME")
		}
		return noneEmpty(args)
	}
}

// isFile reports whether arguments that fileOrStored let through name a file.
func isFile(t *target, args []string) bool { return !t.all && len(args) == 1 }

// inspectFile and verifyFile look at an archive without a server.

func inspectFile(c *cobra.Command, path string, output outputFlag) error {
	report, err := snapshot.Inspect(path)
	return showFile(c, path, report, err, output)
}

func verifyFile(ctx context.Context, c *cobra.Command, path, tempDir string, output outputFlag) error {
	if tempDir == "" {
		tempDir = os.TempDir()
	}
	report, err := snapshot.VerifyFile(ctx, path, tempDir)
	return showFile(c, path, report, err, output)
}

func showFile(c *cobra.Command, path string, report snapshot.Report, err error, output outputFlag) error {
	if snapshot.IsDamage(err) {
		return &exitError{exitDamage, try(fmt.Errorf("%s: %w", path, err), "another copy of the snapshot; nothing can be restored from this one")}
	}
	if err != nil {
		return err
	}
	if output.json() {
		return printJSON(c.OutOrStdout(), report)
	}
	return showSnapshot(c.OutOrStdout(), report)
}
