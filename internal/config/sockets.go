package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// socket is a socket while it is read.
type socket struct {
	Socket
	at     *node            // its table
	places map[string]*node // its keys
}

// socketDefaults is a socket of which only the address is said. The kernel cuts
// the backlog down to net.core.somaxconn, which has been 4096 since Linux 5.4.
// A unix socket is for its owner and group: who serves strangers says so.
func socketDefaults() Socket { return Socket{Backlog: 4096, Mode: 0o660} }

// socketKeys are the keys of [[sockets]] but listen and name, in which %i and
// %n are replaced, see setSockets.
var socketKeys = sync.OnceValue(func() []key[socket] {
	return []key[socket]{
		{name: "listen", set: func(*socket, *report, *node) {}},
		{name: "name", set: func(*socket, *report, *node) {}},
		{name: "mode", set: into(func(s *socket) *uint32 { return &s.Mode }, socketMode)},
		{name: "user", set: into(func(s *socket) *string { return &s.User }, account)},
		{name: "group", set: into(func(s *socket) *string { return &s.Group }, account)},
		{name: "backlog", set: into(func(s *socket) *int { return &s.Backlog }, wholeWithin(1, 1<<20))},
		{name: "reuseport", set: into(func(s *socket) *bool { return &s.ReusePort }, truth)},
		{name: "v6only", set: into(func(s *socket) *bool { return &s.V6Only }, truth)},
		{name: "lazy", set: into(func(s *socket) *bool { return &s.Lazy }, truth)},
	}
})

const listenHint = `write listen = "tcp://127.0.0.1:8080", udp://, unix:///path or unixgram:///path`

// setSockets reads [[sockets]].
func (d *draft) setSockets(r *report, n *node) {
	if n.isTable {
		r.fail(n, "is a table, expected an array of tables", "write [[sockets]], with two brackets")
		return
	}
	list, ok := elements(r, n, "sockets")
	if !ok {
		return
	}
	d.sockets = nil
	for _, e := range list {
		s := &socket{Socket: socketDefaults(), at: e, places: map[string]*node{}}
		s.Name = d.Template
		apply(s, r, e, socketKeys(), s.places, "")
		if d.setListen(r, s) && d.setSocketName(r, s) {
			s.checkKeys(r)
			d.sockets = append(d.sockets, s)
		}
	}
}

func (d *draft) setListen(r *report, s *socket) bool {
	n := s.places["listen"]
	if n == nil {
		if s.at.isTable {
			r.failAt(s.at.at, s.at.path+".listen", "is missing", listenHint)
		}
		return false
	}
	written, ok := d.expandedText(r, n)
	if !ok {
		return false
	}
	network, address, err := parseListen(written)
	if err != nil {
		problem, hint, _ := strings.Cut(err.Error(), "; ")
		r.fail(n, problem, hint)
		return false
	}
	if s.Network, s.Address = network, address; s.HasPath() {
		s.Address = absolute(n.at.File, address)
	}
	if strings.HasPrefix(network, "unix") && len(s.Address) > maxSocketPath {
		r.fail(n, fmt.Sprintf("the path %s is too long, %d bytes", s.Address, len(s.Address)),
			fmt.Sprintf("the kernel takes at most %d (unix(7))", maxSocketPath))
		return false
	}
	return true
}

// maxSocketPath is what struct sockaddr_un takes beside the byte that ends it.
const maxSocketPath = 107

// parseListen splits the address of a socket, "tcp://[::1]:80", into the
// network and what it calls its address, in the one way to write it. A path is
// taken as it is. Errors are "what is wrong; what to do".
func parseListen(listen string) (network, address string, err error) {
	network, address, found := strings.Cut(listen, "://")
	switch {
	case !found && strings.HasPrefix(listen, "/"), !found && strings.HasPrefix(listen, "@"):
		return "", "", fmt.Errorf("%q has no scheme; did you mean \"unix://%s\"?", listen, listen)
	case !found && listen != "":
		return "", "", fmt.Errorf("%q has no scheme; did you mean \"tcp://%s\"?", listen, listen)
	case !found:
		return "", "", errors.New("is empty; " + listenHint)
	}
	switch network {
	case "tcp", "udp":
		address, err = parseHostPort(network, address)
	case "unix", "unixgram":
		err = checkListenPath(address)
	default:
		err = fmt.Errorf("%q is not known here; it is one of tcp, udp, unix, unixgram", network)
	}
	return network, address, err
}

