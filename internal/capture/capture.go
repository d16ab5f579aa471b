// Package capture writes the output of services into their log files.
//
// One goroutine does it for all: it waits for all pipes at once, reads what is
// there in large pieces and writes it on, with one buffer. A service costs a
// pipe and no goroutine; one that writes without end gets its turn like the
// others, [turn] reads at a time. Nobody who supervises ever waits for it: a
// disk that hangs holds up the log files, the services that write to them, and
// nothing else.
//
// # What it promises
//
// What a service has written is read to the end, also after its death and from
// grandchildren that hold the pipe; what is left at our own end is read too.
// Bytes are passed on as they are, with a time before each line if so
// configured. A last line without a newline gets one when another process
// writes after it. While two runs of a service write to one file (a grandchild
// of the one lives on), whole lines of both are written.
//
// # When a file can't be written
//
// It is tried again, at growing distances from [firstRetry] to [lastRetry],
// and meanwhile either nothing is read any more, so that the service waits as
// soon as its pipe is full, or everything is read and thrown away, line by
// line, and counted. That it began and that it is over is told once each: it
// is over when all has been well for [settle].
//
// # Memory
//
// One buffer of [bufferSize], and for each file that cannot be written what
// was read and not written yet: all these together stay about [maxPending].
package capture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/guard"
	"supervise/internal/lines"
	"supervise/internal/logfile"
	"supervise/internal/pty"
	"supervise/internal/recent"
)

// Files is the log files of all services.
type Files struct {
	tell   func(event.Event)
	reads  atomic.Int64 // how often something was read
	packer *logfile.Packer
	budget *recent.Budget
	done   chan struct{} // closed when the goroutine has ended

	mutex sync.Mutex // guards the next four
	begun bool
	ended bool
	inbox []func() // for the goroutine
	wake  int      // an eventfd: there is something in the inbox
	epoll int      // does not change once begun

	// All below belongs to the goroutine.
	streams map[int32]*stream
	sinks   map[string]*sink // by path
	next    time.Time        // the earliest deadline of all sinks; zero: none
	failing int              // how many sinks cannot be written
	closing bool
	buf     []byte
	out     []byte // what is to be written, when it is not buf itself
}

// New makes a Files that has nothing to do. tell is called when a file cannot
// be written, and when it can again; it must not wait. What those who follow a
// file have not read yet counts against budget.
func New(tell func(event.Event), budget *recent.Budget) *Files {
	c := &Files{tell: tell, budget: budget, done: make(chan struct{}),
		streams: map[int32]*stream{}, sinks: map[string]*sink{}}
	c.packer = logfile.NewPacker(c.notPacked)
	return c
}

// Pipe makes the pipes for a run of a service: for its standard output and
// standard error, which may be the same.
func (c *Files) Pipe(s *config.Service, tap lines.NewTap) (out, err int, e error) {
	out, e = c.pipe(s, s.Log.File.Path, tap)
	if e != nil || s.Log.File.Stderr != config.StderrFile {
		return out, out, e
	}
	if err, e = c.pipe(s, s.Log.File.ErrPath(), tap); e != nil {
		unix.Close(out)
		return -1, -1, e
	}
	return out, err, nil
}

func (c *Files) pipe(s *config.Service, path string, tap lines.NewTap) (write int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("making the pipe for the output of %s: %w", s.Name, err)
	}
	if err := c.take(s, p[0], path, tap); err != nil {
		unix.Close(p[1])
		return -1, err
	}
	return p[1], nil
}

// Take reads fd, the master of a terminal, to its end in place of a pipe. It
// owns fd from now on, also when it fails.
func (c *Files) Take(s *config.Service, fd int, tap lines.NewTap) error {
	return c.take(s, fd, s.Log.File.Path, tap)
}

func (c *Files) take(s *config.Service, fd int, path string, tap lines.NewTap) error {
	_ = unix.SetNonblock(fd, true) // cannot fail for what is ours
	c.mutex.Lock()
	defer c.mutex.Unlock()
	err := c.begin()
	if c.ended {
		err = errors.New("the log files are closed")
	}
	if err == nil {
		err = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("watching the output of %s: %w", s.Name, err)
	}
	c.send(func() { c.open(s, int32(fd), path, tap.Make()) })
	return nil
}

