package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Level is how closely a stored snapshot is looked at. Each level proves what
// those before it prove.
type Level string

// The levels.
const (
	LevelBytes     Level = "bytes"     // the sha256 is that with which it was stored
	LevelStructure Level = "structure" // every file is what the manifests say
	LevelState     Level = "state"     // every point, and the digest
)

// ParseLevel reads a level.
func ParseLevel(text string) (Level, error) {
	switch l := Level(text); l {
	case LevelBytes, LevelStructure, LevelState:
		return l, nil
	}
	return "", tidemark.Errorf(tidemark.BadRequest, "unknown level %q, expected one of bytes, structure, state", text)
}

// StartVerify begins to prove a stored snapshot. What is wrong with it is the
// job's error. Either outcome is noted beside the snapshot.
func (m *Manager) StartVerify(collection, name string, level Level) (*Job[Receipt], error) {
	key, err := m.key(collection, name)
	if err != nil {
		return nil, err
	}
	return m.startVerify(key, level)
}

// StartVerifyFull is StartVerify for a snapshot of the whole storage.
func (m *Manager) StartVerifyFull(name string, level Level) (*Job[Receipt], error) {
	return m.startVerify(fullKey(name), level)
}

func (m *Manager) startVerify(key blob.Key, level Level) (*Job[Receipt], error) {
	if key.Validate() != nil {
		return nil, notFound(key.Name)
	}
	what := JobStatus{Kind: JobVerify, Collection: key.Folder, Snapshot: key.Name}
	return begin(m, OpVerify, what, func(ctx context.Context, w *watch) (Receipt, error) {
		end := w.phase(PhaseWait)
		release, err := m.turns.take(ctx, "verify\x00"+key.Folder) // beside what else is done to the collection
		end()
		if err != nil {
			return Receipt{}, err
		}
		defer release()
		v := &verification{Manager: m, watch: w, key: key, level: level}
		return v.run(ctx)
	})
}

// verification is the proof of one snapshot.
type verification struct {
	*Manager
	*watch
	key   blob.Key
	level Level
}

func (v *verification) run(ctx context.Context) (Receipt, error) {
	o, err := v.store.Get(ctx, v.key)
	if err != nil {
		return Receipt{}, forObject(err, v.key.Name)
	}
	defer o.Close() // read only: nothing can be lost
	info := o.Info()
	v.expect(info.Size)
	began := time.Now()
	r := Receipt{Level: v.level, SHA256: info.SHA256, Version: info.Version}
	err = v.prove(ctx, o, info, &r)
	r.At, r.Took = v.options.Now().UTC(), time.Since(began)
	if err != nil && !isDamaged(err) {
		return Receipt{}, err // nothing is known of the snapshot
	}
	if err != nil {
		r.Error = textOf(forClient(err))
	}
	v.note(ctx, r)
	return r, err
}

// isDamaged reports whether an error of a proof is about what was proven.
func isDamaged(err error) bool {
	var foreign *archive.ForeignError
	return IsDamage(err) || errors.As(err, &foreign) || errors.Is(err, blob.ErrDamaged)
}

// prove reads the snapshot once and compares its checksum at the end: what is
// wrong inside says more.
func (v *verification) prove(ctx context.Context, o io.Reader, info blob.Info, r *Receipt) error {
	sum := sha256.New()
	src := io.TeeReader(v.pace.reader(ctx, o), sum)
	if err := v.read(ctx, src, info.Size, r); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); info.SHA256 != "" && got != info.SHA256 {
		return &StateError{Err: fmt.Errorf("its sha256 is %s, it was stored as %s", got, info.SHA256)}
	}
	return nil
}

func (v *verification) read(ctx context.Context, src io.Reader, size int64, r *Receipt) error {
	switch v.level {
	case LevelBytes:
		defer v.phase(PhaseRead)()
		_, err := io.Copy(io.Discard, v.counting(src))
		return err
	case LevelStructure:
		defer v.phase(PhaseRead)()
		if v.full() {
			return proveFullStructure(v.counting(src))
		}
		m, err := proveStructure(v.counting(src))
		if err == nil {
			r.Position = m.Position
		}
		return err
	}
	return v.state(ctx, src, size, r)
}

// full reports whether the snapshot is one of the whole storage.
func (v *verification) full() bool { return v.key.Folder == "" }

// proveStructure reads an archive to its end and compares all that it says.
func proveStructure(src io.Reader) (*archive.Manifest, error) {
	r, _, err := readState(src)
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.Manifest(), nil
}

// state unpacks the archive into staging and reads every point.
func (v *verification) state(ctx context.Context, src io.Reader, size int64, r *Receipt) error {
	if err := v.store.CheckRoom(ctx, size); err != nil { // staging is on its devices
		return storeError(err)
	}
	dir, remove, err := v.staging.next()
	if err != nil {
		return err
	}
	defer func() {
		if err := remove(); err != nil {
			v.logger.Warn("could not remove staging of a verification", slog.Any("error", err))
		}
	}()
	if v.full() {
		return v.fullState(ctx, src, dir)
	}
	end := v.phase(PhaseRead)
	m, _, err := Unpack(ctx, v.staging.fsys, dir, v.counting(src), nil)
	end()
	if err != nil {
		return err
	}
	r.Position = m.Position
	v.at(m.Position)
	defer v.phase(PhaseVerify)()
	return VerifyUnpacked(ctx, v.fsys, dir)
}
