package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// playServed answers each line at each socket that it is given with its pid, the
// name of the socket, and the line. A connection stays open until its client
// closes it. TERM ends it: it takes no more clients, and ends when those that it
// has are served.
func playServed() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("LISTEN_FDS="+os.Getenv("LISTEN_FDS"), "LISTEN_FDNAMES="+os.Getenv("LISTEN_FDNAMES"),
		"own pid:", os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()))
	var clients, loops sync.WaitGroup
	var listeners []net.Listener
	for name, files := range activation.FilesWithNames() {
		for _, f := range files {
			// net takes a unix socket for datagrams for a listener.
			if l, err := net.FileListener(f); err == nil && l.Addr().Network() != "unixgram" {
				if u, ok := l.(*net.UnixListener); ok {
					u.SetUnlinkOnClose(false) // the file is supervise's
				}
				listeners = append(listeners, l)
				loops.Go(func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						clients.Go(func() {
							defer c.Close()
							for r := bufio.NewReader(c); ; {
								line, err := r.ReadString('\n')
								if err != nil {
									return
								}
								fmt.Fprintf(c, "%d %s %s", os.Getpid(), name, line)
							}
						})
					}
				})
			} else if c, err := net.FilePacketConn(f); err == nil {
				go func() {
					b := make([]byte, 100)
					for {
						n, from, err := c.ReadFrom(b)
						if err != nil {
							return
						}
						_, _ = c.WriteTo(fmt.Appendf(nil, "%d %s %s", os.Getpid(), name, b[:n]), from)
					}
				}()
			} else {
				fmt.Println(name, "is no socket:", err)
				os.Exit(1)
			}
			f.Close()
		}
	}
	fmt.Println("serves")
	<-term
	for _, l := range listeners {
		l.Close()
	}
	loops.Wait()
	clients.Wait()
}

// upPort finds a port that nobody has: of those that the kernel does not give
// out by itself. Until the test ends no other is given it, in this process or in
// another: an abstract socket of its name stands for it.
func upPort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		taken, err := net.Listen("unix", fmt.Sprintf("@supervise-test-port-%d", port))
		if err != nil {
			continue
		}
		t.Cleanup(func() { taken.Close() })
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// upDir makes a directory whose path is short enough for sockets.
func upDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "up")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// upAsk sends a line and gives who answered, at which socket.
func upAsk(network, address string) (pid int, name string, err error) {
	c, err := net.DialTimeout(network, address, upDeadline)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	return upSay(c)
}

// upKeeps has one process answer over an open connection again and again, for so long.
func upKeeps(t testing.TB, c net.Conn, process int, long time.Duration) {
	t.Helper()
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if pid, _, err := upSay(c); err != nil || pid != process {
			t.Fatalf("who was connected to %d is answered by %d, %v", process, pid, err)
		}
	}
}

func upSay(c net.Conn) (pid int, name string, err error) {
	if err := c.SetDeadline(time.Now().Add(upDeadline)); err != nil {
		return 0, "", err
	}
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return 0, "", err
	}
	b := make([]byte, 100)
	n, err := c.Read(b) // both of a stream and of a datagram
	if err != nil {
		return 0, "", err
	}
	var line string
	if _, err := fmt.Sscan(string(b[:n]), &pid, &name, &line); err != nil || line != "hello" {
		return 0, "", fmt.Errorf("the answer is %q", b[:n])
	}
	return pid, name, nil
}

// served is the configuration of a server with one socket.
func served(name, listen, more string) string {
	return fmt.Sprintf("[services.%s]\ncommand = '%s'\n%s\n[[services.%s.sockets]]\nlisten = '%s'\n", name, program("served"), more, name, listen)
}

