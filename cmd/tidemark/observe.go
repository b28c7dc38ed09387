package main

import (
	"path/filepath"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/metrics"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// observedLog is a log whose series end with it.
type observedLog struct {
	*local.Log
	observer *metrics.Log
}

// Close implements wal.Log.
func (l observedLog) Close() error {
	defer l.observer.Close()
	return l.Log.Close()
}

// logOpener opens the logs of collections on local files and observes them.
func logOpener(c config.Config, m *metrics.Metrics) tidemark.OpenLog {
	return func(o tidemark.LogOptions) (wal.Log, error) {
		// The log lies in the directory of its collection, which is named by
		// the collection's incarnation.
		observer := m.OpenLog(filepath.Base(filepath.Dir(o.Dir)))
		log, recovery, err := local.Open(o.Dir, local.Options{
			Base: o.Base, From: o.From, AtLeast: o.AtLeast,
			SegmentBytes: int64(c.Tidemark.LogSegmentMB) << 20,
			KeepFree:     diskReserveBytes(c),
			Logger:       o.Logger,
			Observer:     observer,
		})
		if err != nil {
			observer.Close()
			return nil, err // not log: a nil *local.Log is no nil wal.Log
		}
		if recovery.PerhapsLost {
			observer.DamagedTail()
		}
		return observedLog{log, observer}, nil
	}
}
