package tidemark

import (
	"cmp"
	"slices"
)

// Alias is a second name of a collection.
type Alias struct{ Name, Collection string }

// AliasKind says what an AliasChange does.
type AliasKind uint8

// The kinds of AliasChange.
const (
	AliasCreate AliasKind = iota // let Alias stand for the collection Target
	AliasDelete                  // remove Alias; one that does not exist is no error
	AliasRename                  // give Alias the name Target
)

// AliasChange is one step of a change of aliases.
type AliasChange struct {
	Kind          AliasKind
	Alias, Target string
}

// UpdateAliases carries out all changes in order, or none of them.
func (c *Catalog) UpdateAliases(changes []AliasChange) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.content.clone()
	for _, ch := range changes {
		if err := next.changeAlias(ch); err != nil {
			return err
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return c.commit(next)
}

func (c *catalogContent) changeAlias(ch AliasChange) error {
	switch ch.Kind {
	case AliasDelete:
		delete(c.Aliases, ch.Alias)
		return nil
	case AliasRename:
		target, ok := c.Aliases[ch.Alias]
		if !ok {
			return Errorf(NotFound, "Alias %s does not exists!", ch.Alias)
		}
		delete(c.Aliases, ch.Alias)
		return c.setAlias(ch.Target, target)
	default:
		return c.setAlias(ch.Alias, ch.Target)
	}
}

func (c *catalogContent) setAlias(alias, collection string) error {
	if _, ok := c.Collections[collection]; !ok {
		return notFoundCollection(collection)
	}
	if _, taken := c.Collections[alias]; taken {
		return Errorf(AlreadyExists, "Collection `%s` already exists!", alias)
	}
	c.Aliases[alias] = collection
	return nil
}

func notFoundCollection(name string) error {
	return Errorf(NotFound, "Collection `%s` doesn't exist!", name)
}

// Aliases returns all aliases in order of their names.
func (c *Catalog) Aliases() (all []Alias) {
	c.hold(func(aliases []Alias) { all = aliases })
	return all
}

// hold calls f with all aliases in order of their names while nothing changes.
func (c *Catalog) hold(f func(aliases []Alias)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.content.aliases())
}

func (c *catalogContent) aliases() []Alias {
	out := make([]Alias, 0, len(c.Aliases))
	for name, target := range c.Aliases {
		out = append(out, Alias{Name: name, Collection: target})
	}
	slices.SortFunc(out, func(a, b Alias) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
