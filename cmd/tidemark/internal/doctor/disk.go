package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/machine"
)

// directory is one that the server uses.
type directory struct {
	name string // of the check
	path string
	// there is the directory itself, or the nearest one above it that exists.
	there string
}

// directories returns those of the options, and findings about those that cannot
// be used.
func directories(o Options) (all []directory, bad []Finding) {
	for _, d := range []directory{{name: "storage", path: o.Storage}, {name: "snapshots", path: o.Snapshots}} {
		var err error
		if d.there, err = nearest(d.path); err != nil {
			bad = append(bad, Finding{
				Check: d.name + " directory", Status: Fail, Found: err.Error(),
				Meaning: "the server does not start", Advice: "set storage." + d.name + "_path to a directory that the server may write",
			})
			continue
		}
		all = append(all, d)
	}
	return all, bad
}

// nearest returns path, or the nearest directory above it that exists.
func nearest(path string) (string, error) {
	if path == "" {
		return "", errors.New("no path is configured")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for {
		st, err := os.Stat(path)
		switch {
		case err == nil && st.IsDir():
			return path, nil
		case err == nil:
			return "", fmt.Errorf("%s is not a directory", path)
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		path = filepath.Dir(path)
	}
}

// where says what was looked at.
func (d directory) where() string {
	if abs, err := filepath.Abs(d.path); err == nil && abs == d.there {
		return d.path
	}
	return d.there + " (" + d.path + " does not exist yet)"
}

// measurable is the free room, in bytes, from which a disk is measured, which takes
// up to a quarter of it: a running server must not miss it.
const measurable = 512 << 20

func checkDisks(ctx context.Context, o Options) []Finding {
	all, findings := directories(o)
	for _, d := range all {
		findings = append(findings, checkKind(d))
		if r, err := roomIn(d.there); err == nil && r.free < measurable {
			findings = append(findings, Finding{Check: d.name + " disk", Status: Skip, Found: "too little room to measure it"})
			continue
		}
		syncs, err := machine.MeasureSync(ctx, d.there, o.Duration/2)
		if err != nil {
			findings = append(findings, unwritable(d, err))
			continue
		}
		findings = append(findings, judgeSync(d, syncs))
		write, _, err := machine.MeasureFile(ctx, d.there, o.Duration/4)
		if err != nil {
			findings = append(findings, unwritable(d, err))
			continue
		}
		findings = append(findings, judgeWrite(d, write))
	}
	return findings
}

func unwritable(d directory, err error) Finding {
	return Finding{
		Check: d.name + " disk", Status: Fail, Found: err.Error(),
		Meaning: "the server could not write either", Advice: "mend the disk, or its rights: run this as the user of the server",
	}
}

// judgeSync judges how long the disk takes to make a small write durable: what
// each group of writes waits for.
func judgeSync(d directory, l machine.Latency) Finding {
	const (
		slow      = 10 * time.Millisecond
		slowTail  = 100 * time.Millisecond
		stuck     = time.Second
		tooFast   = 20 * time.Microsecond // faster than a disk with a battery
		tooFew    = 3                     // to say anything about a tail
		otherDisk = "use a disk with a write cache that survives a power cut (most SSDs for servers), and look for what else writes to it"
	)
	f := Finding{
		Check: d.name + " fdatasync",
		Found: fmt.Sprintf("median %v, 99 %% below %v, longest %v of %d, in %s", l.P50.Round(time.Microsecond),
			l.P99.Round(time.Microsecond), l.Highest.Round(time.Microsecond), l.Count, d.where()),
		Figures: map[string]float64{"p50_seconds": l.P50.Seconds(), "p99_seconds": l.P99.Seconds(), "highest_seconds": l.Highest.Seconds()},
	}
	return f.judge(
		rule{l.P50 >= stuck, Fail, "an acknowledged write takes longer than a second", otherDisk},
		rule{l.P50 >= slow, Warn, "each write waits at least that long before it is acknowledged", otherDisk},
		rule{l.Count >= tooFew && l.P99 >= slowTail, Warn, "one write in a hundred waits that long before it is acknowledged", otherDisk},
		rule{l.P50 < tooFast, Warn, "no disk is that fast: somebody may say that data is durable which is not", "make sure that the disk, or the virtual machine, obeys flushes; memory is no place for data"},
	)
}

func judgeWrite(d directory, mbs float64) Finding {
	const slow = 50
	f := Finding{
		Check: d.name + " writing", Found: fmt.Sprintf("%.0f MB/s until durable", mbs),
		Figures: map[string]float64{"write_megabytes_per_second": mbs},
	}
	return f.judge(rule{
		mbs < slow, Warn, fmt.Sprintf("a snapshot of 10 GB takes at least %v to write", (time.Duration(10_000/max(mbs, 0.001)) * time.Second).Round(time.Second)),
		"use a faster disk, or look for what else writes to it",
	})
}

// checkKind looks at the file system of a directory.
func checkKind(d directory) Finding {
	var st unix.Statfs_t
	if err := unix.Statfs(d.there, &st); err != nil {
		return Finding{Check: d.name + " file system", Status: Skip, Found: err.Error()}
	}
	return judgeKind(d, uint32(st.Type))
}

func judgeKind(d directory, kind uint32) Finding {
	f := Finding{Check: d.name + " file system", Found: "a usual one, in " + d.where()}
	network := "a network file system may say that data is durable which is not, and its locks may not hold"
	local := "use a local disk or a volume"
	bad := map[uint32]struct {
		name   string
		status Status
		why    string
	}{
		unix.TMPFS_MAGIC:           {"tmpfs", Fail, "it is memory: all is lost when the machine stops"},
		unix.RAMFS_MAGIC:           {"ramfs", Fail, "it is memory: all is lost when the machine stops"},
		unix.OVERLAYFS_SUPER_MAGIC: {"overlayfs", Warn, "it is the layer of a container: all is lost when that is made anew"},
		unix.NFS_SUPER_MAGIC:       {"NFS", Warn, network},
		unix.CIFS_SUPER_MAGIC:      {"SMB", Warn, network},
		unix.SMB2_SUPER_MAGIC:      {"SMB", Warn, network},
		unix.FUSE_SUPER_MAGIC:      {"FUSE", Warn, "it is as durable as the program behind it"},
	}
	b, is := bad[kind]
	if is {
		f.Found = b.name + ", in " + d.where()
	}
	return f.judge(rule{is, b.status, b.why, local})
}
