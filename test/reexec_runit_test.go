package test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"supervise/internal/signals"
)

// upgraded has the binary of the supervise that has the directory replaced.
func (s svDirectory) upgraded(flags ...string) {
	s.t.Helper()
	if out, err := s.command(binary, append([]string{"reexec", "-c", s.dir}, flags...)...).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// read is what a file has.
func (s svDirectory) read(name string) string {
	s.t.Helper()
	return readFile(s.t, s.path(name))
}

// Whoever knows runit's files sees nothing of an upgrade: the lock is held, the status
// stays, letters and what is in the pipe to the log are not lost.
func TestFilesOfRunitOutliveAnUpgrade(t *testing.T) {
	dependOnSources(t)
	const letters = 30
	s := newSvDirectory(t, map[string]string{
		"web/run":       "#!/bin/sh\necho before\n" + upAwait("../../go") + "\necho after\nexec sleep 1000\n",
		"web/control/1": "#!/bin/sh\necho letter >>../../letters\n",
		"web/finish":    "#!/bin/sh\necho finish $*\n",
		"web/log/run":   keepsLog, "web/log/down": "",
		"off/run": runsSleep, "off/down": "",
	})
	v := s.supervise("up", "-c", s.dir)
	s.comes(`run: web: .*; down: log: .*`, "status", "web")
	s.does(0, `down: off: \d+s`, "status", "off")
	was := s.read("sv/web/supervise/status")
	s.upgraded()
	if is := s.read("sv/web/supervise/status"); is != was {
		t.Errorf("the status was %q and is %q", was, is)
	}
	second := s.up()
	second.exits(111)

	control, err := os.OpenFile(s.path("sv/web/supervise/control"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close() // it stays the same pipe
	for range 3 {
		if _, err := control.WriteString(strings.Repeat("1", letters/3)); err != nil {
			t.Fatal(err)
		}
		s.upgraded()
	}
	eventually(t, "each letter is obeyed", func() bool {
		text, _ := os.ReadFile(s.path("letters"))
		return string(text) == strings.Repeat("letter\n", letters)
	})

	s.file("go", "", 0o644)
	s.does(0, `ok: run: web/log: .*`, "start", "web/log")
	s.has("logged", "after")
	s.does(0, `ok: down: web: .*`, "stop", "web")
	s.has("logged", "finish -1 15")
	if got := s.read("logged"); !strings.HasPrefix(got, "before\nafter\n") {
		t.Errorf("the log has %q", got)
	}
	s.does(0, `ok: run: off: .*`, "start", "off")
	s.files("sv/", map[string]string{"new/run": runsSleep})
	s.comes(`run: new: .*`, "status", "new")
	v.kill(signals.TERM)
	v.exits(0)
	s.does(1, "fail: web: runsv not running", "status", "web")
}

// Called as runsvdir it is replaced under that name, and stays what it is.
func TestRunsvdirIsUpgraded(t *testing.T) {
	dependOnSources(t)
	s := newSvDirectory(t, map[string]string{"web/run": "#!/bin/sh\necho out\nexec sleep 1000\n"})
	if err := os.Symlink(binary, s.path("runsvdir")); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) *supervised { return s.start(s.command(s.path("runsvdir"), args...)) }
	v := run("-P", s.dir)
	s.comes(`run: web: .*`, "status", "web")
	pid := s.read("sv/web/supervise/pid")
	s.upgraded()
	s.upgraded("--binary", binary)
	if got := s.read("sv/web/supervise/pid"); got != pid {
		t.Errorf("web was %q and is %q", pid, got)
	}
	if words := strings.Split(readFile(t, fmt.Sprintf("/proc/%d/cmdline", v.pid())), "\x00"); words[0] != s.path("runsvdir") {
		t.Errorf("it is called %q", words)
	}
	s.files("sv/", map[string]string{"new/run": "#!/bin/sh\necho new\nexec sleep 1000\n", "bad/run": "no program"})
	s.comes(`run: new: .*`, "status", "new")
	eventually(t, "what is wrong is told", func() bool { return strings.Contains(v.stderr.String(), "bad: ") })
	eventually(t, "new has written", func() bool { return strings.Contains(v.stdout.String(), "new") })
	v.kill(signals.HUP)
	v.exits(111)
	if got := v.text(v.stdout); got != "out\nnew\n" {
		t.Errorf("standard output is %q, want that of the services alone", got)
	}

	v = run(s.dir, "log: "+strings.Repeat(".", 300))
	s.comes(`run: web: .*`, "status", "web")
	var errs bytes.Buffer
	cmd := s.command(binary, "reexec", "-c", s.dir)
	cmd.Stderr = &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "called as runsvdir with a log") {
		t.Errorf("%v: %s", err, errs.String())
	}
	v.kill(signals.TERM)
	v.exits(0)
}
