package notify

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Newline says that a service wrote a newline to its descriptor: it is ready.
type Newline struct{ Key any }

// NoNewline says that a service can never say so any more: nobody has the
// descriptor open, or it wrote too much else.
type NoNewline struct {
	Key any
	Why string
}

func (Newline) received()   {}
func (NoNewline) received() {}

// pipe is the read end for one run of a service that speaks the protocol of
// s6 (https://skarnet.org/software/s6/notifywhenup.html).
type pipe struct {
	service *service
	fd      int
	number  uint64
	notice  notice
}

// OpenFD makes the pipe for one run of a service, in place of the one before.
// The child gets the write end, which is close-on-exec, under the number that
// it expects; the caller then closes it. One [Newline] or [NoNewline] comes of
// it.
func (r *Receiver) OpenFD(key any) (write int, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return -1, os.ErrClosed
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("making the pipe for the newline of readiness: %w", err)
	}
	_ = unix.SetNonblock(ends[0], true) // cannot fail for a pipe of ours; the other end is for the service
	v := r.of(key)
	if v.pipe != nil {
		r.removePipe(v)
	}
	p := &pipe{service: v, fd: ends[0]}
	if p.number, err = r.watch(p.fd, unix.EPOLLIN, p); err != nil {
		unix.Close(ends[0])
		unix.Close(ends[1])
		r.tidy(v)
		return -1, fmt.Errorf("watching the pipe for the newline of readiness: %w", err)
	}
	v.pipe = p
	return ends[1], nil
}

// removePipe closes the read end. With the mutex.
func (r *Receiver) removePipe(v *service) {
	p := v.pipe
	v.pipe = nil
	r.forget(p.number, p.fd)
	unix.Close(p.fd)
}

// turn reads once.
func (p *pipe) turn(r *Receiver) {
	if said := p.read(r); said != nil {
		r.deliver(said)
	}
}

func (p *pipe) read(r *Receiver) Received {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if p.service.pipe != p {
		return nil
	}
	if r.data == nil {
		r.data = make([]byte, maxDatagram+1)
	}
	n, err := unix.Read(p.fd, r.data)
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil
	}
	ready, why := p.notice.add(r.data[:max(n, 0)])
	if !ready && why == "" {
		return nil
	}
	key := p.service.key
	r.removePipe(p.service)
	r.tidy(p.service)
	if ready {
		return Newline{key}
	}
	return NoNewline{key, why}
}

// maxNotice bounds what is read in search of a newline.
const maxNotice = 1 << 20

// notice is what was written to such a descriptor so far: so many bytes, no
// newline among them.
type notice int

// add takes what was read; nothing is the end. What comes before the newline,
// or after it, means nothing.
func (n *notice) add(b []byte) (ready bool, why string) {
	*n += notice(len(b))
	switch {
	case bytes.IndexByte(b, '\n') >= 0:
		return true, ""
	case len(b) == 0:
		return false, "it closed the descriptor without writing a newline to it"
	case *n >= maxNotice:
		return false, fmt.Sprintf("it wrote %d bytes to the descriptor and no newline", int(*n))
	}
	return false, ""
}
