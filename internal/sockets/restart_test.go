package sockets

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/launch"
	"supervise/internal/reaper"
	"supervise/internal/rerun"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// TestMain is also the server that takes its sockets from LISTEN_FDS, and the
// step that sets it up.
func TestMain(m *testing.M) {
	launch.Setup()
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, "the server:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// serve answers each line with its pid and the name of the socket, until TERM;
// then it takes no more clients and ends when those that it has are served.
func serve() error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	var clients, loops sync.WaitGroup
	var listeners []net.Listener
	for name, files := range activation.FilesWithNames() {
		for _, f := range files {
			if l, err := net.FileListener(f); err == nil {
				listeners = append(listeners, l)
				loops.Go(func() { acceptAll(l, name, &clients) })
			} else if c, err := net.FilePacketConn(f); err == nil {
				go echoAll(c, name)
			} else {
				return fmt.Errorf("%s is no socket: %w", name, err)
			}
			f.Close()
		}
	}
	<-term
	for _, l := range listeners {
		l.Close()
	}
	loops.Wait()
	clients.Wait()
	return nil
}

func acceptAll(l net.Listener, name string, clients *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		clients.Go(func() {
			defer c.Close()
			if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				fmt.Fprintf(c, "%d %s %s", os.Getpid(), name, line)
			}
		})
	}
}

func echoAll(c net.PacketConn, name string) {
	b := make([]byte, 100)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(fmt.Appendf(nil, "%d %s %s", os.Getpid(), name, b[:n]), from)
	}
}

// runner starts a service as the supervisor does, and waits for it. The process
// must run alone.
type runner struct {
	t        *testing.T
	set      *Set
	spec     config.Service
	tree     *tree.Tree
	launcher *launch.Launcher
	reaper   *reaper.Reaper
	started  chan reaper.Started
}

func newRunner(t *testing.T, sockets ...config.Socket) *runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{t: t, launcher: launch.ForServices(signals.Dispositions{}), started: make(chan reaper.Started)}
	r.spec = service("web", 1, sockets...)
	r.spec.Command, r.spec.Umask, r.spec.Pdeathsig = []string{self, "serve"}, -1, signals.KILL
	r.set = openSet(t, r.spec)
	if r.tree, err = tree.NewHost(nil).Tree("web", config.Process); err != nil {
		t.Fatal(err)
	}
	r.reaper = reaper.New(nil, nil, func(s reaper.Started) { r.started <- s })
	t.Cleanup(r.reaper.Close) // which is the end of what it has started
	return r
}

func (r *runner) start() (pid int) {
	r.t.Helper()
	r.reaper.Start("web", func() (reaper.Image, error) {
		files, err := r.set.Files("web")
		if err != nil {
			return reaper.Image{}, err
		}
		given := launch.Given{Stdio: launch.Stdio{In: 0, Out: 2, Err: 2, Terminal: -1}}
		for i, fd := range files.FDs {
			given.Listen = append(given.Listen, launch.Descriptor{FD: fd, Name: files.Names[i]})
		}
		image, err := r.launcher.Image(&r.spec, r.tree, given, launch.OwnSession)
		if err != nil {
			files.Close()
			return image, err
		}
		before := image.Close
		image.Close = func() {
			files.Close()
			if before != nil {
				before()
			}
		}
		return image, nil
	})
	s := <-r.started
	r.reaper.Register(s)
	if s.Err != nil {
		r.t.Fatal(s.Err)
	}
	return s.PID
}

func (r *runner) stop(pid int, sig syscall.Signal) {
	r.t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		r.t.Fatal(err)
	}
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			r.t.Fatal(err)
		}
	}
	c, ok := r.reaper.Next()
	if !ok || c.PID != pid {
		r.t.Fatalf("waiting for %d gave %+v, %v", pid, c, ok)
	}
	if sig == syscall.SIGTERM && (c.Exit.Code != 0 || c.Exit.Signal != 0) {
		r.t.Fatalf("the server ended by %+v", c.Exit)
	}
}

// ask sends a line to whoever serves, and gives the answer.
func ask(network, addr, line string) (pid int, name string, err error) {
	c, err := net.DialTimeout(network, addr, deadline)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(deadline)); err != nil {
		return 0, "", err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return 0, "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return 0, "", err
	}
	f := strings.Fields(answer)
	if len(f) != 3 || f[2] != line {
		return 0, "", fmt.Errorf("the answer is %q", answer)
	}
	pid, err = strconv.Atoi(f[0])
	return pid, f[1], err
}

