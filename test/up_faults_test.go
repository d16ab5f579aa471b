package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// upBystander is a service that must not notice what happens to others.
const upBystander = "\n[services.bystander]\ncommand = 'sleep 60'\n"

// unmoved expects that the bystander was started once and still runs.
func (u *upSession) unmoved() {
	u.t.Helper()
	e := u.until("service.running", "bystander")
	if n := len(u.all("service.started", "bystander")); n != 1 || !upAlive(e.PID) {
		u.t.Errorf("the bystander noticed: %d starts\n%s", n, u.told())
	}
}

func TestUpTellsWhyAServiceCannotStart(t *testing.T) {
	t.Parallel()
	// Each is in order when the configuration is read, and no more at a start:
	// the first run breaks it.
	for name, c := range map[string]struct {
		breakIt string
		extra   string
		status  int
		reason  string
	}{
		"gone":           {"rm program", "", 127, "no such file"},
		"no permission":  {"chmod 644 program", "", 126, "permission denied"},
		"no interpreter": {"echo '#!/no/such/thing' > program", "", 127, "interpreter"},
		"no program":     {"printf '\\177ELF nonsense' > program", "", 126, "exec format"},
		"no directory":   {"mv work away", "dir = 'work'\n", 125, "working directory"},
		"no env file":    {"rm vars", "env_file = 'vars'\n", 125, "vars"},
		"too long":       {"yes long | tr -d '\\n' | head -c 300000 > long; echo \"V=$(cat long)\" > vars", "env_file = 'vars'\n", 126, "too long"},
	} {
		for _, way := range []string{"", "umask = '022'\n"} {
			t.Run(name+map[string]string{"": "", "umask = '022'\n": ", set-up"}[way], func(t *testing.T) {
				t.Parallel()
				u := upStart(t, upPlan{
					config: "[services.a]\ncommand = '" + "PROGRAM'\n" + c.extra + way +
						"restart = { delays = ['1ms'], limit = 3 }\n" + upBystander,
					files: map[string]string{"vars": "V=1\n", "work/x": "", "program": "#!/bin/sh\nexit 1\n"},
					prepare: func(cmd *exec.Cmd) {
						// The program by its full path, for those in another directory.
						replaceIn(t, filepath.Join(cmd.Dir, "supervise.toml"), "PROGRAM", cmd.Dir+"/program")
						replaceIn(t, filepath.Join(cmd.Dir, "program"), "exit 1", "cd "+cmd.Dir+"; "+c.breakIt+"; exit 1")
					},
				})
				failed := u.until("start.failed", "a")
				if failed.Exit.Status != c.status || !strings.Contains(strings.ToLower(failed.Why), c.reason) {
					t.Errorf("status %d, want %d; %s", failed.Exit.Status, c.status, failed.Why)
				}
				u.until("service.failed", "a") // by its policy: a second attempt, and no third
				if n := len(u.all("start.failed", "a")); n != 2 {
					t.Errorf("%d attempts, want 2\n%s", n, u.told())
				}
				u.unmoved()
				u.stop()
			})
		}
	}
}

func replaceIn(t testing.TB, path, old, by string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeProgram(path, []byte(strings.ReplaceAll(string(b), old, by)), 0); err != nil {
		t.Fatal(err)
	}
}

func TestUpTellsThatItMayNotChangeTheUser(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := upStart(t, upPlan{
		config: "[services.a]\ncommand = 'true'\nuser = 'daemon'\nrestart.when = 'never'\n" + upBystander,
		inside: &upInside{UID: upAccount(t, "nobody").uid},
		prepare: func(cmd *exec.Cmd) { // nobody can find the binary
			_ = os.Chmod(filepath.Dir(binary), 0o755)
		},
	})
	if e := u.until("start.failed", "a"); !strings.Contains(e.Why, "changing user, group or session is not allowed here") {
		t.Errorf("the reason: %s", e.Why)
	}
	u.unmoved()
	u.stop()
}

func TestUpWaitsForAProgramThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	held, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	u := upStart(t, upPlan{
		config: "[services.a]\ncommand = './copy 60'\nrestart = { initial = '10ms', factor = 1 }\n" + upBystander,
		prepare: func(cmd *exec.Cmd) {
			sleep, err := exec.LookPath("sleep")
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(sleep)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(cmd.Dir, "copy")
			if err := writeProgram(path, b, 0o755); err != nil {
				t.Fatal(err)
			}
			held.Close()
			if held, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
				t.Fatal(err)
			}
		},
	})
	failed := u.until("start.failed", "a")
	held.Close()
	if failed.Exit.Status != 126 || !strings.Contains(failed.Why, "text file busy") {
		t.Errorf("status %d: %s", failed.Exit.Status, failed.Why)
	}
	u.until("service.running", "a") // its policy tried again
	u.unmoved()
	u.stop()
}

func TestUpTellsThatAUserMayHaveNoMoreProcesses(t *testing.T) {
	t.Parallel()
	upRoot(t)
	var config strings.Builder
	config.WriteString(upBystander)
	for i := range 6 { // a user of their own, so that nobody else's processes count
		fmt.Fprintf(&config, "[services.s%d]\ncommand = 'sleep 60'\nuser = '%d'\nlimits.nproc = 3\nrestart = { initial = '1ms', limit = 3 }\n",
			i, 20_000+os.Getpid()%30_000)
	}
	u := upConfig(t, config.String())
	service := upAnyOf(u, "service.failed")
	if e := u.until("start.failed", service); e.Exit.Status != 125 || !strings.Contains(e.Why, "no more processes allowed") {
		t.Errorf("status %d: %s", e.Exit.Status, e.Why)
	}
	u.unmoved()
	u.stop()
}

