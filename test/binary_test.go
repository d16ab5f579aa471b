// Package test tests the built binary from outside, as its users meet it.
package test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"supervise/internal/rerun"
)

// binary is the path of the supervise that is tested.
var binary string

// TestMain builds the binary once for all tests, static as it is shipped. The
// test binary has roles of its own in the scenes that it plays: see [roles].
func TestMain(m *testing.M) {
	if role := roles[filepath.Base(os.Args[0])]; role != nil {
		role()
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Scenes wait more than they work: for deadlines, for pauses between starts, for
	// clients that look every so often. -parallel says otherwise.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, "cannot play several scenes at once:", err)
		return 1
	}
	if err := rerun.HearAgain(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot reset signals that are ignored:", err)
		return 1
	}
	// What whoever started the tests left open is none of the programs' business.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, "cannot keep descriptors from the programs:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "supervise-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot make a directory for the binary:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := castRoles(dir); err != nil {
		fmt.Fprintln(os.Stderr, "cannot prepare the programs that are supervised:", err)
		return 1
	}
	binary = filepath.Join(dir, "supervise")
	build := exec.Command("make", "--no-print-directory", "-C", "..", "build", "BIN="+binary)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build supervise: %v\n%s", err, out)
		return 1
	}
	// Control sockets that no test names are to be nowhere else.
	runtimeDir := filepath.Join(dir, "run")
	if err := errors.Join(os.Mkdir(runtimeDir, 0o700), os.Setenv("XDG_RUNTIME_DIR", runtimeDir)); err != nil {
		fmt.Fprintln(os.Stderr, "cannot make a runtime directory:", err)
		return 1
	}
	if err := hireJanitor(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot start the janitor:", err)
		return 1
	}
	return m.Run()
}

// dependOnSources looks at the sources of the binary. The go command keeps the
// result of a test until a file that the test itself looked at has changed;
// it does not know of the build in TestMain. Each test of the binary calls
// this, or it would go on passing whatever becomes of the sources.
func dependOnSources(t testing.TB) {
	t.Helper()
	if err := lookAtSources(); err != nil {
		t.Fatal(err)
	}
}

// lookAtSources does it once: what the go command keeps is the result of all tests
// of a run.
var lookAtSources = sync.OnceValue(func() error {
	for _, dir := range []string{"../cmd", "../internal", "../examples/lab"} {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// runScripts runs the scenarios testdata/DIR/*.txtar, with the binary first in
// PATH. Beside testscript's own commands they have
//
//	exits STATUS PROGRAM ARG...	run a program that must end with that exit status
func runScripts(t *testing.T, dir string) {
	t.Parallel()
	dependOnSources(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", dir),
		Setup: func(env *testscript.Env) error {
			env.Setenv(stageVariable, stageDir)
			env.Setenv("BINARY", binary) // for scenes that change PATH
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