func TestUpGivesEachKindOfSocket(t *testing.T) {
	t.Parallel()
	dir, port := upDir(t), upPort(t)
	kinds := []struct{ name, listen, network, address, more string }{
		{"four", "tcp://127.0.0.1:" + port, "tcp", "127.0.0.1:" + port, ""},
		{"datagram", "udp://127.0.0.1:" + port, "udp", "127.0.0.1:" + port, ""},
		{"stream", "unix://" + dir + "/s", "unix", dir + "/s", "mode = '604'"},
		{"gram", "unixgram://" + dir + "/g", "", "", "mode = '600'"},
		{"abstract", "unix://@" + dir, "unix", "@" + dir, ""},
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		kinds = append(kinds, []struct{ name, listen, network, address, more string }{
			{"six", "tcp://[::1]:" + port, "tcp", "[::1]:" + port, ""},
			{"six-datagram", "udp://[::1]:" + port, "udp", "[::1]:" + port, ""},
		}...)
	}
	config := "[services.web]\ncommand = '" + program("served") + "'\n"
	var names []string
	for _, k := range kinds {
		more := k.more
		if k.name == "stream" && os.Geteuid() == 0 {
			more += "\nuser = 'nobody'\ngroup = 'nogroup'"
		}
		config += fmt.Sprintf("[[services.web.sockets]]\nname = '%s'\nlisten = '%s'\n%s\n", k.name, k.listen, more)
		names = append(names, k.name)
	}
	u := upConfig(t, config+"[services.bare]\ncommand = 'ls -l /proc/self/fd'\n")
	u.line("web", fmt.Sprintf("LISTEN_FDS=%d LISTEN_FDNAMES=%s own pid: true", len(kinds), strings.Join(names, ":")))
	pid := u.until("service.started", "web").PID
	for _, k := range kinds {
		if k.network == "" {
			continue
		}
		if by, name, err := upAsk(k.network, k.address); err != nil || by != pid || name != k.name {
			t.Errorf("%s is answered by %d as %q, %v; want %d", k.listen, by, name, err, pid)
		}
	}
	c, err := net.DialUnix("unixgram", &net.UnixAddr{Name: dir + "/c", Net: "unixgram"}, &net.UnixAddr{Name: dir + "/g", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if by, name, err := upSay(c); err != nil || by != pid || name != "gram" {
		t.Errorf("the unix datagram is answered by %d as %q, %v", by, name, err)
	}
	for file, mode := range map[string]os.FileMode{"s": 0o604, "g": 0o600} {
		st, err := os.Stat(filepath.Join(dir, file))
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want %o", file, st.Mode(), err, mode)
		}
		if sys := st.Sys().(*syscall.Stat_t); file == "s" && os.Geteuid() == 0 && (sys.Uid != 65534 || sys.Gid != 65534) {
			t.Errorf("%s belongs to %d:%d", file, sys.Uid, sys.Gid)
		}
	}
	u.until("service.done", "bare")
	u.stop()
	for _, line := range u.output("bare") {
		if strings.Contains(line, "socket:") {
			t.Errorf("a service without sockets has one: %s", line)
		}
	}
	for _, file := range []string{"s", "g"} {
		if _, err := os.Lstat(filepath.Join(dir, file)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", file, err)
		}
	}
}

// upLoad has clients ask without pause until the test is over with it; each has
// to get an answer.
func upLoad(t testing.TB, clients int, ask func() error) (enough func() int64) {
	var done atomic.Bool
	var answered atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for !done.Load() {
				if err := ask(); err != nil {
					t.Errorf("client %d: %v", answered.Load(), err)
					return
				}
				answered.Add(1)
			}
		})
	}
	return func() int64 {
		done.Store(true)
		all.Wait()
		return answered.Load()
	}
}

func TestUpRefusesNobodyDuringAHundredRestarts(t *testing.T) {
	t.Parallel()
	dir, port := upDir(t), upPort(t)
	u := upAsked(t, upPlan{config: served("web", "tcp://127.0.0.1:"+port, "ready = { kind = 'log', pattern = '^serves$' }\nstop.ladder = [{ signal = 'TERM', wait = '40s' }, { signal = 'KILL', wait = '5s' }]") +
		"[[services.web.sockets]]\nlisten = 'unix://" + dir + "/s'\n"})
	u.line("web", "serves")
	pids := map[int]bool{}
	var mu sync.Mutex
	ask := func(network, address string) func() error {
		return func() error {
			pid, _, err := upAsk(network, address)
			mu.Lock()
			pids[pid] = true
			mu.Unlock()
			return err
		}
	}
	overTCP := upLoad(t, 1, ask("tcp", "127.0.0.1:"+port))
	overUnix := upLoad(t, 1, ask("unix", dir+"/s"))
	before := upDescriptors(t, u.pid())
	const restarts = 100
	for range restarts {
		u.do("POST", "/v1/restart", nil, "name=web")
	}
	n, m := overTCP(), overUnix()
	if n == 0 || m == 0 || len(pids) < 10 {
		t.Errorf("only %d and %d answers by %d servers", n, m, len(pids))
	}
	if got := len(u.all("service.started", "web")); got != restarts+1 {
		t.Errorf("%d starts", got)
	}
	u.info()
	if after := upDescriptors(t, u.pid()); after > before+8 {
		t.Errorf("supervise had %d descriptors before, and has %d after %d restarts", before, after, restarts)
	}
	t.Logf("%d answers over TCP, %d over a unix socket, by %d servers", n, m, len(pids))
	u.stop()
	for _, e := range u.all("process.exited", "web") {
		if e.Exit.Code != 0 || e.Exit.Signal != "" {
			t.Errorf("a server was not let end by itself: %s", e.Message)
		}
	}
}

