package http1

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Server answers requests.
type Server struct {
	Handler func(*Writer, *Request)
	Allow   func(Peer) bool // nil: everybody may ask
	// MaxConns is how many connections are open at once. When one more comes,
	// another makes room: the oldest of those that have not sent a whole request
	// yet, else of those that are sent a stream, else of all. So whoever comes
	// now is heard, however many others hold on.
	MaxConns     int
	HeadTimeout  time.Duration // for a whole request to come
	WriteTimeout time.Duration // for a client to take what it is sent

	mutex  sync.Mutex
	room   *sync.Cond
	open   []*conn // the oldest first
	closed bool
	ctx    context.Context
	cancel context.CancelCauseFunc

	serving sync.WaitGroup // calls of Serve
}

// NewServer makes a server with the limits of a control socket.
func NewServer(handler func(*Writer, *Request)) *Server {
	s := &Server{Handler: handler, MaxConns: 64, HeadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	s.room = sync.NewCond(&s.mutex)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Peer is who asks, as the kernel tells it (SO_PEERCRED, unix(7)). On a TCP
// connection nobody knows.
type Peer struct {
	Known         bool
	PID, UID, GID int
}

func (p Peer) String() string {
	if !p.Known {
		return "somebody"
	}
	return fmt.Sprintf("process %d of uid %d", p.PID, p.UID)
}

// conn is a connection.
type conn struct {
	net.Conn
	server *Server
	stage  stage // guarded by the server's mutex
}

// stage is how far a connection is, in the order in which they are kept.
type stage int

const (
	asking    stage = iota // no whole request has come yet
	streaming              // it is sent an answer without end
	answering
)

func (c *conn) progress(s stage) {
	c.server.mutex.Lock()
	defer c.server.mutex.Unlock()
	c.stage = s
}

// Serve answers what comes over l until [Server.Close], after which it returns
// nil, or until the listener fails. It closes the listener.
func (s *Server) Serve(l net.Listener) error {
	s.serving.Add(1)
	defer s.serving.Done()
	defer l.Close()
	stop := context.AfterFunc(s.ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		switch {
		case s.ctx.Err() != nil:
			switch {
			case err != nil:
			case errors.Is(context.Cause(s.ctx), ErrPaused): // it was accepted, and nobody else will answer
				s.admit(&conn{Conn: c, server: s})
			default:
				c.Close()
			}
			return nil
		case err == nil:
			s.admit(&conn{Conn: c, server: s})
		case transient(err):
			// Out of descriptors or memory: those who wait in the backlog do so
			// a bit longer.
			select {
			case <-time.After(100 * time.Millisecond):
			case <-s.ctx.Done():
			}
		default:
			return err
		}
	}
}

func transient(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ErrPaused is why the contexts of requests have ended when [Server.Pause] was called.
var ErrPaused = errors.New("supervise is being replaced by another binary")

// Pause ends this server for another to go on with its listener: nothing more is
// accepted, those who wait for something are told to end, and all but except are waited
// for, so long at most, and then hung up on.
func (s *Server) Pause(except *Writer, limit time.Duration) {
	s.cancel(ErrPaused)
	s.serving.Wait()
	timer := time.AfterFunc(limit, func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.closed = true
		s.room.Broadcast()
	})
	defer timer.Stop()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for !s.closed && slices.ContainsFunc(s.open, func(c *conn) bool { return c != except.conn }) {
		s.room.Wait()
	}
	s.closed = true
	for _, c := range s.open {
		if c != except.conn {
			c.Close()
		}
	}
}

// Close hangs up on everybody.
func (s *Server) Close() {
	s.cancel(nil)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	for _, c := range s.open {
		c.Close()
	}
	s.room.Broadcast()
}

// Drain waits until what was asked for is answered, for a while. Requests whose
// context is looked at are told to end.
func (s *Server) Drain(limit time.Duration) {
	s.cancel(nil)
	timer := time.AfterFunc(limit, s.Close)
	defer timer.Stop()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for !s.closed {
		busy := false
		for _, c := range s.open {
			busy = busy || c.stage != asking
		}
		if !busy {
			return
		}
		s.room.Wait()
	}
}

// admit makes room for a connection and begins to read it.
func (s *Server) admit(c *conn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.open) >= s.MaxConns && !s.closed {
		least := slices.MinFunc(s.open, func(a, b *conn) int { return cmp.Compare(a.stage, b.stage) }) // the first of those
		s.remove(least)
		least.Close()
	}
	if s.closed {
		c.Close()
		return
	}
	s.open = append(s.open, c)
	go s.serve(c)
}

// remove takes a connection out. The mutex is held.
func (s *Server) remove(c *conn) {
	for i, o := range s.open {
		if o == c {
			s.open = append(s.open[:i], s.open[i+1:]...)
			s.room.Broadcast()
			return
		}
	}
}

func (s *Server) serve(c *conn) {
	defer func() {
		c.Close()
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.remove(c)
	}()
	w := &Writer{conn: c, timeout: s.WriteTimeout}
	// A fault in a handler is bad enough; it need not end what is supervised.
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "supervise: internal error while answering a request: %v\n%s", p, debug.Stack())
			w.Problem(500, "internal error: %v", p)
		}
	}()
	peer, err := peerOf(c.Conn)
	if err != nil || s.Allow != nil && !s.Allow(peer) {
		_ = c.SetReadDeadline(time.Now().Add(s.HeadTimeout))
		_, _ = bufio.NewReader(c).ReadSlice('\n')
		w.Problem(403, "%s may not speak to this supervise", peer)
		w.linger(c)
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(s.HeadTimeout))
	in := bufio.NewReaderSize(c, 4<<10)
	r, err := s.read(in, c)
	if err != nil {
		if e := (refusal{}); errors.As(err, &e) {
			w.Problem(e.status, "%s", e.why)
			w.linger(c)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			w.Problem(408, "no whole request came within %s", s.HeadTimeout)
		}
		return
	}
	c.progress(answering)
	_ = c.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	r.Peer, r.ctx, w.headOnly = peer, ctx, r.Method == "HEAD"
	go func() {
		awaitHangUp(c.Conn, in)
		cancel()
	}()
	s.Handler(w, r)
	if !w.begun {
		w.Problem(500, "internal error: no answer")
	}
}

