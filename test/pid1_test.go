package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
	"supervise/internal/signals"
)

// world is a kind of PID namespace to be PID 1 in.
type world struct {
	name string
	proc string // for as-init: what /proc is
	user bool   // in a user namespace of its own, as a user without rights
}

var worlds = []world{
	{name: "root", proc: "proc"},
	{name: "unprivileged", proc: "proc", user: true},
	{name: "without proc", proc: "noproc"},
}

// inEachWorld runs a test once in each kind of PID namespace.
func inEachWorld(t *testing.T, f func(t *testing.T, s *stage, w world)) {
	t.Parallel()
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.needed(t)
			f(t, newStage(t), w)
		})
	}
}

// inEachWorldInTime is the same for what takes a time limit, see [inTime].
func inEachWorldInTime(t *testing.T, f func(t testing.TB, s *stage, w world, limit time.Duration)) {
	t.Parallel()
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.needed(t)
			inTime(t, func(t testing.TB, limit time.Duration) { f(t, newStage(t), w, limit) })
		})
	}
}

func (w world) needed(t testing.TB) {
	t.Helper()
	probe := w.command(newStage(t), "/bin/true")
	err := start(probe)
	if err == nil {
		err = probe.Wait()
	}
	needed.That(t, err == nil, fmt.Sprintf("a PID namespace (%s): %v", w.name, err))
}

// command prepares a program to be PID 1. Everything in its namespace is
// killed with it.
func (w world) command(s *stage, args ...string) *exec.Cmd {
	cmd := s.command(program("as-init"), append([]string{w.proc}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if w.user {
		host := os.Getuid()
		if host == 0 {
			host = 65534 // nobody
		}
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}}
		cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
	}
	return cmd
}

// init starts `supervise ARG...` as PID 1.
func (w world) init(s *stage, args ...string) *supervised {
	return s.start(w.command(s, slices.Concat([]string{binary}, verbose, args)...))
}

func TestInitEndsWithTheProgramsStatus(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		for script, want := range map[string]int{
			"exit 0": 0, "exit 33": 33, "kill -SEGV $$": 128 + 11, "kill -KILL $$": killed, "kill -TERM $$": 128 + 15,
		} {
			v := w.init(s, "--", "sh", "-c", script)
			if got := v.wait(); got != want {
				t.Errorf("%s: supervise ends with %d, want %d", script, got, want)
			}
		}
		w.init(s, "--", s.path("missing")).exits(127)
		w.init(s, "--", s.file("data", "", 0o644)).exits(126)
		w.init(s, "--timeout", "1ms", "--", "sleep", "100").exits(124)
		w.init(s, "--map", "X", "--", "touch", s.path("started")).exits(2)
		if _, err := os.Stat(s.path("started")); err == nil {
			t.Error("something was started in spite of wrong usage")
		}
	})
}

func TestEverySignalFromOutsideReachesTheProgramOfInit(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		v := w.init(s, "--stop-timeout", "0", "--", program("probe"), "main")
		main := s.probe("main")
		if main.PPID != 1 {
			t.Fatalf("the parent is %d, want 1", main.PPID)
		}
		for _, sig := range catchable() {
			v.kill(sig)
			if r := main.hears(sig); r.From != 1 {
				t.Errorf("%s came from %d, want 1, supervise", sig, r.From)
			}
			if e := v.event("signal.received"); e.Signal != sig.String() || !strings.Contains(e.Message, "a process outside this PID namespace") {
				t.Errorf("of %s supervise tells %q", sig, e.Message)
			}
		}
		main.say("exit 7")
		v.exits(7)
		main.heardOnly()
	})
}

// A thousand orphans, all dead, and none of them stays as a zombie.
func TestInitReapsOrphans(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		v := w.init(s, "--", program("probe"), "main")
		main := s.probe("main")
		const orphans = 1000
		main.say("fork sh %s", s.file("orphans", fmt.Sprintf("i=0\nwhile [ $i -lt %d ]; do (: &); i=$((i+1)); done\n", orphans), 0o644))
		if r := main.next(); r.What != "ended" || r.Text != "<nil>" {
			t.Fatalf("the maker of orphans: %s", r.Text)
		}
		for range orphans {
			v.event("orphan.reaped")
		}
		if w.proc == "proc" {
			main.say("fork sh %s", s.file("zombies", "! grep -l '^State:.Z' /proc/[0-9]*/status\n", 0o644))
			if r := main.next(); r.Text != "<nil>" {
				t.Errorf("there are zombies: %s", r.Text)
			}
		}
		main.say("exit 0")
		v.exits(0)
	})
}

