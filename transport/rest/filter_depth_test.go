package rest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFiltersAreOnlySoDeep(t *testing.T) {
	const leaf = `{"key":"n","match":{"value":1}}`
	for name, level := range map[string][2]string{
		"one":        {`{"must_not":`, `}`},
		"list":       {`{"must":[`, `]}`},
		"min_should": {`{"min_should":{"min_count":1,"conditions":[`, `]}}`},
		"nested":     {`{"nested":{"key":"a","filter":{"must":`, `}}}`},
	} {
		nested := func(depth int) string { // depth conditions, the leaf among them
			return `{"filter":{"must":` + strings.Repeat(level[0], depth-1) + leaf + strings.Repeat(level[1], depth-1) + `}}`
		}
		read := func(d *document) error { _, err := d.readScroll(); return err }
		require.NoError(t, decoded(t, nested(maxConditions), read), name)
		err := decoded(t, nested(maxConditions+1), read)
		require.Contains(t, shownText(err), "Format error in JSON body: recursion limit exceeded at line 1 column ", name)
		require.Equal(t, 400, show(err).Status)
	}
	// Side by side there may be any number.
	wide := `{"filter":{"must":[` + strings.Repeat(leaf+",", 3*maxConditions) + leaf + `]}}`
	require.NoError(t, decoded(t, wide, func(d *document) error { _, err := d.readScroll(); return err }))
}
