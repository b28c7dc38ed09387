// Package clients drives the built server with the official clients.
package clients

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark-db/tidemark/test/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// TestPythonClient runs the checks of python/check.py.
func TestPythonClient(t *testing.T) { runChecks(t, "check.py") }

// TestPythonSnapshots runs the checks of python/snapshots.py.
func TestPythonSnapshots(t *testing.T) { runChecks(t, "snapshots.py") }

// TestDemo runs the short form of `make demo`: with real word vectors if that has
// fetched them, with made up ones otherwise.
func TestDemo(t *testing.T) {
	arguments := []string{"../demo/demo.py", "--binary", testserver.Build(t), "--dir", t.TempDir(), "--points", "4000"}
	if vectors := demoVectors(); vectors != "" {
		arguments = append(arguments, "--vectors", vectors)
	}
	out, err := exec.CommandContext(t.Context(), pythonWithClient(t), arguments...).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("all is as it must be")) {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// demoVectors is where test/demo/run keeps the vectors, empty if they are not
// there.
func demoVectors() string {
	cache := os.Getenv("TIDEMARK_DEMO_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		cache = filepath.Join(user, "tidemark-demo")
	}
	path := filepath.Join(cache, "vectors.json")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// runChecks runs the checks of a script, each as a test of its own, against the
// real binary.
func runChecks(t *testing.T, script string) {
	python, dir := pythonWithClient(t), t.TempDir()
	server := testserver.New(t, testserver.Build(t), dir)
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("python", script), server.URL(), filepath.Join(dir, "snapshots"))
	cmd.Stderr = &log
	out, err := cmd.Output()
	checks := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		verdict, name, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			continue
		}
		checks++
		t.Run(name, func(t *testing.T) {
			if verdict != "ok" {
				t.Errorf("failed; the log of all checks:\n%s", log.String())
			}
		})
	}
	if err != nil || checks == 0 {
		t.Errorf("%d checks, %v\n%s", checks, err, log.String())
	}
}

// pythonWithClient returns an interpreter that has the client. It lives in a
// virtual environment beside the script, which is made when it is missing.
func pythonWithClient(t *testing.T) string {
	t.Helper()
	const environment = "python/.venv"
	wanted, err := os.ReadFile("python/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	python, err := filepath.Abs(filepath.Join(environment, "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	// The copy of the requirements is written last: it says that the
	// environment is complete and what is in it.
	stamp := filepath.Join(environment, "requirements.txt")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, wanted) {
		return python
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed; `make test` installs it or says how to")
	}
	run(t, "python3", "-m", "venv", "--clear", environment)
	run(t, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "python/requirements.txt")
	if err := os.WriteFile(stamp, wanted, 0o600); err != nil {
		t.Fatal(err)
	}
	return python
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
