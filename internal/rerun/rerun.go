// Package rerun runs a test once more in a process of its own. It is for tests
// of what belongs to a whole process: its children, its signal handlers, its
// being PID 1. Only tests import it.
//
//	func TestOrphanIsAdopted(t *testing.T) {
//		if !rerun.Alone(t) {
//			return
//		}
//		// here the process has no children and no other test in it
//	}
package rerun

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// variable holds the name of the test that the process was started for.
const variable = "RERUN_TEST"

// limit is the longest a test may take: far more than any needs, so that a
// busy machine fails none.
const limit = 4 * time.Minute

// Alone says whether this process runs the calling test alone. If not, it
// starts one that does, and fails the test if that fails.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(variable) == t.Name() {
		return true
	}
	run(t, &syscall.SysProcAttr{})
	return false
}

// AsInit is [Alone] as PID 1 of a fresh PID namespace with its own /proc, all
// of which ends with the test. Without the right to make one the test is
// skipped, but not where CI is set.
func AsInit(t *testing.T) bool {
	t.Helper()
	if os.Getenv(variable) == t.Name() {
		freshProc(t)
		return true
	}
	run(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS})
	return false
}

// AsInitWithForeignProc is [AsInit] with the /proc of the PID namespace above.
func AsInitWithForeignProc(t *testing.T) bool {
	t.Helper()
	if os.Getenv(variable) == t.Name() {
		return true
	}
	run(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS})
	return false
}

func freshProc(t *testing.T) {
	t.Helper()
	if os.Getpid() != 1 {
		t.Fatalf("pid %d in a PID namespace of its own", os.Getpid())
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal("making the mounts private:", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatal("mounting /proc:", err)
	}
}

func run(t *testing.T, attr *syscall.SysProcAttr) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	// -test.run matches each level of the name by itself.
	pattern := "^" + strings.Join(strings.Split(t.Name(), "/"), "$/^") + "$"
	cmd := exec.CommandContext(ctx, self, "-test.run="+pattern, "-test.count=1", "-test.v=true", "-test.timeout="+limit.String())
	// The race detector would wait a second at each end.
	cmd.Env = append(os.Environ(), variable+"="+t.Name(), "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	// What the test leaves running may hold its output open.
	cmd.WaitDelay = 2 * time.Second
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = attr
	runtime.LockOSThread() // the parent-death signal is about the thread
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if attr.Cloneflags != 0 && errors.Is(err, unix.EPERM) {
		if os.Getenv("CI") == "true" {
			t.Fatal("no right to make a PID namespace:", err)
		}
		t.Skip("no right to make a PID namespace:", err)
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("alone in a process: %v\n%s", err, out)
	}
	text := string(out)
	switch {
	case strings.Contains(text, "--- SKIP: "+t.Name()+" "):
		t.Skip(text)
	case !strings.Contains(text, "--- PASS: "+t.Name()+" "):
		t.Fatalf("alone in a process the test did not run:\n%s", text)
	}
	if testing.Verbose() {
		t.Log(text)
	}
}
