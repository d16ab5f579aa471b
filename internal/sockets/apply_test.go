package sockets

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

func TestPlan(t *testing.T) {
	shared := tcp("127.0.0.1:1")
	shared.ReusePort = true
	have := map[id]*listener{}
	for _, w := range makePlan(nil, []config.Service{service("a", 1, tcp("127.0.0.1:2"), udp("127.0.0.1:2"), shared, shared), service("b", 2, stream("/x"))}).all {
		have[w.id] = &listener{}
	}
	if len(have) != 5 {
		t.Fatalf("%d sockets are told apart, want 5", len(have))
	}
	texts := func(list []wanted) (out []string) {
		for _, w := range list {
			out = append(out, w.service+" "+w.Socket.String())
		}
		return out
	}
	renamed := tcp("127.0.0.1:2")
	renamed.Name, renamed.Lazy = "other", true
	p := makePlan(have, []config.Service{service("b", 1, renamed, dgram("/x")), service("a", 2, shared)})
	if got, want := texts(p.keep), []string{"b tcp://127.0.0.1:2", "a tcp://127.0.0.1:1"}; !slices.Equal(got, want) {
		t.Errorf("keeps %q, want %q", got, want)
	}
	if got, want := texts(p.open), []string{"b unixgram:///x"}; !slices.Equal(got, want) {
		t.Errorf("opens %q, want %q", got, want)
	}
	var gone []string
	for _, id := range p.gone {
		gone = append(gone, fmt.Sprintf("%s %s %d", id.network, id.address, id.nth))
	}
	slices.Sort(gone)
	if want := []string{"tcp 127.0.0.1:1 1", "udp 127.0.0.1:2 0", "unix /x 0"}; !slices.Equal(gone, want) {
		t.Errorf("closes %q, want %q", gone, want)
	}
}

func TestReloadKeepsThoseWhoWait(t *testing.T) {
	dir := t.TempDir()
	kept, gone := stream(dir+"/kept"), stream(dir+"/gone")
	s := openSet(t, service("a", 1, kept, gone), service("b", 2, tcp("127.0.0.1:0")))
	ofA, ofB := fds(t, s, "a"), fds(t, s, "b")
	waiting := dial(t, ofA[0])
	waitingB := dial(t, ofB[0])

	kept.Name, kept.Backlog, kept.Mode = "renamed", 1, 0o600
	apply(t, s, service("c", 1, kept, stream(dir+"/new")), service("b", 2, tcp("127.0.0.1:0")))
	f, err := s.Files("c")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.FDs) != 2 || !slices.Equal(f.Names, []string{"renamed", "s"}) || !sameSocket(t, f.FDs[0], ofA[0]) {
		t.Fatalf("%+v", f)
	}
	for c, fd := range map[net.Conn]int{waiting: f.FDs[0], waitingB: fds(t, s, "b")[0]} {
		accepted := accept(t, fd)
		if _, err := unix.Write(accepted, []byte("hello")); err != nil {
			t.Error(err)
		}
		unix.Close(accepted)
		b := make([]byte, 10)
		if n, err := c.Read(b); string(b[:n]) != "hello" {
			t.Errorf("who waited got %q, %v", b[:n], err)
		}
	}
	if got := fds(t, s, "a"); len(got) != 0 {
		t.Errorf("a service that is gone has %v", got)
	}
	if _, err := os.Lstat(dir + "/gone"); err == nil {
		t.Error("the file of a socket that is gone is left")
	}
	if st, err := os.Lstat(dir + "/kept"); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the mode was not changed: %v, %v", st.Mode(), err)
	}
	dial(t, f.FDs[1])
}

func TestBacklogIsChanged(t *testing.T) {
	path := t.TempDir() + "/x"
	one := stream(path)
	one.Backlog = 1
	s := openSet(t, service("a", 1, one))
	one.Backlog = 4
	apply(t, s, service("a", 1, one))
	clients := 0
	for ; clients < 10; clients++ { // until the kernel says that there is no room
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err == unix.EAGAIN {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if clients != 5 {
		t.Errorf("%d clients could wait, want 5", clients)
	}
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	one, two := stream(dir+"/one"), stream(dir+"/two")
	s := openSet(t, service("a", 1, one, two), service("b", 2, udp("127.0.0.1:0")))
	was := fds(t, s, "a")
	before := descriptors(t)

	wrong := two
	wrong.User = "no-such-user"
	one.Mode = 0o600
	for _, c := range []struct {
		services []config.Service
		says     string
	}{
		{[]config.Service{service("a", 1, stream(dir+"/new"), tcp(taken.Addr().String()))}, "it is in use by pid"},
		{[]config.Service{service("a", 1, one, wrong, stream(dir+"/new"))}, "no-such-user"},
		{[]config.Service{service("a", 1, dgram(dir+"/one"))}, "one, which a had until now, is in its way as long as a runs; take that one out first"},
	} {
		if err := s.Apply(c.services); err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "s.toml:1:1: ") {
			t.Errorf("got %v, want %q", err, c.says)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%q: %d descriptors more", c.says, after-before)
		}
		now, err := s.Files("a")
		if err != nil || len(now.FDs) != 2 || !sameSocket(t, now.FDs[0], was[0]) || !sameSocket(t, now.FDs[1], was[1]) {
			t.Errorf("%q: a has %+v, %v", c.says, now, err)
		}
		now.Close()
		if _, err := os.Lstat(dir + "/new"); err == nil {
			t.Errorf("%q: a new socket was left", c.says)
		}
		if st, err := os.Lstat(dir + "/one"); err != nil || st.Mode().Perm() != 0o660 {
			t.Errorf("%q: the mode of what stays was changed to %v, %v", c.says, st.Mode(), err)
		}
	}
	dial(t, fds(t, s, "b")[0])
}

func TestNoDescriptorIsLeft(t *testing.T) {
	dir := t.TempDir()
	before := descriptors(t)
	for i := range 20 {
		s, err := Open([]config.Service{service("a", 1, lazy(stream(dir+"/a")), lazy(tcp("127.0.0.1:0")))})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Arm("a", func() {}); err != nil {
			t.Fatal(err)
		}
		f, err := s.Files("a")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := s.Apply([]config.Service{service("a", 1, lazy(stream(fmt.Sprint(dir, "/", i))))}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Connections("a"); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	eventually(t, "the descriptors are closed", func() bool { return descriptors(t) == before })
}

// Some programs remove the file of their socket when they end.
func TestAFileThatAProgramRemovedIsMadeAgain(t *testing.T) {
	path := t.TempDir() + "/x"
	s := openSet(t, service("a", 1, lazy(stream(path)), tcp("127.0.0.1:0")))
	was := fds(t, s, "a")
	before := descriptors(t)
	remove := func() {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	again := fds(t, s, "a")
	if sameSocket(t, was[0], again[0]) || !sameSocket(t, was[1], again[1]) {
		t.Error("the socket that lost its file stays, or the other one does not")
	}
	dial(t, again[0])

	remove()
	woken := make(calls, 1)
	woken.arm(t, s, "a")
	remove()
	woken.arm(t, s, "a")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	woken.next(t, "a")

	// What somebody else has put there is not taken away, and said.
	remove()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, err := range []error{s.Arm("a", func() {}), func() error { _, err := s.Files("a"); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "for a again, whose file was removed: it is in use by pid") {
			t.Errorf("got %v", err)
		}
	}
	l.Close()
	apply(t, s)
	if after := descriptors(t); after > before+5 { // those of this test, of the epoll, and of package net
		t.Errorf("%d descriptors more", after-before)
	}
}
