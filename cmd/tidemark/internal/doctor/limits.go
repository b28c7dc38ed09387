package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/progress"
)

// checkLimits looks at the limits of this process. Those of the service may be
// others, as its unit says.
func checkLimits(_ context.Context, o Options) []Finding {
	return []Finding{checkFiles(), checkMappings(o.Root), judgeMemory(o.Memory)}
}

func checkFiles() Finding {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return Finding{Check: "open files", Status: Skip, Found: err.Error()}
	}
	return judgeFiles(l.Cur)
}

func judgeFiles(most uint64) Finding {
	const few, least = 16_384, 1024
	f := Finding{
		Check: "open files", Found: fmt.Sprintf("at most %d", most),
		Figures: map[string]float64{"open_files": float64(most)},
	}
	const advice = "raise the hard limit (ulimit -Hn, LimitNOFILE of the systemd unit)"
	return f.judge(
		rule{most < least, Fail, "a few collections, or some hundred connections, use that up", advice},
		rule{most < few, Warn, "many collections and connections use that up", advice},
	)
}

func checkMappings(root string) Finding {
	const check = "memory mappings"
	content, err := os.ReadFile(filepath.Join(root, "proc/sys/vm/max_map_count"))
	if err != nil {
		return Finding{Check: check, Status: Skip, Found: err.Error()}
	}
	most, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return Finding{Check: check, Status: Skip, Found: err.Error()}
	}
	const usual = 65_530
	f := Finding{Check: check, Found: fmt.Sprintf("at most %d", most), Figures: map[string]float64{"mappings": float64(most)}}
	return f.judge(rule{most < usual, Warn, "each segment of a collection is mapped: many collections use that up", fmt.Sprintf("sysctl -w vm.max_map_count=%d, and keep it in /etc/sysctl.d", 4*usual)})
}

func judgeMemory(bytes int64) Finding {
	if bytes <= 0 {
		return Finding{Check: "memory", Status: Skip, Found: "the system does not say how much there is"}
	}
	const small, least = 2 << 30, 768 << 20
	f := Finding{
		Check: "memory", Found: progress.Bytes(bytes) + " for this process",
		Figures: map[string]float64{"memory_bytes": float64(bytes)},
	}
	const advice = "give the machine or the container more memory, or lower tidemark.budget_mb and tidemark.read_memory_mb"
	return f.judge(
		rule{bytes < least, Fail, "the smallest budgets do not fit: the kernel may end the server", advice},
		rule{bytes < small, Warn, "the budgets for writes and reads are at their smallest, and large requests wait for each other", advice},
	)
}
