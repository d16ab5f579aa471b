package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// upSpoken starts `supervise up` with a control socket.
func upSpoken(t testing.TB, config string) *upSession {
	t.Helper()
	dependOnSources(t)
	return upStart(t, upPlan{config: config, flags: spoken})
}

// spoken are the flags with which clients find a session.
var spoken = []string{"--verbose", "--log-format", "json", "--socket", "s"}

// client prepares a client of a session.
func (u *upSession) client(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = u.dir
	cmd.Env = append(os.Environ(), u.socketVariable(), "TERM=xterm", "NO_COLOR=")
	return cmd
}

// socketVariable is the variable that leads to a session.
func (u *upSession) socketVariable() string { return "SUPERVISE_SOCKET=" + filepath.Join(u.dir, "s") }

// clientRuns runs a client and gives what it prints and its exit status.
func (u *upSession) clientRuns(args ...string) (stdout, stderr string, status int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), upDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = u.dir, u.client().Env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) || ctx.Err() != nil {
		u.t.Fatalf("supervise %s: %v %v\n%s%s", strings.Join(args, " "), err, ctx.Err(), out.String(), errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// clientDoes runs a client that has to succeed.
func (u *upSession) clientDoes(args ...string) string {
	u.t.Helper()
	out, errs, status := u.clientRuns(args...)
	if status != 0 {
		u.t.Fatalf("supervise %s: exit status %d\n%s%s", strings.Join(args, " "), status, out, errs)
	}
	return out
}

const stubborn = `
[services.stubborn]
command = 'trap "" TERM; echo ready; while :; do sleep 1; done'
shell = true
[services.stubborn.stop]
ladder = [{ signal = "TERM", wait = "50s" }, { signal = "KILL", wait = "20s" }]
`

// killsTheStubborn has the stubborn one go before its time.
func (u *upSession) killsTheStubborn() {
	u.t.Helper()
	u.clientDoes("signal", "--to", "tree", "KILL", "stubborn")
}

func TestARestartKeepsThePidsOfTheOthers(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.db]
command = "sleep 1000"
[services.web]
command = "sleep 1000"
needs = ["db"]
[services.other]
command = "sleep 1000"
`)
	db, web, other := u.until("service.running", "db").PID, u.until("service.running", "web").PID, u.until("service.running", "other").PID
	out := u.clientDoes("restart", "db")
	again := u.until("service.running", "db").PID
	if want := "db: running, pid " + itoa(again) + "\n"; out != want || again == db {
		t.Errorf("%q, want %q; before it was %d", out, want, db)
	}
	for name, pid := range map[string]int{"web": web, "other": other} {
		if err := unix.Kill(pid, 0); err != nil {
			t.Errorf("%s, process %d: %v", name, pid, err)
		}
		u.none("service.stopping", name)
	}
	u.stop()
}

func TestASignalReachesOneProcessOfATree(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.web]
command = 'sleep 1000 & echo child=$!; wait $!; echo "its status is $?"; sleep 1000'
shell = true
`)
	child := itoa(u.number("web", "child"))
	if out := u.clientDoes("status", "web"); !strings.Contains(out, "└─ "+child) {
		t.Errorf("the tree of status has no %s:\n%s", child, out)
	}
	if out, want := u.clientDoes("signal", "--pid", child, "USR1", "web"), "web: USR1 sent to process "+child+"\n"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
	u.line("web", "its status is 138")
	u.stop()
}

