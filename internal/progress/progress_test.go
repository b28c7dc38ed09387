package progress

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is a time that passes when it is told to.
type clock struct{ at time.Time }

func (c *clock) now() time.Time        { return c.at }
func (c *clock) after(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                 { return &clock{at: time.Unix(1e9, 0)} }
func running(done, total int64) State {
	return State{Phase: "unpack", Done: done, Total: total, Left: -1}
}
func screen(b *bytes.Buffer) []string { return strings.Split(b.String(), "\r\x1b[K") }
func meter(width int) (*Meter, *bytes.Buffer, *clock) {
	var b bytes.Buffer
	c := newClock()
	return newMeter(&b, width, c.now), &b, c
}

func TestElsewhereALineEachTenSeconds(t *testing.T) {
	m, out, c := meter(0)
	for i := range int64(25) {
		m.Show(running(i*1e6, 100e6))
		c.after(time.Second)
	}
	m.End()
	require.Equal(t, "unpack   10%  10.0 MB of 100.0 MB  1.0 MB/s  1m30s left\nunpack   20%  20.0 MB of 100.0 MB  1.0 MB/s  1m20s left\n", out.String())
}

func TestOnATerminalTheBarIsDrawnOver(t *testing.T) {
	m, out, c := meter(120)
	m.Show(running(0, 100e6))
	c.after(50 * time.Millisecond)
	m.Show(running(1e6, 100e6)) // too soon
	c.after(450 * time.Millisecond)
	m.Show(running(50e6, 100e6))
	m.Show(State{Phase: "install", Done: -1, Left: 0}) // a new phase is shown at once
	m.End()
	require.Equal(t, []string{
		"",
		"unpack    [                        ]    0%  0 B of 100.0 MB",
		"unpack    [============            ]   50%  50.0 MB of 100.0 MB  100.0 MB/s  1s left",
		"install  0s left",
		"",
	}, screen(out))
}

func TestABarIsNoWiderThanTheTerminal(t *testing.T) {
	m, out, _ := meter(20)
	m.Show(running(0, 100e6))
	require.Equal(t, "unpack    [        ", screen(out)[1])
}

func TestWhatWasThereBeforeIsNoProgress(t *testing.T) {
	m, out, c := meter(0)
	m.Show(running(50e6, 100e6)) // a download that goes on
	c.after(10 * time.Second)
	m.Show(running(60e6, 100e6))
	require.Equal(t, "unpack   60%  60.0 MB of 100.0 MB  1.0 MB/s  40s left\n", out.String())
}

func TestWhatTheServerKnowsIsShown(t *testing.T) {
	m, out, c := meter(0)
	c.after(10 * time.Second)
	m.Show(State{Phase: "store", Done: 10e6, Total: 20e6, Rate: 5e6, Left: 7 * time.Second})
	require.Equal(t, "store   50%  10.0 MB of 20.0 MB  5.0 MB/s  7s left\n", out.String())
}

func TestNothingIsKnown(t *testing.T) {
	m, out, c := meter(0)
	c.after(10 * time.Second)
	m.Show(State{Phase: "wait", Done: -1, Left: -1})
	require.Equal(t, "wait\n", out.String())
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_500_000: "1.5 MB", 1 << 62: "4.6 EB",
	} {
		require.Equal(t, want, Bytes(n))
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/f")
	require.NoError(t, err)
	defer f.Close()
	require.Zero(t, Width(f))
	require.Zero(t, Width(&bytes.Buffer{}))
}
