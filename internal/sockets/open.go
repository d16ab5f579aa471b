package sockets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// open makes a socket that listens.
func open(s config.Socket) (*listener, error) {
	if isUnix(s) {
		return openUnix(s)
	}
	address, err := netip.ParseAddrPort(s.Address)
	if err != nil {
		return nil, err
	}
	to, family, err := sockaddr(address)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(family, kind(s)|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, explain(s, err)
	}
	l := &listener{fd: fd}
	if err := l.listen(s, family, to); err != nil {
		l.close()
		return nil, explain(s, err)
	}
	return l, nil
}

// listen binds a socket of TCP or UDP.
func (l *listener) listen(s config.Socket, family int, to unix.Sockaddr) error {
	options := []struct{ level, name, value int }{}
	if family == unix.AF_INET6 { // said in either case: net.ipv6.bindv6only may be set
		options = append(options, struct{ level, name, value int }{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, number(s.V6Only)})
	}
	if !s.Datagram() {
		// Connections of an earlier run that linger in TIME_WAIT are no
		// reason not to listen. For UDP the option would let another program
		// take the port from us.
		options = append(options, struct{ level, name, value int }{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	}
	if s.ReusePort {
		options = append(options, struct{ level, name, value int }{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(l.fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	if err := unix.Bind(l.fd, to); err != nil || s.Datagram() {
		return err
	}
	return unix.Listen(l.fd, s.Backlog)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isUnix(s config.Socket) bool { return strings.HasPrefix(s.Network, "unix") }

// kind gives the type of a socket as socket(2) wants it.
func kind(s config.Socket) int {
	if s.Datagram() {
		return unix.SOCK_DGRAM
	}
	return unix.SOCK_STREAM
}

func sockaddr(address netip.AddrPort) (to unix.Sockaddr, family int, err error) {
	ip, port := address.Addr(), int(address.Port())
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: ip.As4()}, unix.AF_INET, nil
	}
	zone, err := zoneIndex(ip.Zone())
	return &unix.SockaddrInet6{Port: port, Addr: ip.As16(), ZoneId: zone}, unix.AF_INET6, err
}

// zoneIndex finds the interface of a link-local address.
func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("there is no network interface called %q; ip link lists them", zone)
	}
	return uint32(i.Index), nil
}

// explain says what an error means for a socket, and what to do.
func explain(s config.Socket, err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("it is in use%s; stop that one, or choose another address", holder(s))
	case errors.Is(err, unix.EACCES) && !isUnix(s):
		return fmt.Errorf("%w; ports below %s need the capability CAP_NET_BIND_SERVICE: run supervise as root, or choose a higher port", err, unprivilegedPorts())
	case errors.Is(err, unix.ENOENT) && isUnix(s):
		return fmt.Errorf("the directory %s is not there; make it", filepath.Dir(s.Address))
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return errors.New("this machine has no such address (ip address lists those it has); 0.0.0.0 and [::] stand for all")
	case errors.Is(err, unix.EAFNOSUPPORT):
		return errors.New("this machine does not speak this protocol (IPv6 may be switched off); choose an address of IPv4")
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("%w; raise the limit of supervise (ulimit -n)", err)
	}
	return err
}

// unprivilegedPorts is where the ports begin that everybody may listen on.
func unprivilegedPorts() string {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return "1024"
	}
	return strings.TrimSpace(string(b))
}

// adjust changes an open socket from what it is to what it should be, as far as
// that needs no other socket.
func (l *listener) adjust(is, should config.Socket) error {
	if is.HasPath() && (is.Mode != should.Mode || is.User != should.User || is.Group != should.Group) {
		if err := l.file.dress(should); err != nil {
			return err
		}
	}
	if !is.Datagram() && is.Backlog != should.Backlog {
		return unix.Listen(l.fd, should.Backlog) // which may be said again
	}
	return nil
}

// close closes the socket and removes its file.
func (l *listener) close() {
	l.file.remove()
	unix.Close(l.fd)
}
