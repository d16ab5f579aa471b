package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
	"supervise/internal/signals"
)

// With Debian's own sv: the main flows. What differs from runit in which scene, the
// tests that play both say.

// svDirectory is a directory of service directories on a stage.
type svDirectory struct {
	*stage
	dir string
}

func newSvDirectory(t *testing.T, files map[string]string) svDirectory {
	t.Helper()
	t.Parallel()
	_, err := exec.LookPath("sv")
	needed.That(t, err == nil, "sv, of the package runit")
	s := svDirectory{stage: newStage(t)}
	s.dir = s.path("sv")
	s.files("sv/", files)
	return s
}

// files makes files; what begins with #! is executable.
func (s svDirectory) files(below string, files map[string]string) {
	s.t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(s.path(below+name)), 0o755); err != nil {
			s.t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		s.file(below+name, text, mode)
	}
}

// sv runs Debian's sv, and gives its output and exit status.
func (s svDirectory) sv(args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command("sv", args...)
	cmd.Env = append(os.Environ(), "SVDIR="+s.dir, "SVWAIT=60")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := start(cmd); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait()
	return out.String(), cmd.ProcessState.ExitCode()
}

// does expects what sv answers, as a pattern.
func (s svDirectory) does(status int, pattern string, args ...string) {
	s.t.Helper()
	out, got := s.sv(args...)
	if got != status || !regexp.MustCompile("^"+pattern+"$").MatchString(strings.TrimSpace(out)) {
		s.t.Fatalf("sv %q: %q, exit status %d; want %q, %d", args, out, got, pattern, status)
	}
}

// comes waits until sv answers so.
func (s svDirectory) comes(pattern string, args ...string) {
	s.t.Helper()
	re := regexp.MustCompile("^" + pattern + "$")
	last := ""
	eventually(s.t, "sv "+strings.Join(args, " ")+": "+pattern, func() bool {
		out, _ := s.sv(args...)
		last = strings.TrimSpace(out)
		return re.MatchString(last)
	})
}

// has waits until a file has a line.
func (s svDirectory) has(name, line string) {
	s.t.Helper()
	eventually(s.t, name+" has "+line, func() bool {
		text, _ := os.ReadFile(s.path(name))
		return strings.Contains("\n"+string(text), "\n"+line+"\n")
	})
}

func (s svDirectory) up(args ...string) *supervised {
	return s.supervise(append([]string{"up", "-c", s.dir, "--socket", "none"}, args...)...)
}

const (
	runsSleep = "#!/bin/sh\nexec sleep 1000\n"
	keepsLog  = "#!/bin/sh\nexec cat >>../../../logged\n"
)

func TestSvSteersServiceDirectories(t *testing.T) {
	s := newSvDirectory(t, map[string]string{
		"web/run": "#!/bin/sh\necho run\nexec sleep 1000\n", "web/finish": "#!/bin/sh\necho finish $*\n", "web/log/run": keepsLog,
		"web/control/h": "#!/bin/sh\necho hup $1\n",
		"off/run":       runsSleep, "off/down": "",
		"slow/run": runsSleep, "slow/check": "#!/bin/sh\nexit 1\n",
	})
	v := s.up()
	s.comes(`run: web: \(pid \d+\) \d+s; run: log: \(pid \d+\) \d+s`, "status", "web")
	s.has("logged", "run")
	s.does(0, `down: off: \d+s`, "status", "off")
	s.does(0, "", "hup", "web")
	pid, err := os.ReadFile(s.path("sv/web/supervise/pid"))
	if err != nil {
		t.Fatal(err)
	}
	s.has("logged", "hup "+strings.TrimSpace(string(pid)))
	s.does(0, `ok: run: web: \(pid \d+\) \d+s`, "restart", "web")
	s.has("logged", "finish -1 15")
	s.comes(`run: web: .*; run: log: .*`, "status", "web")
	s.does(0, `ok: run: off: \(pid \d+\) \d+s, normally down`, "start", "off")
	s.does(0, `ok: down: off: \d+s`, "force-stop", "off")
	s.does(0, "", "once", "off")
	s.comes(`run: off: \(pid \d+\) \d+s, normally down, want down`, "status", "off")
	s.does(0, "", "kill", "off")
	s.comes(`down: off: \d+s`, "status", "off")
	s.does(1, `timeout: run: slow: \(pid \d+\) \d+s`, "-w", "1", "start", "slow")
	s.does(0, "", "pause", "web")
	s.comes(`run: web: \(pid \d+\) \d+s, paused; run: log: .*`, "status", "web")
	s.does(0, `ok: down: web: \d+s, normally up`, "stop", "web")
	s.does(0, `down: web: \d+s, normally up; run: log: .*`, "status", "web")
	s.does(0, `ok: down: web/log: .*`, "stop", "web/log")
	// Under the name of a service it is a script of init.
	if err := os.Symlink("/usr/bin/sv", s.path("web")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.path("web"), "status")
	cmd.Env = append(os.Environ(), "SVDIR="+s.dir)
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("the status of a script of init is %d, want 3", cmd.ProcessState.ExitCode())
	}
	v.kill(signals.TERM)
	v.exits(0)
	s.does(1, "fail: web: runsv not running", "status", "web")
}

