package sockets

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// eventually waits until something holds that nobody tells us of.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// calls arms services and tells of each call.
type calls chan string

func (c calls) arm(t *testing.T, s *Set, service string) {
	t.Helper()
	if err := s.Arm(service, func() { c <- service }); err != nil {
		t.Fatal(err)
	}
}

// next wants a call for service, and no other before it.
func (c calls) next(t *testing.T, service string) {
	t.Helper()
	select {
	case got := <-c:
		if got != service {
			t.Errorf("%s was woken, want %s", got, service)
		}
	case <-time.After(deadline):
		t.Fatalf("%s was never woken", service)
	}
}

// none wants that nothing was called: a call for canary, caused now, is the
// next that comes.
func (c calls) none(t *testing.T, s *Set, canary string) {
	t.Helper()
	c.arm(t, s, canary)
	dial(t, fds(t, s, canary)[0])
	c.next(t, canary)
}

func TestFirstClientWakesOnce(t *testing.T) {
	dir := t.TempDir()
	sockets := map[string]config.Socket{
		"tcp": lazy(tcp("127.0.0.1:0")), "udp": lazy(udp("127.0.0.1:0")), "unix": lazy(stream(dir + "/s")), "unixgram": lazy(dgram(dir + "/d")),
	}
	services := []config.Service{service("canary", 1, lazy(stream(dir+"/canary")))}
	for name, socket := range sockets {
		services = append(services, service(name, 1, tcp("127.0.0.1:0"), socket))
	}
	s := openSet(t, services...)
	woken := make(calls, 10)
	for name := range sockets {
		woken.arm(t, s, name)
	}
	for name := range sockets {
		eager, sleepy := fds(t, s, name)[0], fds(t, s, name)[1]
		dial(t, eager) // nobody is woken by one that is not lazy
		for range 3 {
			if _, err := fmt.Fprint(dial(t, sleepy), "x"); err != nil {
				t.Fatal(err)
			}
		}
		woken.next(t, name)
	}
	woken.none(t, s, "canary")

	// What waits still wakes again, at once, and what was taken does not.
	fd := fds(t, s, "tcp")[1]
	unix.Close(accept(t, fd))
	woken.arm(t, s, "tcp")
	woken.next(t, "tcp")
	unix.Close(accept(t, fd))
	unix.Close(accept(t, fd))
	woken.arm(t, s, "tcp")
	unix.Close(accept(t, fds(t, s, "canary")[0]))
	woken.none(t, s, "canary")
	dial(t, fd)
	woken.next(t, "tcp")
}

func TestDisarmed(t *testing.T) {
	dir := t.TempDir()
	s := openSet(t, service("a", 1, lazy(stream(dir+"/a"))), service("canary", 1, lazy(stream(dir+"/canary"))))
	woken := make(calls, 10)
	woken.arm(t, s, "a")
	s.Disarm("a")
	s.Disarm("canary") // never was
	dial(t, fds(t, s, "a")[0])
	woken.none(t, s, "canary")
}

func TestReloadWhileArmed(t *testing.T) {
	dir := t.TempDir()
	canary := service("canary", 1, lazy(stream(dir+"/canary")))
	was, becomes := lazy(stream(dir+"/was")), lazy(stream(dir+"/becomes"))
	s := openSet(t, service("a", 1, was), service("b", 1, lazy(stream(dir+"/b"))), canary)
	woken := make(calls, 10)
	woken.arm(t, s, "a")
	woken.arm(t, s, "b")
	held := fds(t, s, "a")[0] // a program still has it
	old, err := net.Dial("unix", dir+"/was")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	woken.next(t, "a")
	woken.arm(t, s, "b")
	unix.Close(accept(t, held))
	woken.arm(t, s, "a")

	apply(t, s, service("a", 1, becomes), canary)
	_ = unix.Shutdown(held, unix.SHUT_RDWR) // the old one would be ready now
	woken.none(t, s, "canary")
	dial(t, fds(t, s, "a")[0])
	woken.next(t, "a")

	// b was taken out; when it comes again it is not armed.
	unix.Close(accept(t, fds(t, s, "canary")[0]))
	apply(t, s, service("b", 1, lazy(stream(dir+"/b"))), canary)
	dial(t, fds(t, s, "b")[0])
	woken.none(t, s, "canary")
}

func TestASocketThatIsLazyNoMore(t *testing.T) {
	dir := t.TempDir()
	canary := service("canary", 1, lazy(stream(dir+"/canary")))
	s := openSet(t, service("a", 1, lazy(stream(dir+"/a"))), canary)
	woken := make(calls, 10)
	woken.arm(t, s, "a")
	apply(t, s, service("a", 1, stream(dir+"/a")), canary)
	dial(t, fds(t, s, "a")[0])
	woken.none(t, s, "canary")
}
