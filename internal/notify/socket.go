package notify

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket is where one service sends its datagrams.
type socket struct {
	service *service
	address Address
	fd      int
	number  uint64
	main    int  // pid of the main process, of which there is nothing to find out
	open    int  // datagrams that are delivered and not done with
	busy    bool // one of these has descriptors
	paused  bool // nothing is read until there is less to do
}

// mostOpen is how many datagrams of a service may wait for its owner. The
// kernel has a queue besides, of net.unix.max_dgram_qlen datagrams (10, unless
// somebody raised it); SO_RCVBUF means nothing to such a socket (unix(7)).
const mostOpen = 16

// mostFiles is how many descriptors the kernel lets through with one datagram
// (SCM_MAX_FD).
const mostFiles = 253

// Datagram is one datagram, with what there is to know of its sender.
type Datagram struct {
	Key     any
	Address Address // which socket of the service, if it had several in its time
	Sender  Sender
	Message Message
	Err     error // what of it was left out, and why

	receiver *Receiver
	from     *socket
	files    []int
	holds    bool // it had descriptors
	done     bool
}

func (*Datagram) received() {}

// Files says how many descriptors came along that the message has a use for:
// those to be stored, or the one pidfd of the new main process.
func (d *Datagram) Files() int {
	if d.Message.Barrier {
		return 0
	}
	return len(d.files)
}

// TakeFiles gives away these descriptors. They are close-on-exec.
func (d *Datagram) TakeFiles() []int {
	if d.Message.Barrier {
		return nil
	}
	files := d.files
	d.files = nil
	return files
}

// Done says that the owner has handled a datagram. Each is to be followed by
// this, and in the order of their arrival: it closes the descriptors that
// nobody took, among them the one of BARRIER=1 whose closing the sender waits
// for, and lets more be read.
func (d *Datagram) Done() {
	r := d.receiver
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if d.done {
		return
	}
	d.done = true
	d.from.open--
	if d.holds {
		d.from.busy = false
	}
	r.close(d.from.service, d.files)
	d.files = nil
	r.pace(d.from.service)
}

// Open makes the socket for a service, in place of the one that it had. name is
// for people who look at sockets. One for each run makes sure that what an
// earlier run sent is not taken for the word of the present one.
func (r *Receiver) Open(key any, name string, where Place) (Address, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return "", os.ErrClosed
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("making the notification socket of %s: %w", name, err)
	}
	address, err := r.listen(fd, name, where)
	if err != nil {
		unix.Close(fd)
		return "", fmt.Errorf("making the notification socket of %s: %w", name, err)
	}
	v := r.of(key)
	if v.socket != nil {
		r.removeSocket(v)
	}
	s := &socket{service: v, address: address, fd: fd}
	if s.number, err = r.watch(fd, unix.EPOLLIN, s); err != nil {
		address.remove()
		unix.Close(fd)
		r.tidy(v)
		return "", fmt.Errorf("watching the notification socket of %s: %w", name, err)
	}
	v.socket = s
	r.pace(v)
	return address, nil
}

// Main says which process is the main one of the run that has the socket of a
// key; 0: none, which is also how it begins. [Trusted] believes it for its pid,
// so nothing else is found out about it: most datagrams are of main processes,
// and to ask /proc costs more than all the rest.
func (r *Receiver) Main(key any, pid int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if v := r.services[key]; v != nil && v.socket != nil {
		v.socket.main = pid
	}
}

// Sound sends a datagram of our own to a service's socket, and waits so long for
// room in its queue. When that comes out, as one whose sender is this process,
// all that was sent before it has.
func (a Address) Sound(within time.Duration) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(within.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return err
	}
	return unix.Sendto(fd, nil, 0, &unix.SockaddrUnix{Name: string(a)})
}

