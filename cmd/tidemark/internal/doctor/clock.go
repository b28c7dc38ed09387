package doctor

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func checkClock(_ context.Context, o Options) []Finding {
	findings := []Finding{checkSynchronised()}
	all, _ := directories(o)
	for _, d := range all {
		if f, ok := checkFileTime(d); ok {
			findings = append(findings, f)
		}
	}
	return findings
}

// checkSynchronised asks the kernel whether somebody keeps its clock right.
func checkSynchronised() Finding {
	const check = "clock"
	var state unix.Timex
	s, err := unix.Adjtimex(&state) // without modes it only reads
	if err != nil {
		return Finding{Check: check, Status: Skip, Found: err.Error()}
	}
	const unsynchronised = 5 // TIME_ERROR
	return judgeSynchronised(s != unsynchronised, time.Now())
}

func judgeSynchronised(synchronised bool, now time.Time) Finding {
	f := Finding{Check: "clock", Found: now.UTC().Format(time.RFC3339) + ", kept right by somebody"}
	if !synchronised {
		f.Found = now.UTC().Format(time.RFC3339) + ", and the kernel knows of nobody who keeps it right"
	}
	return f.judge(
		rule{now.Year() < 2026, Fail, "it is before this program was written: names and times of snapshots are wrong, and certificates look as if they were not valid yet", "set the clock"},
		rule{!synchronised, Warn, "it drifts: names and times of snapshots go wrong, and S3 refuses requests that are 15 minutes off", "run chrony or systemd-timesyncd; in a container or virtual machine the host may do that"},
	)
}

// checkFileTime compares the clock of a file system with that of the machine: on
// a network they may be two. ok is false if it cannot be found out, which a check
// of the disk tells.
func checkFileTime(d directory) (f Finding, ok bool) {
	before := time.Now()
	written, err := fileTime(d.there)
	if err != nil {
		return Finding{}, false
	}
	after := time.Now()
	var off time.Duration
	switch {
	case written.Before(before):
		off = before.Sub(written)
	case written.After(after):
		off = written.Sub(after)
	}
	return judgeOffset(d.name+" clock", "that of the file system", off), true
}

func fileTime(dir string) (t time.Time, err error) {
	f, err := os.CreateTemp(dir, ".measure-")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.WriteString("time"); err != nil {
		return t, err
	}
	st, err := f.Stat()
	if err != nil {
		return t, err
	}
	return st.ModTime(), nil
}