func TestARealServerTakesItsSockets(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	named := func(s config.Socket, name string) config.Socket { s.Name = name; return s }
	sockets := []config.Socket{
		named(tcp("127.0.0.1:0"), "first"), named(stream(t.TempDir()+"/s"), "second"), named(udp("127.0.0.1:0"), "third"),
		named(stream(fmt.Sprintf("@sockets-test-%d", os.Getpid())), "fourth"),
	}
	if hasIPv6() {
		sockets = append(sockets, named(tcp("[::]:0"), "fifth"), named(udp("[::1]:0"), "sixth"))
	}
	r := newRunner(t, sockets...)
	// Those who come before it are served too.
	ours := fds(t, r.set, "web")
	early := dial(t, ours[0])
	fmt.Fprintln(early, "early")
	pid := r.start()
	if answer, err := bufio.NewReader(early).ReadString('\n'); answer != fmt.Sprintf("%d first early\n", pid) {
		t.Errorf("who came before got %q, %v", answer, err)
	}
	for i, fd := range ours {
		network, addr := address(t, fd)
		got, name, err := ask(network, addr, "hello")
		if err != nil || got != pid || name != sockets[i].Name {
			t.Errorf("%s: answered by %d as %q, %v, want %d as %q", sockets[i], got, name, err, pid, sockets[i].Name)
		}
	}
	r.stop(pid, syscall.SIGTERM)
}

// TestNobodyIsRefusedDuringAHundredRestarts has clients without pause, and
// restarts the server a hundred times, each time when it has served some.
func TestNobodyIsRefusedDuringAHundredRestarts(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	const restarts, clients, perRun = 100, 4, 8
	r := newRunner(t, tcp("127.0.0.1:0"), stream(t.TempDir()+"/s"))
	var at [2][2]string
	for i, fd := range fds(t, r.set, "web") {
		at[i][0], at[i][1] = address(t, fd)
	}
	var done atomic.Bool
	var answered atomic.Int64
	var all sync.WaitGroup
	servedBy := make(chan int)
	ended := make(chan struct{})
	for i := range clients {
		all.Go(func() {
			for !done.Load() {
				pid, _, err := ask(at[i%2][0], at[i%2][1], "x")
				if err != nil {
					t.Errorf("a client of %s: %v", at[i%2][1], err)
					done.Store(true)
					return
				}
				answered.Add(1)
				select {
				case servedBy <- pid:
				case <-ended:
				}
			}
		})
	}
	pids := map[int]bool{}
	for range restarts {
		pid := r.start()
		pids[pid] = true
		for served := 0; served < perRun && !done.Load(); {
			select {
			case by := <-servedBy:
				if by == pid {
					served++
				}
			case <-time.After(deadline):
				t.Error("nobody is served")
				done.Store(true)
			}
		}
		if done.Load() {
			break
		}
		// The others go on while it ends.
		drained := make(chan struct{})
		go func() {
			for {
				select {
				case <-servedBy:
				case <-drained:
					return
				}
			}
		}()
		r.stop(pid, syscall.SIGTERM)
		close(drained)
	}
	last := r.start() // for those who wait now
	done.Store(true)
	close(ended)
	all.Wait()
	r.stop(last, syscall.SIGTERM)
	t.Logf("%d answers by %d servers", answered.Load(), len(pids)+1)
}

// A server that is killed takes down those whom it was serving, and no one who
// waits.
func TestWhoWaitsOutlivesAKill(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	r := newRunner(t, tcp("127.0.0.1:0"))
	fd := fds(t, r.set, "web")[0]
	pid := r.start()
	network, addr := address(t, fd)
	if _, _, err := ask(network, addr, "x"); err != nil { // it is up
		t.Fatal(err)
	}
	r.stop(pid, syscall.SIGKILL)
	c := dial(t, fd)
	fmt.Fprintln(c, "waits")
	pid = r.start()
	if answer, err := bufio.NewReader(c).ReadString('\n'); answer != fmt.Sprintf("%d t waits\n", pid) {
		t.Errorf("who waited got %q, %v", answer, err)
	}
	r.stop(pid, syscall.SIGTERM)
}
