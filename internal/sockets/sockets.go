// Package sockets holds the sockets on which supervise listens for services
// (sd_listen_fds(3)).
//
// They are opened before anything is started and stay open for as long as the
// configuration names them. While a service is restarted its clients wait in the
// backlog of a socket that never went away; nobody is refused. supervise itself
// never accepts and never reads: it hands the sockets on, waits for the first
// client of a service that is lazy, and can count the clients of one.
//
// The descriptors are close-on-exec and blocking. They are made by system calls
// and not by package net, which would set O_NONBLOCK; that flag belongs to what
// all processes share of a socket, and a program that expects accept(2) to wait
// would be surprised.
package sockets

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// Set is all sockets that are open. Any goroutine may use it.
type Set struct {
	mu       sync.Mutex
	open     map[id]*listener
	services map[string][]held // in the order of the configuration
	waker    waker
}

// listener is an open socket.
type listener struct {
	fd   int
	file file // of a unix socket with a path
}

// held is a socket as a service has it: the same listener may be another's
// after a reload.
type held struct {
	config.Socket
	*listener
	id id
}

// Open opens the sockets of all services, or none. The error is a
// [config.Errors] of all that could not be opened.
func Open(services []config.Service) (*Set, error) {
	s := &Set{open: map[id]*listener{}, services: map[string][]held{}}
	if err := s.Apply(services); err != nil {
		return nil, err
	}
	return s, nil
}

// Apply makes the set that of another configuration. A socket whose address is
// in both stays open, with whoever waits in its backlog, also when another
// service has it now; new ones are opened; those that are gone are closed. When
// anything of it fails, nothing changes, and the error is as that of [Open].
//
// A socket cannot be opened where an old one of ours, that is to go, is in its
// way: the running service still holds that one too.
func (s *Set) Apply(services []config.Service) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := makePlan(s.open, services)
	var errs config.Errors
	fail := func(w wanted, err error) {
		errs = append(errs, config.Error{Position: w.where, Msg: fmt.Sprintf("opening %s for %s: %v", w.Socket, w.service, err)})
	}
	opened := map[id]*listener{}
	for _, w := range p.open {
		l, err := open(w.Socket)
		if err == nil {
			opened[w.id] = l
			continue
		}
		if other, service := s.inTheWay(p, w); service != "" {
			err = fmt.Errorf("%s, which %s had until now, is in its way as long as %s runs; take that one out first, and add this one by a second reload", other, service, service)
		}
		fail(w, err)
	}
	undo := func() {
		for _, l := range opened {
			l.close()
		}
	}
	if errs != nil {
		undo()
		return errs
	}
	if w, err := s.adjust(p); err != nil {
		undo()
		fail(w, err)
		return errs
	}
	for _, id := range p.gone {
		s.waker.forget(s.open[id].fd)
		s.open[id].close()
		delete(s.open, id)
	}
	for id, l := range opened {
		s.open[id] = l
	}
	s.services = map[string][]held{}
	for _, w := range p.all {
		s.services[w.service] = append(s.services[w.service], held{w.Socket, s.open[w.id], w.id})
	}
	return s.rearm()
}

// inTheWay finds a socket that is to be closed, but only after w was opened,
// and the service that has it; "": there is none.
func (s *Set) inTheWay(p plan, w wanted) (other config.Socket, service string) {
	for service, list := range s.services {
		for _, h := range list {
			if h.Overlaps(w.Socket) && p.closes(s.open, h.listener) {
				return h.Socket, service
			}
		}
	}
	return other, ""
}

// adjust gives sockets that stay what can be changed of them. After an error
// they have what they had before.
func (s *Set) adjust(p plan) (wanted, error) {
	now := map[*listener]config.Socket{}
	for _, list := range s.services {
		for _, h := range list {
			now[h.listener] = h.Socket
		}
	}
	for i, w := range p.keep {
		l := s.open[w.id]
		err := l.adjust(now[l], w.Socket)
		if err == nil {
			continue
		}
		for _, w := range p.keep[:i+1] {
			l := s.open[w.id]
			_ = l.adjust(w.Socket, now[l])
		}
		return w, err
	}
	return wanted{}, nil
}

// Files is what one start of a service is given: descriptors of its own, for
// which [Files.Close] is to be called when the child has its copies.
type Files struct {
	FDs   []int
	Names []string
}

// Files gives the sockets of a service, in the order of the configuration. They
// are blocking, whatever the run before has made of them; so it is for when no
// run is under way, which would be surprised in its turn.
func (s *Set) Files(service string) (Files, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mend(service); err != nil {
		return Files{}, err
	}
	var f Files
	for _, h := range s.services[service] {
		fd, err := unix.FcntlInt(uintptr(h.fd), unix.F_DUPFD_CLOEXEC, 3)
		if err == nil {
			f.FDs, f.Names = append(f.FDs, fd), append(f.Names, h.Name)
			err = unix.SetNonblock(fd, false)
		}
		if err != nil {
			f.Close()
			return Files{}, fmt.Errorf("handing %s on to %s: %w", h.Socket, service, err)
		}
	}
	return f, nil
}

// mend opens those unix sockets of a service anew whose file is gone: a program
// that took the file for its own and removed it when it ended. Nobody could find
// the socket any more; who waits at it is turned away.
func (s *Set) mend(service string) error {
	list := s.services[service]
	for i, h := range list {
		if h.file.there() {
			continue
		}
		l, err := open(h.Socket)
		if err != nil {
			return fmt.Errorf("opening %s for %s again, whose file was removed: %w", h.Socket, service, err)
		}
		s.waker.forget(h.fd)
		unix.Close(h.fd)
		s.open[h.id], list[i].listener = l, l
	}
	return nil
}

// Close closes the descriptors; the sockets themselves stay open.
func (f Files) Close() {
	for _, fd := range f.FDs {
		unix.Close(fd)
	}
}

// Close closes all sockets and removes their files, as far as these are still
// ours. It is the end of the set.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waker.stop()
	for _, l := range s.open {
		l.close()
	}
	clear(s.open)
	clear(s.services)
}
