package rest

import (
	"fmt"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// readBatch reads a list of operations.
func (d *document) readBatch() ([]tidemark.Operation, error) {
	var ops []tidemark.Operation
	found := false
	err := readObject(d.dec, "struct UpdateOperations", func(key []byte) error {
		if string(key) != "operations" {
			return d.dec.SkipValue()
		}
		found = true
		return readArray(d.dec, "a sequence", func(int) error {
			op, err := d.readOperation()
			ops = append(ops, op)
			return variant("UpdateOperation", err)
		})
	})
	if err == nil && !found {
		err = missing("operations")
	}
	return ops, err
}

// readOperation reads one operation of a batch: an object whose only field
// names its kind.
func (d *document) readOperation() (op tidemark.Operation, err error) {
	if err := d.bill.spend(operationCost); err != nil {
		return nil, err
	}
	err = readObject(d.dec, "an operation", func(key []byte) (err error) {
		if op != nil {
			return transport.NoVariant("UpdateOperation")
		}
		op, err = d.readNamedOperation(string(key))
		return err
	})
	if err == nil && op == nil {
		err = transport.NoVariant("UpdateOperation")
	}
	return op, err
}

func (d *document) readNamedOperation(name string) (tidemark.Operation, error) {
	switch name {
	case "upsert":
		return d.readUpsert()
	case "delete":
		return d.readDelete()
	case "set_payload":
		return d.readSetPayload()
	case "overwrite_payload":
		return d.readOverwrite()
	case "delete_payload":
		return d.readDeletePayload()
	case "clear_payload":
		return d.readClear()
	case "update_vectors":
		return d.readUpdateVectors()
	case "delete_vectors":
		return d.readDeleteVectors()
	}
	if err := d.dec.SkipValue(); err != nil {
		return nil, err
	}
	return nil, &detailed{transport.NoVariant("UpdateOperation"), fmt.Sprintf("there is no operation `%s`", abbreviate(name))}
}

// checkOperation refuses operations that name no points at all where the
// reference does.
func checkOperation(op tidemark.Operation) error {
	empty := false
	switch op := op.(type) {
	case *tidemark.Upsert:
		empty = len(op.Points) == 0
	case *tidemark.Delete:
		empty = op.Selector.Filter == nil && len(op.Selector.IDs) == 0
	}
	if empty {
		return errEmptyUpdate
	}
	return nil
}
