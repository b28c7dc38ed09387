package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/tidemark-db/tidemark/snapshot"
)

// showSnapshot prints what an archive in a file says of itself, of a collection or
// of a whole storage.
func showSnapshot(w io.Writer, r snapshot.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.Storage != nil {
		showStorage(t, r)
	} else {
		showManifest(t, r)
	}
	return t.Flush()
}

func showManifest(w io.Writer, r snapshot.Report) {
	m := r.Manifest
	fmt.Fprintf(w, "collection\t%q\n", m.Collection)
	fmt.Fprintf(w, "lineage\t%s\n", m.Lineage)
	fmt.Fprintf(w, "position\t%d, of %s\n", m.Position, m.EventTime.Format(time.RFC3339))
	fmt.Fprintf(w, "points\t%d, digest %s\n", m.Count, m.Digest)
	showArchive(w, r, m.Format, m.Version, m.Description, m.Labels)
	fmt.Fprintln(w, "\nKIND\tBYTES\tNAME")
	for _, f := range m.Files {
		fmt.Fprintf(w, "%s\t%d\t%s\n", f.Kind, f.Size, f.Name)
	}
}

func showStorage(w io.Writer, r snapshot.Report) {
	s := r.Storage
	fmt.Fprintf(w, "storage\t%d collections, %d aliases\n", len(s.Collections), len(s.Aliases))
	showArchive(w, r, s.Format, s.Version, s.Description, s.Labels)
	fmt.Fprintln(w, "\nCOLLECTION\tPOSITION\tPOINTS\tBYTES")
	for _, p := range s.Collections {
		fmt.Fprintf(w, "%q\t%d\t%d\t%d\n", p.Collection, p.Position, p.Count, p.Size)
	}
	if len(s.Aliases) > 0 {
		fmt.Fprintln(w, "\nALIAS\tCOLLECTION")
		for _, a := range s.Aliases {
			fmt.Fprintf(w, "%q\t%q\n", a.Alias, a.Collection)
		}
	}
}

// showArchive writes what both kinds of archives have.
func showArchive(w io.Writer, r snapshot.Report, format int, version, description string, labels map[string]string) {
	fmt.Fprintf(w, "archive\t%d bytes, format %d, written by Tidemark %s\n", r.Size, format, version)
	if r.SHA256 != "" {
		fmt.Fprintf(w, "verified\tevery byte and every point\n")
		fmt.Fprintf(w, "sha256\t%s\n", r.SHA256)
	}
	if description != "" {
		fmt.Fprintf(w, "description\t%q\n", description)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(w, "label\t%q = %q\n", key, labels[key])
	}
}
