package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// superior is what started supervise and wants to hear from it, as systemd
// does.
type superior struct {
	t       testing.TB
	name    string // for NOTIFY_SOCKET
	conn    *net.UnixConn
	mu      sync.Mutex
	heard   []string
	pids    []int
	given   int
	changed chan struct{}
}

// newSuperior listens; abstract: under a name without a file.
func newSuperior(t testing.TB, abstract bool) *superior {
	t.Helper()
	dir, err := os.MkdirTemp("", "up")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &superior{t: t, name: filepath.Join(dir, "notify"), changed: make(chan struct{}, 1)}
	if abstract {
		s.name = "@" + s.name
	}
	if s.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.name, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	raw, err := s.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listen takes what comes, until the test ends.
func (s *superior) listen() *superior {
	go func() {
		text, oob := make([]byte, 4096), make([]byte, 256)
		for {
			n, oobn, _, _, err := s.conn.ReadMsgUnix(text, oob)
			if err != nil {
				return
			}
			pid := 0
			if all, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(all) == 1 {
				if cred, err := unix.ParseUnixCredentials(&all[0]); err == nil {
					pid = int(cred.Pid)
				}
			}
			s.mu.Lock()
			s.heard, s.pids = append(s.heard, string(text[:n])), append(s.pids, pid)
			s.mu.Unlock()
			select {
			case s.changed <- struct{}{}:
			default:
			}
		}
	}()
	return s
}

// until waits for the next report that contains part.
func (s *superior) until(part string) string {
	s.t.Helper()
	deadline := time.After(upDeadline)
	for {
		s.mu.Lock()
		for s.given < len(s.heard) {
			text := s.heard[s.given]
			s.given++
			if strings.Contains(text, part) {
				s.mu.Unlock()
				return text
			}
		}
		s.mu.Unlock()
		select {
		case <-s.changed:
		case <-deadline:
			s.t.Fatalf("nobody reported %q, but %q", part, s.all())
		}
	}
}

func (s *superior) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...)
}

// count says how many reports so far contain part.
func (s *superior) count(part string) (n int) {
	for _, text := range s.all() {
		if strings.Contains(text, part) {
			n++
		}
	}
	return n
}

// allFrom has all reports so far come from one process.
func (s *superior) allFrom(supervise int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, pid := range s.pids {
		if pid != supervise {
			s.t.Errorf("%q came from %d, supervise is %d", s.heard[i], pid, supervise)
		}
	}
}

func TestUpReportsUpward(t *testing.T) {
	t.Parallel()
	for _, abstract := range []bool{false, true} {
		t.Run(fmt.Sprint("abstract=", abstract), func(t *testing.T) {
			t.Parallel()
			s := newSuperior(t, abstract).listen()
			config := func(seconds int) string {
				return sleeper("web", seconds, "needs = ['migrate']") + `
[services.migrate]
kind = "task"
command = "echo begun; read -r go <gate; exit 0"
shell = true
[services.flaky]
command = "false"
restart.initial = "1h"
restart.max = "1h"
`
			}
			a := upAsked(t, upPlan{config: config(1000), env: []string{"NOTIFY_SOCKET=" + s.name}, prepare: func(cmd *exec.Cmd) {
				if err := unix.Mkfifo(filepath.Join(cmd.Dir, "gate"), 0o644); err != nil {
					t.Fatal(err)
				}
			}})
			a.line("migrate", "begun")
			// Until the task has ended, it is not ready; that flaky fails is no reason.
			eventually(t, "it is reported what is amiss", func() bool { return s.count("migrate") > 0 && s.count("flaky: backoff, next start at ") > 0 })
			if n := s.count("READY=1"); n != 0 {
				t.Errorf("ready before the task has ended: %q", s.all())
			}
			openGate(t, a.dir, "gate")
			if got := s.until("READY=1"); !strings.HasPrefix(got, "READY=1\nSTATUS=1 of 2 running, 1 of 1 tasks done; flaky: backoff, next start at ") {
				t.Errorf("got %q", got)
			}

			a.write("supervise.toml", config(1001))
			a.takesOver(2, "web: restart (command)")
			s.until("RELOADING=1\nMONOTONIC_USEC=")
			s.until("READY=1")
			ready := time.Now()
			a.until("service.running", "web")
			if again := a.until("service.running", "web"); again.Time.After(ready) { // what it tells may come later than the datagram
				t.Errorf("ready before web was started again: %q\n%s", s.all(), a.told())
			}
			a.write("supervise.toml", "nonsense")
			a.signal(syscall.SIGHUP)
			s.until("RELOADING=1")
			if got := s.until("READY=1"); !strings.Contains(got, "reload refused: supervise.toml:1") {
				t.Errorf("got %q", got)
			}
			a.reload(422, "dry_run=1") // is no reload
			a.stop()
			if got := s.until("STOPPING=1"); got != "STOPPING=1\nEXTEND_TIMEOUT_USEC=37000000" { // two ladders and that for the rest
				t.Errorf("got %q", got)
			}
			if n := s.count("RELOADING=1"); n != 2 {
				t.Errorf("%d times RELOADING=1: %q", n, s.all())
			}
			if n := s.count("WATCHDOG"); n != 0 {
				t.Errorf("nobody asked for a watchdog: %q", s.all())
			}
			s.allFrom(a.pid())
		})
	}
}