func TestServiceDirectoriesComeAndGo(t *testing.T) {
	s := newSvDirectory(t, map[string]string{"one/run": runsSleep, "one/log/run": keepsLog})
	s.files("all/", map[string]string{"two/run": runsSleep})
	s.up()
	s.comes(`run: one: .*; run: log: .*`, "status", "one")
	if err := os.Symlink(s.path("all/two"), s.path("sv/two")); err != nil {
		t.Fatal(err)
	}
	s.comes(`run: two: \(pid \d+\) \d+s`, "status", "two")
	if err := os.Remove(s.path("sv/two")); err != nil {
		t.Fatal(err)
	}
	s.comes(`fail: .*/two: runsv not running`, "status", s.path("all/two"))
	// Told to exit, it goes with its log, and comes again, as with runsvdir.
	old, err := os.ReadFile(s.path("sv/one/supervise/pid"))
	if err != nil {
		t.Fatal(err)
	}
	s.does(0, "", "exit", "one")
	eventually(t, "one runs again", func() bool {
		pid, _ := os.ReadFile(s.path("sv/one/supervise/pid"))
		return len(pid) > 0 && !bytes.Equal(pid, old)
	})
	s.comes(`run: one: .*; run: log: .*`, "status", "one")
}

func TestSecondSupervisorOfAServiceDirectoryIsRefused(t *testing.T) {
	s := newSvDirectory(t, map[string]string{"web/run": runsSleep})
	first := s.up()
	s.comes(`run: web: .*`, "status", "web")
	second := s.up()
	second.exits(111)
	want := s.path("sv/web/supervise/lock") + " is locked: supervise, pid " + itoa(first.pid()) + ", supervises that service"
	if got := second.text(second.stderr); !strings.Contains(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	// Of one that was killed nothing is left that stops the next.
	first.kill(signals.KILL)
	first.wait()
	s.up()
	s.comes(`run: web: .*`, "status", "web")
}

func TestSuperviseFolderMayBeALinkToAWritablePlace(t *testing.T) {
	s := newSvDirectory(t, map[string]string{"web/run": runsSleep})
	if err := os.Symlink(s.path("elsewhere"), s.path("sv/web/supervise")); err != nil {
		t.Fatal(err)
	}
	s.up()
	s.comes(`run: web: .*`, "status", "web")
	for name, mode := range map[string]uint32{"": 0o40700, "/lock": 0o100600, "/ok": 0o10600, "/control": 0o10600, "/status": 0o100644} {
		var st unix.Stat_t
		if err := unix.Stat(s.path("elsewhere"+name), &st); err != nil || st.Mode != mode {
			t.Errorf("elsewhere%s: mode %o, %v, want %o", name, st.Mode, err, mode)
		}
	}
}

func TestCalledAsRunsvdir(t *testing.T) {
	for _, c := range []struct {
		signal signals.Signal
		status int
	}{{signals.TERM, 0}, {signals.HUP, 111}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			s := newSvDirectory(t, map[string]string{"web/run": "#!/bin/sh\necho out\nexec sleep 1000\n"})
			if err := os.Symlink(binary, s.path("runsvdir")); err != nil {
				t.Fatal(err)
			}
			cmd := s.command(s.path("runsvdir"), "-P", s.dir, "log: "+strings.Repeat(".", 300))
			cmd.Env = append(cmd.Env, "SUPERVISE_SOCKET=none")
			v := s.start(cmd)
			s.comes(`run: web: .*`, "status", "web")
			s.files("sv/", map[string]string{"bad/run": "no program"})
			eventually(t, "what is wrong is shown in the list of processes", func() bool {
				shown, _ := os.ReadFile("/proc/" + itoa(v.pid()) + "/cmdline")
				return bytes.Contains(shown, []byte("bad: "))
			})
			v.kill(c.signal)
			v.exits(c.status)
			if got := v.text(v.stdout); got != "out\n" {
				t.Errorf("standard output is %q, want that of the service alone", got)
			}
			s.does(1, "fail: web: runsv not running", "status", "web")
		})
	}
}

