package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/config"
)

func (a *app) newConfigCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	c.AddCommand(a.newConfigShowCommand(), a.newConfigValidateCommand())
	return c
}

func (a *app) newConfigShowCommand() *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   "show",
		Short: "Print the settings in effect and where each comes from, secrets masked",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, invalid := a.load()
			if loaded == nil {
				return invalid
			}
			if err := showSettings(c.OutOrStdout(), loaded.Effective(), output.json()); err != nil {
				return err
			}
			return invalid
		},
	}
	output.register(c.Flags())
	return c
}

func showSettings(w io.Writer, all []config.Setting, asJSON bool) error {
	if asJSON {
		return printJSON(w, all)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tVALUE\tSOURCE")
	for _, s := range all {
		value := "-"
		if s.Value != nil && s.Value != "" {
			value = fmt.Sprint(s.Value)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, value, s.Source)
	}
	return t.Flush()
}

// validation is what `config validate -o json` prints.
type validation struct {
	Valid    bool             `json:"valid"`
	Problems []config.Problem `json:"problems"`
	Ignored  []config.Problem `json:"ignored"`
}

func (a *app) newConfigValidateCommand() *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration; unlike at start, a key that is not known is an error",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := a.validate()
			if err != nil {
				return err
			}
			if err := v.print(c.OutOrStdout(), output.json()); err != nil {
				return err
			}
			if !v.Valid {
				return &exitError{exitConfig, errors.New("the configuration is invalid")}
			}
			return nil
		},
	}
	output.register(c.Flags())
	return c
}

func (a *app) validate() (*validation, error) {
	loaded, err := a.load()
	v := &validation{Problems: []config.Problem{}, Ignored: []config.Problem{}}
	var invalid *config.InvalidError
	switch {
	case errors.As(err, &invalid):
		v.Problems = append(v.Problems, invalid.Problems...)
	case err != nil:
		return nil, err
	}
	v.Problems = append(v.Problems, loaded.Unknown...)
	v.Ignored = append(v.Ignored, loaded.Ignored...)
	v.Valid = len(v.Problems) == 0
	return v, nil
}

func (v *validation) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, v)
	}
	for _, p := range v.Problems {
		fmt.Fprintf(w, "error: %s\n", p)
	}
	for _, p := range v.Ignored {
		fmt.Fprintf(w, "note: %s\n", p)
	}
	if v.Valid {
		fmt.Fprintln(w, "the configuration is valid")
	}
	return nil
}
