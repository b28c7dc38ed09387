package rest

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// aliasList answers with aliases.
type aliasList struct {
	Aliases []aliasInfo `json:"aliases"`
}

type aliasInfo struct {
	Alias      string `json:"alias_name"`
	Collection string `json:"collection_name"`
}

func (s *Server) listAliases(c *gin.Context) {
	s.okJSON(c, s.aliases(func(tidemark.Alias) bool { return true }))
}

// collectionAliases lists the aliases of a collection; one that does not exist
// has none.
func (s *Server) collectionAliases(c *gin.Context) {
	name := c.Param("collection_name")
	if err := transport.CheckCollection(name); err != nil {
		s.fail(c, err)
		return
	}
	s.okJSON(c, s.aliases(func(a tidemark.Alias) bool { return a.Collection == name }))
}

func (s *Server) aliases(include func(tidemark.Alias) bool) aliasList {
	list := aliasList{[]aliasInfo{}}
	for _, a := range s.store.Aliases() {
		if include(a) {
			list.Aliases = append(list.Aliases, aliasInfo{a.Name, a.Collection})
		}
	}
	return list
}

// updateAliases changes aliases, all or none.
func (s *Server) updateAliases(c *gin.Context) {
	timeout, err := transport.ParseTimeout(query(c))
	if err != nil {
		s.fail(c, err)
		return
	}
	var changes []tidemark.AliasChange
	err = s.withBody(c, func(d *document) (err error) {
		changes, err = d.readAliasChanges()
		return err
	})
	if err == nil {
		ctx, cancel := within(c.Request.Context(), timeout)
		defer cancel()
		err = s.changeAliases(ctx, changes)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okTrue(c)
}

func (s *Server) changeAliases(ctx context.Context, changes []tidemark.AliasChange) error {
	if len(changes) == 0 {
		return nil
	}
	return s.store.UpdateAliases(ctx, changes)
}

func (d *document) readAliasChanges() ([]tidemark.AliasChange, error) {
	var changes []tidemark.AliasChange
	found := false
	err := readObject(d.dec, "struct ChangeAliasesOperation", func(key []byte) error {
		if string(key) != "actions" {
			return d.dec.SkipValue()
		}
		found = true
		return readArray(d.dec, "a sequence", func(int) error {
			change, err := readAliasChange(d.dec)
			changes = append(changes, change)
			return cmp.Or(err, checkAlias(len(changes)-1, change))
		})
	})
	if err == nil && !found {
		err = missing("actions")
	}
	return changes, err
}

// checkAlias returns what is wrong with the name that the i-th action gives.
func checkAlias(i int, change tidemark.AliasChange) error {
	switch change.Kind {
	case tidemark.AliasCreate:
		return transport.CheckNewAlias(fmt.Sprintf("actions[%d].create_alias.alias_name", i), change.Alias)
	case tidemark.AliasRename:
		return transport.CheckNewAlias(fmt.Sprintf("actions[%d].rename_alias.new_alias_name", i), change.Target)
	}
	return nil
}

// readAliasChange reads an object whose only field names the kind of change.
func readAliasChange(dec *jsontext.Decoder) (change tidemark.AliasChange, err error) {
	found := false
	err = readObject(dec, "an alias operation", func(key []byte) (err error) {
		if found {
			return dec.SkipValue()
		}
		switch string(key) {
		case "create_alias":
			change.Kind = tidemark.AliasCreate
			change.Alias, change.Target, err = readTwo(dec, "alias_name", "collection_name")
		case "delete_alias":
			change.Kind = tidemark.AliasDelete
			change.Alias, _, err = readTwo(dec, "alias_name", "")
		case "rename_alias":
			change.Kind = tidemark.AliasRename
			change.Alias, change.Target, err = readTwo(dec, "old_alias_name", "new_alias_name")
		default:
			return &detailed{transport.NoVariant("AliasOperations"), fmt.Sprintf("there is no action `%s`", abbreviate(string(key)))}
		}
		found = true
		return err
	})
	if err == nil && !found {
		err = transport.NoVariant("AliasOperations")
	}
	return change, variant("AliasOperations", err)
}

// readTwo reads an object with two names; the second is optional if it has no
// name.
func readTwo(dec *jsontext.Decoder, nameA, nameB string) (a, b string, err error) {
	var foundA, foundB bool
	err = readObject(dec, "a map", func(key []byte) (err error) {
		switch string(key) {
		case nameA:
			foundA = true
			a, err = readString(dec, "a string")
		case nameB:
			foundB = true
			b, err = readString(dec, "a string")
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !foundA:
		err = missing(nameA)
	case nameB != "" && !foundB:
		err = missing(nameB)
	}
	return a, b, err
}
