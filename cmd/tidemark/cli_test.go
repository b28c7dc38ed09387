package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestMain lets the scripts run this test binary under the names of the
// command and of a server with a fake store.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tidemark":      main,
		"fake-tidemark": fakeMain,
	})
}

// fakeMain is main with a store that is ready at once and holds nothing.
func fakeMain() {
	os.Exit(untilSignal(func(ctx context.Context) int {
		a := &app{open: openFake(newFakeEngine()), environ: os.Environ(), dir: ".", root: "/"}
		return a.run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}))
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(name string) (bool, error) {
			if name != "memory" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			var st unix.Statfs_t
			err := unix.Statfs(os.TempDir(), &st)
			return st.Type == unix.TMPFS_MAGIC, err
		},
		Setup: func(env *testscript.Env) error {
			// Nothing of the machine's own configuration may reach a test.
			kept := env.Vars[:0]
			for _, v := range env.Vars {
				if !strings.HasPrefix(v, "QDRANT__") && !strings.HasPrefix(v, "TIDEMARK_") && !strings.HasPrefix(v, "RUN_MODE=") {
					kept = append(kept, v)
				}
			}
			env.Vars = kept
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"server":  scriptServer,
			"http":    scriptHTTP,
			"capture": scriptCapture,
			"flip":    scriptFlip,
		},
	})
}

// exits runs a command and requires its exit code: exits 2 tidemark --bogus.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("%s ended with %s, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}
