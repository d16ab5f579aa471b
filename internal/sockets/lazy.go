package sockets

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"supervise/internal/guard"
)

// waker waits for the first clients of services. One goroutine and one epoll
// serve all; there is neither before a service is armed. The set's mutex guards
// it.
type waker struct {
	armed   map[string]func() // by service: whom to call
	watched map[int32]watch   // by descriptor
	next    int32
	epoll   int
	end     int // readable when the goroutine is to end
	begun   bool
}

// watch is a socket in the epoll. Its number tells it from another that had the
// descriptor before, of which an event may still be on its way.
type watch struct {
	service string
	number  int32
}

// Arm has ready called, once, when a connection or a datagram waits at one of
// the lazy sockets of a service, which may be at once. It is for a service that
// does not run; one that does takes what comes itself. A reload keeps it armed,
// with the sockets that it has then.
//
// ready is called by a goroutine of the set, which serves all services: it must
// not take long. A call may be on its way while [Set.Disarm] is, and come after.
func (s *Set) Arm(service string, ready func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mend(service); err != nil { // nobody could come to it
		return err
	}
	w := &s.waker
	if s.services[service] == nil { // nothing can come
		return nil
	}
	if err := w.begin(s); err != nil {
		return fmt.Errorf("waiting for clients of %s: %w", service, err)
	}
	w.armed[service] = ready
	return s.watch(service)
}

// Disarm ends what [Set.Arm] began.
func (s *Set) Disarm(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disarm(service)
}

// watch watches the lazy sockets of a service.
func (s *Set) watch(service string) error {
	w := &s.waker
	for _, h := range s.services[service] {
		fd := int32(h.fd)
		if _, is := w.watched[fd]; is || !h.Lazy {
			continue
		}
		w.next++
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: fd, Pad: w.next}
		if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, h.fd, &event); err != nil {
			return fmt.Errorf("waiting for clients of %s: %w", service, err)
		}
		w.watched[fd] = watch{service, w.next}
	}
	return nil
}

// disarm forgets a service and its sockets.
func (s *Set) disarm(service string) {
	delete(s.waker.armed, service)
	for _, h := range s.services[service] {
		s.waker.forget(h.fd)
	}
}

// rearm watches, after a reload, the lazy sockets of those services that are
// armed, and no others.
func (s *Set) rearm() error {
	w := &s.waker
	for fd := range w.watched {
		w.forget(int(fd))
	}
	var errs []error
	for service := range w.armed {
		if s.services[service] == nil {
			delete(w.armed, service)
		}
		errs = append(errs, s.watch(service))
	}
	return errors.Join(errs...)
}

// begin starts the goroutine, once.
func (w *waker) begin(s *Set) (err error) {
	if w.begun {
		return nil
	}
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if w.end, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		unix.Close(w.epoll)
		return err
	}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.end, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.end)}); err != nil {
		unix.Close(w.epoll)
		unix.Close(w.end)
		return err
	}
	w.armed, w.watched, w.begun = map[string]func(){}, map[int32]watch{}, true
	epoll, end := w.epoll, w.end
	guard.Go(func() { s.wait(epoll, end) })
	return nil
}

// wait passes on what the epoll says.
func (s *Set) wait(epoll, end int) {
	defer unix.Close(epoll)
	defer unix.Close(end)
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			panic(fmt.Errorf("waiting for clients of lazy services: %w", err))
		}
		for _, e := range events[:n] {
			if int(e.Fd) == end {
				return
			}
			if ready := s.woken(e.Fd, e.Pad); ready != nil {
				ready()
			}
		}
	}
}

// woken gives whom to call for an event, and disarms the service.
func (s *Set) woken(fd, number int32) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, is := s.waker.watched[fd]
	if !is || at.number != number {
		return nil // of before a reload
	}
	ready := s.waker.armed[at.service]
	s.disarm(at.service)
	return ready
}

// forget takes a socket out of the epoll. To close it is not enough: the
// programs that have it too would keep it in.
func (w *waker) forget(fd int) {
	if _, is := w.watched[int32(fd)]; is {
		_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, fd, nil)
		delete(w.watched, int32(fd))
	}
}

// stop ends the goroutine, soon.
func (w *waker) stop() {
	if !w.begun {
		return
	}
	for fd := range w.watched {
		w.forget(int(fd))
	}
	clear(w.armed)
	_, _ = unix.Write(w.end, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	w.begun = false
}
