package logs

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/event"
	"supervise/internal/guard"
	"supervise/internal/lines"
	"supervise/internal/pace"
	"supervise/internal/pty"
	"supervise/internal/recent"
)

// streams are the pipes that services write to. One goroutine waits for all
// of them, with one buffer, so that a service costs no goroutine and no buffer
// of its own.
//
// Whoever reads has the log's mutex, which is held for as long as the output
// takes; a new pipe must not wait for that, so what is open has a mutex of its
// own, held for moments.
type streams struct {
	opening sync.Mutex // guards the next four
	begun   bool
	epoll   int
	stop    int               // readable when wait is to end
	open    map[int32]*stream // by read end

	buf []byte // guarded by the log's mutex
}

func newStreams() *streams { return &streams{open: map[int32]*stream{}} }

// stream is the output of one run of a service.
type stream struct {
	service  string
	fd       int32
	splitter lines.Splitter
	recent   *recent.Ring // nil: nobody will ask for it
	tap      lines.Tap
}

const (
	readSize = 64 << 10 // what a pipe holds
	// drainRounds bounds how much is read before an event, in case the
	// service writes faster than we do.
	drainRounds = 16
)

// Pipe makes the pipe for one run of a service and gives its write end. The
// read end is read until the last writer, be it a grandchild, has closed it.
func (l *Log) Pipe(service string, tap lines.NewTap) (write int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("making the pipe for the output of %s: %w", service, err)
	}
	if err := l.Take(service, p[0], tap); err != nil {
		unix.Close(p[1])
		return -1, err
	}
	return p[1], nil
}

// Take reads fd, the master of a terminal for example, to its end in place of
// a pipe. It owns fd from now on, also when it fails.
func (l *Log) Take(service string, fd int, tap lines.NewTap) error {
	s := l.streams
	err := s.begin(l)
	if err == nil {
		err = s.add(service, fd, l.ring(service), tap.Make())
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("watching the output of %s: %w", service, err)
	}
	return nil
}

// Resize gives the terminals among what is read a size.
func (l *Log) Resize(size pty.Size) {
	l.streams.opening.Lock()
	defer l.streams.opening.Unlock()
	for fd := range l.streams.open {
		_ = pty.SetSize(int(fd), size) // of a terminal that is ours it cannot fail
	}
}

// begin starts to wait for output, once.
func (s *streams) begin(l *Log) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.begun {
		return nil
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return err
	}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, stop, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(stop)}); err != nil {
		unix.Close(epoll)
		unix.Close(stop)
		return err
	}
	s.epoll, s.stop, s.begun = epoll, stop, true
	guard.Go(func() { s.wait(l) })
	return nil
}

func (s *streams) add(service string, fd int, ring *recent.Ring, tap lines.Tap) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	_ = unix.SetNonblock(fd, true) // cannot fail for what is ours
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return err
	}
	s.open[int32(fd)] = &stream{service: service, fd: int32(fd), recent: ring, tap: tap}
	return nil
}

// find gives the stream of a read end, if it is open.
func (s *streams) find(fd int32) *stream {
	s.opening.Lock()
	defer s.opening.Unlock()
	return s.open[fd]
}

// list gives the streams of a service that are open; "": of all.
func (s *streams) list(service string) (found []*stream) {
	s.opening.Lock()
	defer s.opening.Unlock()
	for _, st := range s.open {
		if service == "" || st.service == service {
			found = append(found, st)
		}
	}
	return found
}

// wait reads what comes, one read for each pipe in turn.
func (s *streams) wait(l *Log) {
	ready := make([]unix.EpollEvent, 64)
	var gather pace.Pace
	for {
		n, err := unix.EpollWait(s.epoll, ready, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			panic(fmt.Errorf("watching the output of services: %w", err))
		}
		l.writing.Lock()
		read := 0
		for _, e := range ready[:n] {
			if int(e.Fd) == s.stop {
				unix.Close(s.epoll)
				unix.Close(s.stop)
				l.writing.Unlock()
				return
			}
			if st := s.find(e.Fd); st != nil {
				read += s.read(st, l)
			}
		}
		l.flush()
		l.writing.Unlock()
		pace.Sleep(gather.After(time.Now(), read))
	}
}

// read reads once, and says how much; 0: there is no more.
func (s *streams) read(st *stream, l *Log) int {
	if s.buf == nil {
		s.buf = make([]byte, readSize)
	}
	for {
		n, err := unix.Read(int(st.fd), s.buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0
		case n <= 0: // the last writer is gone
			s.end(st, l)
			return 0
		}
		st.tap = st.tap.Hear(s.buf[:n])
		st.lines(s.buf[:n], time.Now(), l)
		return n
	}
}

// drain reads what the service has written so far.
func (s *streams) drain(service string, l *Log) {
	for _, st := range s.list(service) {
		for round := 0; round < drainRounds && s.read(st, l) > 0; round++ {
			l.flush()
		}
	}
}

func (s *streams) end(st *stream, l *Log) {
	st.splitter.End(func(line []byte, part bool) { l.line(st, time.Now(), line, part) })
	s.opening.Lock()
	defer s.opening.Unlock()
	delete(s.open, st.fd)
	unix.Close(int(st.fd)) // with the mutex: the next pipe may get the number
}

// close reads what is left in all pipes, whoever may still hold them open.
func (s *streams) close(l *Log) {
	for _, st := range s.list("") {
		for round := 0; round < drainRounds && s.read(st, l) > 0; round++ {
			l.flush()
		}
		if s.find(st.fd) == st {
			s.end(st, l)
		}
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.begun {
		_, _ = unix.Write(s.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // cannot fail
	}
}

// line writes a line, and keeps it for those who ask.
func (l *Log) line(st *stream, at time.Time, line []byte, part bool) {
	l.buf = l.format.Line(l.buf, st.service, at, line, part)
	if st.recent != nil {
		st.recent.Add(at, part, line)
	}
}

// lines writes the whole lines in b and keeps the rest.
func (st *stream) lines(b []byte, at time.Time, l *Log) {
	st.splitter.Split(b, func(line []byte, part bool) { l.line(st, at, line, part) })
}

func lost(n uint64) *event.Event {
	return &event.Event{Time: time.Now(), Name: event.LogDropped,
		Why: fmt.Sprintf("%d events were not written: the output did not take them", n)}
}
