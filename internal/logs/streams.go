package logs

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/event"
	"supervise/internal/guard"
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
	service string
	fd      int32
	partial []byte // the beginning of a line whose end has not come
	cut     bool   // partial continues a line of which pieces are written
}

const (
	readSize = 64 << 10 // what a pipe holds
	// maxLine is where a line is cut into pieces: no log tool takes more.
	maxLine = 32 << 10
	// drainRounds bounds how much is read before an event, in case the
	// service writes faster than we do.
	drainRounds = 16
)

// Pipe makes the pipe for one run of a service and gives its write end. The
// read end is read until the last writer, be it a grandchild, has closed it.
func (l *Log) Pipe(service string) (write int, err error) {
	s := l.streams
	if err := s.begin(l); err != nil {
		return -1, fmt.Errorf("watching the output of services: %w", err)
	}
	return s.add(service)
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

func (s *streams) add(service string) (write int, err error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("making the pipe for the output of %s: %w", service, err)
	}
	fd := int32(p[0])
	_ = unix.SetNonblock(p[0], true) // cannot fail for a pipe of ours
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, p[0], &unix.EpollEvent{Events: unix.EPOLLIN, Fd: fd}); err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return -1, fmt.Errorf("watching the output of %s: %w", service, err)
	}
	s.open[fd] = &stream{service: service, fd: fd}
	return p[1], nil
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
	for {
		n, err := unix.EpollWait(s.epoll, ready, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			panic(fmt.Errorf("watching the output of services: %w", err))
		}
		l.writing.Lock()
		for _, e := range ready[:n] {
			if int(e.Fd) == s.stop {
				unix.Close(s.epoll)
				unix.Close(s.stop)
				l.writing.Unlock()
				return
			}
			if st := s.find(e.Fd); st != nil {
				s.read(st, l)
			}
		}
		l.flush()
		l.writing.Unlock()
	}
}

// read reads once, and says whether there may be more.
func (s *streams) read(st *stream, l *Log) bool {
	if s.buf == nil {
		s.buf = make([]byte, readSize)
	}
	for {
		n, err := unix.Read(int(st.fd), s.buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return false
		case n <= 0: // the last writer is gone
			s.end(st, l)
			return false
		}
		st.lines(s.buf[:n], time.Now(), l)
		return true
	}
}

// drain reads what the service has written so far.
func (s *streams) drain(service string, l *Log) {
	l.buf = l.buf[:0]
	for _, st := range s.list(service) {
		for round := 0; round < drainRounds && s.read(st, l); round++ {
			l.flush()
		}
	}
	l.flush()
}

func (s *streams) end(st *stream, l *Log) {
	if len(st.partial) > 0 {
		l.buf = l.format.Line(l.buf, st.service, time.Now(), st.partial, st.cut)
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	delete(s.open, st.fd)
	unix.Close(int(st.fd)) // with the mutex: the next pipe may get the number
}

// close reads what is left in all pipes, whoever may still hold them open.
func (s *streams) close(l *Log) {
	for _, st := range s.list("") {
		for round := 0; round < drainRounds && s.read(st, l); round++ {
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

// lines writes the whole lines in b and keeps the rest.
func (st *stream) lines(b []byte, at time.Time, l *Log) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		piece := b
		if end >= 0 {
			piece, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		for len(st.partial)+len(piece) > maxLine {
			room := maxLine - len(st.partial)
			st.partial = append(st.partial, piece[:room]...)
			piece = piece[room:]
			l.buf = l.format.Line(l.buf, st.service, at, st.partial, st.cut)
			st.partial, st.cut = st.partial[:0], true
		}
		switch {
		case end < 0:
			st.partial = append(st.partial, piece...)
		case len(st.partial) == 0:
			l.buf = l.format.Line(l.buf, st.service, at, piece, st.cut)
			st.cut = false
		default:
			st.partial = append(st.partial, piece...)
			l.buf = l.format.Line(l.buf, st.service, at, st.partial, st.cut)
			st.partial, st.cut = nil, false
		}
	}
	if len(st.partial) == 0 {
		st.partial = nil
	}
}

func lost(n uint64) *event.Event {
	return &event.Event{Time: time.Now(), Name: "log.dropped",
		Why: fmt.Sprintf("%d events were not written: the output did not take them", n)}
}
