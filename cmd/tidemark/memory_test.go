package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/config"
)

func TestMemory(t *testing.T) {
	const gib = int64(1) << 30
	meminfo := "MemFree:  1 kB\nMemTotal:       16777216 kB\n" // 16 GiB
	tests := []struct {
		name    string
		files   map[string]string
		goLimit int64
		want    int64
	}{
		{"nothing known", nil, math.MaxInt64, 0},
		{"the runtime's limit alone", nil, 3 * gib, 3 * gib},
		{"the machine", map[string]string{"proc/meminfo": meminfo}, math.MaxInt64, 16 * gib},
		{"the runtime's limit below the machine", map[string]string{"proc/meminfo": meminfo}, gib, gib},
		{"cgroup 2", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "4294967296\n",
		}, math.MaxInt64, 4 * gib},
		{"cgroup 2 without a limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n",
		}, math.MaxInt64, 16 * gib},
		{"a limit further up", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "4294967296\n", "sys/fs/cgroup/a/memory.max": "2147483648\n",
		}, math.MaxInt64, 2 * gib},
		{"within a container", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/outside/path\n", "sys/fs/cgroup/memory.max": "2147483648\n",
		}, math.MaxInt64, 2 * gib},
		{"cgroup 1", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/m\n",
			"sys/fs/cgroup/memory/m/memory.limit_in_bytes": "1073741824\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1\n",
		}, math.MaxInt64, gib},
		{"nonsense", map[string]string{"proc/meminfo": "MemTotal: x kB\n", "proc/self/cgroup": "x\n"}, math.MaxInt64, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range tt.files {
				path := filepath.Join(root, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
			}
			require.Equal(t, tt.want, memoryBytes(root, tt.goLimit))
		})
	}
}

func TestShareMemory(t *testing.T) {
	const mib = int64(1) << 20
	tests := []struct {
		writesMB, readsMB int
		memory            int64
		want              budgets
	}{
		{0, 0, 0, budgets{256 * mib, 128 * mib}},
		{0, 0, 512 * mib, budgets{256 * mib, 128 * mib}},
		{0, 0, 4096 * mib, budgets{1024 * mib, 512 * mib}},
		{300, 0, 4096 * mib, budgets{300 * mib, 512 * mib}},
		{0, 200, 4096 * mib, budgets{1024 * mib, 200 * mib}},
	}
	for _, tt := range tests {
		c := config.Tidemark{BudgetMB: tt.writesMB, ReadMemoryMB: tt.readsMB}
		require.Equal(t, tt.want, shareMemory(c, tt.memory))
	}
}
