package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// upRead reads a file of a session.
func upRead(u *upSession, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(u.dir, name))
	return string(b), err
}

// hooked is a service with all four hooks, each of which tells of itself.
const hooked = `
[services.a]
command = "exec 2>/dev/null; trap 'touch termed; exit 0' TERM; test -e prepared && echo program; systemd-notify --ready; while :; do sleep 0.02; done"
shell = true
dir = "sub"
env = { WORD = "open" }
ready.kind = "notify"
[services.a.start]
before = ["sh", "-c", 'echo "start.before $SUPERVISE_HOOK $WORD $(basename $(pwd)) pid=$MAINPID"; sleep 0.2; touch prepared']
after = { command = ["sh", "-c", 'echo "start.after pid=$MAINPID"; sleep 0.2; touch warm'], timeout = "20s" }
[services.a.stop]
before = ["sh", "-c", 'echo "stop.before pid=$MAINPID"; sleep 0.2; kill -0 $MAINPID && test ! -e termed']
after = ["sh", "-c", 'echo "stop.after $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"']
[services.web]
command = ["sh", "-c", "test -e sub/warm && echo web"]
kind = "task"
needs = ["a"]
`

func TestUpHooksInOrder(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"pipe": "", "terminal": "pty = true\n", "umask": "umask = '077'\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := upStart(t, upPlan{files: map[string]string{"sub/x": ""}, config: strings.Replace(hooked, "shell = true\n", "shell = true\n"+more, 1)})
			u.line("web", "web")
			pid := u.until("service.started", "a").PID
			u.signal(unix.SIGTERM)
			u.ends(0)
			lines := u.output("a")
			p := " pid=" + strconv.Itoa(pid)
			want := []string{"start.before start.before open sub pid=", "program", "start.after" + p, "stop.before" + p, "stop.after success exited 0"}
			// The program's own lines and those of a hook come by different pipes.
			slices.Sort(lines)
			slices.Sort(want)
			if !slices.Equal(lines, want) {
				t.Errorf("%q", lines)
			}
			inOrder(t, u.all("service.running", "a")[0], u.all("service.starting", "web")[0])
			u.none("hook.failed", "a")
		})
	}
}

func TestUpHooksRunAsTheUser(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := upConfig(t, `
[services.a]
command = ["true"]
user = "nobody"
restart.when = "never"
start.before = ["id", "-un"]
stop.after = ["sh", "-c", "echo after $(id -un)"]
`)
	u.line("a", "nobody")
	u.line("a", "after nobody")
	u.ends(0)
}

// A start.before that fails, or takes too long, is a start that failed. What it
// has started goes with it.
func TestUpStartBeforeFails(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upStart(t, upPlan{files: map[string]string{"broken": "#!/not/there\n"}, config: head + `
[defaults]
restart = { initial = "10ms", factor = 3.0, jitter = 0.0, limit = 2, within = "10m" }
[services.fails]
command = ["echo", "never"]
start.before = ["sh", "-c", "setsid sleep 1010 & exit 3"]
stop.after = ["sh", "-c", 'echo "after $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"']
[services.hangs]
command = ["echo", "never"]
start.before = { command = ["sh", "-c", "trap '' TERM; setsid sleep 1011 & sleep 1012"], timeout = "200ms" }
[services.missing]
command = ["echo", "never"]
start.before = ["./broken"]
[services.leaves]
command = ["sleep", "100"]
start.before = ["sh", "-c", "setsid sleep 1013 & exit 0"]
`})
		for service, why := range map[string]string{
			"fails": "start.before: exited 3", "hangs": "start.before: took longer than 200ms", "missing": "start.before: could not start",
		} {
			if e := u.until("hook.failed", service); !strings.Contains(e.Message, why) {
				t.Errorf("%s: %s", service, e.Message)
			}
			if e := u.until("backoff.scheduled", service); !strings.Contains(e.Message, why) {
				t.Errorf("%s: %s", service, e.Message)
			}
			if e := u.until("service.failed", service); !strings.Contains(e.Message, why) {
				t.Errorf("%s: %s", service, e.Message)
			}
			u.none("service.started", service)
		}
		u.line("fails", "after not-run exited 125")
		u.gone("101\x30", "101\x31", "101\x32")
		u.until("service.running", "leaves")
		u.signal(unix.SIGTERM)
		u.ends(0) // what the hook left goes with the service
	})
}

