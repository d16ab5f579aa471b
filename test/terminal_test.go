package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// screen is a terminal with what it has shown.
type screen struct {
	t      testing.TB
	master *os.File
	mu     sync.Mutex
	text   string
	seen   int           // how much of text was asked for already
	more   chan struct{} // text has grown
	ended  chan struct{} // nobody writes any more
}

// terminal starts a program as the leader of a session with a terminal.
func (s *stage) terminal(cmd *exec.Cmd) (*screen, *supervised) {
	s.t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		needed.That(s.t, false, "a pseudo-terminal: "+err.Error())
	}
	master = pollable(s.t, master)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	x := &screen{t: s.t, master: master, more: make(chan struct{}, 1), ended: make(chan struct{})}
	v := s.start(cmd)
	slave.Close()
	go x.watch()
	s.t.Cleanup(func() {
		master.Close() // whoever is left in the session gets HUP
		if s.t.Failed() {
			x.mu.Lock()
			defer x.mu.Unlock()
			s.t.Logf("the terminal shows:\n%s", x.text)
		}
	})
	return x, v
}

// pollable gives a file in place of f that can be closed while it is read.
func pollable(t testing.TB, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return os.NewFile(uintptr(fd), "terminal")
}

// front waits until a process group is in the foreground.
func (x *screen) front(group int) {
	x.t.Helper()
	eventually(x.t, "group "+itoa(group)+" is in the foreground", func() bool {
		var n int
		c, err := x.master.SyscallConn()
		if err == nil {
			err = c.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP) })
		}
		return err == nil && n == group
	})
}

// shell starts an interactive bash on a terminal.
func (s *stage) shell() *screen {
	s.t.Helper()
	return s.shellWith([]string{"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH")})
}

// shellWith starts it with more in its environment.
func (s *stage) shellWith(env []string) *screen {
	s.t.Helper()
	path, err := exec.LookPath("bash")
	needed.That(s.t, err == nil, "bash")
	cmd := s.command(path, "--noprofile", "--norc", "--noediting", "-i")
	cmd.Env = append(cmd.Env, "PS1=ready> ", "TERM=dumb", "HISTFILE=", "LC_ALL=C", "PROMPT_COMMAND=")
	cmd.Env = append(cmd.Env, env...)
	x, _ := s.terminal(cmd)
	x.prompts()
	return x
}

func (x *screen) watch() {
	defer close(x.ended)
	buf := make([]byte, 4096)
	for {
		n, err := x.master.Read(buf)
		x.mu.Lock()
		x.text += string(buf[:n])
		x.mu.Unlock()
		select {
		case x.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// types types.
func (x *screen) types(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// The keys of a terminal that send signals.
const (
	ctrlC         = "\x03"
	ctrlZ         = "\x1a"
	ctrlBackslash = "\x1c"
)

// shows waits for something new on the screen, and gives what the first
// group of the pattern matched.
func (x *screen) shows(pattern string) string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		x.mu.Lock()
		m := re.FindStringSubmatchIndex(x.text[x.seen:])
		if m != nil {
			found := ""
			if len(m) > 2 {
				found = x.text[x.seen:][m[2]:m[3]]
			}
			x.seen += m[1]
			x.mu.Unlock()
			return found
		}
		x.mu.Unlock()
		select {
		case <-x.more:
		case <-deadline:
			x.mu.Lock()
			defer x.mu.Unlock()
			x.t.Fatalf("the terminal does not show %q; since then it shows %q", pattern, x.text[x.seen:])
		}
	}
}

// prompts waits for the shell's prompt.
func (x *screen) prompts() {
	x.t.Helper()
	x.shows(`ready> `)
}

// command types a command line and waits until the shell has read it.
func (x *screen) command(line string) {
	x.t.Helper()
	x.types(line + "\n")
	x.shows(regexp.QuoteMeta(line))
}

// status asks the shell for the status of the last command.
func (x *screen) status(want string) {
	x.t.Helper()
	x.command("echo status=$?")
	if got := x.shows(`status=(\d+)\s`); got != want {
		x.t.Errorf("the shell says that the status is %s, want %s", got, want)
	}
	x.prompts()
}

// count says how often something was shown.
func (x *screen) count(text string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.Count(x.text, text)
}