// awaitHangUp waits until the client is gone. One that says that it will send no
// more (shutdown(SHUT_WR), as nc -N does) still wants its answer: on a unix
// socket the kernel tells the two apart. On TCP it cannot, and who has gone is
// noticed when something is sent.
//
// What comes after the request is thrown away, up to a limit. Behind that it
// stays where it is, and the client waits.
func awaitHangUp(c net.Conn, in *bufio.Reader) {
	if _, err := io.CopyN(io.Discard, in, maxBody); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	// Each change of the socket wakes Read, see epoll(7) on EPOLLET; between
	// them nothing is done.
	_ = raw.Read(func(fd uintptr) (done bool) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		for {
			if _, err := unix.Poll(p, 0); err != unix.EINTR {
				return err != nil || p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
			}
		}
	})
}

// read reads a whole request.
func (s *Server) read(in *bufio.Reader, c *conn) (*Request, error) {
	r, err := readHead(in)
	if err != nil {
		return nil, err
	}
	if r.Method != "GET" && r.Method != "HEAD" && r.Header.Get("Origin") != "" {
		return nil, refuse(403, "web pages may not change anything here")
	}
	n, err := r.bodyLength()
	if err != nil {
		return nil, err
	}
	if n > 0 && r.Header.Get("Expect") == "100-continue" {
		_ = c.SetWriteDeadline(time.Now().Add(s.WriteTimeout))
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return nil, err
		}
	}
	_, err = io.CopyN(io.Discard, in, n)
	return r, err
}

// peerOf asks the kernel who is at the other end.
func peerOf(c net.Conn) (Peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, credErr); err != nil {
		return Peer{}, err
	}
	return Peer{Known: true, PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid)}, nil
}
