package main

import (
	"fmt"
	"os"
	"regexp"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"supervise/internal/capture"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/lines"
	"supervise/internal/logs"
	"supervise/internal/probe"
	"supervise/internal/pty"
	"supervise/internal/recent"
	"supervise/internal/runit"
	"supervise/internal/supervisor"
	"supervise/internal/tail"
)

// recentSize is what the last lines of all services on the console take at
// most, and what those who follow log files have not read yet: 64 KiB each for
// 256 services, or 1 KiB each for many more.
const recentSize = 16 << 20

// output is where the output of services goes.
type output struct {
	console *logs.Log
	files   *capture.Files
	reader  tail.Reader
	pipes   *runit.Pipes // to log services; nil: there are none
	tell    atomic.Pointer[func(event.Event)]

	sizing sync.Mutex // held while a terminal is made, so that none has an old size
	size   pty.Size   // of terminals for services
}

// newOutput gives the output to the console and to files. Until tellBy, what
// happens to a file is told to sinks directly.
func newOutput(console *logs.Log, direct sinks) *output {
	budget := recent.NewBudget(recentSize)
	console.Keep(budget)
	o := &output{console: console, size: terminalSize()}
	first := direct.Emit
	o.tell.Store(&first)
	o.files = capture.New(func(e event.Event) { (*o.tell.Load())(e) }, budget)
	o.reader = tail.Reader{Console: console, Files: o.files}
	return o
}

// tellBy has what happens to files told by the owner of all events, as long as
// it works.
func (o *output) tellBy(loop *supervisor.Loop, ended <-chan struct{}) {
	direct := *o.tell.Load()
	tell := func(e event.Event) {
		if !loop.Ask(ended, func(l *supervisor.Loop) { l.Report(e) }) {
			direct(e)
		}
	}
	o.tell.Store(&tell)
}

// update takes over what another configuration says of files that are written
// now: when they are rotated, what is kept, what stands before lines. What is kept of
// services and files that it does not have is let go.
func (o *output) update(cfg *config.Config) {
	names, paths := map[string]bool{}, map[string]bool{}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		names[s.Name] = true
		if s.Log.To == config.ToFile {
			o.files.Update(s)
			for _, path := range s.Log.File.Paths() {
				paths[path] = true
			}
		}
	}
	o.console.Only(names)
	o.files.Only(paths)
}

// terminalSize is that of our own terminal, whichever stream that is.
func terminalSize() pty.Size {
	for fd := range 3 {
		if size := pty.SizeOf(fd); size != pty.Usual {
			return size
		}
	}
	return pty.Usual
}

// awaitLine calls matched, once, when a line matches.
func awaitLine(pattern *regexp.Regexp, matched func()) *lineAwaited {
	return &lineAwaited{probe.NewLogMatcher(pattern), matched}
}

type lineAwaited struct {
	*probe.LogMatcher
	matched func() // does not wait for the owner
}

func (a *lineAwaited) Hear(chunk []byte) bool {
	found := a.Feed(chunk)
	if found {
		a.matched()
	}
	return found
}

// resize gives all terminals of services the size that ours has now. The kernel
// tells who is in front on each, with WINCH.
func (o *output) resize() {
	o.sizing.Lock()
	defer o.sizing.Unlock()
	o.size = terminalSize()
	o.console.Resize(o.size)
	o.files.Resize(o.size)
}

// streams are the standard streams for one start of a service. What is written to
// a log service, and read by it, goes past us.
func (o *output) streams(s *config.Service, null *os.File, matched func()) (streams launch.Stdio, release func(), err error) {
	streams, release, err = o.ordinary(s, null, matched)
	r := s.Runit
	if err != nil || r == nil || r.Reader == "" && r.Writer == "" {
		return streams, release, err
	}
	var fd int
	before := release
	if r.Reader != "" {
		fd, err = o.pipes.Writer(r.Reader)
		streams.Out = uintptr(fd)
	} else {
		fd, err = o.pipes.Reader(s.Name)
		streams.In = uintptr(fd)
	}
	if err != nil {
		before()
		return streams, nil, err
	}
	return streams, func() { before(); unix.Close(fd) }, nil
}

// ordinary are those without runit's log service.
func (o *output) ordinary(s *config.Service, null *os.File, matched func()) (streams launch.Stdio, release func(), err error) {
	streams = launch.Stdio{In: null.Fd(), Out: null.Fd(), Err: null.Fd(), Terminal: -1}
	var tap lines.NewTap
	if matched != nil && s.Ready != nil && s.Ready.Kind == config.ProbeLog {
		tap = func() lines.Listener { return awaitLine(s.Ready.Pattern, matched) }
	}
	var out, errs int
	switch {
	case s.Log.To == config.ToInherit:
		streams.Out, streams.Err = 1, 2
		return streams, func() {}, nil
	case !s.Log.To.Captured():
		return streams, func() {}, nil
	case s.PTY:
		if out, err = o.terminal(s, tap); err != nil {
			return streams, nil, err
		}
		// Standard input too: a program that finds its end there may end as well.
		streams.In, streams.Control = uintptr(out), true
		errs = out
	case s.Log.To == config.ToConsole:
		if out, err = o.console.Pipe(s.Name, tap); err != nil {
			return streams, nil, err
		}
		errs = out // one pipe for both keeps their order
	default:
		if out, errs, err = o.files.Pipe(s, tap); err != nil {
			return streams, nil, err
		}
	}
	streams.Out, streams.Err, streams.Made = uintptr(out), uintptr(errs), !s.PTY
	return streams, func() {
		unix.Close(out)
		if errs != out {
			unix.Close(errs)
		}
	}, nil
}

// terminal makes a terminal whose output is captured, and gives its slave.
func (o *output) terminal(s *config.Service, tap lines.NewTap) (slave int, err error) {
	o.sizing.Lock()
	defer o.sizing.Unlock()
	master, slave, err := pty.Open(o.size)
	if err != nil {
		return -1, fmt.Errorf("the output of %s: %w", s.Name, err)
	}
	if s.Log.To == config.ToConsole {
		err = o.console.Take(s.Name, master, tap)
	} else {
		err = o.files.Take(s, master, tap)
	}
	if err != nil {
		unix.Close(slave)
		return -1, err
	}
	return slave, nil
}
