package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// newSegmentCommand returns the commands that look at a segment file. They
// change nothing and also work while a server has it open.
func newSegmentCommand() *cobra.Command {
	c := &cobra.Command{Use: "segment", Short: "Look at a segment file of a collection"}
	c.AddCommand(
		newSegmentReportCommand("inspect", "Describe a segment from its table of contents", inspectSegment),
		newSegmentReportCommand("verify", "Read every byte of a segment, compute every hash and compare", verifySegment),
	)
	return c
}

// segmentReport describes a segment file.
type segmentReport struct {
	Name    string          `json:"name"`
	Bytes   int64           `json:"bytes"`
	Rows    int             `json:"rows"`
	Vectors []segmentColumn `json:"vectors"`
	// SHA256 is empty unless every byte was read.
	SHA256 string `json:"sha256,omitempty"`
}

type segmentColumn struct {
	Key      string `json:"key"` // position/ordinal of its creation
	Kind     string `json:"kind"`
	Datatype string `json:"datatype"`
	Size     int    `json:"size"`
	Vectors  int    `json:"vectors"`
}

func newSegmentReportCommand(use, short string, examine func(context.Context, string) (segmentReport, error)) *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   use + " FILE",
		Short: short,
		Long:  short + ".\nEnds with 0 if the file is in order, 1 if it cannot be read, 3 if damage was found.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			report, err := examine(c.Context(), args[0])
			if errors.Is(err, segments.ErrDamaged) {
				return &exitError{exitDamage, err}
			}
			if err != nil {
				return err
			}
			return showSegment(c.OutOrStdout(), report, output.json())
		},
	}
	output.register(c.Flags())
	return c
}

func inspectSegment(_ context.Context, path string) (segmentReport, error) {
	s, err := segments.OpenSegment(fsx.OS, path)
	if err != nil {
		return segmentReport{}, err
	}
	r := segmentReport{Name: s.Name(), Bytes: s.Size(), Rows: s.Rows(), Vectors: []segmentColumn{}}
	for _, c := range s.Columns() {
		r.Vectors = append(r.Vectors, segmentColumn{
			Key: c.Spec.Key.String(), Kind: c.Spec.Kind.String(), Datatype: c.Spec.Datatype.String(), Size: c.Spec.Size, Vectors: c.Vectors,
		})
	}
	return r, s.Release()
}

func verifySegment(ctx context.Context, path string) (segmentReport, error) {
	info, err := segments.Verify(ctx, fsx.OS, path)
	if err != nil {
		return segmentReport{}, err
	}
	r, err := inspectSegment(ctx, path)
	r.SHA256 = info.SHA256
	return r, err
}

func showSegment(w io.Writer, r segmentReport, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "segment\t%s\n", r.Name)
	fmt.Fprintf(t, "size\t%d bytes, %d rows\n", r.Bytes, r.Rows)
	if r.SHA256 != "" {
		fmt.Fprintf(t, "verified\tevery byte and every row\nsha256\t%s\n", r.SHA256)
	}
	fmt.Fprintln(t, "\nVECTOR\tKIND\tDATATYPE\tSIZE\tPRESENT")
	for _, c := range r.Vectors {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\n", c.Key, c.Kind, c.Datatype, c.Size, c.Vectors)
	}
	return t.Flush()
}
