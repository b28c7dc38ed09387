package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
)

func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	result, err := parser.Parse(strings.NewReader(read(t, "Dockerfile")))
	require.NoError(t, err)
	require.Empty(t, result.Warnings)
	all, _, err := instructions.Parse(result.AST, linter.New(&linter.Config{
		Warn: func(rule, _, _, text string, _ []parser.Range) { t.Errorf("%s: %s", rule, text) },
	}))
	require.NoError(t, err)
	return all
}

// commands returns the commands of one type in the last stage.
func commands[T instructions.Command](t *testing.T) []T {
	t.Helper()
	all := stages(t)
	var found []T
	for _, c := range all[len(all)-1].Commands {
		if one, ok := c.(T); ok {
			found = append(found, one)
		}
	}
	return found
}

func TestDockerfileStages(t *testing.T) {
	all := stages(t)
	require.Len(t, all, 2)
	require.Contains(t, all[0].BaseName, "golang:1.26")
	require.Contains(t, all[1].BaseName, "distroless/static")
	require.Empty(t, commands[*instructions.RunCommand](t), "there is no shell in the last stage")
}

func TestDockerfileUserIsNotRoot(t *testing.T) {
	users := commands[*instructions.UserCommand](t)
	require.Len(t, users, 1)
	require.Equal(t, "65532:65532", users[0].User, "numeric, so that a cluster can see that it is not root")
	var owned bool
	for _, c := range commands[*instructions.CopyCommand](t) {
		if c.DestPath == "/var/lib/tidemark" {
			owned = c.Chown == users[0].User
		}
	}
	require.True(t, owned, "the folder of the data belongs to the user")
}

func TestDockerfileHealthcheckIsTheBinary(t *testing.T) {
	checks := commands[*instructions.HealthCheckCommand](t)
	require.Len(t, checks, 1)
	entry := commands[*instructions.EntrypointCommand](t)
	require.Len(t, entry, 1)
	require.False(t, entry[0].PrependShell, "the exec form: signals reach the server")
	require.Equal(t, []string{"CMD", entry[0].CmdLine[0], "health"}, []string(checks[0].Health.Test))
	require.NotZero(t, checks[0].Health.StartPeriod)
}

func TestDockerfileEnvironment(t *testing.T) {
	env := map[string]string{}
	for _, c := range commands[*instructions.EnvCommand](t) {
		for _, kv := range c.Env {
			env[kv.Key] = kv.Value
		}
	}
	volumes := commands[*instructions.VolumeCommand](t)
	require.Len(t, volumes, 1)
	require.Equal(t, "0.0.0.0", env["QDRANT__SERVICE__HOST"])
	for _, key := range []string{"QDRANT__STORAGE__STORAGE_PATH", "QDRANT__STORAGE__SNAPSHOTS_PATH"} {
		require.True(t, strings.HasPrefix(env[key], volumes[0].Volumes[0]+"/"), key)
	}
}

func TestDockerfileExposesThePortOfTheDefault(t *testing.T) {
	ports := commands[*instructions.ExposeCommand](t)
	require.Len(t, ports, 1)
	require.Equal(t, []string{"6333"}, ports[0].Ports)
}

func TestDockerfileBuildsTheRelease(t *testing.T) {
	out, err := json.Marshal(stages(t)[0].Commands)
	require.NoError(t, err)
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "main.version", "main.commit"} {
		require.Contains(t, string(out), want)
		require.Contains(t, read(t, "Makefile"), want, "the image and `make build` build the same")
	}
}
