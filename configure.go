package tidemark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

// CreateSpec is what a collection begins with.
type CreateSpec struct {
	// Vectors are the first vectors; their keys are given by the engine.
	Vectors  []segments.VectorSpec
	Indexes  map[string]filter.FieldIndex
	Settings json.RawMessage
}

// ConfigChange is a change of a collection's configuration. Drops come first.
type ConfigChange struct {
	Settings    json.RawMessage // nil leaves them as they are
	DropVectors []string
	AddVectors  []segments.VectorSpec
	DropIndexes []string
	SetIndexes  map[string]filter.FieldIndex
}

func (ch *ConfigChange) empty() bool {
	return ch.Settings == nil && len(ch.DropVectors) == 0 && len(ch.AddVectors) == 0 && len(ch.DropIndexes) == 0 && len(ch.SetIndexes) == 0
}

// work tells a change that only drops from others.
func (ch *ConfigChange) work() Work {
	if ch.Settings == nil && len(ch.AddVectors) == 0 && len(ch.SetIndexes) == 0 {
		return WorkDelete
	}
	return WorkWrite
}

// Configure changes the configuration. change is called with the configuration
// in force while nobody else can write; what it must not do is block. An empty
// change writes nothing and is answered like any other.
func (c *Collection) Configure(ctx context.Context, change func(*Config) (ConfigChange, error), o WriteOptions) (Result, error) {
	if err := c.order.exclusive(ctx); err != nil {
		if next := c.successor.Load(); next != nil && errors.Is(err, errCollectionClosed) {
			return next.Configure(ctx, change, o)
		}
		return Result{}, writeError(err)
	}
	defer c.order.unlockExclusive()
	if err := c.writable(); err != nil {
		return Result{}, writeError(err)
	}
	cfg := c.config()
	ch, err := change(cfg)
	if err != nil {
		return Result{}, err
	}
	status := Acknowledged
	if o.Wait {
		status = Completed
	}
	if ch.empty() {
		return Result{Position: c.applied.position(), Status: status}, nil
	}
	body, err := cfg.event(&ch)
	if err != nil {
		return Result{}, err
	}
	if err := c.store.space.write(ch.work(), int64(len(ch.Settings))); err != nil {
		return Result{}, err
	}
	// The lock is kept until the change is applied: whoever writes next is
	// checked against it. So this wait is not the request's to end.
	p, err := c.enqueueAndApply(context.WithoutCancel(ctx), &Event{Header: newHeader(cfg.Version), Body: body})
	if err != nil {
		return Result{}, writeError(err)
	}
	p.Status = status
	return p, nil
}

// enqueueAndApply writes one event and waits until it is applied.
func (c *Collection) enqueueAndApply(ctx context.Context, e *Event) (Result, error) {
	record, err := AppendEvent(nil, e)
	if err != nil {
		return Result{}, err
	}
	pending, err := c.log.Enqueue(ctx, record)
	if err != nil {
		return Result{}, err
	}
	p, err := pending.Wait(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := c.applied.wait(ctx, p); err != nil {
		return Result{}, err
	}
	c.acknowledge(p)
	return Result{Position: p, Status: Completed}, nil
}

// event resolves the names of a change.
func (c *Config) event(ch *ConfigChange) (*ConfigureEvent, error) {
	e := &ConfigureEvent{Settings: ch.Settings, AddVectors: ch.AddVectors, DropIndexes: ch.DropIndexes, SetIndexes: ch.SetIndexes}
	after := c.clone()
	for _, name := range ch.DropVectors {
		spec, ok := c.Schema.Find(name)
		if !ok {
			return nil, Errorf(BadInput, "Not existing vector name error: %s", name)
		}
		e.DropVectors = append(e.DropVectors, spec.Key)
		after.dropVector(spec.Key)
	}
	return e, checkSpecs(after.Schema, ch.AddVectors)
}

// checkSpecs refuses vectors that cannot be stored and names used twice.
func checkSpecs(schema segments.Schema, add []segments.VectorSpec) error {
	names := make(map[string]bool, len(schema)+len(add))
	for _, spec := range schema {
		names[spec.Name] = true
	}
	for _, spec := range add {
		if err := checkSpec(spec); err != nil {
			return Errorf(BadInput, "vector %s: %v", quotedName(spec.Name), err)
		}
		if names[spec.Name] {
			return Errorf(BadInput, "Dense and sparse vector names must be unique - duplicate found with %s", quotedName(spec.Name))
		}
		names[spec.Name] = true
	}
	return nil
}

// maxVectorSize is the highest dimension of a vector.
const maxVectorSize = 1 << 16

// checkSpec returns an error if no vector can be stored under the spec.
func checkSpec(s segments.VectorSpec) error {
	switch {
	case s.Kind < segments.Dense || s.Kind > segments.Multi:
		return fmt.Errorf("its kind is %v", s.Kind)
	case s.Datatype < segments.Float32 || s.Datatype > segments.Uint8:
		return fmt.Errorf("its datatype is %v", s.Datatype)
	case s.Distance < segments.Cosine || s.Distance > segments.Manhattan:
		return fmt.Errorf("its distance is %v", s.Distance)
	case s.Kind == segments.Sparse && s.Size != 0:
		return fmt.Errorf("it is sparse and has size %d", s.Size)
	case s.Kind != segments.Sparse && (s.Size < 1 || s.Size > maxVectorSize):
		return fmt.Errorf("its size is %d, it must be from 1 to %d", s.Size, maxVectorSize)
	}
	return nil
}

// create writes the first event of a new collection.
func (c *Collection) create(ctx context.Context, spec CreateSpec) error {
	if err := checkSpecs(nil, spec.Vectors); err != nil {
		return err
	}
	body := &CreateEvent{Lineage: uuid.New(), Vectors: spec.Vectors, Indexes: spec.Indexes, Settings: spec.Settings}
	_, err := c.enqueueAndApply(ctx, &Event{Header: newHeader(0), Body: body})
	return err
}
