package fsx

import (
	"maps"
	"path/filepath"
	"strings"
)

// disk is a model of a file system that knows what would survive the loss of
// power: of each file the bytes at its last sync, of each directory the
// entries at its last sync.
type disk struct {
	nodes []*node // by number
}

const (
	rootNode = 0
	noNode   = -1
)

// node is a file, or a directory if entries is not nil.
type node struct {
	synced   []byte // content at the last sync
	unsynced []Op   // writes and truncations since

	entries       map[string]int
	syncedEntries map[string]int
}

func newDisk() *disk { return &disk{nodes: []*node{newDirectory()}} }

func newDirectory() *node {
	return &node{entries: map[string]int{}, syncedEntries: map[string]int{}}
}

// load takes over what is in a directory of the host.
func (d *disk) load(fsys FS, dir string, at int) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		child := newDirectory()
		if !e.IsDir() {
			child = new(node)
		}
		d.nodes[at].entries[e.Name()] = len(d.nodes)
		d.nodes = append(d.nodes, child)
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			err = d.load(fsys, path, len(d.nodes)-1)
		} else {
			child.synced, err = ReadFile(fsys, path)
		}
		if err != nil {
			return err
		}
	}
	d.nodes[at].sync()
	return nil
}

// clone copies d, so that operations applied to one do not show in the other.
func (d *disk) clone() *disk {
	c := &disk{nodes: make([]*node, len(d.nodes))}
	for i, n := range d.nodes {
		c.nodes[i] = &node{
			synced:        append([]byte(nil), n.synced...),
			unsynced:      append([]Op(nil), n.unsynced...),
			entries:       maps.Clone(n.entries),
			syncedEntries: maps.Clone(n.syncedEntries),
		}
	}
	return c
}

// find returns the number of the node with a path relative to the root, or
// noNode.
func (d *disk) find(rel string) int {
	at := rootNode
	if rel == "." {
		return at
	}
	for name := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		next, ok := d.nodes[at].entries[name]
		if !ok {
			return noNode
		}
		at = next
	}
	return at
}

// entriesOf returns the entries of the directory that holds rel, and the name
// of rel in it.
func (d *disk) entriesOf(rel string) (map[string]int, string) {
	return d.nodes[d.find(filepath.Dir(rel))].entries, filepath.Base(rel)
}

// apply does op. The recorder recorded only what had succeeded, so that no
// path is missing.
func (d *disk) apply(op Op) {
	switch op.Kind {
	case KindCreate:
		d.add(op.Name, new(node))
	case KindMkdir:
		d.add(op.Name, newDirectory())
	case KindRename, KindLink:
		from, name := d.entriesOf(op.Name)
		to, newName := d.entriesOf(op.NewName)
		to[newName] = from[name]
		if op.Kind == KindRename {
			delete(from, name)
		}
	case KindRemove:
		entries, name := d.entriesOf(op.Name)
		delete(entries, name)
	case KindWrite, KindLogWrite, KindTruncate:
		n := d.nodes[op.node]
		n.unsynced = append(n.unsynced, op)
	case KindSync, KindSyncData, KindLogSync, KindSyncDir:
		d.nodes[op.node].sync()
	}
}

func (d *disk) add(rel string, n *node) {
	entries, name := d.entriesOf(rel)
	entries[name] = len(d.nodes)
	d.nodes = append(d.nodes, n)
}

// sync makes the node durable as it is.
func (n *node) sync() {
	if n.entries != nil {
		n.syncedEntries = maps.Clone(n.entries)
		return
	}
	for _, op := range n.unsynced {
		n.synced = change(n.synced, op)
	}
	n.unsynced = nil
}

func (n *node) size() int64 {
	size := int64(len(n.synced))
	for _, op := range n.unsynced {
		if op.Kind == KindTruncate {
			size = op.Offset
		} else {
			size = max(size, op.Offset+int64(len(op.Data)))
		}
	}
	return size
}

// change applies a write or a truncation to content, in place if it can.
func change(content []byte, op Op) []byte {
	end := op.Offset + int64(len(op.Data))
	if grow := end - int64(len(content)); grow > 0 {
		content = append(content, make([]byte, grow)...)
	}
	if op.Kind == KindTruncate {
		return content[:op.Offset]
	}
	copy(content[op.Offset:], op.Data)
	return content
}
