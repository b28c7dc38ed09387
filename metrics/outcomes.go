package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-db/tidemark/snapshot"
)

// outcomes count the operations of one kind.
type outcomes struct {
	attempts, successes  int
	failures             map[string]int // by reason
	written, reused      int64          // bytes of archives that were made
	lastAttempt, lastEnd time.Time
	lastFailed           bool // at lastEnd
	lastSuccess          time.Time
	lastSize             int64
	lastPosition         uint64
}

// cancelled is the reason of what was told to stop: that is no failure of the
// last attempt.
const cancelled = "cancelled"

// failureReasons are exposed from the beginning, so that the first failure is
// seen as an increase.
var failureReasons = []string{"no_room", "damaged", "not_found", "refused", cancelled, "store", "remote", "internal"}

// attempted notes when an operation was begun.
func (o *outcomes) attempted(at time.Time) {
	if at.After(o.lastAttempt) {
		o.lastAttempt = at
	}
}

// ended counts the end of an operation.
func (o *outcomes) ended(r snapshot.Result) {
	if r.Reason == "" {
		o.successes++
		o.written += r.Size - r.Reused
		o.reused += r.Reused
		o.succeeded(r)
		o.judged(r.At, true)
		return
	}
	if o.failures == nil {
		o.failures = make(map[string]int)
	}
	o.failures[r.Reason]++
	if r.Reason != cancelled {
		o.judged(r.At, false)
	}
}

// succeeded notes the newest success.
func (o *outcomes) succeeded(r snapshot.Result) {
	if r.At.After(o.lastSuccess) {
		o.lastSuccess, o.lastSize, o.lastPosition = r.At, r.Size, r.Position
	}
}

// judged notes how the last operation ended.
func (o *outcomes) judged(at time.Time, ok bool) {
	if at.After(o.lastEnd) {
		o.lastEnd, o.lastFailed = at, !ok
	}
}

// outcomeDescs describe the outcomes of one kind of operation; nil is what the
// kind has not.
type outcomeDescs struct {
	attempts, successes, failures           *prometheus.Desc
	lastAttempt, lastSuccess, lastStatus    *prometheus.Desc
	lastSize, lastPosition, written, reused *prometheus.Desc
}

// newOutcomeDescs makes the descriptions of what every kind has.
func newOutcomeDescs(prefix, many, one string, labels ...string) outcomeDescs {
	desc := describer(prefix, labels)
	return outcomeDescs{
		attempts:    desc("_attempts_total", many+" that were begun."),
		successes:   desc("_successes_total", many+" that succeeded."),
		failures:    desc("_failures_total", many+" that failed, by reason.", "reason"),
		lastAttempt: desc("_last_attempt_timestamp_seconds", "When the last "+one+" was begun, in Unix time."),
		lastSuccess: desc("_last_success_timestamp_seconds", "When the last "+one+" that succeeded ended, in Unix time."),
		lastStatus:  desc("_last_status", "1 if the last "+one+" that ended succeeded, 0 if it failed; cancelled ones do not count."),
	}
}

// withSize adds the size of archives.
func (d outcomeDescs) withSize(prefix, one string, labels ...string) outcomeDescs {
	d.lastSize = describer(prefix, labels)("_last_size_bytes", "Size of the archive of the last "+one+" that succeeded.")
	return d
}

// withBytes adds what making archives cost.
func (d outcomeDescs) withBytes(prefix string, labels ...string) outcomeDescs {
	desc := describer(prefix, labels)
	d.written = desc("_written_bytes_total", "Size of the archives that were written.")
	d.reused = desc("_reused_bytes_total", "Size of the archives that were not written, since an earlier one has the same bytes.")
	return d
}

// withPosition adds where the state stands.
func (d outcomeDescs) withPosition(prefix, one string, labels ...string) outcomeDescs {
	d.lastPosition = describer(prefix, labels)("_last_position", "Position of the state in the last "+one+" that succeeded.")
	return d
}

func describer(prefix string, labels []string) func(name, help string, more ...string) *prometheus.Desc {
	return func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, slices.Concat(labels, more), nil)
	}
}

func (d *outcomeDescs) collect(ch chan<- prometheus.Metric, o *outcomes, labels ...string) {
	counter(ch, d.attempts, float64(o.attempts), labels...)
	counter(ch, d.successes, float64(o.successes), labels...)
	reasons := maps.Clone(o.failures)
	if reasons == nil {
		reasons = make(map[string]int)
	}
	for _, reason := range failureReasons {
		reasons[reason] += 0
	}
	for reason, n := range reasons {
		counter(ch, d.failures, float64(n), slices.Concat(labels, []string{reason})...)
	}
	if d.written != nil {
		counter(ch, d.written, float64(o.written), labels...)
		counter(ch, d.reused, float64(o.reused), labels...)
	}
	d.collectLast(ch, o, labels...)
}

// collectLast leaves out what is not known: an age would be computed from 1970.
func (d *outcomeDescs) collectLast(ch chan<- prometheus.Metric, o *outcomes, labels ...string) {
	if !o.lastAttempt.IsZero() {
		gauge(ch, d.lastAttempt, unix(o.lastAttempt), labels...)
	}
	if !o.lastEnd.IsZero() {
		gauge(ch, d.lastStatus, boolean(!o.lastFailed), labels...)
	}
	if o.lastSuccess.IsZero() {
		return
	}
	gauge(ch, d.lastSuccess, unix(o.lastSuccess), labels...)
	if d.lastSize != nil {
		gauge(ch, d.lastSize, float64(o.lastSize), labels...)
	}
	if d.lastPosition != nil && o.lastPosition > 0 {
		gauge(ch, d.lastPosition, float64(o.lastPosition), labels...)
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// describe says what the registry is to expect of a kind that belongs to no
// collection.
func (d *outcomeDescs) describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{
		d.attempts, d.successes, d.failures, d.lastAttempt, d.lastSuccess, d.lastStatus, d.lastSize, d.lastPosition, d.written, d.reused,
	} {
		if one != nil {
			ch <- one
		}
	}
}
