//go:build linux && !amd64 && !arm64

package signals

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// source is os/signal, which sees less: see [Receive].
type source struct{ came chan os.Signal }

// Gather takes over the signals that os/signal can see, and ignores those that
// are named.
func Gather(ignore ...Signal) (*Pending, error) {
	p := &Pending{source: source{make(chan os.Signal, 8192)}}
	for s := range Catchable() {
		if s != URG {
			signal.Notify(p.came, s.Syscall())
		}
	}
	signal.Notify(p.came, syscall.SIGCHLD)
	for _, s := range ignore {
		signal.Ignore(s.Syscall())
	}
	runtime.LockOSThread()
	return p, nil
}

// Wait gives the next signal. With a deadline it gives up then; zero: never.
func (p *Pending) Wait(deadline time.Time) (Signal, bool) {
	var late <-chan time.Time
	if !deadline.IsZero() {
		late = time.After(time.Until(deadline))
	}
	for {
		if s, ok := p.next(); ok {
			return s, true
		}
		select {
		case s := <-p.came:
			if s != syscall.SIGPIPE { // most likely of our own doing
				p.arrive(Signal(s.(syscall.Signal)))
			}
		case <-late:
			return 0, false
		}
	}
}

// Default does to this process what a signal does by default, and returns if
// that is nothing: as PID 1.
func (p *Pending) Default(s Signal) {
	signal.Reset(s.Syscall())
	_ = syscall.Kill(os.Getpid(), s.Syscall())
	signal.Notify(p.came, s.Syscall())
}
