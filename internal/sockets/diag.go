package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// What is said and heard over NETLINK_SOCK_DIAG, see sock_diag(7) and
// linux/inet_diag.h, linux/unix_diag.h. Numbers are in the machine's own order,
// ports and addresses in the network's.

const (
	headerSize   = unix.SizeofNlMsghdr
	inetSize     = 72   // struct inet_diag_msg
	unixSize     = 16   // struct unix_diag_msg
	showName     = 0x01 // UDIAG_SHOW_NAME
	showQueue    = 0x10 // UDIAG_SHOW_RQLEN
	nameAttr     = 0    // UNIX_DIAG_NAME
	queueAttr    = 4    // UNIX_DIAG_RQLEN
	diagDeadline = 5    // seconds; the kernel answers at once
)

// inetConnection and unixConnection are one line of an answer.
type (
	inetConnection struct {
		state state
		local netip.AddrPort
		inode uint64
	}
	unixConnection struct {
		state    state
		isStream bool
		name     string
		queue    int // of one that listens, in sock_diag: who waits to be accepted
		inode    uint64
	}
)

// request puts a header before the body of a request for a list.
func request(body []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(body))
	binary.NativeEndian.PutUint32(b[0:], uint32(headerSize+len(body)))
	binary.NativeEndian.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	return append(b, body...)
}

// inetRequest asks for the open connections of TCP from a port of ours.
func inetRequest(family uint8, port uint16) []byte {
	body := make([]byte, 56) // struct inet_diag_req_v2
	body[0], body[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[4:], 1<<established|1<<closeWait)
	binary.BigEndian.PutUint16(body[8:], port)
	return request(body)
}

// unixRequest asks for all unix sockets that are connected or listen.
func unixRequest() []byte {
	body := make([]byte, 24) // struct unix_diag_req
	body[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(body[4:], 1<<established|1<<listening)
	binary.NativeEndian.PutUint32(body[12:], showName|showQueue)
	return request(body)
}

// diagnose sends a request and has each line of the answer looked at.
func diagnose(request []byte, each func(body []byte) error) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: diagDeadline}); err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	buf := make([]byte, 32<<10) // as much as the kernel puts into one answer
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_TRUNC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("sock_diag: %w", err)
		case n > len(buf):
			return fmt.Errorf("sock_diag: an answer of %d bytes is too long", n)
		}
		if done, err := parseAnswer(buf[:n], each); done || err != nil {
			return err
		}
	}
}

// parseAnswer has each message of a datagram looked at; done: it was the last.
func parseAnswer(b []byte, each func(body []byte) error) (done bool, err error) {
	for len(b) > 0 {
		if len(b) < headerSize {
			return false, errors.New("sock_diag: an answer ends in the middle of a header")
		}
		length, kind := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint16(b[4:])
		if length < headerSize || uint64(length) > uint64(len(b)) {
			return false, fmt.Errorf("sock_diag: an answer of %d bytes says that it is %d long", len(b), length)
		}
		body := b[headerSize:length]
		switch kind {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, errors.New("sock_diag: an error without its number")
			}
			if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
				return false, fmt.Errorf("sock_diag: %w", unix.Errno(-code))
			}
			return true, nil
		case unix.SOCK_DIAG_BY_FAMILY:
			if err := each(body); err != nil {
				return false, err
			}
		}
		b = b[min(align(int(length)), len(b)):]
	}
	return false, nil
}

// align gives where the next message or attribute begins.
func align(n int) int { return (n + 3) &^ 3 }

func parseInetDiag(body []byte) (inetConnection, error) {
	if len(body) < inetSize {
		return inetConnection{}, fmt.Errorf("sock_diag: a connection in %d bytes", len(body))
	}
	c := inetConnection{state: state(body[1]), inode: uint64(binary.NativeEndian.Uint32(body[68:]))}
	port := binary.BigEndian.Uint16(body[4:])
	switch body[0] {
	case unix.AF_INET:
		c.local = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[8:12])), port)
	case unix.AF_INET6:
		c.local = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[8:24])), port)
	default:
		return c, fmt.Errorf("sock_diag: a connection of the unknown family %d", body[0])
	}
	return c, nil
}

func parseUnixDiag(body []byte) (unixConnection, error) {
	if len(body) < unixSize {
		return unixConnection{}, fmt.Errorf("sock_diag: a connection in %d bytes", len(body))
	}
	c := unixConnection{isStream: body[1] == unix.SOCK_STREAM, state: state(body[2]), inode: uint64(binary.NativeEndian.Uint32(body[4:]))}
	for b := body[unixSize:]; len(b) >= 4; {
		length, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if length < 4 || length > len(b) {
			return c, fmt.Errorf("sock_diag: an attribute of %d bytes where there are %d", length, len(b))
		}
		switch {
		case kind == nameAttr:
			c.name = socketName(string(b[4:length]))
		case kind == queueAttr && length >= 8 && c.state == listening:
			c.queue = int(binary.NativeEndian.Uint32(b[4:]))
		}
		b = b[min(align(length), len(b)):]
	}
	return c, nil
}

// socketName writes the name of a unix socket as the configuration does.
func socketName(raw string) string {
	if abstract, is := strings.CutPrefix(raw, "\x00"); is {
		return "@" + abstract
	}
	return strings.TrimSuffix(raw, "\x00")
}
