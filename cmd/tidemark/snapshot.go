package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newSnapshotCommand returns the commands about snapshots: those of a running
// server, and archives that lie in files.
func (a *app) newSnapshotCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Take, fetch, restore and verify snapshots of a running server; look at archives",
		Long: "Take, fetch, restore and verify snapshots of a running server, named by --url and --api-key or by\n" +
			envURL + " and " + envKey + "; look at archives in files without a server.\n" +
			"What takes long shows its progress on stderr. Stopping the command does not stop the server's job.\n" +
			"Ends with 0, 1 if it did not work, 2 if the command line is wrong, 3 if damage was found,\n" +
			"5 if no server answers or it asks to come again later, 130 if it was interrupted.",
	}
	var r remote
	r.register(c.PersistentFlags())
	c.AddCommand(
		a.newSnapshotCreateCommand(&r),
		a.newSnapshotListCommand(&r),
		a.newSnapshotDownloadCommand(&r),
		a.newSnapshotDeleteCommand(&r),
		a.newSnapshotRestoreCommand(&r),
		a.newSnapshotUndoCommand(&r),
		a.newSnapshotInspectCommand(&r),
		a.newSnapshotVerifyCommand(&r),
		a.newSnapshotJobsCommand(&r),
	)
	return c
}

// flagged adds flags to a command.
func flagged(c *cobra.Command, all ...interface{ register(*pflag.FlagSet) }) *cobra.Command {
	for _, f := range all {
		f.register(c.Flags())
	}
	return c
}
