package tidemark

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/jsondoc"
	"github.com/tidemark-db/tidemark/wal"
)

// catalogFormat is the format that this version writes; see
// docs/format/catalog.md.
const catalogFormat = 1

// Catalog knows which collections and aliases exist. It is kept in files
// catalog-<generation>.json, of which the highest counts; the one before is
// kept for repair by hand. Every change names what it expects to find and is
// durable when it returns.
type Catalog struct {
	dir  string
	fsys fsx.FS
	// makeRoom is asked, if it is not nil, when a change could not be written; it
	// reports whether to try again.
	makeRoom func(error) bool

	mu         sync.Mutex
	content    catalogContent
	generation uint64 // the highest that was tried
	// settled is the newest generation that is known to be durable.
	settled uint64
	// alone says that the generation before the one that was loaded is missing:
	// somebody has removed files, perhaps a newer one.
	alone bool
}

// catalogContent is the document of a catalog file.
type catalogContent struct {
	PeerID      uint64                  `json:"peer_id"`
	Collections map[string]CatalogEntry `json:"collections"`
	Aliases     map[string]string       `json:"aliases"`
}

// CatalogEntry says which incarnation a name stands for.
type CatalogEntry struct {
	ID uuid.UUID `json:"id"`
	// Previous is the incarnation that a restore replaced, kept so that the
	// restore can be undone.
	Previous *PreviousEntry `json:"previous,omitempty"`
}

// PreviousEntry names a replaced incarnation.
type PreviousEntry struct {
	ID uuid.UUID `json:"id"`
	// Last is the last position that it gave out.
	Last wal.Position `json:"last"`
	// Until is when it may be removed, in seconds since 1970 UTC.
	Until int64 `json:"until"`
	// Position and Count say where its state stands and how many points it has;
	// Position is 0 if that was not known.
	Position wal.Position `json:"position,omitempty"`
	Count    int          `json:"count,omitempty"`
}

var catalogName = regexp.MustCompile(`^catalog-(\d{1,19})\.json$`)

// openCatalog loads the newest catalog below dir, or begins an empty one.
func openCatalog(fsys fsx.FS, dir string) (*Catalog, error) {
	c := &Catalog{dir: dir, fsys: fsys}
	generations, err := catalogGenerations(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("list catalogs: %w", err)
	}
	if len(generations) == 0 {
		if err := c.refuseIfUsed(); err != nil {
			return nil, err
		}
		c.content = catalogContent{PeerID: newPeerID()}
		c.content.init()
		return c, c.commit(c.content)
	}
	newest := slices.Max(generations)
	data, err := fsx.ReadFile(fsys, c.path(newest))
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	if _, err := jsondoc.Decode(data, catalogFormat, &c.content); err != nil {
		return nil, fmt.Errorf("catalog %s: %w", filepath.Base(c.path(newest)), err)
	}
	c.content.init()
	c.generation, c.alone = newest, newest > 1 && len(generations) == 1
	// The process that wrote it may have ended before its name was durable.
	// Nothing that the generation before names may go until it is.
	if err := fsys.SyncDir(dir); err != nil {
		return nil, fmt.Errorf("sync data directory: %w", err)
	}
	c.settled = newest
	return c, c.removeOld()
}

// refuseIfUsed returns an error if there are collections that no catalog names:
// then the catalog was lost, and nothing may be swept.
func (c *Catalog) refuseIfUsed() error {
	entries, err := c.fsys.ReadDir(filepath.Join(c.dir, collectionsDir))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("there is no catalog, but %d collections are there: put catalog-<generation>.json back, or move %s away to begin anew", len(entries), collectionsDir)
}

func (c *catalogContent) init() {
	if c.Collections == nil {
		c.Collections = make(map[string]CatalogEntry)
	}
	if c.Aliases == nil {
		c.Aliases = make(map[string]string)
	}
}

// newPeerID returns a random identity that JavaScript clients can hold.
func newPeerID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails; see crypto/rand
	return binary.LittleEndian.Uint64(b[:])>>11 | 1
}

func catalogGenerations(fsys fsx.FS, dir string) ([]uint64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, e := range entries {
		if m := catalogName.FindStringSubmatch(e.Name()); m != nil {
			if g, err := strconv.ParseUint(m[1], 10, 64); err == nil {
				out = append(out, g)
			}
		}
	}
	return out, nil
}

func (c *Catalog) path(generation uint64) string {
	return filepath.Join(c.dir, fmt.Sprintf("catalog-%d.json", generation))
}

// commit makes next the content. A generation number is never tried twice: a
// file that may or may not have become durable is outrun by a higher one.
func (c *Catalog) commit(next catalogContent) error {
	data, err := jsondoc.Encode(catalogFormat, next)
	if err != nil {
		return err
	}
	if err := c.write(data); err != nil {
		return c.outrun(fmt.Errorf("write catalog: %w", err))
	}
	c.content, c.settled = next, c.generation
	return c.removeOld()
}