func TestSvSteersServicesOfTOML(t *testing.T) {
	s := newSvDirectory(t, nil)
	config := s.file("supervise.toml", `[supervisor]
runit_dir = "sv"
[services.web]
command = "sleep 1000"
[services.off]
command = "sleep 1000"
autostart = false
`, 0o644)
	s.supervise("up", "-c", config, "--socket", s.path("socket"))
	s.comes(`run: web: \(pid \d+\) \d+s`, "status", "web")
	s.does(0, `down: off: \d+s`, "status", "off")
	s.does(0, `ok: run: off: .*, normally down`, "start", "off")
	s.does(0, `ok: down: web: \d+s, normally up`, "stop", "web")
	s.does(0, `ok: run: web: \(pid \d+\) \d+s`, "start", "web")
	s.does(0, `ok: run: web: \(pid \d+\) \d+s`, "restart", "web")
	ours := s.command(binary, "stop", "--socket", s.path("socket"), "web")
	if err := start(ours); err != nil {
		t.Fatal(err)
	}
	if err := ours.Wait(); err != nil {
		t.Fatal(err)
	}
	s.does(0, `down: web: \d+s, normally up`, "status", "web") // at once: it is written before we answer
}

// TOML beside run: a ladder, which runit has not.
func TestTOMLBesideRunEndsWhatIgnoresTERM(t *testing.T) {
	s := newSvDirectory(t, map[string]string{
		"deaf/run":            "#!/bin/sh\ntrap '' TERM\necho deaf >>../../deaf\nwhile :; do sleep 1; done\n",
		"deaf/supervise.toml": `stop = { ladder = [{ signal = "TERM", wait = "100ms" }, { signal = "KILL", wait = "30s" }] }`,
	})
	s.up()
	s.has("deaf", "deaf")                      // it does not mind TERM any more
	s.comes(`run: deaf: .*`, "status", "deaf") // what it is told of is not there yet, perhaps
	s.does(0, `ok: down: deaf: \d+s, normally up`, "stop", "deaf")
}

func TestExampleOfServiceDirectories(t *testing.T) {
	s := newSvDirectory(t, nil)
	if err := os.CopyFS(s.dir, os.DirFS("../examples/runit")); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"web/run", "web/finish", "web/log/run", "worker/run", "later/run"} {
		if err := os.Chmod(filepath.Join(s.dir, program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	v := s.up("--log-format", "console")
	s.comes(`run: worker: .*`, "status", "worker")
	eventually(t, "both are up", func() bool {
		out := v.stdout.String()
		return strings.Contains(out, "logged: web: up") && strings.Contains(out, "worker: up")
	})
	v.kill(signals.TERM)
	v.exits(0)
	out := v.text(v.stdout)
	for _, line := range []string{"logged: web: finish 0 0", "logged: web: TERM", "worker: up"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is missing", line)
		}
	}
}
