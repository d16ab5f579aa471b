package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// readyAfter runs a service that becomes ready when there is the file "go", and
// another one that needs it.
func readyAfter(t testing.TB, service string, prepare func(u *upSession)) *upSession {
	t.Helper()
	u := upConfig(t, service+`
[services.web]
command = ["sleep", "100"]
needs = ["a"]
`)
	u.until("service.started", "a")
	u.until("service.waiting", "web")
	u.none("service.running", "a")
	if prepare != nil {
		prepare(u)
	}
	u.touch("go")
	inOrder(t, u.until("service.running", "a"), u.until("service.starting", "web"))
	return u
}

func TestUpReadyByDescriptor(t *testing.T) {
	t.Parallel()
	u := readyAfter(t, `
[services.a]
command = "printf 'no newline yet' >&7; `+upAwait("go")+`echo >&7; exec 7>&-; exec sleep 100"
shell = true
ready = { kind = "fd", fd = 7 }
`, nil)
	u.stop()
}

// s6-ipcserver writes its newline, to standard output, when it listens.
func TestUpReadyByS6(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("s6-ipcserver")
	upNeeds(t, "s6-ipcserver", err)
	u := upConfig(t, `
[services.a]
command = "exec s6-ipcserver -1 sock true >&3 3>&-"
shell = true
ready.kind = "fd"
`)
	u.until("service.running", "a")
	c, err := net.Dial("unix", filepath.Join(u.dir, "sock"))
	if err != nil {
		t.Fatalf("it said that it was ready: %v", err)
	}
	c.Close()
	u.stop()
}

// A descriptor that is closed without a newline can't say so any more.
func TestUpDescriptorClosedWithoutNewline(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		timeout := 5 * limit
		u := upConfig(t, fmt.Sprintf(`
[services.a]
command = "printf almost >&3; exec 3>&-; exec sleep 100"
shell = true
ready.kind = "fd"
start.timeout = "%s"
restart.when = "never"
`, timeout))
		u.refused("a", "closed the descriptor without writing a newline")
		if e := u.until("start.timed_out", "a"); !strings.Contains(e.Message, "not ready within "+timeout.String()) {
			t.Error(e.Message)
		}
		if e := u.until("service.failed", "a"); !strings.Contains(e.Message, "not ready within "+timeout.String()+", killed by TERM") {
			t.Error(e.Message)
		}
		u.ends(1)
	})
}

func TestUpReadyByTCP(t *testing.T) {
	t.Parallel()
	// A socket that is bound and does not listen: its port is nobody else's, and
	// refuses connections.
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(l) })
	if err := unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(l)
	if err != nil {
		t.Fatal(err)
	}
	u := readyAfter(t, fmt.Sprintf(`
[services.a]
command = ["sleep", "100"]
ready = { kind = "tcp", address = "127.0.0.1:%d", interval = "20ms" }
`, at.(*unix.SockaddrInet4).Port), func(*upSession) {
		if err := unix.Listen(l, 10); err != nil {
			t.Fatal(err)
		}
	})
	u.stop()
}

// The server answers what is in the file "answer".
func TestUpReadyByHTTP(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]string{
		"status": "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nup!",
		"body":   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndown!",
		"broken": "what is this\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "up")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			l, err := net.Listen("unix", filepath.Join(dir, "s"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			asked := make(chan string, 1000)
			right := make(chan struct{})
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					b := make([]byte, 4096)
					n, _ := c.Read(b)
					asked <- string(b[:n])
					select {
					case <-right:
						fmt.Fprint(c, "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nup!")
					default:
						fmt.Fprint(c, wrong)
					}
					c.Close()
				}
			}()
			u := readyAfter(t, `
[services.a]
command = ["sleep", "100"]
[services.a.ready]
kind = "http"
url = "unix://`+dir+`/s:/health?full=1"
headers = { Host = "app.example", X-Test = "yes" }
status = ["200-201"]
body = "^up"
interval = "20ms"
`, func(*upSession) {
				request := <-asked
				for _, part := range []string{"GET /health?full=1 HTTP/1.1\r\n", "Host: app.example\r\n", "X-Test: yes\r\n"} {
					if !strings.Contains(strings.ToLower(request), strings.ToLower(part)) {
						t.Errorf("asked %q, without %q", request, part)
					}
				}
				<-asked // again
				close(right)
			})
			u.stop()
		})
	}
}

// A command that looks runs as the service does.
func TestUpReadyByCommand(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := readyAfter(t, `
[services.a]
command = ["sleep", "100"]
user = "nobody"
env = { WORD = "open" }
[services.a.ready]
kind = "exec"
command = ["sh", "-c", 'test "$WORD $(id -un)" = "open nobody" && test -e go']
interval = "20ms"
`, nil)
	u.stop()
}