// write writes a new generation. On a full disk it makes room and writes another
// one.
func (c *Catalog) write(data []byte) error {
	c.generation++
	err := fsx.WriteAtomic(c.fsys, c.path(c.generation), data)
	if err == nil || errors.Is(err, fsx.ErrNotDurable) || c.makeRoom == nil || !c.makeRoom(err) {
		return err
	}
	c.generation++
	return fsx.WriteAtomic(c.fsys, c.path(c.generation), data)
}

// outrun settles a change whose outcome is unknown: the present content becomes
// durable under a higher number, so that the change has certainly failed. If that
// cannot be done either, the error wraps fsx.ErrNotDurable.
func (c *Catalog) outrun(failed error) error {
	if !errors.Is(failed, fsx.ErrNotDurable) {
		return failed
	}
	data, err := jsondoc.Encode(catalogFormat, c.content)
	if err != nil {
		return failed
	}
	if err := c.write(data); err != nil {
		return errors.Join(failed, err)
	}
	c.settled = c.generation
	_ = c.removeOld() // never fails
	return &Error{Kind: Internal, Text: "the catalog could not be written; nothing has changed", Err: errors.New(failed.Error())}
}

// removeOld keeps the settled generation and the one before. That an old file
// is left over is not worth failing for.
func (c *Catalog) removeOld() error {
	generations, err := catalogGenerations(c.fsys, c.dir)
	if err != nil {
		return nil //nolint:nilerr // tried again at the next commit
	}
	slices.Sort(generations)
	for i := 0; i+1 < len(generations); i++ {
		if generations[i+1] < c.settled {
			if err := c.fsys.Remove(c.path(generations[i])); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil //nolint:nilerr // tried again at the next commit
			}
		}
	}
	return nil
}

func (c *catalogContent) clone() catalogContent {
	return catalogContent{PeerID: c.PeerID, Collections: maps.Clone(c.Collections), Aliases: maps.Clone(c.Aliases)}
}

// PeerID returns the identity of this data directory.
func (c *Catalog) PeerID() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.content.PeerID
}

// Resolve returns the collection's name and incarnation that a name or an
// alias stands for.
func (c *Catalog) Resolve(nameOrAlias string) (string, CatalogEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := nameOrAlias
	if target, ok := c.content.Aliases[nameOrAlias]; ok {
		name = target
	}
	e, ok := c.content.Collections[name]
	return name, e, ok
}

// Entries returns all collections by name.
func (c *Catalog) Entries() map[string]CatalogEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.content.Collections)
}

// Create adds a collection. It expects that neither a collection nor an alias
// has the name.
func (c *Catalog) Create(name string, id uuid.UUID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.content.free(name); err != nil {
		return err
	}
	next := c.content.clone()
	next.Collections[name] = CatalogEntry{ID: id}
	return c.commit(next)
}

// Free returns the reason why a collection of that name cannot be created.
func (c *Catalog) Free(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.content.free(name)
}

func (c *catalogContent) free(name string) error {
	if _, taken := c.Collections[name]; taken {
		return Errorf(AlreadyExists, "Collection `%s` already exists!", name)
	}
	if _, taken := c.Aliases[name]; taken {
		return Errorf(BadInput, "Can't create collection with name %s. Alias with the same name already exists", name)
	}
	return nil
}

// CatalogChange lets a name stand for another incarnation.
type CatalogChange struct {
	Name string
	// Expected is what the name stands for now, the zero UUID if for nothing.
	Expected, ID uuid.UUID
	// Previous is what can be brought back, nil if nothing can.
	Previous *PreviousEntry
}

// Install lets names stand for other incarnations and then changes aliases, all
// or nothing. It expects that each name stands for what the change says.
func (c *Catalog) Install(changes []CatalogChange, aliases []AliasChange) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.content.clone()
	for _, ch := range changes {
		if next.Collections[ch.Name].ID != ch.Expected {
			return errChanged
		}
		if ch.Expected == uuid.Nil {
			if err := next.free(ch.Name); err != nil {
				return err
			}
		}
		next.Collections[ch.Name] = CatalogEntry{ID: ch.ID, Previous: ch.Previous}
	}
	for _, ch := range aliases {
		if err := next.changeAlias(ch); err != nil {
			return err
		}
	}
	return c.commit(next)
}

// Forget lets go of previous incarnations by the names of their collections. One
// that is not the previous of its name any more is passed over.
func (c *Catalog) Forget(previous map[string]uuid.UUID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, changed := c.content.clone(), false
	for name, id := range previous {
		if e := next.Collections[name]; e.Previous != nil && e.Previous.ID == id {
			e.Previous = nil
			next.Collections[name], changed = e, true
		}
	}
	if !changed {
		return nil
	}
	return c.commit(next)
}

// Drop removes a collection and its aliases. It expects that name stands for
// id; otherwise it changes nothing and returns false.
func (c *Catalog) Drop(name string, id uuid.UUID) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.content.Collections[name]; !ok || e.ID != id {
		return false, nil
	}
	next := c.content.clone()
	delete(next.Collections, name)
	maps.DeleteFunc(next.Aliases, func(_, target string) bool { return target == name })
	return true, c.commit(next)
}
