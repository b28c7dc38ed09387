package snapshot

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/google/uuid"
)

// ledgerDocument is the file in which a ledger is kept.
type ledgerDocument struct {
	Format int         `json:"format"`
	Jobs   []JobStatus `json:"jobs"`
	// Rates are in bytes a second.
	Rates rates `json:"rates"`
}

// maxLedgerBytes is more than a ledger ever has: of all jobs in it a few hundred
// are over, and the others run at the same time.
const maxLedgerBytes = 16 << 20

func (d ledgerDocument) encode() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", " ")
	return append(b, '\n'), err
}

// decodeLedger refuses what no ledger wrote.
func decodeLedger(b []byte) (ledgerDocument, error) {
	var d ledgerDocument
	if len(b) > maxLedgerBytes {
		return d, fmt.Errorf("it has %d bytes", len(b))
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return d, err
	}
	if d.Format != ledgerFormat {
		return d, fmt.Errorf("its format is %d", d.Format)
	}
	for _, s := range d.Jobs {
		if s.ID == uuid.Nil || s.Size < 0 || s.Started.IsZero() {
			return d, fmt.Errorf("job %s is not one of ours", s.ID)
		}
	}
	for p, rate := range d.Rates {
		if !(rate > 0) || math.IsInf(rate, 0) {
			return d, fmt.Errorf("the rate of %q is %v", p, rate)
		}
	}
	return d, nil
}
