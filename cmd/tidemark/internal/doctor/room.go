package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/progress"
)

// room is what a directory's file system has left.
type room struct {
	free         int64  // bytes
	inodes       uint64 // of files that can still be made
	countsInodes bool   // some file systems have no limit
}

func checkRoom(ctx context.Context, o Options) []Finding {
	all, _ := directories(o) // checkDisks told what is wrong with others
	used, known := usage(ctx, o.Storage)
	var findings []Finding
	for _, d := range all {
		r, err := roomIn(d.there)
		if err != nil {
			findings = append(findings, Finding{Check: d.name + " room", Status: Skip, Found: err.Error()})
			continue
		}
		switch d.name {
		case "storage":
			findings = append(findings, judgeStorage(r, o.Reserve))
		default:
			findings = append(findings, judgeSnapshots(r, used, known, o.TryBucket != nil))
		}
		findings = append(findings, judgeInodes(d, r)...)
	}
	return findings
}

func roomIn(dir string) (room, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return room{}, fmt.Errorf("ask for the free room of %s: %w", dir, err)
	}
	return room{free: int64(st.Bavail) * st.Bsize, inodes: st.Ffree, countsInodes: st.Files > 0}, nil
}

// usage returns the bytes of all files below a directory. known is false if not
// all could be looked at; files that vanish meanwhile do not count.
func usage(ctx context.Context, dir string) (bytes int64, known bool) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				bytes += info.Size()
			}
		}
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, ctx.Err())
	})
	return bytes, err == nil
}

// judgeStorage compares the free room with the watermarks below which the server
// refuses work.
func judgeStorage(r room, reserve int64) Finding {
	const staging, writes, deletes = 4, 2, 1 // watermarks, in reserves
	f := Finding{
		Check:   "storage room",
		Found:   fmt.Sprintf("%s free; snapshots and restores need %s, writes %s", progress.Bytes(r.free), progress.Bytes(staging*reserve), progress.Bytes(writes*reserve)),
		Figures: map[string]float64{"free_bytes": float64(r.free)},
	}
	const advice = "delete points, collections or snapshots, or make the disk larger"
	return f.judge(
		rule{r.free < deletes*reserve, Fail, "the server refuses all that takes room, deletes included", "make the disk larger, or remove other files from it"},
		rule{r.free < writes*reserve, Fail, "the server refuses writes other than deletes", advice},
		rule{r.free < staging*reserve, Warn, "the server refuses snapshots and restores", advice},
	)
}

// judgeSnapshots compares the free room with what a snapshot of everything takes.
func judgeSnapshots(r room, used int64, known, bucket bool) Finding {
	f := Finding{
		Check: "snapshots room", Found: progress.Bytes(r.free) + " free",
		Figures: map[string]float64{"free_bytes": float64(r.free)},
	}
	if !known {
		return f.judge()
	}
	f.Found += fmt.Sprintf("; the storage directory has %s", progress.Bytes(used))
	f.Figures["storage_bytes"] = float64(used)
	return f.judge(rule{!bucket && r.free < used, Warn, "a snapshot of every collection does not fit", "delete old snapshots, set storage.snapshots_path to a larger disk, or keep snapshots in S3"})
}

func judgeInodes(d directory, r room) []Finding {
	const few = 10_000
	if !r.countsInodes || r.inodes >= few {
		return nil
	}
	return []Finding{{
		Check: d.name + " inodes", Status: Warn, Found: fmt.Sprintf("room for %d files", r.inodes),
		Meaning: "the file system runs out of files before it runs out of bytes", Advice: "remove small files from it, or make it anew with more inodes",
	}}
}