func TestAShutdownGoesInReverse(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.db]
command = "sleep 1000"
[services.web]
command = "sleep 1000"
needs = ["db"]
`)
	u.until("service.running", "web")
	u.clientDoes("shutdown")
	if err := u.cmd.Process.Signal(syscall.Signal(0)); err == nil {
		select {
		case <-u.ended:
		default:
			if state := statusField(t, u.pid(), "State"); !strings.HasPrefix(state, "Z") {
				t.Errorf("shutdown says that supervise has ended, and its state is %s", state)
			}
		}
	}
	u.ends(0)
	web, db := u.until("service.stopped", "web"), u.until("service.stopping", "db")
	if web.Seq > db.Seq {
		t.Errorf("db was stopped before web\n%s", u.told())
	}
}

func TestOnATerminalALongStopShowsACountdown(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, stubborn)
	u.line("stubborn", "ready")
	s := newStage(t)
	x, v := s.terminal(u.client("stop", "stubborn"))
	x.shows(`\rwaiting for stubborn: [^\r\n]*KILL in [0-9.]+m?s\x1b\[K`)
	x.shows(`^\rwaiting for stubborn: [^\r\n]*KILL in [0-9.]+m?s\x1b\[K`)
	u.killsTheStubborn()
	x.shows(`\r\x1b\[Kstubborn: stopped\r\n`)
	v.exits(0)
	u.stop()
}

func TestCtrlCWhileWaitingTakesNothingBack(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, stubborn)
	u.line("stubborn", "ready")
	s := newStage(t)
	x, v := s.terminal(u.client("stop", "stubborn"))
	x.shows(`waiting for stubborn`)
	x.types(ctrlC)
	x.shows(`supervise: INT; what was asked for stands, and supervise goes on with it`)
	v.exits(130)
	if out, _, _ := u.clientRuns("status", "stubborn"); !strings.HasPrefix(out, "stubborn: stopping") {
		t.Errorf("it goes on with something else:\n%s", out)
	}
	u.killsTheStubborn()
	u.until("service.stopped", "stubborn")
	u.stop()
}

func TestTwoClientsAtOnce(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, stubborn+`
[services.web]
command = "sleep 1000"
`)
	u.line("stubborn", "ready")
	s := newStage(t)
	first := s.start(u.client("stop", "stubborn"))
	u.until("service.stopping", "stubborn")
	second := s.start(u.client("start", "stubborn"))
	u.clientDoes("restart", "web") // and a third is not held up by them
	u.eventually("the second has asked", func() bool {
		out, _, _ := u.clientRuns("status", "stubborn")
		return strings.Contains(out, "then it starts")
	})
	u.killsTheStubborn()
	second.exits(0)
	first.exits(1) // what it asked for does not hold any more
	if text := first.text(first.stderr); !strings.Contains(text, "supervise: stubborn is not stopped: ") {
		t.Errorf("the first is told %q", text)
	}
	u.line("stubborn", "ready")
	u.clientDoes("status", "stubborn")
	u.hurry()
	u.ends(0)
}

func TestAClientSeesThatSuperviseWasKilled(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, "[services.web]\ncommand = \"sleep 1000\"\n")
	u.until("service.running", "web")
	s := newStage(t)
	waits, follows := s.start(u.client("wait", "--for", "done", "web")), s.start(u.client("events", "-f", "-n", "1"))
	eventually(t, "the follower follows", func() bool { return follows.stdout.String() != "" })
	eventually(t, "the other waits", func() bool { return connections(t, filepath.Join(u.dir, "s")) >= 2 })
	u.signal(syscall.SIGKILL)
	for what, v := range map[string]*supervised{"went away": waits, "has ended": follows} {
		v.exits(1)
		if text := v.text(v.stderr); !strings.Contains(text, what) {
			t.Errorf("%s: %q", what, text)
		}
	}
}

// connections counts those that a listener has accepted.
func connections(t testing.TB, socket string) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		// Num RefCount Protocol Flags Type St Inode Path; state 03 is connected, and
		// an accepted socket has its listener's name: that under which it was bound.
		f := strings.Fields(line)
		if len(f) == 8 && f[5] == "03" && strings.TrimSuffix(f[7], ".new") == socket {
			n++
		}
	}
	return n
}

// The reader has gone, and no event comes that would tell.
func TestEventsEndWithTheirReader(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, "[services.web]\ncommand = \"sleep 1000\"\n")
	u.until("service.running", "web")
	s := newStage(t)
	cmd := u.client()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `"$0" events -f -n 5 | head -n 1; "$0" logs --help | head -n 1`, binary}
	v := s.start(cmd)
	v.exits(0)
	if text := v.text(v.stderr); text != "" {
		t.Errorf("it is not quiet: %q", text)
	}
	if n := strings.Count(v.text(v.stdout), "\n"); n != 2 {
		t.Errorf("%d lines", n)
	}
	u.stop()
}

func TestStatusOnATerminalFitsAndIsColoured(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.web]
command = "sleep 1000"
[services.broken]
command = "exit 3"
shell = true
restart = { initial = "1h", max = "1h" }
log = { to = "none" }
`)
	u.until("backoff.scheduled", "broken")
	u.until("service.running", "web")
	s := newStage(t)
	x, v := s.terminal(u.client("status"))
	x.shows(`\x1b\[31mbroken  backoff [^\r\n]*starts in [0-9hms]+\x1b\[0m\r\n`)
	x.shows(`web     \x1b\[32mrunning\x1b\[0m +[0-9]+ +[0-9]+s +0\r\n`)
	v.exits(1)
	plain := u.client("status")
	plain.Env = append(plain.Env, "NO_COLOR=1")
	x, v = s.terminal(plain)
	x.shows(`broken  backoff [^\r\n]*\r\nweb     running `)
	v.exits(1)
	if x.count("\x1b") > 0 {
		t.Error("colour in spite of NO_COLOR")
	}
	u.stop()
}
