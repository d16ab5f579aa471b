package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"supervise/internal/needed"
)

// tmux is a terminal that can be looked at: a tmux server of its own with one
// window, in which a shell runs.
type tmux struct {
	t      testing.TB
	stage  *stage
	socket string
	env    []string
}

// tmux starts a shell on a screen of 80x24. supervise is in its PATH.
func (s *stage) tmux() *tmux {
	s.t.Helper()
	path, err := exec.LookPath("tmux")
	needed.That(s.t, err == nil, "tmux")
	x := &tmux{t: s.t, stage: s, socket: s.path("tmux")}
	server := s.command(path, "-S", x.socket, "-u", "-f", "/dev/null", "-D")
	server.Env = append(server.Env, "PS1=ready> ", "LC_ALL=C.UTF-8", "HISTFILE=", "SHELL=/bin/sh", "TERM=xterm-256color", "NO_COLOR=",
		"PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	x.env = server.Env // a new session takes some of it from who asks for it
	v := s.start(server)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("the screen shows:\n%s", x.look())
		}
		_ = exec.Command(path, "-S", x.socket, "kill-server").Run()
		v.wait()
	})
	eventually(s.t, "tmux listens", func() bool { _, err := os.Stat(x.socket); return err == nil })
	x.do("new-session", "-d", "-x", "80", "-y", "24", "-c", s.dir, "exec bash --noprofile --norc --noediting -i")
	x.shows(`^ready>`)
	return x
}

// do gives tmux a command.
func (x *tmux) do(args ...string) string {
	x.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", x.socket}, args...)...)
	cmd.Env = x.env
	out, err := cmd.Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			x.t.Fatalf("tmux %q: %v: %s", args, err, e.Stderr)
		}
		x.t.Fatal(err)
	}
	return string(out)
}

// look is what the screen shows.
func (x *tmux) look() string {
	out, _ := exec.Command("tmux", "-S", x.socket, "capture-pane", "-p").Output()
	return string(out)
}

// shows waits until the screen matches.
func (x *tmux) shows(pattern string) string {
	x.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	deadline := time.Now().Add(patience)
	for {
		text := x.look()
		if re.MatchString(text) {
			return text
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("the screen never matches %q; it shows:\n%s", pattern, text)
		}
		time.Sleep(20 * time.Millisecond) // tmux tells of no change
	}
}

// keys presses keys, named as tmux names them.
func (x *tmux) keys(keys ...string) {
	x.t.Helper()
	x.do(append([]string{"send-keys"}, keys...)...)
}

// run types a command line.
func (x *tmux) run(line string) {
	x.t.Helper()
	x.do("send-keys", "-l", line)
	x.keys("Enter")
}

// inAlternate says whether a program has taken the screen.
func (x *tmux) inAlternate() bool {
	return strings.TrimSpace(x.do("display-message", "-p", "#{alternate_on}")) == "1"
}

// child is the pid of the program of that name that the shell has started.
func (x *tmux) child(name string) int {
	x.t.Helper()
	shell := strings.TrimSpace(x.do("display-message", "-p", "#{pane_pid}"))
	pid := 0
	eventually(x.t, name+" runs in the shell", func() bool {
		out, _ := exec.Command("pgrep", "-P", shell, "-x", name).Output()
		pid = 0
		for _, c := range strings.TrimSpace(string(out)) {
			if c < '0' || c > '9' {
				return false
			}
			pid = 10*pid + int(c-'0')
		}
		return pid > 1
	})
	return pid
}

const topServices = `
[services.alpha]
command = ["sleep", "1000"]
[services.beta]
command = "trap 'echo heard > heard' USR1; echo listens; while :; do sleep 0.05; done"
shell = true
[services.gamma]
command = "exit 3"
shell = true
restart = { initial = "1h", max = "1h", jitter = 0.0 }
[services.omega]
command = ["sleep", "1000"]
autostart = false
`

// top starts services, and top on a screen.
func top(t *testing.T) (*upSession, *tmux, string) {
	t.Helper()
	s := newStage(t)
	x := s.tmux()
	socket := s.path("control")
	u := upStart(t, upPlan{config: topServices, flags: []string{"--log-format", "json", "--socket", socket}})
	u.until("service.running", "alpha")
	u.line("beta", "listens")
	u.until("backoff.scheduled", "gamma")
	x.run("stty -a > before; supervise top --socket " + socket + "; echo status=$?")
	x.shows(`^ supervise +\S+/supervise.toml .* up `)
	x.shows(`alpha +● running +\d+ `)
	return u, x, socket
}

func TestTopShowsServices(t *testing.T) {
	t.Parallel()
	_, x, _ := top(t)
	x.shows(`4 services +↻ 1 backoff +● 2 running +○ 1 stopped`)
	x.shows(`^▸ alpha +● running`)
	x.shows(`^  gamma +↻ backoff +- .* start in (1h00m|59m..s)`)
	x.shows(`^  omega +○ stopped`)
	x.shows(`s start  x stop .* q quit`)
	x.keys("j", "j")
	x.shows(`^▸ gamma`)
	x.shows(`^  exited 3`)
	x.keys("/")
	x.run("back") // the filter keeps those in backoff
	x.shows(`1 of 4: /back`)
	x.keys("Escape")
	x.shows(`^  beta`)
}

