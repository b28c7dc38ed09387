package snapshot

import (
	"slices"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// FullOptions say what a restore of a whole storage brings back. The zero value
// brings back everything: collections that the snapshot has are replaced, its
// aliases stand for what they stood for, and what it does not have stays.
type FullOptions struct {
	// Collections are the names, in the snapshot, of those that are restored,
	// with their aliases; nil is all.
	Collections []string
	// Rename gives collections and aliases of the snapshot other names.
	Rename map[string]string
	// Fresh refuses to replace any collection or alias.
	Fresh bool
}

// partial reports whether this is not simply the return to an earlier state: then
// aliases that are in use are not taken away from what they stand for.
func (o FullOptions) partial() bool { return o.Collections != nil || len(o.Rename) > 0 }

// choice is what is restored of an archive.
type choice struct {
	names   map[string]string // of collections, by their names in the archive
	aliases []tidemark.Alias  // with the new names
	size    int64             // of the archives of these collections
}

// choose applies the options to an archive. Its errors are for the client.
func (o FullOptions) choose(s *archive.Storage) (*choice, error) {
	c := &choice{names: make(map[string]string)}
	used := make(map[string]bool) // what Rename has
	named := func(old string) string {
		if name, ok := o.Rename[old]; ok {
			used[old] = true
			return name
		}
		return old
	}
	for _, p := range s.Collections {
		if o.Collections == nil || slices.Contains(o.Collections, p.Collection) {
			c.names[p.Collection] = named(p.Collection)
			c.size += p.Size
		}
	}
	for _, name := range o.Collections {
		if _, ok := c.names[name]; !ok {
			return nil, tidemark.Errorf(tidemark.BadInput, "the snapshot has no collection `%s`", name)
		}
	}
	for _, a := range s.Aliases {
		if target, ok := c.names[a.Collection]; ok {
			c.aliases = append(c.aliases, tidemark.Alias{Name: named(a.Alias), Collection: target})
		}
	}
	for old := range o.Rename {
		if !used[old] {
			return nil, tidemark.Errorf(tidemark.BadInput, "`%s` cannot be renamed: it is no collection that is restored, and no alias of one", old)
		}
	}
	return c, c.checkNames()
}

// checkNames refuses names that cannot be, or that two would have.
func (c *choice) checkNames() error {
	taken := make(map[string]bool)
	check := func(name string) error {
		if taken[name] {
			return tidemark.Errorf(tidemark.BadInput, "two of the collections and aliases that are restored would be named `%s`", name)
		}
		taken[name] = true
		return nil
	}
	for _, name := range c.names {
		if err := archive.CheckName(name); err != nil {
			return tidemark.Errorf(tidemark.BadInput, "%s", err.Error())
		}
		if err := check(name); err != nil {
			return err
		}
	}
	for _, a := range c.aliases {
		if err := archive.CheckName(a.Name); err != nil && a.Name != "" { // as one may be created
			return tidemark.Errorf(tidemark.BadInput, "%s", err.Error())
		}
		if err := check(a.Name); err != nil {
			return err
		}
	}
	return nil
}

// checkFree compares a choice with what is there. Of collections the engine makes
// sure again when it installs them.
func (m *Manager) checkFree(c *choice, o FullOptions) error {
	aliases := make(map[string]string)
	for _, a := range m.engine.Aliases() {
		aliases[a.Name] = a.Collection
	}
	for _, name := range c.names {
		if _, taken := aliases[name]; taken {
			return tidemark.Errorf(tidemark.AlreadyExists, "a collection cannot be restored as `%s`: that is an alias of `%s`; remove the alias first, or rename one of them", name, aliases[name])
		}
		if o.Fresh && m.exists(name) {
			return tidemark.Errorf(tidemark.AlreadyExists, "Collection %s already exists. Use --force-snapshot to overwrite it.", name)
		}
	}
	for _, a := range c.aliases {
		if m.exists(a.Name) && aliases[a.Name] == "" {
			return tidemark.Errorf(tidemark.AlreadyExists, "the alias `%s` of the snapshot is the name of a collection; rename the alias", a.Name)
		}
		target, taken := aliases[a.Name]
		switch {
		case taken && o.Fresh:
			return tidemark.Errorf(tidemark.AlreadyExists, "Alias %s already exists. Use --force-snapshot to overwrite it.", a.Name)
		case taken && o.partial() && target != a.Collection:
			return tidemark.Errorf(tidemark.AlreadyExists, "the alias `%s` stands for `%s` and would stand for `%s`; remove it first, or rename it, too", a.Name, target, a.Collection)
		}
	}
	return nil
}

// exists reports whether a name stands for something.
func (m *Manager) exists(name string) bool {
	_, err := m.engine.Resolve(name)
	return tidemark.KindOf(err) != tidemark.NotFound
}

// aliasChanges are what lets the aliases stand for what is restored.
func (c *choice) aliasChanges() []tidemark.AliasChange {
	out := make([]tidemark.AliasChange, len(c.aliases))
	for i, a := range c.aliases {
		out[i] = tidemark.AliasChange{Kind: tidemark.AliasCreate, Alias: a.Name, Target: a.Collection}
	}
	return out
}