// After the program's end everything else goes, wherever it went.
func TestInitStopsWhateverIsLeft(t *testing.T) {
	inEachWorldInTime(t, func(t testing.TB, s *stage, w world, limit time.Duration) {
		v := w.init(s, "--stop-timeout", limit.String(), "--", program("probe"), "main")
		main := s.probe("main")
		main.say("spawn obeys TERM=0")
		obeys := s.probe("obeys")
		main.say("escape parent")
		parent := s.probe("parent")
		parent.say("escape resists")
		resists := s.probe("resists")
		parent.say("escape stopped TERM=0")
		stopped := s.probe("stopped")
		parent.say("exit 0")
		parent.ends()
		stopped.stops()

		main.say("exit 14")
		obeys.heard(signals.TERM)
		stopped.heard(signals.TERM)
		if e := v.event("stop.escalated"); e.Signal != "KILL" {
			t.Errorf("the next step is %s, want KILL", e.Signal)
		}
		resists.heard(signals.TERM)
		v.exits(14)
	})
}

func TestTermStopsAllOfInit(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		v := w.init(s, "--stop-timeout", "1h", "--", program("probe"), "main", "TERM=3")
		main := s.probe("main")
		main.say("escape daemon TERM=0")
		daemon := s.probe("daemon")
		v.kill(signals.TERM)
		main.heard(signals.TERM)
		daemon.heard(signals.TERM) // when the program has ended
		v.exits(3)
		all := events(v.text(v.stderr))
		if sent := named(all, "signal.sent"); len(sent) != 2 || sent[1].To != "all other processes" {
			t.Errorf("supervise tells that it sent %+v", sent)
		}
	})
}

// What a translation is for is the program. What it leaves may be anything, and
// gets TERM.
func TestInitTranslatesForTheProgramOnly(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		v := w.init(s, "--map", "TERM:QUIT", "--stop-timeout", "1h", "--", program("probe"), "main", "QUIT=3")
		main := s.probe("main")
		main.say("escape daemon TERM=0")
		daemon := s.probe("daemon")
		v.kill(signals.TERM)
		main.heard(signals.QUIT)
		daemon.heard(signals.TERM)
		v.exits(3)
	})
}

// heard waits for its end and says that it heard this signal and no other; CONT,
// which goes to those that may be stopped, does not count.
func (p *probe) heard(sig signals.Signal) {
	p.t.Helper()
	last := slices.DeleteFunc(p.ends(), func(r report) bool { return r.Signal == signals.CONT })
	if len(last) != 1 || last[0].Signal != sig {
		p.t.Errorf("probe %s hears %+v before it ends, want %s", p.Name, last, sig)
	}
}

func TestInitOfAProgramThatEndsAtOnce(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		for range 20 {
			w.init(s, "--", "/bin/true").exits(0)
		}
	})
}

// What PID 1 was before it became supervise may have left children.
func TestInitStopsTheChildrenThatItInherits(t *testing.T) {
	inEachWorldInTime(t, func(t testing.TB, s *stage, w world, limit time.Duration) {
		for _, c := range []struct {
			program string
			status  int
		}{{"/bin/true", 0}, {s.path("missing"), 127}} {
			v := s.start(w.command(s, "/bin/sh", "-c", `"$0" left & read go; exec "$@"`, program("probe"),
				binary, "-v", "--log-format", "json", "--stop-timeout", limit.String(), "--", c.program))
			left := s.probe("left")
			if _, err := io.WriteString(v.stdin, "\n"); err != nil {
				t.Fatal(err)
			}
			left.heard(signals.TERM)
			v.exits(c.status)
		}
	})
}

// KILL is the one way to end supervise without its doing. As PID 1 it takes
// all with it; that is the kernel's doing.
func TestKilledInitTakesAllAlong(t *testing.T) {
	inEachWorld(t, func(t *testing.T, s *stage, w world) {
		v := w.init(s, "--", program("probe"), "main")
		main := s.probe("main")
		main.say("escape daemon")
		daemon := s.probe("daemon")
		v.kill(signals.KILL)
		main.ends()
		daemon.ends()
		v.exits(-int(unix.SIGKILL))
	})
}
