// Package notify hears what services say of themselves: datagrams of
// sd_notify(3), and the newline on a descriptor that s6 services write when
// they are ready.
//
// A service that asks for it gets a datagram socket of its own, so that what
// comes in is for that service, whoever sent it; whether the sender may speak
// for it is the owner's decision ([Trusted]). One goroutine waits for all
// sockets and pipes, without a timer, and without a thread while it waits.
//
// Nobody can make it do more than so much at a time: a service may have a few
// datagrams that its owner has not handled ([Datagram.Done]); until it has,
// nothing more is read, the kernel's short queue fills, and whoever sends for
// that service waits, and for that one alone. Descriptors that come along are
// kept only if the message says what for, and nothing is done with a strange
// one that could block here.
//
//	notify.go    Receiver: the goroutine, what it waits for
//	socket.go    one service's socket, and its datagrams
//	message.go   Parse: what a datagram says
//	sender.go    Trusted: who says so
//	mainpid.go   which process is to be the main one
//	ration.go    how often to complain
//	pipe.go      the way of s6
//	store.go     Store: descriptors kept from one run to the next
//	address.go   where the sockets are
package notify

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/guard"
)

// Received is what comes in for a service: [*Datagram], [Newline],
// [NoNewline] or [HungUp].
type Received interface{ received() }

// Receiver waits for what services say.
type Receiver struct {
	deliver func(Received)
	us      int      // our pid
	queue   *os.File // the epoll, which Go's own poller waits for
	epoll   int      // the same
	bases   []string // where a directory for sockets may be made

	// turning is held while a source has its turn.
	turning sync.Mutex

	// mutex guards what follows. It is held for moments, never while something
	// is delivered or closed.
	mutex    sync.Mutex
	closed   bool
	last     uint64 // number of the last source
	sources  map[uint64]source
	services map[any]*service
	dir      *directory // nil: none was needed yet

	// Buffers of the goroutine.
	data, control, environ []byte
}

// source is something that the goroutine waits for.
type source interface {
	// turn does a bounded amount of work. It is called without the mutex.
	turn(*Receiver)
}

// service is what there is of one key.
type service struct {
	key     any
	socket  *socket
	pipe    *pipe
	stored  map[int]*stored // by descriptor
	closing []int           // descriptors to be closed
	closer  bool            // a goroutine does so
}

// New makes a receiver. deliver is called by its goroutine, for one thing after
// the other, in the order of arrival as far as one service is concerned; it may
// block, and hands over to who owns the services.
func New(deliver func(Received)) (*Receiver, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("preparing to hear from services: %w", err)
	}
	// An epoll can itself be waited for, and os.File does that with descriptors
	// that are non-blocking. That takes no thread and makes Close end the wait.
	_ = unix.SetNonblock(epoll, true) // cannot fail for a descriptor of ours
	queue := os.NewFile(uintptr(epoll), "notifications")
	if err := queue.SetReadDeadline(time.Time{}); err != nil {
		queue.Close()
		return nil, fmt.Errorf("preparing to hear from services: %w", err)
	}
	r := &Receiver{
		deliver:  deliver,
		us:       os.Getpid(),
		queue:    queue,
		epoll:    epoll,
		bases:    bases(),
		sources:  map[uint64]source{},
		services: map[any]*service{},
	}
	guard.Go(r.run)
	return r, nil
}

// run is the goroutine.
func (r *Receiver) run() {
	conn, err := r.queue.SyscallConn()
	if err != nil {
		return // closed already
	}
	ready := make([]unix.EpollEvent, 64)
	for {
		n := 0
		var failed error
		closed := conn.Read(func(epoll uintptr) bool {
			n, failed = unix.EpollWait(int(epoll), ready, 0)
			return n != 0 && failed != unix.EINTR
		})
		if closed != nil {
			return
		}
		if failed != nil {
			panic(fmt.Errorf("waiting for notifications: %w", failed))
		}
		for _, e := range ready[:n] {
			r.mutex.Lock()
			s := r.sources[uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32]
			r.mutex.Unlock()
			if s != nil { // else it was removed meanwhile
				r.turning.Lock()
				s.turn(r)
				r.turning.Unlock()
			}
		}
	}
}

// Remove ends all that was opened for a key and what is under way to it, down
// to the descriptors that are watched; what was delivered is still to be
// [Datagram.Done] with.
func (r *Receiver) Remove(key any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if v := r.services[key]; v != nil {
		r.remove(v)
	}
}

func (r *Receiver) remove(v *service) {
	if v.socket != nil {
		r.removeSocket(v)
	}
	if v.pipe != nil {
		r.removePipe(v)
	}
	for fd := range v.stored {
		r.unwatch(v, fd)
	}
	r.tidy(v)
}

// Close ends everything; the goroutine ends when it returns from deliver.
func (r *Receiver) Close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return
	}
	for _, v := range r.services {
		r.remove(v)
	}
	r.closed = true
	r.queue.Close()
	if r.dir != nil {
		r.dir.remove()
	}
}

// of finds what there is of a key, or begins it. With the mutex.
func (r *Receiver) of(key any) *service {
	v := r.services[key]
	if v == nil {
		v = &service{key: key, stored: map[int]*stored{}}
		r.services[key] = v
	}
	return v
}

// tidy forgets a service of which nothing is left. With the mutex.
func (r *Receiver) tidy(v *service) {
	if v.socket == nil && v.pipe == nil && len(v.stored) == 0 && !v.closer && r.services[v.key] == v {
		delete(r.services, v.key)
	}
}

// watch begins to wait for a descriptor. With the mutex. Sources have numbers
// that are never used again, as descriptors are: an event that was on its way
// when its source was removed finds nobody.
func (r *Receiver) watch(fd int, events uint32, s source) (number uint64, err error) {
	if r.closed {
		return 0, os.ErrClosed
	}
	number = r.last + 1
	e := unix.EpollEvent{Events: events, Fd: int32(uint32(number)), Pad: int32(uint32(number >> 32))}
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return 0, err
	}
	r.last = number
	r.sources[number] = s
	return number, nil
}

// rewatch changes what a source waits for. With the mutex.
func (r *Receiver) rewatch(number uint64, fd int, events uint32) {
	e := unix.EpollEvent{Events: events, Fd: int32(uint32(number)), Pad: int32(uint32(number >> 32))}
	_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, fd, &e) // cannot fail for what is watched
}

// forget ends the wait. With the mutex, and before fd is closed: others may
// have the same open file, and the kernel would go on to watch that.
func (r *Receiver) forget(number uint64, fd int) {
	delete(r.sources, number)
	_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, fd, nil)
}

// close closes descriptors that came from a service. With pipes, which is what
// a barrier is, that is done at once. With others it may take as long as who
// made them likes (SO_LINGER, a file system of its own), so it is left to a
// goroutine, one for each service. With the mutex.
func (r *Receiver) close(v *service, fds []int) {
	for _, fd := range fds {
		if fileType(fd) == unix.S_IFIFO {
			unix.Close(fd)
		} else {
			v.closing = append(v.closing, fd)
		}
	}
	if v.closer || len(v.closing) == 0 {
		return
	}
	v.closer = true
	guard.Go(func() {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		for len(v.closing) > 0 {
			fd := v.closing[0]
			v.closing = v.closing[1:]
			r.mutex.Unlock()
			unix.Close(fd)
			r.mutex.Lock()
			r.pace(v)
		}
		v.closer, v.closing = false, nil
		r.tidy(v)
	})
}

// fileType gives the S_IFMT bits of a descriptor's mode.
func fileType(fd int) uint32 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Mode & unix.S_IFMT
}
