package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

// outputFlag is the value of -o: the form in which a command prints.
type outputFlag string

var _ pflag.Value = (*outputFlag)(nil)

func (o *outputFlag) String() string { return string(*o) }
func (o *outputFlag) Type() string   { return "table|json" }

// Set implements pflag.Value.
func (o *outputFlag) Set(s string) error {
	if s != "table" && s != "json" {
		return fmt.Errorf("must be table or json")
	}
	*o = outputFlag(s)
	return nil
}

func (o *outputFlag) register(set *pflag.FlagSet) {
	*o = "table"
	set.VarP(o, "output", "o", "form of the output")
}

func (o *outputFlag) json() bool { return *o == "json" }

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
