// Package deploy checks the files with which Tidemark is deployed. No container
// engine is needed: the compose file and the Dockerfile are parsed by the
// libraries that the engines use.
package deploy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository.
const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(content)
}
