package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// Connections counts the clients of a service: the connections to its sockets
// that are open on the client's side, whether the service has accepted them yet
// or not. Datagrams are of no connection, and not counted.
//
// It asks the kernel (sock_diag(7)), which needs no privileges, or reads
// /proc/net where the kernel was built without. Connections to an address that
// several sockets share by reuseport count for each of them.
func (s *Set) Connections(service string) (int, error) {
	s.mu.Lock()
	var ours []local
	for _, h := range s.services[service] {
		if h.Datagram() {
			continue
		}
		at, err := h.local()
		if err != nil {
			s.mu.Unlock()
			return 0, fmt.Errorf("counting the connections of %s: %w", service, err)
		}
		ours = append(ours, at)
	}
	s.mu.Unlock()
	total := 0
	for _, at := range ours {
		n, err := at.count()
		if err != nil {
			return 0, fmt.Errorf("counting the connections of %s: %w", service, err)
		}
		total += n
	}
	return total, nil
}

// local is where a socket listens.
type local struct {
	name    string         // of a unix socket: its path, or @ and its abstract name
	address netip.AddrPort // of another
	v6only  bool
}

func (h held) local() (local, error) {
	if isUnix(h.Socket) {
		return local{name: h.Address}, nil
	}
	to, err := unix.Getsockname(h.fd)
	if err != nil {
		return local{}, err
	}
	switch to := to.(type) {
	case *unix.SockaddrInet4:
		return local{address: netip.AddrPortFrom(netip.AddrFrom4(to.Addr), uint16(to.Port))}, nil
	case *unix.SockaddrInet6:
		return local{address: netip.AddrPortFrom(netip.AddrFrom16(to.Addr), uint16(to.Port)), v6only: h.V6Only}, nil
	}
	return local{}, fmt.Errorf("the socket is bound to something unknown, %T", to)
}

// takes says whether a connection whose end on our side is at a came to this
// socket. Those of IPv4 that [::] takes are ::ffff:0:0/96 then.
func (l local) takes(a netip.AddrPort) bool {
	ip := a.Addr()
	switch {
	case a.Port() != l.address.Port() || ip.Is4() != l.address.Addr().Is4():
		return false
	case l.address.Addr().IsUnspecified():
		return !ip.Is4In6() || !l.v6only
	}
	return ip == l.address.Addr()
}

// state is that of a connection, as the kernel numbers them (tcp_states.h).
type state uint8

// The states in which the client has a connection, or has only closed its half
// of it and may wait for an answer. In all others the service has closed it, or
// it is not there yet.
const (
	established state = 1
	closeWait   state = 8
	listening   state = 10
)

func (s state) open() bool { return s == established || s == closeWait }

func (l local) count() (int, error) {
	if l.name != "" {
		return countEither(l.countUnixDiag, l.countUnixProc)
	}
	return countEither(l.countInetDiag, l.countInetProc)
}

// countEither counts by the second way where the first is closed: a kernel
// without sock_diag, or a filter of system calls that knows no netlink.
func countEither(diag, proc func() (int, error)) (int, error) {
	n, err := diag()
	if err == nil {
		return n, nil
	}
	n, procErr := proc()
	if procErr == nil {
		return n, nil
	}
	return 0, errors.Join(err, procErr)
}

func (l local) countInetDiag() (n int, err error) {
	request := inetRequest(unix.AF_INET, l.address.Port())
	if l.address.Addr().Is6() {
		request = inetRequest(unix.AF_INET6, l.address.Port())
	}
	err = diagnose(request, func(body []byte) error {
		c, err := parseInetDiag(body)
		if err == nil && c.state.open() && l.takes(c.local) {
			n++
		}
		return err
	})
	return n, err
}

func (l local) countUnixDiag() (n int, err error) {
	err = diagnose(unixRequest(), func(body []byte) error {
		c, err := parseUnixDiag(body)
		if err == nil && c.isStream && c.name == l.name {
			if n += c.queue; c.state == established {
				n++
			}
		}
		return err
	})
	return n, err
}

func (l local) countInetProc() (n int, err error) {
	path := "/proc/self/net/tcp"
	if l.address.Addr().Is6() {
		path += "6"
	}
	list, err := readNet(path, parseInetLine)
	for _, c := range list {
		if c.state.open() && l.takes(c.local) {
			n++
		}
	}
	return n, err
}

func (l local) countUnixProc() (n int, err error) {
	list, err := readNet("/proc/self/net/unix", parseUnixLine)
	for _, c := range list {
		if c.isStream && c.state == established && c.name == l.name {
			n++
		}
	}
	return n, err
}

// readNet reads a table of /proc/net; its first line is a heading.
func readNet[T any](path string, parse func(line string) (T, error)) (list []T, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	first := true
	for line := range strings.Lines(string(b)) {
		if first {
			first = false
			continue
		}
		one, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// holder names the process that has the address of s, as " by pid 12 (nginx)";
// "" when that cannot be told.
func holder(s config.Socket) string {
	for _, inode := range inodes(s) {
		if pid, name := holderOf(inode); pid != 0 {
			return fmt.Sprintf(" by pid %d (%s)", pid, name)
		}
	}
	return ""
}
