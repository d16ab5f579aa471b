package test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who waits for a signal or the end of a process does nothing else: no thread of
// it runs. The window begins when what a start leaves to do later has been done.
func TestAtRestNothingWakesUp(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	for name, words := range map[string][]string{
		"run":       {binary, "run", "--"},
		"tini":      {filepath.Join(linked(), "tini"), "-s", "--"},
		"dumb-init": {filepath.Join(linked(), "dumb-init")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			v := s.start(s.command(words[0], append(words[1:], program("probe"), "main")...))
			main := s.probe("main")
			atRest(t, v.pid())
			main.say("exit 3")
			v.exits(3)
		})
	}
	t.Run("up", func(t *testing.T) {
		t.Parallel()
		u := upConfig(t, `
[defaults]
command = ["sleep", "1000"]
[services.a]
instances = 3
[services.b]
needs = ["a"]
health = { kind = "exec", command = ["true"], interval = "1h" }
`)
		u.until("service.running", "b")
		atRest(t, u.pid())
		u.stop()
	})
}

// atRest waits until no thread of the process has run for a while.
func atRest(t *testing.T, pid int) {
	t.Helper()
	const window = 2 * time.Second // twice the time after which a wrapper gives memory back
	deadline := time.Now().Add(patience)
	for before := switches(t, pid); ; {
		time.Sleep(window) // what is looked for is that nothing happens
		after := switches(t, pid)
		if after == before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it woke up %d times within %v", after-before, window)
		}
		before = after
	}
}

// switches counts how often the threads of a process have gone to sleep.
func switches(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, path := range tasks {
		status, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // a thread that has just ended: its count is missing from now on
		}
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(status), "\nvoluntary_ctxt_switches:\t")
		text, _, _ := strings.Cut(rest, "\n")
		count, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	return n
}