func TestUpStartAfterFails(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		u := upConfig(t, fmt.Sprintf(`
[services.a]
command = "trap 'echo TERM; exit 0' TERM; echo up; while :; do sleep 0.02; done"
shell = true
restart = { when = "on-failure", limit = 2, within = "10m", initial = "0s" }
start.after = { command = ["sh", "-c", "sleep 1014"], timeout = "%s" }
[services.web]
command = ["echo", "never"]
kind = "task"
needs = ["a"]
[services.ends]
command = "`+upAwait("go")+`exit 0"
shell = true
restart = { when = "on-failure", limit = 2, within = "10m", initial = "0s" }
start.after = ["sh", "-c", "touch go; sleep 1015"]
`, limit))
		u.line("a", "TERM")
		if x := u.until("process.exited", "a").Exit; !strings.Contains(x.Missed, "start.after: took longer than "+limit.String()) {
			t.Errorf("%+v", x)
		}
		u.until("backoff.scheduled", "a")
		u.until("service.failed", "a")
		u.none("service.running", "a")
		u.none("service.starting", "web")
		// One that ends meanwhile was never what was to be.
		if e := u.until("service.failed", "ends"); !strings.Contains(e.Message, "ended before it was ready, exited 0") {
			t.Error(e.Message)
		}
		u.end()
	})
}

// stop.before drains; who is in a hurry does not wait for it, and one that hangs
// is killed.
func TestUpStopBefore(t *testing.T) {
	t.Parallel()
	config := `
[services.a]
command = "trap 'echo TERM; exit 0' TERM; echo up; while :; do sleep 0.02; done"
shell = true
stop.before = { command = ["sh", "-c", "echo draining; trap '' TERM; sleep 1016 & sleep 1017; true"], timeout = "TIME" }
`
	t.Run("hurried", func(t *testing.T) {
		t.Parallel()
		u := upConfig(t, strings.Replace(config, "TIME", "10m", 1))
		u.line("a", "up")
		u.until("service.running", "a") // what only starts is not drained
		u.signal(unix.SIGINT)
		u.line("a", "draining")
		u.none("signal.sent", "a")
		u.hurry()
		u.end()
		if left := u.left(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		u := upConfig(t, strings.Replace(config, "TIME", "300ms", 1))
		u.line("a", "up")
		u.until("service.running", "a") // what only starts is not drained
		u.signal(unix.SIGTERM)
		if e := u.until("hook.failed", "a"); !strings.Contains(e.Message, "stop.before: took longer than 300ms") {
			t.Error(e.Message)
		}
		u.line("a", "TERM")
		u.ends(0)
	})
}

// stop.after hears how the run ended.
func TestUpStopAfter(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[defaults]
restart.when = "never"
stop.after = ["sh", "-c", 'echo "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS $MAINPID."']
[services.well]
command = ["true"]
[services.badly]
command = "exit 7"
shell = true
[services.killed]
command = "kill -SEGV $$"
shell = true
[services.missed]
command = ["sleep", "100"]
ready = { kind = "file", path = "never" }
start.timeout = "200ms"
[services.not-run]
command = ["sh"]
dir = "gone"
start.before = ["true"]
[services.task]
command = ["true"]
kind = "task"
[services.stopped]
command = ["sleep", "100"]
[services.hangs]
command = ["true"]
stop.after = { command = ["sh", "-c", "trap '' TERM; setsid sleep 1018 & sleep 1019"], timeout = "300ms" }
[services.leaves]
command = ["true"]
stop.after = ["sh", "-c", "setsid sleep 1020 & exit 0"]
`)
	for service, line := range map[string]string{
		"well": "success exited 0 .", "badly": "exit-code exited 7 .", "killed": "signal killed SEGV .",
		"missed": "missed killed TERM .", "task": "success exited 0 .",
	} {
		if got := u.line(service, "."); got != line {
			t.Errorf("%s: %q, want %q", service, got, line)
		}
	}
	if e := u.until("hook.failed", "hangs"); !strings.Contains(e.Message, "stop.after: took longer than 300ms") {
		t.Error(e.Message)
	}
	u.until("service.done", "hangs")
	u.until("service.done", "leaves")
	u.gone("101\x38", "101\x39", "102\x30")
	u.until("service.running", "stopped")
	u.signal(unix.SIGTERM)
	if got := u.line("stopped", "."); got != "signal killed TERM ." {
		t.Errorf("stopped: %q", got)
	}
	u.ends(0)
}