// With nothing to start, it is ready at once.
func TestUpReportsReadyWithNothingToStart(t *testing.T) {
	t.Parallel()
	s := newSuperior(t, false).listen()
	u := upAsked(t, upPlan{config: sleeper("web", 1000, "autostart = false"), env: []string{"NOTIFY_SOCKET=" + s.name}})
	if got := s.until("READY=1"); got != "READY=1\nSTATUS=0 of 0 running" {
		t.Errorf("got %q", got)
	}
	u.stop()
}

func TestUpFeedsTheWatchdogThatIsItsOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pid   string // as a shell sees it that becomes supervise
		feeds bool
	}{"unset": {"", true}, "ours": {"export WATCHDOG_PID=$$;", true}, "another's": {"export WATCHDOG_PID=1;", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSuperior(t, false).listen()
			u := upStart(t, upPlan{
				config: sleeper("web", 1000), env: []string{"NOTIFY_SOCKET=" + s.name, "WATCHDOG_USEC=200000"},
				prepare: func(cmd *exec.Cmd) { throughShell(cmd, c.pid) },
			})
			s.until("READY=1")
			if c.feeds {
				for range 3 {
					s.until("WATCHDOG=1")
				}
				u.stop()
				return
			}
			u.signal(syscall.SIGTERM)
			s.until("STOPPING=1")
			u.ends(0)
			if n := s.count("WATCHDOG"); n != 0 {
				t.Errorf("it feeds the watchdog of another process: %q", s.all())
			}
		})
	}
}

// Who asks and does not listen is not waited for.
func TestUpIsNotHeldUpByWhoDoesNotListen(t *testing.T) {
	t.Parallel()
	full := newSuperior(t, false)
	gone := newSuperior(t, false)
	gone.conn.Close() // and the file with it
	for name, socket := range map[string]string{"full": full.name, "gone": gone.name, "wrong": "nonsense"} {
		t.Run(name, func(t *testing.T) {
			var config strings.Builder
			for i := range 20 {
				config.WriteString(sleeper(fmt.Sprint("s", i), 1000))
			}
			if name == "full" {
				c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(c)
				for err = nil; err == nil || err == unix.EINTR; {
					err = unix.Sendto(c, []byte("STATUS=full"), 0, &unix.SockaddrUnix{Name: socket})
				}
				if err != unix.EAGAIN {
					t.Fatal(err)
				}
			}
			u := upStart(t, upPlan{config: config.String(), env: []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=2000"}})
			u.when("all run", func() bool { return len(u.all("service.running", "*")) == 20 })
			u.stop()
			want := "reports to NOTIFY_SOCKET could not be sent, the last because: "
			if name == "wrong" {
				want = "NOTIFY_SOCKET=nonsense is neither an absolute path nor an abstract name"
			}
			if said := u.stderr.String(); !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
				t.Errorf("got %q", said)
			}
		})
	}
}

// `run` stands in front of one program: what was meant for that is left to it.
func TestRunLeavesTheReadinessSocketToItsProgram(t *testing.T) {
	t.Parallel()
	s := newSuperior(t, false).listen()
	cmd := exec.Command(binary, "run", "--", "sh", "-c", `echo "$NOTIFY_SOCKET $WATCHDOG_USEC"`)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.name, "WATCHDOG_USEC=1000")
	out, err := cmd.Output()
	if want := s.name + " 1000\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if all := s.all(); len(all) > 0 {
		t.Errorf("run reports %q", all)
	}
}
