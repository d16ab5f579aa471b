package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// deadline ends what should have happened long ago.
const deadline = 90 * time.Second

func tcp(address string) config.Socket {
	return config.Socket{Network: "tcp", Address: address, Name: "t", Backlog: 16}
}

func udp(address string) config.Socket {
	return config.Socket{Network: "udp", Address: address, Name: "u"}
}

func stream(path string) config.Socket {
	return config.Socket{Network: "unix", Address: path, Name: "s", Backlog: 16, Mode: 0o660}
}

func dgram(path string) config.Socket {
	return config.Socket{Network: "unixgram", Address: path, Name: "d", Mode: 0o660}
}

func lazy(s config.Socket) config.Socket { s.Lazy = true; return s }

// service is one that has sockets; line is where it is defined.
func service(name string, line int, sockets ...config.Socket) config.Service {
	return config.Service{Name: name, Where: config.Position{File: "s.toml", Line: line, Col: 1}, Sockets: sockets}
}

func openSet(t *testing.T, services ...config.Service) *Set {
	t.Helper()
	s, err := Open(services)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func apply(t *testing.T, s *Set, services ...config.Service) {
	t.Helper()
	if err := s.Apply(services); err != nil {
		t.Fatal(err)
	}
}

// fds gives the descriptors of a service, open until the test ends.
func fds(t *testing.T, s *Set, service string) []int {
	t.Helper()
	f, err := s.Files(service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f.FDs
}

// address gives where to dial a socket.
func address(t *testing.T, fd int) (network, addr string) {
	t.Helper()
	to, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		t.Fatal(err)
	}
	isStream := kind == unix.SOCK_STREAM
	switch to := to.(type) {
	case *unix.SockaddrInet4:
		network, addr = "udp", fmt.Sprintf("127.0.0.1:%d", to.Port)
	case *unix.SockaddrInet6:
		network, addr = "udp", fmt.Sprintf("[::1]:%d", to.Port)
	case *unix.SockaddrUnix:
		network, addr = "unixgram", to.Name
	}
	if isStream {
		network = map[string]string{"udp": "tcp", "unixgram": "unix"}[network]
	}
	return network, addr
}

func dial(t *testing.T, fd int) net.Conn {
	t.Helper()
	network, addr := address(t, fd)
	c, err := net.DialTimeout(network, addr, deadline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// accept takes the next client of a socket as a program would.
func accept(t *testing.T, fd int) int {
	t.Helper()
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(deadline.Milliseconds())); err != nil {
		t.Fatal(err)
	}
	c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hasIPv6 says whether this machine has ::1, which decides what is to be seen
// of IPv6: that it works, or why it does not.
func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

func TestWhatIsOpened(t *testing.T) {
	dir := t.TempDir()
	s := openSet(t,
		service("a", 1, tcp("127.0.0.1:0"), udp("127.0.0.1:0"), stream(dir+"/s"), dgram(dir+"/d"), stream(fmt.Sprintf("@sockets-test-%d", os.Getpid()))),
		service("b", 2, tcp("127.0.0.1:0")),
		service("none", 3))
	f, err := s.Files("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !slices.Equal(f.Names, []string{"t", "u", "s", "d", "s"}) || len(f.FDs) != 5 {
		t.Fatalf("%+v", f)
	}
	for i, fd := range append(slices.Clone(f.FDs), fds(t, s, "b")...) {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 || err != nil {
			t.Errorf("%d: not close-on-exec: %v", i, err)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); flags&unix.O_NONBLOCK != 0 || err != nil {
			t.Errorf("%d: not blocking: %v", i, err)
		}
		listens, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if isStream := i != 1 && i != 3; (listens == 1) != isStream {
			t.Errorf("%d: SO_ACCEPTCONN is %d", i, listens)
		}
		dial(t, fd)
	}
	if fds := fds(t, s, "none"); len(fds) != 0 {
		t.Errorf("a service without sockets got %v", fds)
	}
}

func TestARunThatChangesTheFlagDoesNotHandItOn(t *testing.T) {
	s := openSet(t, service("a", 1, tcp("127.0.0.1:0")))
	if err := unix.SetNonblock(fds(t, s, "a")[0], true); err != nil { // as a program in Go does
		t.Fatal(err)
	}
	if flags, _ := unix.FcntlInt(uintptr(fds(t, s, "a")[0]), unix.F_GETFL, 0); flags&unix.O_NONBLOCK != 0 {
		t.Error("the next start gets it non-blocking")
	}
}

func TestIPv6(t *testing.T) {
	if !hasIPv6() {
		_, err := Open([]config.Service{service("a", 1, tcp("[::1]:0"))})
		if err == nil || !strings.Contains(err.Error(), "this machine") {
			t.Errorf("without IPv6: %v", err)
		}
		return
	}
	only := tcp("[::]:0")
	only.V6Only = true
	s := openSet(t, service("a", 1, tcp("[::1]:0"), tcp("[::]:0"), only, udp("[::1]:0")))
	for i, fd := range fds(t, s, "a") {
		dial(t, fd)
		v, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		if isAll := i == 1 || i == 2; err != nil || isAll && (v == 1) != (i == 2) {
			t.Errorf("%d: IPV6_V6ONLY is %d, %v", i, v, err)
		}
	}
	both := fds(t, s, "a")[1]
	_, addr := address(t, both)
	c, err := net.Dial("tcp", "127.0.0.1"+addr[strings.LastIndex(addr, ":"):])
	if err != nil {
		t.Fatalf("[::] does not take IPv4: %v", err)
	}
	c.Close()
}

func TestReusePort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	one := tcp(l.Addr().String())
	l.Close()
	one.ReusePort = true
	s := openSet(t, service("a@1", 1, one), service("a@2", 1, one))
	if a, b := fds(t, s, "a@1"), fds(t, s, "a@2"); len(a) != 1 || len(b) != 1 || sameSocket(t, a[0], b[0]) {
		t.Errorf("%v %v", a, b)
	}
}

// sameSocket says whether two descriptors lead to one socket.
func sameSocket(t *testing.T, a, b int) bool {
	t.Helper()
	return inode(t, a) == inode(t, b)
}

func inode(t *testing.T, fd int) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestAllThatCannotBeOpenedIsSaidWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenUDP, err := net.ListenPacket("udp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer takenUDP.Close()
	_, udpPort, _ := net.SplitHostPort(takenUDP.LocalAddr().String())
	alive, err := net.Listen("unix", dir+"/alive")
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	abstract := fmt.Sprintf("@sockets-test-%d", os.Getpid())
	aliveAbstract, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer aliveAbstract.Close()
	if err := os.WriteFile(dir+"/file", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("alive", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	owned := stream(dir + "/owned")
	owned.User = "no-such-user"
	before := descriptors(t)
	_, err = Open([]config.Service{
		service("good", 1, tcp("127.0.0.1:0"), stream(dir+"/good")),
		service("a", 2, tcp(taken.Addr().String())),
		service("b", 3, udp("127.0.0.1:"+udpPort)),
		service("c", 4, tcp("192.0.2.1:1000")), // TEST-NET-1, RFC 5737
		service("d", 5, stream(dir+"/alive"), dgram(dir+"/alive")),
		service("e", 6, stream(dir+"/file"), stream(dir+"/link"), stream(dir+"/none/s"), stream(abstract)),
		service("f", 7, owned, tcp("[fe80::1%no-such-if]:80")),
	})
	errs := config.Errors(nil)
	if !errors.As(err, &errs) {
		t.Fatalf("got %v", err)
	}
	us := fmt.Sprintf("by pid %d (", os.Getpid())
	want := []string{
		"s.toml:2:1: opening " + tcp(taken.Addr().String()).String() + " for a: it is in use " + us,
		"s.toml:3:1: opening udp://127.0.0.1:" + udpPort + " for b: it is in use " + us,
		"s.toml:4:1: opening tcp://192.0.2.1:1000 for c: this machine has no such address",
		"s.toml:5:1: opening unix://" + dir + "/alive for d: it is in use " + us,
		"s.toml:5:1: opening unixgram://" + dir + "/alive for d: it is in use " + us,
		"s.toml:6:1: opening unix://" + dir + "/file for e: there is something that is no socket, and is left alone",
		"s.toml:6:1: opening unix://" + dir + "/link for e: there is a symbolic link, which is left alone",
		"s.toml:6:1: opening unix://" + dir + "/none/s for e: the directory " + dir + "/none is not there",
		"s.toml:6:1: opening unix://" + abstract + " for e: it is in use " + us,
		"s.toml:7:1: opening unix://" + dir + `/owned for f: there is no user called "no-such-user"`,
		`s.toml:7:1: opening tcp://[fe80::1%no-such-if]:80 for f: there is no network interface called "no-such-if"`,
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d errors, want %d:\n%v", len(got), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) || !strings.Contains(got[i], "; ") && !strings.Contains(got[i], "0.0.0.0 and [::]") {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors were left open", after-before)
	}
	if _, err := os.Lstat(dir + "/good"); err == nil {
		t.Error("what was opened beside the wrong ones was left")
	}
	if text, err := os.ReadFile(dir + "/file"); string(text) != "mine" || err != nil {
		t.Errorf("the file that was in the way is %q, %v", text, err)
	}
	if c, err := net.Dial("unix", dir+"/alive"); err != nil {
		t.Errorf("the living socket was harmed: %v", err)
	} else {
		c.Close()
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestPrivilegedPorts(t *testing.T) {
	const capNetBindService = 10
	runtime.LockOSThread() // capabilities are the thread's; it is given up with them
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	data[0].Effective &^= 1 << capNetBindService
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	s, err := Open([]config.Service{service("a", 1, tcp("127.0.0.1:1"))})
	switch {
	case unprivilegedPorts() <= "1" && err == nil: // containers are often set up so
		s.Close()
	case err == nil || !strings.Contains(err.Error(), "CAP_NET_BIND_SERVICE: run supervise as root, or choose a higher port"):
		t.Errorf("got %v", err)
	}
}

func TestFileOfAUnixSocket(t *testing.T) {
	dir := t.TempDir()
	for _, one := range []config.Socket{stream(dir + "/x"), dgram(dir + "/x")} {
		one.Mode = 0o617
		if os.Geteuid() == 0 {
			one.User, one.Group = "daemon", "12"
		}
		s := openSet(t, service("a", 1, one))
		var st unix.Stat_t
		if err := unix.Lstat(dir+"/x", &st); err != nil || st.Mode != unix.S_IFSOCK|0o617 {
			t.Errorf("%s has mode %o, %v", one, st.Mode, err)
		}
		if os.Geteuid() == 0 && (st.Uid != 1 || st.Gid != 12) {
			t.Errorf("%s belongs to %d:%d", one, st.Uid, st.Gid)
		}
		s.Close()
		if _, err := os.Lstat(dir + "/x"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", one, err)
		}
	}
}

func TestSocketThatWasLeftIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as if it had been killed
	l.Close()
	s := openSet(t, service("a", 1, stream(path)))
	dial(t, fds(t, s, "a")[0])
}

func TestAFileThatIsNotOursIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	s := openSet(t, service("a", 1, stream(path)))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's socket was removed: %v", err)
	}
}