// listen binds a socket. What is sent to it from then on says who sent it.
func (r *Receiver) listen(fd int, name string, where Place) (Address, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return "", fmt.Errorf("asking for the senders (SO_PASSCRED): %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSPIDFD, 1) // Linux 6.5; the pid has to do before
	return r.bind(fd, name, where)
}

// removeSocket closes a socket, and with it what is on its way, descriptors of
// strangers perhaps. With the mutex.
func (r *Receiver) removeSocket(v *service) {
	s := v.socket
	v.socket = nil
	r.forget(s.number, s.fd)
	s.address.remove()
	_ = unix.Shutdown(s.fd, unix.SHUT_RD) // who waits to send wakes up, however long closing may take
	r.close(v, []int{s.fd})
}

// pace stops reading what a service sends, or begins again. With the mutex.
func (r *Receiver) pace(v *service) {
	s := v.socket
	if s == nil || r.closed {
		return
	}
	enough := s.open >= mostOpen || s.busy || len(v.closing) > mostFiles
	switch {
	case enough && !s.paused:
		r.rewatch(s.number, s.fd, 0)
	case !enough && s.paused:
		r.rewatch(s.number, s.fd, unix.EPOLLIN)
	}
	s.paused = enough
}

// turn delivers some datagrams, then others get their turn.
func (s *socket) turn(r *Receiver) {
	for range mostOpen {
		d, pidfd, isMain := s.receive(r)
		if d == nil {
			return
		}
		if r.environ == nil {
			r.environ = make([]byte, maxEnviron)
		}
		if !isMain {
			d.Sender.look(r.us, pidfd, r.environ)
		}
		if pidfd >= 0 {
			unix.Close(pidfd)
		}
		r.deliver(d)
	}
}

// receive takes one datagram out of the queue; nil: there is none, or the
// service has had enough. pidfd is the sender, -1: the kernel gave none.
func (s *socket) receive(r *Receiver) (d *Datagram, pidfd int, isMain bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if s.service.socket != s || s.paused {
		return nil, -1, false
	}
	if r.data == nil {
		r.data = make([]byte, maxDatagram+1)
	}
	if r.control == nil { // a pipe may have been read before
		r.control = make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4*mostFiles)+unix.CmsgSpace(4))
	}
	n, nControl, flags, _, err := unix.Recvmsg(s.fd, r.data, r.control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	switch err {
	case nil:
	case unix.EAGAIN, unix.EINTR:
		return nil, -1, false // if there is one, we are told again
	default:
		// Without an end to it we would be woken for ever.
		d = &Datagram{Key: s.service.key, Address: s.address, receiver: r, from: s}
		d.Err = fmt.Errorf("receiving from its notification socket, which is closed now: %w", err)
		s.open++
		r.removeSocket(s.service)
		return d, -1, true
	}
	d = &Datagram{Key: s.service.key, Address: s.address, receiver: r, from: s}
	got, err := parseControl(r.control[:nControl])
	d.Sender = got.sender
	switch {
	case err != nil:
		d.Err = err
	case flags&unix.MSG_CTRUNC != 0:
		d.Err = errors.New("a datagram that lost descriptors on its way was ignored: supervise has no more to spare")
	default:
		d.Message, d.Err = Parse(r.data[:n])
	}
	keep, why := d.Message.use(len(got.files))
	d.Err = errors.Join(d.Err, why)
	if keep {
		d.files, d.holds = got.files, len(got.files) > 0
		s.busy = d.holds
	} else {
		r.close(s.service, got.files)
	}
	s.open++
	r.pace(s.service)
	return d, got.pidfd, s.main != 0 && d.Sender.PID == s.main
}

// use says whether a message has a use for n descriptors that came along, and
// takes back what it says if they are not the right number.
func (m *Message) use(n int) (keep bool, why error) {
	switch {
	case m.Barrier && n != 1:
		return false, fmt.Errorf("BARRIER=1 came with %d descriptors: it takes one", n)
	case m.Barrier:
		return true, nil
	case m.MainPIDFD && n != 1:
		m.MainPIDFD = false
		return false, fmt.Errorf("MAINPIDFD=1 came with %d descriptors: it takes one", n)
	case m.MainPIDFD:
		m.StoreFiles = false // there is no other
		return true, nil
	case m.RemoveFiles:
		m.StoreFiles = false
	case m.StoreFiles:
		return true, nil
	}
	if n > 0 {
		why = fmt.Errorf("%d descriptors came along that the message has no use for", n)
	}
	return false, why
}

// ancillary is what the kernel gives along with a datagram.
type ancillary struct {
	sender Sender
	pidfd  int
	files  []int
}

// cutOff says that a message is not whole, as the kernel leaves one for which
// there is no room (MSG_CTRUNC). The library would fall over it.
func cutOff(m unix.SocketControlMessage) bool {
	switch m.Header.Type {
	case unix.SCM_CREDENTIALS:
		return len(m.Data) < unix.SizeofUcred
	case unix.SCM_RIGHTS, unix.SCM_PIDFD:
		return len(m.Data)%4 != 0
	}
	return false
}

func parseControl(b []byte) (ancillary, error) {
	a := ancillary{pidfd: -1}
	messages, err := unix.ParseSocketControlMessage(b)
	for _, m := range messages {
		switch {
		case m.Header.Level != unix.SOL_SOCKET:
		case cutOff(m):
			err = errors.Join(err, errors.New("what came along with it was cut off"))
		case m.Header.Type == unix.SCM_CREDENTIALS:
			if c, e := unix.ParseUnixCredentials(&m); e == nil {
				a.sender = Sender{PID: int(c.Pid), UID: int(c.Uid), GID: int(c.Gid)}
			}
		case m.Header.Type == unix.SCM_RIGHTS:
			fds, e := unix.ParseUnixRights(&m)
			a.files, err = append(a.files, fds...), errors.Join(err, e)
		case m.Header.Type == unix.SCM_PIDFD:
			// A negative number says why there is none: the sender is gone.
			if fd, e := unix.ParseUnixRights(&unix.SocketControlMessage{
				Header: unix.Cmsghdr{Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}, Data: m.Data,
			}); e == nil && len(fd) == 1 && fd[0] >= 0 {
				a.pidfd = fd[0]
			}
		}
	}
	return a, err
}
