package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/wal/local"
)

// newWALCommand returns the commands that look at the write-ahead log of a
// collection. They change nothing and also work while a server has it open.
func newWALCommand() *cobra.Command {
	c := &cobra.Command{Use: "wal", Short: "Look at the write-ahead log of a collection"}
	c.AddCommand(
		newWALReportCommand("inspect", "Describe a log from the heads of its files", local.Inspect),
		newWALReportCommand("verify", "Read every byte of a log and check it", local.Verify),
	)
	return c
}

func newWALReportCommand(use, short string, examine func(string) (local.Report, error)) *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   use + " DIR",
		Short: short,
		Long: short + ".\nDIR is the wal directory of a collection. Ends with 0 if the log is in order or its unfinished end\n" +
			"would be repaired when it is opened, 1 if it cannot be read, 3 if damage was found.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			report, err := examine(args[0])
			if err != nil {
				return err
			}
			if err := showLog(c.OutOrStdout(), report, output.json()); err != nil {
				return err
			}
			if n := len(report.Damage); n > 0 {
				return &exitError{exitDamage, fmt.Errorf("%s is damaged in %d place(s); restore the collection from a snapshot", args[0], n)}
			}
			return nil
		},
	}
	output.register(c.Flags())
	return c
}

func showLog(w io.Writer, r local.Report, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "records\tafter %d, up to %d\n", r.After, r.Last)
	fmt.Fprintf(t, "size\t%d bytes in %d generation(s)\n", r.Bytes, len(r.Generations))
	fmt.Fprintf(t, "state\t%s\n\n", logState(r))
	fmt.Fprintln(t, "GENERATION\tSTATE\tAFTER\tLAST\tBYTES\tGROUPS\tRECORDS")
	for _, g := range r.Generations {
		fmt.Fprintf(t, "%d\t%s\t%d\t%d\t%d\t%s\t%s\n",
			g.Number, g.State, g.After, g.Last, g.Bytes, counted(g.Groups), counted(g.Records))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return showFindings(w, r)
}

func logState(r local.Report) string {
	switch {
	case r.InUse:
		return "in use"
	case r.Clean:
		return "closed in order"
	}
	return "not closed in order"
}

// counted shows a number that is zero if nothing was counted.
func counted(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func showFindings(w io.Writer, r local.Report) error {
	var err error
	line := func(format string, args ...any) {
		if _, e := fmt.Fprintf(w, format+"\n", args...); err == nil {
			err = e
		}
	}
	if t := r.Tail; t != nil {
		line("\nunfinished end: %s, %d bytes from byte %d%s", t.File, t.Bytes, t.Offset, tailMeaning(t))
	}
	for _, name := range r.Quarantined {
		line("\nkept from an earlier repair: %s", name)
	}
	for _, d := range r.Damage {
		line("\ndamage: %s at byte %d, after position %d: %s", d.File, d.Offset, d.Position, d.Reason)
	}
	return err
}

func tailMeaning(t *local.TailReport) string {
	switch {
	case t.Zero:
		return ", all zero; it will be cut off"
	case t.PerhapsLost:
		return "; a whole commit group with a wrong checksum, it will be set aside and its records may have been acknowledged"
	}
	return "; it was never acknowledged and will be set aside"
}
