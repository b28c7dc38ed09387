package main

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidemark-db/tidemark/config"
)

// budgets are shares of the memory, in bytes.
type budgets struct {
	writes int64 // bodies, queues, heads and deaths
	reads  int64 // bodies and answers of requests other than writes
}

// shareMemory returns what was configured, else a quarter of the memory for
// writes and an eighth for reads, each at least so much that one request of the
// usual greatest size gets on.
func shareMemory(c config.Tidemark, memory int64) budgets {
	b := budgets{writes: max(memory/4, 256<<20), reads: max(memory/8, 128<<20)}
	if c.BudgetMB > 0 {
		b.writes = int64(c.BudgetMB) << 20
	}
	if c.ReadMemoryMB > 0 {
		b.reads = int64(c.ReadMemoryMB) << 20
	}
	return b
}

// memoryBytes returns the memory that this process can count on: the least of
// the machine's, its cgroup's limit and goLimit, the limit that the runtime was
// given. It is 0 if nothing is known. The files of the kernel are looked for
// below root.
func memoryBytes(root string, goLimit int64) int64 {
	least := goLimit
	for _, limit := range []int64{machineMemory(root), cgroupMemory(root)} {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// machineMemory reads the line "MemTotal: 16384 kB".
func machineMemory(root string) int64 {
	content, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil || kib > math.MaxInt64>>10 {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}

// cgroupMemory returns the least limit of the process's cgroup and those above
// it, or 0. Within a container the path in /proc/self/cgroup may not exist; the
// walk upwards then ends at the container's own root.
func cgroupMemory(root string) int64 {
	content, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	var least int64
	for line := range strings.Lines(string(content)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup", "memory.max"
		if parts[1] != "" { // version 1 names its controllers
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			limit := readLimit(filepath.Join(root, base, dir, file))
			if limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
			if dir == "/" {
				break
			}
		}
	}
	return least
}

// readLimit reads a number of bytes; "max" and what cannot be read are 0.
func readLimit(name string) int64 {
	content, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