func TestTopStopsStartsAndRestarts(t *testing.T) {
	t.Parallel()
	u, x, _ := top(t)
	x.keys("x")
	x.shows(`stop alpha\?  y yes`)
	x.keys("n")
	x.shows(`not done`)
	x.keys("x", "y")
	u.until("service.stopped", "alpha")
	x.shows(`^▸ alpha +○ stopped`)
	x.shows(`alpha stopped`)
	x.keys("s")
	x.shows(`^▸ alpha +● running`)
	x.shows(`alpha started: pid \d+`)
	x.keys("r")
	x.shows(`restart alpha\?`)
	x.keys("y")
	x.shows(`alpha restarted: pid \d+`)
	x.keys("R")
	x.shows(`reload: the configuration has not changed`)
}

func TestTopSendsASignalFromTheList(t *testing.T) {
	t.Parallel()
	u, x, _ := top(t)
	x.keys("j", "K")
	x.shows(`signal for beta`)
	x.shows(`10 USR1 .* 15 TERM|15 TERM`)
	x.keys("u", "s", "r", "1")
	x.shows(`^  10 USR1$`)
	x.keys("Enter")
	x.shows(`USR1 sent to process \d+ of beta`)
	eventually(t, "beta has heard USR1", func() bool { _, err := os.Stat(filepath.Join(u.dir, "heard")); return err == nil })
	x.keys("K", "9", "Enter")
	x.shows(`send KILL to main process of beta\?`)
	x.keys("y")
	x.shows(`KILL sent to process \d+ of beta`)
	x.shows(`^▸ beta +● running +\d+ .* 1( |$)`) // started again
}

func TestTopFollowsTheSizeOfItsTerminal(t *testing.T) {
	t.Parallel()
	_, x, _ := top(t)
	for _, size := range [][2]string{{"40", "10"}, {"132", "43"}, {"20", "4"}, {"80", "24"}} {
		x.do("resize-window", "-x", size[0], "-y", size[1])
		if size[0] == "20" {
			x.shows(`\? help`)
			continue
		}
		text := x.shows(`^▸ alpha +● running(?s:.*)q quit\s*\z`)
		if size[0] == "40" && strings.Contains(text, "CPU%") {
			t.Errorf("at 40 columns it shows:\n%s", text)
		}
	}
}

func TestTopComesBackWithSupervise(t *testing.T) {
	t.Parallel()
	u, x, socket := top(t)
	u.signal(syscall.SIGKILL)
	x.shows(`connection lost, trying again`)
	x.keys("x")
	x.shows(`connection lost, trying again`) // and asks for nothing
	u = upStart(t, upPlan{config: topServices + "[services.omicron]\ncommand = [\"sleep\", \"1000\"]\n",
		flags: []string{"--log-format", "json", "--socket", socket}})
	u.until("service.running", "omicron")
	x.shows(`^  omicron +● running`)
	x.shows(`^ supervise .* up `)
}

func TestTopGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		name   string
		do     func(x *tmux)
		status string
	}{
		{"q", func(x *tmux) { x.keys("q") }, "0"},
		{"Ctrl-C", func(x *tmux) { x.keys("C-c") }, "0"},
		{"TERM", func(x *tmux) {
			if err := syscall.Kill(x.child("supervise"), syscall.SIGTERM); err != nil {
				x.t.Fatal(err)
			}
		}, "143"},
	} {
		t.Run(end.name, func(t *testing.T) {
			_, x, _ := top(t)
			if !x.inAlternate() {
				t.Error("top has not taken the alternate screen")
			}
			end.do(x)
			x.shows(`status=` + end.status)
			x.givenBack()
		})
	}
}

// givenBack checks that the terminal is as it was.
func (x *tmux) givenBack() {
	x.t.Helper()
	if x.inAlternate() {
		x.t.Error("the alternate screen has not been left")
	}
	if cursor := strings.TrimSpace(x.do("display-message", "-p", "#{cursor_flag} #{wrap_flag}")); cursor != "1 1" {
		x.t.Errorf("the cursor and the wrapping of lines are %q, want both on", cursor)
	}
	x.run("stty -a > after; cmp before after && echo the same as before")
	x.shows(`^the same as before`)
}

func TestTopSuspends(t *testing.T) {
	t.Parallel()
	_, x, _ := top(t)
	x.keys("C-z")
	x.shows(`Stopped .*supervise top`)
	x.givenBack()
	x.run("bg") // it wants the terminal, which stops it
	x.shows(`^\[1\].* &$`)
	eventually(t, "top is stopped in the background", func() bool { return statusField(t, x.child("supervise"), "State")[0] == 'T' })
	x.givenBack()
	x.run("clear; fg")
	x.shows(`^▸ alpha +● running`)
	x.keys("j")
	x.shows(`^▸ beta`)
	pid := x.child("supervise")
	if err := syscall.Kill(pid, syscall.SIGTSTP); err != nil { // as somebody else may
		t.Fatal(err)
	}
	x.shows(`Stopped .*supervise top`)
	x.run("fg")
	x.shows(`^▸ beta +● running`)
	x.keys("q")
	x.shows(`^ready>`)
	x.givenBack()
}

func TestTopNeedsATerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("top", "--socket", s.path("control"))
	v.exits(2)
	if text := v.text(v.stderr); !strings.Contains(text, "needs a terminal") || !strings.Contains(text, "supervise status") {
		t.Errorf("it says %q", text)
	}
}

func TestTopNeedsASupervise(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.tmux()
	x.run("supervise top --socket " + s.path("control") + "; echo status=$?")
	x.shows(`no supervise is running at`)
	x.shows(`status=3`)
}
