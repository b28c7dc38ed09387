// Package doctor looks for reasons why a server might be slow, refuse work or lose
// data on the machine where it runs: each with what was found, what that means
// and what to do.
package doctor

import (
	"context"
	"time"
)

// Status is how grave a finding is.
type Status string

// The statuses of findings.
const (
	OK   Status = "ok"
	Warn Status = "warn" // it works, and may not for long or not well
	Fail Status = "fail" // it does not work, or data is in danger
	Skip Status = "skip" // there was nothing to look at
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Found  string `json:"found"`
	// Meaning and Advice say what a finding that is not OK means, and what to do.
	Meaning string `json:"meaning,omitempty"`
	Advice  string `json:"advice,omitempty"`
	// Figures are what was measured, with the unit at the end of the name.
	Figures map[string]float64 `json:"figures,omitempty"`
}

// Options say what is looked at.
type Options struct {
	// Storage and Snapshots are directories, which need not exist yet.
	Storage, Snapshots string
	// Reserve is the distance between two watermarks of free space, in bytes.
	Reserve int64
	// Memory is what the process can count on in bytes, 0 if that is not known.
	Memory int64
	// Root is "/" but in tests: where proc is looked for.
	Root string
	// Duration is about how long each disk is measured.
	Duration time.Duration
	// TryBucket tries the bucket of snapshots; nil if there is none.
	TryBucket func(context.Context) error
	// AskServer asks a running server whether it is ready, and for its time.
	AskServer func(context.Context) (Server, error)
}

// Server is what a running server says.
type Server struct {
	URL   string
	Ready bool
	Date  time.Time // in whole seconds; zero if it does not say
}

// Examine does all checks, one after the other, so that none disturbs the figures
// of another. It ends early with the context.
func Examine(ctx context.Context, o Options) ([]Finding, error) {
	checks := []func(context.Context, Options) []Finding{
		checkDisks, checkRoom, checkLimits, checkBucket, checkClock, checkServer,
	}
	var all []Finding
	for _, check := range checks {
		all = append(all, check(ctx, o)...)
		if err := ctx.Err(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// Count returns how many findings are of a status.
func Count(all []Finding, s Status) int {
	n := 0
	for _, f := range all {
		if f.Status == s {
			n++
		}
	}
	return n
}

// rule is a range of bad values. The first that a value is in counts.
type rule struct {
	bad     bool
	status  Status
	meaning string
	advice  string
}

// judge completes a finding by the first rule that holds, else as OK.
func (f Finding) judge(rules ...rule) Finding {
	f.Status = OK
	for _, r := range rules {
		if r.bad {
			f.Status, f.Meaning, f.Advice = r.status, r.meaning, r.advice
			break
		}
	}
	return f
}