// Resize gives the terminals among what is read a size, in a moment.
func (c *Files) Resize(size pty.Size) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.begun || c.ended {
		return
	}
	c.send(func() {
		for fd := range c.streams {
			_ = pty.SetSize(int(fd), size) // of a terminal that is ours it cannot fail
		}
	})
}

// begin starts the goroutine, once.
func (c *Files) begin() (err error) {
	if c.begun || c.ended {
		return nil
	}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if c.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(c.epoll)
		return err
	}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, c.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.wake)}); err != nil {
		unix.Close(c.epoll)
		unix.Close(c.wake)
		return err
	}
	c.begun = true
	guard.Go(c.work)
	return nil
}

// send has the goroutine call do. The mutex is held.
func (c *Files) send(do func()) {
	c.inbox = append(c.inbox, do)
	if len(c.inbox) == 1 {
		_, _ = unix.Write(c.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // cannot fail
	}
}

// answerWait bounds how long anybody waits for the goroutine: a write that
// hangs may take for ever.
const answerWait = 5 * time.Second

// errStuck is what those who have waited that long are told.
var errStuck = errors.New("the log files have not answered for 5s: a disk hangs, probably")

// ask has the goroutine call do and waits for it; false: it has nothing to do
// with any file, or has ended.
func (c *Files) ask(ctx context.Context, do func()) (asked bool, err error) {
	answered := make(chan struct{})
	c.mutex.Lock()
	if !c.begun || c.ended {
		c.mutex.Unlock()
		return false, nil
	}
	c.send(func() { do(); close(answered) })
	c.mutex.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	select {
	case <-answered:
		return true, nil
	case <-c.done:
		return false, nil
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return false, errStuck
		}
		return false, ctx.Err()
	}
}

// Reopen closes the files of services and opens what is at their paths now.
func (c *Files) Reopen(services []string) error {
	return c.each(services, func(s *sink, now time.Time) error { return s.file.Reopen(now) })
}

// Rotate rotates the files of services, each at its next end of a line.
func (c *Files) Rotate(services []string) error {
	return c.each(services, c.rotate)
}

// each does something with the open files of services.
func (c *Files) each(services []string, do func(*sink, time.Time) error) error {
	wanted := map[string]bool{}
	for _, name := range services {
		wanted[name] = true
	}
	var errs []error
	asked := func() {
		now := time.Now()
		for _, s := range c.sinks {
			if !wanted[s.service] || len(s.streams) == 0 || s.blocked() {
				continue // what is not open, or is tried again anyway
			}
			if err := do(s, now); err != nil {
				errs = append(errs, err)
			}
			if err := s.file.Open(now); err != nil { // it is closed now
				c.fail(s, err, now)
			}
			c.schedule(s)
		}
	}
	if _, err := c.ask(context.Background(), asked); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// Update has the files of a service written as it says now, while it runs. A
// path that nobody writes to yet is of no concern.
func (c *Files) Update(s *config.Service) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.begun || c.ended {
		return
	}
	c.send(func() {
		for _, path := range s.Log.File.Paths() {
			if k := c.sinks[path]; k != nil {
				c.adapt(k, s)
			}
		}
	})
}

// Only forgets files that are at none of these paths, if nobody writes to them any more.
func (c *Files) Only(paths map[string]bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.begun || c.ended {
		return
	}
	c.send(func() {
		maps.DeleteFunc(c.sinks, func(path string, k *sink) bool {
			return !paths[path] && len(k.streams) == 0 && k.trouble == nil && k.followers == 0
		})
	})
}

// closeWait bounds how long Close waits for a disk on which nothing goes on.
const closeWait = 5 * time.Second

// Close writes what is left in all pipes, whoever may still hold them open.
func (c *Files) Close() {
	c.mutex.Lock()
	begun := c.begun && !c.ended
	if begun {
		c.send(func() { c.closing = true })
	}
	c.ended = true
	c.mutex.Unlock()
	if begun && !c.finished() {
		return
	}
	c.packer.Close()
}

func (c *Files) finished() bool {
	for before := int64(-1); before != c.reads.Load(); {
		before = c.reads.Load()
		select {
		case <-c.done:
			return true
		case <-time.After(closeWait):
		}
	}
	return false
}
