package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidemark-db/tidemark/config"
)

// newRootCommand returns the command with all its subcommands. Without a
// subcommand it serves.
func (a *app) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tidemark",
		Short: "A store of points with vectors and payload, and snapshots that can be trusted",
		Long: "Tidemark serves points (id, vectors, payload) over the API of Qdrant. Without a subcommand it serves,\n" +
			"by default on 127.0.0.1:6333 with data below ./storage and snapshots below ./snapshots.",
		Args:          cobra.NoArgs,
		Version:       version,
		RunE:          a.runServe,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetGlobalNormalizationFunc(acceptedFlags)
	a.flags.register(root.PersistentFlags())
	a.start.register(root.Flags())
	root.AddCommand(
		newVersionCommand(),
		newManCommand(),
		a.newDoctorCommand(),
		a.newConfigCommand(),
		a.newHealthCommand(),
		newWALCommand(),
		newSegmentCommand(), a.newSnapshotCommand(),
	)
	adopt(root)
	return root
}

// adopt gives a command and those below it the conventions of all: a wrong
// command line ends with the code for it, and a command that only groups others
// shows its help.
func adopt(c *cobra.Command) {
	if c.HasSubCommands() && !c.Runnable() {
		c.Args = cobra.NoArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error { return usage(check(c, args)) }
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	for _, sub := range c.Commands() {
		adopt(sub)
	}
}

// usage marks an error as one of the command line.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

// flags are those that every command has.
type flags struct {
	configPath       string
	disableTelemetry bool
	set              *pflag.FlagSet
}

// settings are the flags that stand for a key of the configuration.
var settings = []struct{ name, key, help string }{
	{"host", "service.host", "address to listen on"},
	{"http-port", "service.http_port", "port of the REST interface, 0 for any free one"},
	{"storage-path", "storage.storage_path", "folder of the data"},
	{"snapshots-path", "storage.snapshots_path", "folder of the snapshots"},
	{"log-level", "log_level", "off, error, warn, info or debug"},
}

func (f *flags) register(set *pflag.FlagSet) {
	f.set = set
	set.StringVar(&f.configPath, "config-path", "", "configuration `file`")
	set.BoolVar(&f.disableTelemetry, "disable-telemetry", false, "accepted without effect: nothing is ever sent anywhere")
	for _, s := range settings {
		set.String(s.name, "", s.help+" ("+s.key+")")
	}
}

// given returns the flags that were set, by key.
func (f *flags) given() map[string]config.Flag {
	all := map[string]config.Flag{}
	for _, s := range settings {
		if flag := f.set.Lookup(s.name); flag.Changed {
			all[s.key] = config.Flag{Name: s.name, Value: flag.Value.String()}
		}
	}
	return all
}

// load reads the configuration. The result may be used for showing even if
// there is an error, which then asks for the exit code of a wrong configuration.
func (a *app) load() (*config.Loaded, error) {
	loaded, err := config.Load(config.Options{
		Dir: a.dir, Root: a.root, File: a.flags.configPath, Environ: a.environ, Flags: a.flags.given(),
	})
	if err != nil {
		return loaded, &exitError{exitConfig, err}
	}
	return loaded, nil
}