func upDescriptors(t testing.TB, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestUpRestartsLeakNothing(t *testing.T) {
	t.Parallel()
	dir := upDir(t)
	u := upAsked(t, upPlan{config: `
[services.web]
command = "true"
restart = { when = "always", initial = "0s" }
[[services.web.sockets]]
listen = "unix://` + dir + `/s"
`})
	// runs has it start so many times, and counts what is open after that.
	runs := func(n int) int {
		u.do("POST", "/v1/start", nil, "name=web", "wait=0") // it runs too shortly to be seen
		for range n {
			u.until("process.exited", "web")
		}
		u.do("POST", "/v1/stop", nil, "name=web")
		u.info()
		return upDescriptors(t, u.pid())
	}
	before := runs(10)
	if after := runs(200); after > before+2 {
		t.Errorf("supervise had %d descriptors after 10 runs, and has %d after 200 more", before, after)
	}
	u.stop()
}

func TestUpLazyIsStartedOnceByItsFirstClients(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	u := upAsked(t, upPlan{config: served("web", "tcp://127.0.0.1:"+port, "") + "lazy = true\n"})
	if s := u.services()["web"]; s.State != "stopped" || s.Why != "its first connection starts it" {
		t.Errorf("web is %s: %s", s.State, s.Why)
	}
	u.none("service.starting", "web")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, _, err := upAsk("tcp", "127.0.0.1:"+port); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	u.info()
	if n := len(u.all("service.started", "web")); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	u.stop()
}

func TestUpIdleStopsAndIsStartedAgain(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	u := upAsked(t, upPlan{config: served("web", "tcp://127.0.0.1:"+port, "idle_stop = '200ms'") + "lazy = true\n"})
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first, _, err := upSay(c)
	if err != nil {
		t.Fatal(err)
	}
	// An open connection keeps it: others come and go meanwhile, for longer than
	// it would have to be idle.
	upKeeps(t, c, first, 800*time.Millisecond)
	u.none("service.stopping", "web")
	c.Close()
	if s := u.until("service.stopping", "web"); s.Why != "no connection for 200ms" {
		t.Errorf("it stops: %s", s.Why)
	}
	u.until("service.stopped", "web")
	if pid, _, err := upAsk("tcp", "127.0.0.1:"+port); err != nil || pid == first {
		t.Errorf("the next is answered by %d, %v", pid, err)
	}
	u.stop()
}

func TestUpLazyThatCrashesAtOnceFollowsItsBackoffAndGivesUp(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	u := upAsked(t, upPlan{config: `
[services.web]
command = "sh -c 'exit 1'"
restart = { initial = "20ms", limit = 4, within = "1m" }
[[services.web.sockets]]
listen = "tcp://127.0.0.1:` + port + `"
lazy = true
[services.other]
command = "sleep 60"
`})
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	u.until("service.failed", "web")
	u.info()
	if n, m := len(u.all("service.started", "web")), len(u.all("backoff.scheduled", "web")); n != 4 || m != 3 {
		t.Errorf("%d starts and %d delays, want 4 and 3", n, m)
	}
	u.stop()
}

// A service that ends in peace, and has not taken its client, would be started
// by that same client again and again.
func TestUpLazyThatNeverTakesItsClientIsNoHotLoop(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	u := upAsked(t, upPlan{config: `
[services.web]
command = "true"
[[services.web.sockets]]
listen = "tcp://127.0.0.1:` + port + `"
lazy = true
[services.other]
command = "sleep 60"
`})
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// It fails by the first 20 that are within 2s. Where a start takes a tenth of a
	// second, none are.
	u.when("it fails, or is slow", func() bool {
		return len(u.all("service.failed", "web")) > 0 || len(u.all("process.exited", "web")) > 100
	})
	if len(u.all("service.failed", "web")) == 0 {
		t.Log("100 starts took too long to be too many")
		u.do("POST", "/v1/stop", nil, "name=web")
	} else if why, want := u.until("service.failed", "web").Why, "exited 0: started by a connection 20 times within 2s, which it may not have taken"; why != want {
		t.Errorf("it failed: %s", why)
	}
	u.info()
	starts, ends := u.all("service.starting", "web"), u.all("process.exited", "web")
	if len(starts) < 20 {
		t.Errorf("%d starts", len(starts))
	}
	for i := 19; i < len(ends)-1; i++ {
		if took := time.Duration(ends[i].MonoNS - starts[i-19].MonoNS); took < time.Second {
			t.Errorf("runs %d to %d of %d were within %s, and others came after them", i-18, i+1, len(starts), took)
		}
	}
	u.stop()
}

func TestUpStoppedByHandStaysStoppedWhileClientsWait(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	u := upAsked(t, upPlan{config: served("web", "tcp://127.0.0.1:"+port, "") + "lazy = true\n"})
	if _, _, err := upAsk("tcp", "127.0.0.1:"+port); err != nil {
		t.Fatal(err)
	}
	u.do("POST", "/v1/stop", nil, "name=web")
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make(chan error)
	go func() { _, _, err := upSay(c); answer <- err }()
	u.info()
	if s := u.services()["web"]; s.State != "stopped" || !strings.HasPrefix(s.Why, "asked for by ") {
		t.Errorf("web is %s: %s", s.State, s.Why)
	}
	if n := len(u.all("service.started", "web")); n != 1 {
		t.Errorf("%d starts", n)
	}
	u.do("POST", "/v1/start", nil, "name=web")
	if err := <-answer; err != nil {
		t.Errorf("who waited: %v", err)
	}
	c.Close()
	u.stop()
}

func TestUpNeedOnALazyServiceIsMetBeforeItRuns(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	// In the configuration what needs it comes first.
	u := upAsked(t, upPlan{config: `
[services.app]
command = "sleep 60"
needs = ["db"]
` + served("db", "tcp://127.0.0.1:"+port, "idle_stop = '200ms'") + "lazy = true\n"})
	u.until("service.running", "app")
	if s := u.services()["db"]; s.State != "stopped" || s.Why != "its first connection starts it" || !s.Ready {
		t.Errorf("db is %s, ready %v: %s", s.State, s.Ready, s.Why)
	}
	u.none("service.starting", "db")
	if _, _, err := upAsk("tcp", "127.0.0.1:"+port); err != nil {
		t.Fatal(err)
	}
	u.until("service.stopped", "db") // idle
	u.none("service.stopping", "app")
	// The stop of a need takes what needs it along, and the start of that brings it
	// back to where its first connection starts it.
	u.do("POST", "/v1/stop", nil, "name=db")
	u.waits("stopped", "app")
	u.do("POST", "/v1/start", nil, "name=app")
	if s := u.services()["db"]; s.State != "stopped" || !s.Ready {
		t.Errorf("db is %s, ready %v: %s", s.State, s.Ready, s.Why)
	}
	u.stop()
	if n := len(u.all("service.started", "db")); n != 1 {
		t.Errorf("db was started %d times", n)
	}
}

func TestUpLazyWithoutAutostartIsNotArmedUntilItIsAskedFor(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	u := upAsked(t, upPlan{config: served("web", "tcp://127.0.0.1:"+port, "autostart = false\nidle_stop = '200ms'") + "lazy = true\n[services.other]\ncommand = 'sleep 60'\n"})
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	u.until("service.running", "other")
	if s := u.services()["web"]; s.State != "stopped" || s.Why != "not asked for yet" {
		t.Errorf("web is %s: %s", s.State, s.Why)
	}
	u.do("POST", "/v1/start", nil, "name=web")
	if _, _, err := upSay(c); err != nil { // it waited
		t.Error(err)
	}
	c.Close()
	u.until("service.stopped", "web") // idle; from now on it is like any other
	if _, _, err := upAsk("tcp", "127.0.0.1:"+port); err != nil {
		t.Error(err)
	}
	u.stop()
}

func TestUpReloadChangesSocketsAllOrNothing(t *testing.T) {
	t.Parallel()
	dir, taken := upDir(t), upPort(t)
	one := served("web", "unix://"+dir+"/one", "")
	u := upAsked(t, upPlan{config: one})
	pid := u.until("service.running", "web").PID
	other, err := net.Listen("tcp", "127.0.0.1:"+taken)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()

	second := "[[services.web.sockets]]\nlisten = 'unix://" + dir + "/two'\n"
	u.write("supervise.toml", one+second+"[[services.web.sockets]]\nlisten = 'tcp://127.0.0.1:"+taken+"'\n")
	answer := u.reload(422)
	if want := fmt.Sprintf("it is in use by pid %d", os.Getpid()); len(answer.Errors) != 1 || !strings.Contains(answer.Errors[0], want) {
		t.Errorf("the reload says %q, want %q", answer.Errors, want)
	}
	if _, err := os.Lstat(dir + "/two"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket of the refused configuration is there: %v", err)
	}
	if by, _, err := upAsk("unix", dir+"/one"); err != nil || by != pid {
		t.Errorf("answered by %d, %v, want %d", by, err, pid)
	}

	u.write("supervise.toml", one+second)
	u.takesOver(0, "web: restart (sockets)")
	u.waits("ready", "web")
	for _, file := range []string{"one", "two"} {
		if by, _, err := upAsk("unix", dir+"/"+file); err != nil || by == pid {
			t.Errorf("%s is answered by %d, %v", file, by, err)
		}
	}
	u.write("supervise.toml", served("web", "unix://"+dir+"/two", ""))
	u.takesOver(0, "web: restart (sockets)")
	if _, err := os.Lstat(dir + "/one"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that was taken out is there: %v", err)
	}
	if _, _, err := upAsk("unix", dir+"/two"); err != nil {
		t.Error(err)
	}
	u.stop()
}

func TestUpSaysWhoHasThePortAndStartsNothing(t *testing.T) {
	t.Parallel()
	port := upPort(t)
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := upRefused(t, upPlan{config: "services.first.command = 'touch started'\nservices.web.command = 'true'\nservices.web.sockets = [{ listen = 'tcp://127.0.0.1:" + port + "' }]\n"}, 2)
	want := fmt.Sprintf("supervise.toml:2:10: opening tcp://127.0.0.1:%s for web: it is in use by pid %d (", port, os.Getpid())
	if !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
}

func TestUpServesPythonByLISTEN_FDS(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("/usr/bin/python3")
	upNeeds(t, "python3", err)
	port := upPort(t)
	u := upStart(t, upPlan{files: map[string]string{"echo.py": upDocument(t, "../docs/sockets.md", "import os, select")}, config: `
[services.echo]
command = ["` + python + `", "echo.py"]
[[services.echo.sockets]]
listen = "tcp://127.0.0.1:` + port + `"
`})
	pid := u.until("service.running", "echo").PID
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(upDeadline))
	if answer, err := io.ReadAll(c); err != nil || string(answer) != fmt.Sprintf("served by %d\n", pid) {
		t.Errorf("it answers %q, %v", answer, err)
	}
	u.stop()
}

