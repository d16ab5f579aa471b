package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
	"supervise/internal/signals"
)

// python is Debian's own, not one that a wrapper of some user stands for.
const python = "/usr/bin/python3"

// looked is what `supervise signals --json` tells of a process.
type looked struct {
	PID     int
	Service string
	Main    bool
	State   string
	Command []string
	Threads []lookedThread
	Signals []struct {
		Name                signals.Signal
		Number              int
		Disposition, Effect string
		Blocked, Pending    bool
		BlockedIn           []int `json:"blocked_in"`
		PendingIn           []int `json:"pending_in"`
	}
	Notes []struct{ Code, Text string }
}

type lookedThread struct {
	TID              int
	Blocked, Pending []signals.Signal
}

// note gives the text of a note, "" if it has none.
func (l looked) note(code string) string {
	for _, n := range l.Notes {
		if n.Code == code {
			return n.Text
		}
	}
	return ""
}

// signalsOf asks for a process.
func signalsOf(t testing.TB, pid int) looked {
	t.Helper()
	out, errs, status := superviseOnce(t, "signals", "--json", itoa(pid))
	var all []looked
	if err := json.Unmarshal([]byte(out), &all); err != nil || status != 0 || len(all) != 1 {
		t.Fatalf("signals %d: status %d, %v\n%s%s", pid, status, err, out, errs)
	}
	return all[0]
}

// why is what `supervise signals --why-no-effect` explains.
type why struct {
	Signal       string
	PID          int
	Explained    bool
	Reason, Text string
	Remedy       string
	Recorded     []string
}

func whyNoEffect(t testing.TB, s string, pid int) why {
	t.Helper()
	out, errs, status := superviseOnce(t, "signals", "--json", "--why-no-effect", s, itoa(pid))
	var all []why
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 || all[0].Explained != (status == 0) || status > 1 {
		t.Fatalf("why %s %d: status %d, %v\n%s%s", s, pid, status, err, out, errs)
	}
	return all[0]
}

// superviseOnce runs the binary where no other supervise is, to its end.
func superviseOnce(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return superviseBy(t, nil, args...)
}

func superviseBy(t testing.TB, attr *syscall.SysProcAttr, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.SysProcAttr = "/", attr
	cmd.Env = append(os.Environ(), "SUPERVISE_SOCKET=/nowhere")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// ready starts a program that says on standard output when it has arranged its
// signals, with a line "ready" and perhaps a number: of the process that is meant,
// if it is not itself.
func (s *stage) ready(cmd *exec.Cmd) (v *supervised, pid int) {
	s.t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	v = s.start(cmd)
	s.t.Cleanup(func() { _ = unix.Kill(-v.pid(), unix.SIGKILL) }) // before start's: while it is there, so is its group
	return v, s.said(v)
}

// said waits for that line.
func (s *stage) said(v *supervised) int {
	s.t.Helper()
	line := v.within("ready", v.stdout)
	if word := strings.Fields(line); len(word) > 1 {
		n, err := strconv.Atoi(word[1])
		if err != nil {
			s.t.Fatal(err)
		}
		return n
	}
	return v.pid()
}

// within waits for a line that begins so.
func (v *supervised) within(begins string, o *output) string {
	v.t.Helper()
	line := ""
	eventually(v.t, begins, func() bool {
		for l := range strings.Lines(o.String()) {
			if strings.HasPrefix(l, begins) && strings.HasSuffix(l, "\n") {
				line = l
				return true
			}
		}
		return false
	})
	return line
}

// arranged are programs that do something about signals, and what they are
// called with.
var arranged = map[string][]string{
	"sleep":    {"sh", "-c", "echo ready; exec sleep 300"},
	"sh":       {"sh", "-c", "trap : TERM USR1; trap '' HUP WINCH; echo ready; read x; :"},
	"python":   {python, "-c", pythonReady + "wait()"},
	"go":       {"SUPERVISE", "run", "--", "sh", "-c", "echo ready $PPID; exec sleep 300"},
	"catching": {python, "-c", pythonReady + "for s in (1, 2, 3, 10, 14, 15, 17, 23, 28, 35, 40, 64): signal.signal(s, lambda *a: None)\nwait()"},
	"ignoring": {python, "-c", pythonReady + "for s in (1, 3, 12, 15, 20, 21, 22, 34, 50, 64): signal.signal(s, signal.SIG_IGN)\nwait()"},
	"pending": {python, "-c", pythonReady + `
signal.pthread_sigmask(signal.SIG_BLOCK, [10, 15, 34, 36])
for s in (10, 10, 15, 34, 36, 36): os.kill(os.getpid(), s)
wait()`},
	"threads": {python, "-c", pythonReady + `
def block(*signals):
    done = threading.Event()
    def body():
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        done.set()
        time.sleep(300)
    t = threading.Thread(target=body, daemon=True)
    t.start()
    done.wait()
    return t
signal.pthread_sigmask(signal.SIG_BLOCK, [12, 28])
block(1, 15)
signal.pthread_kill(block(15, 35).ident, 15)
signal.pthread_kill(block(15, 35).ident, 35)
signal.pthread_kill(threading.get_ident(), 12)
block()
wait()`},
}

const pythonReady = `import os, signal, sys, threading, time
def wait(*words):
    print("ready", *words, flush=True)
    time.sleep(300)
`

func (s *stage) arrange(name string) *exec.Cmd {
	argv := slices.Clone(arranged[name])
	if argv[0] == "SUPERVISE" {
		argv[0] = binary
	}
	if argv[0] == python {
		needPython(s.t)
	}
	return s.command(argv[0], argv[1:]...)
}

func needPython(t testing.TB) {
	t.Helper()
	_, err := os.Stat(python)
	needed.That(t, err == nil, python)
}

// What is told of each signal is what stands in /proc, read here by other means.
func TestSignalsTellWhatProcSays(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	for name := range arranged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			_, pid := s.ready(s.arrange(name))
			s.comparesWithProc(pid)
		})
	}
	t.Run("init", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		cmd := s.arrange("catching")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Setsid: true}
		_, pid := s.ready(cmd)
		l := s.comparesWithProc(pid)
		if text := l.note("init"); !strings.Contains(text, "here USR2;") {
			t.Errorf("the note is %q", text)
		}
		if e := l.Signals[signals.TERM-1]; e.Effect != "handler" {
			t.Errorf("%+v", e)
		}
		if e := l.Signals[11]; e.Effect != "nothing" { // USR2
			t.Errorf("%+v", e)
		}
		_ = unix.Kill(pid, unix.SIGUSR2)
		if e := whyNoEffect(t, "USR2", pid); e.Reason != "init" || !strings.Contains(e.Text, "PID 1 of its PID namespace") {
			t.Errorf("%+v", e)
		}
		if e := whyNoEffect(t, "USR2", 1<<22+7); e.Reason != "no-process" {
			t.Errorf("%+v", e)
		}
		if out, _, _ := superviseOnce(t, "signals", itoa(pid)); !strings.Contains(out, "it is PID 1 of its PID namespace") {
			t.Errorf("%s", out)
		}
	})
}

