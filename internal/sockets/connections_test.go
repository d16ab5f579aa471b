package sockets

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// connections wants both ways of counting to come to the same.
func connections(t *testing.T, s *Set, service string, want int) {
	t.Helper()
	count := func() string {
		n, err := s.Connections(service)
		out := fmt.Sprint(n, " ", err)
		for _, h := range s.services[service] {
			if h.Datagram() {
				continue
			}
			at, err := h.local()
			if err != nil {
				t.Fatal(err)
			}
			diag, proc := at.countInetDiag, at.countInetProc
			if isUnix(h.Socket) {
				diag, proc = at.countUnixDiag, at.countUnixProc
			}
			a, errA := diag()
			b, errB := proc()
			if a != b || errA != nil || errB != nil {
				out += fmt.Sprintf("; %s: sock_diag says %d, %v; /proc/net says %d, %v", h.Socket, a, errA, b, errB)
			}
		}
		return out
	}
	got := ""
	defer func() {
		if t.Failed() {
			t.Log(got)
		}
	}()
	eventually(t, fmt.Sprintf("%d connections of %s", want, service), func() bool {
		got = count()
		return got == fmt.Sprint(want, " <nil>")
	})
}

func TestConnections(t *testing.T) {
	dir := t.TempDir()
	abstract := fmt.Sprintf("@sockets-test-%d", os.Getpid())
	s := openSet(t, service("tcp", 1, tcp("127.0.0.1:0"), udp("127.0.0.1:0")), service("all", 1, tcp("0.0.0.0:0")),
		service("unix", 1, stream(dir+"/with blank")), service("abstract", 1, stream(abstract)), service("other", 1, tcp("127.0.0.1:0"), stream(dir+"/other")),
		service("gram", 1, udp("127.0.0.1:0"), dgram(dir+"/d")))
	for _, name := range []string{"tcp", "all", "unix", "abstract"} {
		fd := fds(t, s, name)[0]
		connections(t, s, name, 0)
		a, b := dial(t, fd), dial(t, fd)
		connections(t, s, name, 2) // they wait
		first, second := accept(t, fd), accept(t, fd)
		connections(t, s, name, 2)
		a.Close()
		unix.Close(first)
		connections(t, s, name, 1)
		c := dial(t, fd)
		connections(t, s, name, 2)
		// Who has only said that it will send no more waits for an answer.
		if err := b.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		connections(t, s, name, 2)
		unix.Close(second)
		b.Close()
		unix.Close(accept(t, fd))
		c.Close()
		connections(t, s, name, 0)
	}
	dial(t, fds(t, s, "gram")[0])
	dial(t, fds(t, s, "other")[0])
	connections(t, s, "gram", 0)
	connections(t, s, "tcp", 0)
	connections(t, s, "no such service", 0)
}

func TestConnectionsOfIPv6(t *testing.T) {
	if !hasIPv6() {
		TestIPv6(t) // which says what is to be seen then
		return
	}
	s := openSet(t, service("one", 1, tcp("[::1]:0")), service("all", 1, tcp("[::]:0")))
	for _, name := range []string{"one", "all"} {
		dial(t, fds(t, s, name)[0])
		connections(t, s, name, 1)
	}
	_, addr := address(t, fds(t, s, "all")[0])
	c, err := net.Dial("tcp", "127.0.0.1"+addr[strings.LastIndex(addr, ":"):])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	connections(t, s, "all", 2)
}

func TestCountingWhereTheFirstWayIsClosed(t *testing.T) {
	two := func() (int, error) { return 2, nil }
	refused := func() (int, error) { return 0, unix.EPERM }
	missing := func() (int, error) { return 0, unix.ENOENT }
	if n, err := countEither(refused, two); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := countEither(refused, missing); err == nil || !strings.Contains(err.Error(), unix.EPERM.Error()) || !strings.Contains(err.Error(), unix.ENOENT.Error()) {
		t.Errorf("got %v", err)
	}
}