// upAnyOf waits for an event of any service and gives that service.
func upAnyOf(u *upSession, name string) (service string) {
	u.t.Helper()
	u.when(name+" of any service", func() bool {
		found := u.all(name, "*")
		if len(found) > 0 {
			service = found[0].Service
		}
		return len(found) > 0
	})
	return service
}

func TestUpLivesWithoutDescriptors(t *testing.T) {
	t.Parallel()
	upRoot(t)
	upBothWays(t, func(t *testing.T, head string) {
		var config strings.Builder
		config.WriteString(head + upBystander)
		for i := range 40 { // each takes one
			fmt.Fprintf(&config, "[services.s%02d]\ncommand = 'sleep 60'\nafter = ['bystander']\nrestart = { initial = '50ms', factor = 1, limit = 3 }\n", i)
		}
		u := upStart(t, upPlan{config: config.String(), inside: &upInside{NoFile: 32}})
		// Not the first that does not start: it may at its second attempt, when what
		// another start has taken is free again.
		service := upAnyOf(u, "service.failed")
		if e := u.until("start.failed", service); e.Exit.Status != 125 || !strings.Contains(e.Why, "too many open files") {
			t.Errorf("status %d: %s", e.Exit.Status, e.Why)
		}
		u.unmoved()
		u.when("all are running or have failed", func() bool {
			started := map[string]bool{}
			for _, e := range append(u.all("service.running", "*"), u.all("service.failed", "*")...) {
				started[e.Service] = true
			}
			return len(started) == 41
		})
		// One that crashes now gives a descriptor back and starts again.
		runs := u.all("service.running", "*")
		last := runs[len(runs)-1]
		upKill(t, last.PID, syscall.SIGKILL)
		u.until("process.exited", last.Service)
		u.until("service.running", last.Service)
		u.until("service.running", last.Service)
		u.stop()
	})
}

func TestUpRunsFromAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	upRoot(t)
	dir := t.TempDir()
	plan := upPlan{config: `
[services.writer]
command = "touch here || echo read-only"
shell = true
` + upBystander}
	plan.write(t, dir)
	u := upStart(t, upPlan{
		inside:  &upInside{ReadOnly: append([]string{dir}, cgroupMounts()...)},
		prepare: func(cmd *exec.Cmd) { cmd.Dir = dir },
	})
	u.line("writer", "read-only")
	u.unmoved()
	u.stop()
	if !strings.Contains(u.stderr.String(), "descendants are found through /proc") {
		t.Errorf("it does not tell that it has no cgroups: %s", u.stderr.String())
	}
}

func TestUpRunsWithoutProc(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := upStart(t, upPlan{
		inside: &upInside{HideProc: true},
		config: `
[services.crashing]
command = "sleep 60 & exit 1"
shell = true
restart = { initial = "1ms", limit = 3 }
stop.ladder = [{ signal = "TERM", wait = "20s" }, { signal = "KILL", wait = "20s" }]
[services.set-up]
command = "umask"
shell = true
umask = "027"
[services.stubborn]
command = "trap '' TERM; ` + upPause + `"
shell = true
stop.ladder = [{ signal = "TERM", wait = "200ms" }, { signal = "KILL", wait = "20s" }]
` + upBystander,
	})
	u.line("stubborn", "ready")
	u.line("set-up", "0027")
	u.until("service.failed", "crashing")
	if n := len(u.all("process.exited", "crashing")); n != 3 {
		t.Errorf("%d runs, want 3", n)
	}
	u.unmoved()
	u.signal(syscall.SIGTERM)
	u.ends(0)
	u.none("stop.abandoned", "*")
}

func TestUpRunsWhereClone3IsRefused(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := upStart(t, upPlan{
		inside: &upInside{NoClone3: true},
		config: "[services.a]\ncommand = 'echo here'\n" + upBystander,
	})
	u.line("a", "here")
	u.unmoved()
	u.stop()
}

func TestUpLeavesNoServiceWhenItIsKilled(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upConfig(t, head+`
[services.a]
command = "sleep 60"
[services.b]
command = "sleep 60"
umask = "022"
[services.c]
command = "trap '' TERM HUP INT; `+upPause+`"
shell = true
`)
		u.line("c", "ready")
		var pids []int
		for _, service := range []string{"a", "b", "c"} {
			pids = append(pids, u.until("service.running", service).PID)
		}
		u.signal(syscall.SIGKILL)
		for _, pid := range pids {
			upGone(t, pid)
		}
		if status := u.end(); status != -1 {
			t.Errorf("exit status %d", status)
		}
	})
}

func TestUpStartsThousandsAtOnce(t *testing.T) {
	t.Parallel()
	// All fail before the fork, so that it costs little.
	u := upStart(t, upPlan{
		config: "[services.many]\ncommand = '/bin/true'\ndir = 'missing'\ninstances = 5000\nrestart.when = 'never'\n",
		flags:  []string{"--log-format", "json"},
	})
	u.until("supervise.ended", "")
	u.ends(1)
}