func (s *stage) comparesWithProc(pid int) looked {
	s.t.Helper()
	var l looked
	diff := ""
	// Go's threads come and go, and wait with other masks for moments.
	eventually(s.t, "both say the same", func() bool {
		l = signalsOf(s.t, pid)
		diff = compared(s.t, &l)
		return diff == "" || !strings.Contains(strings.Join(l.Command, " "), "supervise")
	})
	if diff != "" {
		s.t.Errorf("signals %d says otherwise than /proc: %s", pid, diff)
	}
	return l
}

// compared reads the lines of /proc and says what is different.
func compared(t testing.TB, l *looked) string {
	hex := func(path, field string) (set [65]bool) {
		b, err := os.ReadFile(path)
		if err != nil {
			return set
		}
		_, rest, ok := strings.Cut(string(b), "\n"+field+":\t")
		digits, _, _ := strings.Cut(rest, "\n")
		if !ok || len(digits) != 16 {
			t.Fatalf("%s has no %s", path, field)
		}
		for i := range 64 {
			digit, _ := strconv.ParseUint(string(digits[15-i/4]), 16, 8)
			set[i+1] = digit>>(i%4)&1 == 1
		}
		return set
	}
	whole := fmt.Sprintf("/proc/%d/status", l.PID)
	caught, ignored, pending := hex(whole, "SigCgt"), hex(whole, "SigIgn"), hex(whole, "ShdPnd")
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", l.PID))
	if err != nil || len(tasks) != len(l.Threads) {
		return fmt.Sprintf("%d threads, want %d", len(l.Threads), len(tasks))
	}
	if len(l.Signals) != 64 {
		return fmt.Sprintf("%d signals", len(l.Signals))
	}
	for n := 1; n <= 64; n++ {
		e := l.Signals[n-1]
		want := "default"
		if ignored[n] {
			want = "ignored"
		}
		if caught[n] {
			want = "caught"
		}
		in := 0
		for _, task := range tasks {
			tid, _ := strconv.Atoi(filepath.Base(task))
			blocks, mine := hex(task+"/status", "SigBlk")[n], hex(task+"/status", "SigPnd")[n]
			if blocks {
				in++
			}
			if blocks && !e.Blocked != slices.Contains(e.BlockedIn, tid) || mine != slices.Contains(e.PendingIn, tid) {
				return fmt.Sprintf("thread %d: blocks %v, pending %v: %+v", tid, blocks, mine, e)
			}
			i := slices.IndexFunc(l.Threads, func(th lookedThread) bool { return th.TID == tid })
			if i < 0 || slices.Contains(l.Threads[i].Blocked, signals.Signal(n)) != blocks || slices.Contains(l.Threads[i].Pending, signals.Signal(n)) != mine {
				return fmt.Sprintf("thread %d and signal %d: %+v", tid, n, l.Threads)
			}
		}
		if e.Number != n || int(e.Name) != n || e.Disposition != want || e.Pending != pending[n] || e.Blocked != (in == len(tasks)) {
			return fmt.Sprintf("signal %d is %s, pending %v, blocked in %d of %d: %+v", n, want, pending[n], in, len(tasks), e)
		}
	}
	return ""
}