// CheckListen reads the address of a socket as [[sockets]] has it, for those who
// write a configuration. Paths are to be absolute.
func CheckListen(listen string) (Socket, error) {
	network, address, err := parseListen(listen)
	if err == nil && strings.HasPrefix(network, "unix") && len(address) > maxSocketPath {
		err = fmt.Errorf("the path %s is too long, %d bytes; the kernel takes at most %d (unix(7))", address, len(address), maxSocketPath)
	}
	return Socket{Network: network, Address: address}, err
}

func parseHostPort(network, address string) (string, error) {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 || strings.HasSuffix(address, "]") {
		return "", fmt.Errorf("%q has no port; write it as in %s://127.0.0.1:8080", address, network)
	}
	host, port := address[:colon], address[colon+1:]
	number, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is no port; it is a number from 1 to 65535", port)
	case number == 0:
		return "", errors.New("port 0 is any free one, which no client could know; it is a number from 1 to 65535")
	case host == "" || host == "*":
		return "", fmt.Errorf("the address before the port is missing; write [::]:%s for every address of this machine, 0.0.0.0:%s for those of IPv4", port, port)
	}
	inner, bracketed := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	switch {
	case err != nil && host == "localhost":
		return "", errors.New("a name may stand for several addresses; write 127.0.0.1 or [::1] in place of localhost")
	case err != nil:
		return "", fmt.Errorf("%q is no address; write one of IPv4, 127.0.0.1, or of IPv6 in brackets, [::1], and not a name", host)
	case bracketed != closed || bracketed != ip.Is6():
		return "", fmt.Errorf("%q is not how an address is written here; write 127.0.0.1 or, in brackets, [::1]", host)
	case ip.Is4In6():
		return "", fmt.Errorf("%q is an address of IPv4; write %s", host, ip.Unmap())
	}
	return netip.AddrPortFrom(ip, uint16(number)).String(), nil
}

func checkListenPath(path string) error {
	switch {
	case path == "" || path == "@":
		return errors.New("the path of the socket is missing; write it as in unix:///run/app.sock")
	case path[0] != '@' && strings.HasSuffix(path, "/"):
		return fmt.Errorf("%q is a directory; the socket needs a name in it", path)
	}
	return nil
}

// setSocketName follows sd_listen_fds(3) in what a name may be.
func (d *draft) setSocketName(r *report, s *socket) bool {
	n := s.places["name"]
	if n == nil {
		return true
	}
	name, ok := d.expandedText(r, n)
	if !ok {
		return false
	}
	odd := strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ':' })
	if name == "" || len(name) > 255 || odd {
		r.fail(n, fmt.Sprintf("%q cannot be the name of a socket", name), "names are of at most 255 printable ASCII characters, without ':' and blanks")
		return false
	}
	s.Name = name
	return true
}

