package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/client"
	"github.com/tidemark-db/tidemark/internal/progress"
)

// clean makes a text of somebody else safe to show in a line on a terminal.
func clean(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// utc shows a time that the API gives without its zone.
func utc(s string) string {
	if s == "" {
		return "-"
	}
	return clean(strings.TrimSuffix(s, "Z")) + "Z"
}

// showStored prints all that a server tells about a snapshot.
func showStored(w io.Writer, s client.Snapshot, output outputFlag) error {
	if output.json() {
		return printJSON(w, s)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "name\t%s\n", clean(s.Name))
	fmt.Fprintf(t, "created\t%s\n", utc(s.Created))
	fmt.Fprintf(t, "size\t%d bytes\n", s.Size)
	if s.Checksum != "" {
		fmt.Fprintf(t, "sha256\t%s\n", clean(s.Checksum))
	}
	writeContent(t, s.Content)
	for _, r := range s.Verified {
		writeReceipt(t, r)
	}
	writeParts(t, s.Collections, s.Aliases)
	return t.Flush()
}

// writeParts writes the parts of a snapshot of the whole storage, and what becomes
// of them.
func writeParts(w io.Writer, parts []client.Part, aliases []client.Alias) {
	if len(parts) > 0 {
		fmt.Fprintln(w, "\nCOLLECTION\tPOSITION\tPOINTS\tRESTORED AS\tREPLACES")
	}
	for _, p := range parts {
		replaces := "-"
		if p.Replaces != nil {
			replaces = replaced(*p.Replaces)
		}
		fmt.Fprintf(w, "%q\t%d\t%d\t%s\t%s\n", p.Collection, p.Position, p.Points, orDash(p.As), replaces)
	}
	if len(aliases) > 0 {
		fmt.Fprintln(w, "\nALIAS\tCOLLECTION")
	}
	for _, a := range aliases {
		fmt.Fprintf(w, "%q\t%q\n", a.Alias, a.Collection)
	}
}

// replaced says what a restore would replace.
func replaced(r client.Replaced) string {
	if r.Damaged {
		return "a collection that cannot be opened"
	}
	return fmt.Sprintf("%d points at position %d%s", r.Points, r.Position, history(r.SameHistory))
}

// writeContent writes what is known of an archive's content.
func writeContent(w io.Writer, c client.Content) {
	if c.Collection != "" {
		fmt.Fprintf(w, "collection\t%q\n", c.Collection)
	}
	if c.Position > 0 {
		fmt.Fprintf(w, "position\t%d, of %s\n", c.Position, utc(c.EventTime))
	}
	if c.Points != nil {
		fmt.Fprintf(w, "points\t%d\n", *c.Points)
	}
	if c.Format > 0 {
		fmt.Fprintf(w, "archive\tformat %d, written by Tidemark %s\n", c.Format, clean(c.Version))
	}
	if c.Description != "" {
		fmt.Fprintf(w, "description\t%q\n", c.Description)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		fmt.Fprintf(w, "label\t%q = %q\n", key, c.Labels[key])
	}
}

func writeReceipt(w io.Writer, r client.Receipt) {
	fmt.Fprintf(w, "verified\t%s at %s in %gs: ", r.Level, utc(r.At), r.Seconds)
	if r.Error != "" {
		fmt.Fprintf(w, "DAMAGED: %s\n", clean(r.Error))
		return
	}
	fmt.Fprintln(w, "ok")
}

// showPlan prints what would be done.
func showPlan(c *cobra.Command, p client.Plan, err error, output outputFlag) error {
	if err != nil {
		return err
	}
	if output.json() {
		return printJSON(c.OutOrStdout(), p)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "would\t%s, nothing was done\n", p.Operation)
	if p.Collection != "" {
		fmt.Fprintf(t, "into\t%q\n", p.Collection)
	}
	if p.Snapshot != nil {
		writeContent(t, *p.Snapshot)
	}
	if p.Snapshot == nil && p.Position > 0 {
		fmt.Fprintf(t, "position\t%d\n", p.Position)
	}
	fmt.Fprintf(t, "size\t%d bytes\n", p.Bytes)
	writePlanned(t, p)
	writeParts(t, p.Collections, p.Aliases)
	return t.Flush()
}

// writePlanned writes what a plan needs and changes.
func writePlanned(w io.Writer, p client.Plan) {
	if p.Reuses != "" {
		fmt.Fprintf(w, "reuses\t%s\n", clean(p.Reuses))
	}
	if d := p.Disk; d != nil {
		free := ""
		if d.Free != nil {
			free = " of " + progress.Bytes(*d.Free) + " free"
		}
		fmt.Fprintf(w, "disk\tneeds %s%s\n", progress.Bytes(d.Needed), free)
	}
	if p.Replaces != nil {
		fmt.Fprintf(w, "replaces\t%s\n", replaced(*p.Replaces))
	}
	if p.Estimate != nil {
		fmt.Fprintf(w, "takes\tabout %gs\n", *p.Estimate)
	}
}

// history says how a snapshot and what it would replace belong together.
func history(same *bool) string {
	switch {
	case same == nil:
		return ""
	case *same:
		return ", of the same history"
	}
	return ", of ANOTHER history"
}