// upDocument gives the code block of a page that begins with first.
func upDocument(t testing.TB, page, first string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "\n"+first)
	if !found {
		t.Fatalf("%s has no block that begins with %q", page, first)
	}
	block, _, _ = strings.Cut(first+block, "\n```")
	return block + "\n"
}

func TestUpServesNginxByItsOwnVariable(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("nginx")
	upNeeds(t, "nginx", err)
	port := upPort(t)
	u := upAsked(t, upPlan{
		files: map[string]string{"nginx.conf": "daemon off;\nworker_processes 1;\npid nginx.pid;\nevents {}\nhttp {\naccess_log off;\n" +
			"client_body_temp_path tmp;\nproxy_temp_path tmp;\nfastcgi_temp_path tmp;\nuwsgi_temp_path tmp;\nscgi_temp_path tmp;\n" +
			"server { listen 127.0.0.1:" + port + "; location / { return 200 \"hello\"; } } }\n"},
		config: `
[services.nginx]
command = ["nginx", "-p", ".", "-e", "stderr", "-c", "nginx.conf"]
env = { NGINX = "3;" }
stop.ladder = [{ signal = "QUIT", wait = "30s" }, { signal = "KILL", wait = "5s" }]
[[services.nginx.sockets]]
listen = "tcp://127.0.0.1:` + port + `"
`})
	u.line("nginx", `using inherited sockets from "3;"`)
	enough := upLoad(t, 2, func() error {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, upDeadline)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(upDeadline))
		fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: x\r\n\r\n")
		answer, err := io.ReadAll(c)
		if err == nil && !strings.HasSuffix(string(answer), "hello") {
			err = fmt.Errorf("the answer is %q", answer)
		}
		return err
	})
	for range 5 {
		u.do("POST", "/v1/restart", nil, "name=nginx")
	}
	t.Log(enough(), "answers")
	u.stop()
}