// socketMode reads the permissions of a unix socket, written as a umask is.
func socketMode(r *report, n *node) (uint32, bool) {
	const hint = `write it in octal, as in "660" or 0o660, at most 777`
	text, isText := n.scalar.(string)
	if _, isNumber := n.scalar.(int64); isNumber && strings.HasPrefix(n.raw, "0o") {
		text, isText = n.raw, true
	}
	if !isText {
		r.fail(n, "is "+n.kind()+", expected permissions", hint)
		return 0, false
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || v > 0o777 {
		r.fail(n, fmt.Sprintf("%q are no permissions", text), hint)
		return 0, false
	}
	return uint32(v), true
}

// checkKeys refuses what has no effect on such a socket.
func (s *socket) checkKeys(r *report) {
	refuse := func(key, why string) {
		if n := s.places[key]; n != nil {
			r.failAt(n.key, n.path, "has no effect on "+s.String(), why)
		}
	}
	if !s.HasPath() {
		for _, key := range []string{"mode", "user", "group"} {
			refuse(key, "it is about the file of a unix socket")
		}
	}
	if s.Datagram() {
		refuse("backlog", "only connections wait in one, and this socket takes datagrams")
	}
	if strings.HasPrefix(s.Network, "unix") {
		refuse("reuseport", "only tcp and udp have ports")
		refuse("v6only", "it is about addresses of IPv6")
	} else if !strings.HasPrefix(s.Address, "[::]:") {
		refuse("v6only", "it is about [::], which otherwise takes IPv4 too")
	}
}

// String gives the socket's address as it is written in a configuration.
func (s Socket) String() string { return s.Network + "://" + s.Address }

// Datagram says whether the socket takes datagrams and not connections.
func (s Socket) Datagram() bool { return s.Network == "udp" || s.Network == "unixgram" }

// HasPath says whether the socket is a file.
func (s Socket) HasPath() bool {
	return strings.HasPrefix(s.Network, "unix") && !strings.HasPrefix(s.Address, "@")
}

// finishSockets checks the sockets of one service against its other keys.
func (d *draft) finishSockets(r *report) {
	var lazy, datagrams *socket
	for _, s := range d.sockets {
		d.Sockets = append(d.Sockets, s.Socket)
		if s.Lazy {
			lazy = cmp.Or(lazy, s)
		}
		if s.Datagram() {
			datagrams = cmp.Or(datagrams, s)
		}
	}
	if lazy != nil && d.Kind == Task {
		r.fail(lazy.places["lazy"], "a task is not started by a connection", `leave it out, or write kind = "service"`)
	}
	d.checkReadyFD(r)
	n, all := d.places["idle_stop"], d.places["sockets"]
	unread := all != nil && len(all.list) > len(d.sockets) // which was said
	switch {
	case n == nil || d.IdleStop == 0:
	case lazy == nil && unread:
	case lazy == nil:
		r.fail(n, "no connection would start the service again", "write lazy = true in one of its [[sockets]]")
	case datagrams != nil:
		r.fail(n, "nobody can tell when "+datagrams.String()+" is idle, since datagrams are of no connection",
			"leave it out; a program that ends by itself is started by the next datagram too")
	}
}

// firstListenFD is SD_LISTEN_FDS_START.
const firstListenFD = 3

// checkReadyFD refuses a descriptor for readiness that is a socket's.
func (d *draft) checkReadyFD(r *report) {
	if d.Ready == nil || d.Ready.Kind != ProbeFD || len(d.Sockets) == 0 {
		return
	}
	last := firstListenFD + len(d.Sockets) - 1
	if d.Ready.FD < firstListenFD || d.Ready.FD > last {
		return
	}
	at, key := d.placeOf("ready.fd")
	r.failAt(at, key, fmt.Sprintf("the descriptor %d is that of a socket: %d to %d are", d.Ready.FD, firstListenFD, last),
		fmt.Sprintf("write fd = %d, or more", last+1))
}

// socketText writes a socket so that it reads the same.
func socketText(s Socket) string {
	listen := expandable(s.Network + "://" + s.Address)
	parts := []string{"listen = " + listen, "name = " + expandable(s.Name)}
	if s.HasPath() {
		parts = append(parts, fmt.Sprintf("mode = \"%04o\"", s.Mode))
	}
	for _, account := range [][2]string{{"user", s.User}, {"group", s.Group}} {
		if account[1] != "" {
			parts = append(parts, account[0]+" = "+quoteTOML(account[1]))
		}
	}
	if !s.Datagram() {
		parts = append(parts, "backlog = "+strconv.Itoa(s.Backlog))
	}
	for _, yes := range []struct {
		name  string
		value bool
	}{{"reuseport", s.ReusePort}, {"v6only", s.V6Only}, {"lazy", s.Lazy}} {
		if yes.value {
			parts = append(parts, yes.name+" = true")
		}
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}
