package fsx

import (
	"iter"
	"os"
	"path/filepath"
)

// Survival says what of the operations that were not synced reached the disk.
type Survival string

// Ways in which the loss of power can treat what was not synced. Each is
// possible on some file system; code that survives all of them is right.
const (
	// SurvivesNothing: only synced bytes under synced names.
	SurvivesNothing Survival = "nothing"
	// SurvivesAll: everything reached the disk.
	SurvivesAll Survival = "all"
	// SurvivesNames: all changes of directories, but only synced bytes.
	SurvivesNames Survival = "names"
	// SurvivesHalf: all changes of directories and all bytes, but of each
	// file's last write that was not synced only the first half.
	SurvivesHalf Survival = "half"
	// SurvivesSize: all changes of directories and of sizes, but bytes that
	// were not synced are zero.
	SurvivesSize Survival = "size"
)

// Survivals returns all ways.
func Survivals() []Survival {
	return []Survival{SurvivesNothing, SurvivesAll, SurvivesNames, SurvivesHalf, SurvivesSize}
}

// CrashState is what the disk could hold if the power had failed.
type CrashState struct {
	After    int // number of operations that were done, see Recorder.Len
	Survival Survival

	disk *disk
}

// CrashStates returns the states that a loss of power at any point of the
// recording could leave, as far as they differ: of the points between which
// nothing changes in a way, the last. A state is valid until the next one is
// asked for.
func CrashStates(r *Recorder, ways ...Survival) iter.Seq[CrashState] {
	if len(ways) == 0 {
		ways = Survivals()
	}
	ops := r.Ops()
	return func(yield func(CrashState) bool) {
		d := r.start.clone()
		for after := 0; ; after++ {
			for _, way := range ways {
				if after < len(ops) && !changes(way, ops[after].Kind) {
					continue // the state after the next operation is the same
				}
				if !yield(CrashState{After: after, Survival: way, disk: d}) {
					return
				}
			}
			if after == len(ops) {
				return
			}
			d.apply(ops[after])
		}
	}
}

// changes reports whether an operation can change what survives in a way.
func changes(way Survival, k Kind) bool {
	switch {
	case k == KindMark:
		return false
	case way == SurvivesNothing:
		return k.isSync()
	case way == SurvivesAll:
		return !k.isSync()
	}
	return true
}

// LayOut writes the state into dir, which must exist and be empty.
func (s CrashState) LayOut(dir string) error { return s.layOut(dir, rootNode) }

func (s CrashState) layOut(dir string, at int) error {
	n := s.disk.nodes[at]
	entries := n.entries
	if s.Survival == SurvivesNothing {
		entries = n.syncedEntries
	}
	for name, child := range entries {
		path := filepath.Join(dir, name)
		var err error
		if c := s.disk.nodes[child]; c.entries == nil {
			err = os.WriteFile(path, s.content(c), 0o600)
		} else if err = os.Mkdir(path, 0o700); err == nil {
			err = s.layOut(path, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// content is what survives of a file.
func (s CrashState) content(n *node) []byte {
	if s.Survival == SurvivesNothing || s.Survival == SurvivesNames || len(n.unsynced) == 0 {
		return n.synced
	}
	content := append([]byte(nil), n.synced...)
	for i, op := range n.unsynced {
		switch {
		case s.Survival == SurvivesSize:
			op.Data = make([]byte, len(op.Data))
		case s.Survival == SurvivesHalf && i == len(n.unsynced)-1:
			op.Data = op.Data[:len(op.Data)/2]
		}
		content = change(content, op)
	}
	return content
}
