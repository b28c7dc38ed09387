package machine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// RssAnon returns the bytes of memory of a process that no file backs: what it
// has allocated, without what it has mapped.
func RssAnon(pid int) (int64, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/status"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	return parseRssAnon(text)
}

func parseRssAnon(status []byte) (int64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		value, ok := bytes.CutPrefix(lines.Bytes(), []byte("RssAnon:"))
		if !ok {
			continue
		}
		number, ok := bytes.CutSuffix(value, []byte(" kB"))
		if !ok {
			break
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("the kernel does not say how much memory is anonymous")
}

// MemoryWatch follows the anonymous memory of a process.
type MemoryWatch struct {
	pid        int
	idle, peak int64
	stop       chan struct{}
	done       chan struct{}
}

// WatchMemory begins to look at the memory of a process every interval. What it
// has now counts as idle. Stop ends it.
func WatchMemory(pid int, interval time.Duration) (*MemoryWatch, error) {
	idle, err := RssAnon(pid)
	if err != nil {
		return nil, err
	}
	w := &MemoryWatch{pid: pid, idle: idle, peak: idle, stop: make(chan struct{}), done: make(chan struct{})}
	go w.run(interval)
	return w, nil
}

func (w *MemoryWatch) run(interval time.Duration) {
	defer close(w.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look()
		case <-w.stop:
			w.look()
			return
		}
	}
}

// look takes the memory of the moment into account. A process that has ended has
// none.
func (w *MemoryWatch) look() {
	if now, err := RssAnon(w.pid); err == nil {
		w.peak = max(w.peak, now)
	}
}

// Stop ends the watch and returns by how many bytes memory was above idle at its
// highest. It is called once.
func (w *MemoryWatch) Stop() (growth int64) {
	close(w.stop)
	<-w.done
	return w.peak - w.idle
}