// Commands that look leave nothing behind, whatever they do: hang with children,
// write megabytes, start daemons.
func TestUpCommandsThatLookLeaveNothing(t *testing.T) {
	t.Parallel()
	upBothWaysInTime(t, func(t testing.TB, head string, limit time.Duration) {
		u := upConfig(t, head+fmt.Sprintf(`
[defaults]
start.timeout = "%s"
restart.when = "never"
[services.hangs]
command = ["sleep", "100"]
[services.hangs.ready]
kind = "exec"
command = ["sh", "-c", "trap '' TERM; sleep 1001 & setsid sleep 1002 & sleep 1003"]
timeout = "200ms"
[services.writes]
command = ["sleep", "100"]
[services.writes.ready]
kind = "exec"
command = ["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo; echo the last line; exit 3"]
[services.daemon]
command = ["sleep", "100"]
[services.daemon.ready]
kind = "exec"
command = ["sh", "-c", "setsid sh -c 'setsid sleep 1004 & exit' ; test -e go"]
interval = "20ms"
[services.bystander]
command = ["sleep", "100"]
`, 10*limit))
		u.touch("go")
		u.until("service.running", "daemon")
		if e := u.until("start.timed_out", "hangs"); !strings.Contains(e.Message, "no answer within 200ms") && !strings.Contains(e.Message, "200ms") {
			t.Error(e.Message)
		}
		if e := u.until("start.timed_out", "writes"); !strings.Contains(e.Message, "exited 3: the last line") {
			t.Error(e.Message)
		}
		u.until("service.failed", "hangs")
		u.until("service.failed", "writes")
		u.gone("sleep\x00100"+"1", "sleep\x00100"+"2", "sleep\x00100"+"3", "sleep\x00100"+"4")
		u.signal(syscall.SIGTERM)
		u.ends(0)
	})
}

// gone waits until none of the session's processes has such a command line.
func (u *upSession) gone(lines ...string) {
	u.t.Helper()
	u.eventually("no process is left of "+strings.Join(lines, ", "), func() bool {
		for _, pid := range u.left() {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			for _, line := range lines {
				if strings.Contains(string(b), line) {
					return false
				}
			}
		}
		return true
	})
}

// eventually waits for what no event tells of.
func (u *upSession) eventually(what string, holds func() bool) {
	u.t.Helper()
	for end := time.Now().Add(upDeadline); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			u.t.Fatalf("never: %s\n%s", what, u.told())
		}
	}
}

func TestUpReadyByFile(t *testing.T) {
	t.Parallel()
	u := readyAfter(t, `
[services.a]
command = ["sleep", "100"]
ready = { kind = "file", path = "go", interval = "20ms" }
`, nil)
	u.stop()
}

// A line of the output counts wherever it goes, and in however many pieces it
// comes.
func TestUpReadyByLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ say, more string }{
		"stdout":     {`echo listening on port 80`, ""},
		"stderr":     {`echo listening on port 80 >&2`, ""},
		"pieces":     {`printf 'listening on'; sleep 0.2; echo ' port 80'`, ""},
		"file":       {`echo listening on port 80`, "log = { to = \"file\", path = \"a.log\" }\n"},
		"terminal":   {`echo listening on port 80`, "pty = true\n"},
		"a new file": {`echo listening on port 80 >&2`, "log = { to = \"file\", path = \"a.log\", max_size = \"64KiB\" }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := readyAfter(t, `
[services.a]
command = "echo not listening; `+upAwait("go")+c.say+`; exec sleep 100"
shell = true
ready = { kind = "log", pattern = '^listening on port \d+$' }
`+c.more, nil)
			u.stop()
		})
	}
}

// A pattern that never matches ends as any start that takes too long: by the
// ladder, and then as the policy says.
func TestUpStartTimeout(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		u := upConfig(t, fmt.Sprintf(`
[services.a]
command = "trap 'echo TERM' TERM; echo is not it; %[1]s; read x <&3; read x <&3"
shell = true
ready = { kind = "log", pattern = "never" }
start.timeout = "%[2]s"
restart = { initial = "50ms", factor = 6.0, jitter = 0.0, limit = 3, within = "10m" }
stop.ladder = [{ signal = "TERM", wait = "%[2]s" }, { signal = "KILL", wait = "20s" }]
[services.web]
command = ["sleep", "100"]
needs = ["a"]
`, upPause, limit))
		delays := []int64{}
		for range 2 {
			if e := u.until("start.timed_out", "a"); !strings.Contains(e.Message, "not ready within "+limit.String()) {
				t.Error(e.Message)
			}
			delays = append(delays, u.until("backoff.scheduled", "a").DelayNS)
		}
		if delays[1] <= delays[0] {
			t.Errorf("the delays do not grow: %v", delays)
		}
		u.line("a", "TERM")
		if got := strings.Join(u.signalsSent("a")[:2], " "); got != "TERM KILL" {
			t.Errorf("it was sent %s", got)
		}
		if e := u.until("service.failed", "a"); !strings.Contains(e.Message, "not ready within "+limit.String()) {
			t.Error(e.Message)
		}
		u.none("service.starting", "web")
		u.ends(1)
	})
}

// A program that ends before it is ready has failed to start, however it ends.
func TestUpEndsBeforeReady(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"0", "1"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			u := upConfig(t, `
[services.a]
command = "exit `+status+`"
shell = true
ready.kind = "notify"
restart = { initial = "0s", limit = 2, within = "10m" }
`)
			u.until("backoff.scheduled", "a")
			if e := u.until("service.failed", "a"); !strings.Contains(e.Message, "ended before it was ready, exited "+status) {
				t.Error(e.Message)
			}
			u.ends(1)
		})
	}
}

// A service can be stopped and restarted while it starts.
func TestUpStopAndRestartWhileStarting(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: `
[services.a]
command = "` + upAwait("go") + `systemd-notify --ready; exec sleep 100"
shell = true
ready.kind = "notify"
[services.keeps]
command = ["sleep", "100"]
`})
	first := a.until("service.started", "a").PID
	a.do("POST", "/v1/restart", nil, "name=a", "wait=0")
	second := a.until("service.started", "a").PID
	if first == second {
		t.Errorf("%d was not restarted", first)
	}
	a.none("service.running", "a")
	a.do("POST", "/v1/stop", nil, "name=a")
	a.until("service.stopped", "a")
	a.touch("go")
	a.do("POST", "/v1/start", nil, "name=a")
	a.until("service.running", "a")
	a.none("service.failed", "a")
	a.stop()
}
