package sockets

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"supervise/internal/config"
	"supervise/internal/procfs"
)

// The tables of /proc/net, see proc_pid_net(5).

// parseInetLine reads a line of /proc/net/tcp, udp, tcp6 or udp6:
//
//	sl: local_address:port remote_address:port state queues timer retransmits uid timeout inode …
//
// Addresses are words of 32 bits in the machine's own order.
func parseInetLine(line string) (c inetConnection, err error) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return c, fmt.Errorf("a line of %d columns", len(f))
	}
	address, port, _ := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return c, fmt.Errorf("%q is no address", address)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	ip, _ := netip.AddrFromSlice(raw)
	number, errPort := strconv.ParseUint(port, 16, 16)
	st, errState := strconv.ParseUint(f[3], 16, 8)
	inode, errInode := strconv.ParseUint(f[9], 10, 64)
	c = inetConnection{state: state(st), local: netip.AddrPortFrom(ip, uint16(number)), inode: inode}
	return c, errors.Join(errPort, errState, errInode)
}

// parseUnixLine reads a line of /proc/net/unix:
//
//	num: refcount protocol flags type state inode [path]
//
// Its states are those of linux/net.h: 3 is connected, 2 waits to be accepted,
// which sock_diag leaves to the queue of whoever listens.
func parseUnixLine(line string) (c unixConnection, err error) {
	line = strings.TrimSuffix(line, "\n")
	var f [7]string
	rest := line
	for i := range f { // the path may have blanks in it
		rest = strings.TrimLeft(rest, " ")
		f[i], rest, _ = strings.Cut(rest, " ")
	}
	kind, errType := strconv.ParseUint(f[4], 16, 16)
	st, errState := strconv.ParseUint(f[5], 16, 8)
	inode, errInode := strconv.ParseUint(f[6], 10, 64)
	c = unixConnection{isStream: kind == 1, name: rest, inode: inode}
	if st == 2 || st == 3 {
		c.state = established
	}
	return c, errors.Join(errType, errState, errInode)
}

// inodes finds those sockets of this machine that have the address of s.
func inodes(s config.Socket) (found []uint64) {
	if isUnix(s) {
		list, _ := readNet("/proc/self/net/unix", parseUnixLine)
		for _, c := range list {
			if c.name == s.Address && c.state != established {
				found = append(found, c.inode)
			}
		}
		return found
	}
	for _, family := range []string{"", "6"} {
		list, _ := readNet("/proc/self/net/"+s.Network+family, parseInetLine)
		for _, c := range list {
			other := config.Socket{Network: s.Network, Address: netip.AddrPortFrom(c.local.Addr().Unmap(), c.local.Port()).String()}
			if c.inode != 0 && !c.state.open() && (s.Overlaps(other) || other.Overlaps(s)) {
				found = append(found, c.inode)
			}
		}
	}
	return found
}

// holderOf finds the process that has a socket; 0: none that we may look at.
func holderOf(inode uint64) (pid int, name string) {
	want := fmt.Sprintf("socket:[%d]", inode)
	all, err := procfs.All()
	if err != nil {
		return 0, ""
	}
	for _, p := range all {
		dir := "/proc/" + strconv.Itoa(p.PID) + "/fd/"
		fds, _ := os.ReadDir(dir)
		for _, fd := range fds {
			if to, err := os.Readlink(dir + fd.Name()); err == nil && to == want {
				return p.PID, p.Name
			}
		}
	}
	return 0, ""
}
