package machine_test

import (
	"testing"

	"github.com/tidemark-db/tidemark/internal/machine/machinetest"
)

// Benchmark measures the machine alone: the figures beside which all others are
// read.
func Benchmark(b *testing.B) { machinetest.Report(b) }
