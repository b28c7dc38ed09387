// Package progress shows how far something is: as a bar that is drawn over and
// over on a terminal, as a line now and then elsewhere.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// State is how far something is.
type State struct {
	Phase string
	// Done of Total bytes; Total is 0 if it is not known, Done negative if it is
	// not counted.
	Done, Total int64
	// Rate is in bytes a second. If it is 0 it is computed from what was shown.
	Rate float64
	// Left is the time until the end; negative, it is computed from the rate.
	Left time.Duration
}

const (
	redraw = 100 * time.Millisecond // at most so often on a terminal
	repeat = 10 * time.Second       // a line elsewhere
	// measured is the time from which a rate is computed.
	measured = 500 * time.Millisecond
)

// Meter shows the progress of one thing. It may be used by several goroutines.
type Meter struct {
	w        io.Writer
	terminal bool
	width    int
	now      func() time.Time

	mu    sync.Mutex
	shown time.Time // when a line was written last; elsewhere also the beginning
	phase string
	begun time.Time // of the phase
	first int64     // bytes that were done then
	drawn bool
}

// New returns a Meter that writes to w, which is a terminal if width, its number
// of columns, is not 0.
func New(w io.Writer, width int) *Meter { return newMeter(w, width, time.Now) }

func newMeter(w io.Writer, width int, now func() time.Time) *Meter {
	m := &Meter{w: w, terminal: width > 0, width: width, now: now}
	if !m.terminal {
		m.shown = now()
	}
	return m
}

// Show takes note of a state, and shows it if it is time.
func (m *Meter) Show(s State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if s.Phase != m.phase || m.begun.IsZero() {
		m.phase, m.begun, m.first = s.Phase, now, max(s.Done, 0)
		if m.terminal {
			m.shown = time.Time{} // a new phase is shown at once
		}
	}
	s = s.complete(now.Sub(m.begun), m.first)
	pause := repeat
	if m.terminal {
		pause = redraw
	}
	if now.Sub(m.shown) < pause {
		return
	}
	m.shown = now
	m.write(s)
}

// write shows a state. Progress that cannot be written is nobody's loss.
func (m *Meter) write(s State) {
	if !m.terminal {
		_, _ = fmt.Fprintln(m.w, s.line())
		return
	}
	m.drawn = true
	_, _ = fmt.Fprintf(m.w, "\r\x1b[K%s", cut(s.bar(), m.width-1))
}

// End wipes the bar, so that other output begins at an empty line.
func (m *Meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drawn {
		_, _ = io.WriteString(m.w, "\r\x1b[K")
		m.drawn = false
	}
}

// complete computes what is missing: the phase has lasted for elapsed and began
// with first bytes done.
func (s State) complete(elapsed time.Duration, first int64) State {
	if s.Rate == 0 && s.Done > first && elapsed >= measured {
		s.Rate = float64(s.Done-first) / elapsed.Seconds()
	}
	if s.Left < 0 && s.Rate > 0 && s.Total > 0 {
		const year = 365 * 24 * 3600
		s.Left = time.Duration(min(float64(max(0, s.Total-s.Done))/s.Rate, year) * float64(time.Second))
	}
	return s
}

// fraction is how much is done, from 0 to 1; ok is false if that is not known.
func (s State) fraction() (f float64, ok bool) {
	if s.Total <= 0 || s.Done < 0 {
		return 0, false
	}
	return min(1, float64(s.Done)/float64(s.Total)), true
}

// facts are the parts of a line that are known.
func (s State) facts() []string {
	var facts []string
	if f, ok := s.fraction(); ok {
		facts = append(facts, fmt.Sprintf("%3.0f%%", 100*f), Bytes(s.Done)+" of "+Bytes(s.Total))
	} else if s.Done > 0 {
		facts = append(facts, Bytes(s.Done))
	}
	if s.Rate > 0 {
		facts = append(facts, Bytes(int64(s.Rate))+"/s")
	}
	if s.Left >= 0 {
		facts = append(facts, s.Left.Round(time.Second).String()+" left")
	}
	return facts
}

func (s State) line() string {
	return strings.Join(append([]string{s.Phase}, s.facts()...), "  ")
}

// bar is line with a bar between the phase and the facts.
func (s State) bar() string {
	const width = 24
	f, ok := s.fraction()
	if !ok {
		return s.line()
	}
	full := int(f * width)
	bar := "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
	return strings.Join(append([]string{fmt.Sprintf("%-8s", s.Phase), bar}, s.facts()...), "  ")
}

func cut(s string, width int) string {
	if len(s) > width {
		return s[:max(width, 0)]
	}
	return s
}

// Bytes shows a number of bytes in the unit that suits it; 1 kB is 1000 bytes.
func Bytes(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/1000, 0
	for x >= 999.95 && unit < len(units)-1 {
		x, unit = x/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", x, units[unit])
}
