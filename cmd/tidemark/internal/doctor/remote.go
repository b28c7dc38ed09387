package doctor

import (
	"context"
	"fmt"
	"time"
)

func checkBucket(ctx context.Context, o Options) []Finding {
	const check = "bucket"
	if o.TryBucket == nil {
		return []Finding{{Check: check, Status: Skip, Found: "snapshots are kept in a directory"}}
	}
	began := time.Now()
	if err := o.TryBucket(ctx); err != nil {
		return []Finding{{
			Check: check, Status: Fail, Found: err.Error(), Meaning: "the server does not start, or its snapshots fail",
			Advice: "see storage.snapshots_config.s3_config and tidemark.s3",
		}}
	}
	return []Finding{judgeBucket(time.Since(began))}
}

// judgeBucket judges how long a probe takes: about ten requests one after another.
func judgeBucket(took time.Duration) Finding {
	const slow = 10 * time.Second
	f := Finding{
		Check: "bucket", Found: fmt.Sprintf("written, read, listed, not overwritten and deleted in %v", took.Round(time.Millisecond)),
		Figures: map[string]float64{"round_trip_seconds": took.Seconds()},
	}
	return f.judge(rule{took >= slow, Warn, "each request takes about a second; snapshots are slow", "use a bucket in the region of the server, and look at the network between them"})
}

func checkServer(ctx context.Context, o Options) []Finding {
	const check = "server"
	began := time.Now()
	s, err := o.AskServer(ctx)
	if err != nil {
		return []Finding{{Check: check, Status: Skip, Found: fmt.Sprintf("none was asked: %v", err)}}
	}
	f := Finding{Check: check, Found: s.URL + " is ready"}
	if !s.Ready {
		f.Found = s.URL + " is not ready"
	}
	findings := []Finding{f.judge(rule{!s.Ready, Warn, "it still recovers, or stops", "wait, and look at its log"})}
	if !s.Date.IsZero() {
		findings = append(findings, judgeDate(s.Date, began, time.Now()))
	}
	return findings
}

// judgeDate compares the time of a server, in whole seconds, with that of this
// machine before and after it was asked.
func judgeDate(date, before, after time.Time) Finding {
	var off time.Duration
	switch {
	case date.Add(time.Second).Before(before):
		off = before.Sub(date.Add(time.Second))
	case date.After(after):
		off = date.Sub(after)
	}
	return judgeOffset("server clock", "the server's", off)
}

func judgeOffset(check, whose string, off time.Duration) Finding {
	const noticeable, much = 2 * time.Second, time.Minute
	f := Finding{
		Check: check, Found: fmt.Sprintf("this machine's and %s differ by %v", whose, off.Round(100*time.Millisecond)),
		Figures: map[string]float64{"offset_seconds": off.Seconds()},
	}
	const meaning = "names and times of snapshots are wrong, and their age in alerts; S3 refuses requests that are 15 minutes off. Positions and data do not depend on clocks"
	const advice = "keep both clocks right with chrony or systemd-timesyncd"
	return f.judge(rule{off >= much, Fail, meaning, advice}, rule{off >= noticeable, Warn, meaning, advice})
}
