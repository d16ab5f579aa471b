//go:build linux && (amd64 || arm64)

package signals

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// source is the pipe that the handler writes to.
type source struct{ fd int }

// Gather takes over every signal that can be caught, and ignores those that are
// named. It locks the calling goroutine to its thread, on which no signal is
// blocked any more.
func Gather(ignore ...Signal) (*Pending, error) {
	p, err := (*Pending)(nil), fmt.Errorf("the signals of this process are already received")
	receiveOnce.Do(func() { p, err = gather(ignore) })
	return p, err
}

func gather(ignore []Signal) (*Pending, error) {
	r, w, err := signalPipe(pipeBytes)
	if err != nil {
		return nil, err
	}
	ours, err := prepare(w, w)
	if err != nil {
		return nil, err
	}
	for s := HUP; s <= RTMAX; s++ {
		action := ours
		switch {
		case s == KILL || s == STOP:
			continue
		case s == 32 || s == 33: // the C library's: sigfillset(3) leaves them out
			action = sigaction{}
		case s != CHLD && reserved(s): // a fault: Go's own stay Go's
			was, err := getAction(s)
			if err != nil {
				return nil, err
			}
			faults[s] = was.handler
		}
		if err := setAction(s, action); err != nil {
			return nil, err
		}
	}
	for _, s := range ignore {
		if err := setAction(s, sigaction{handler: handlerIgnore}); err != nil {
			return nil, err
		}
	}
	runtime.LockOSThread()
	var none unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil)
	// The read end waits: nothing else is to be done meanwhile, and Go's poller
	// would cost a thread.
	return &Pending{source: source{fd: r}}, unix.SetNonblock(r, false)
}

// Wait gives the next signal. With a deadline it gives up then; zero: never.
func (p *Pending) Wait(deadline time.Time) (Signal, bool) {
	for {
		if s, ok := p.next(); ok {
			return s, true
		}
		if !deadline.IsZero() && !readable(p.fd, time.Until(deadline)) {
			return 0, false
		}
		var buf [32 * infoSize]byte
		n, err := unix.Read(p.fd, buf[:])
		if err != nil && err != unix.EINTR {
			return 0, false
		}
		for rec := buf[:max(n, 0)]; len(rec) >= infoSize; rec = rec[infoSize:] {
			if r := decode(rec); !r.ownPipe() {
				p.arrive(r.Signal)
			}
		}
	}
}

func readable(fd int, within time.Duration) bool {
	for end := time.Now().Add(within); ; {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
		if n > 0 {
			return true
		}
		if err != nil && err != unix.EINTR {
			return false
		}
	}
}

// Default does to this process what a signal does by default, and returns if
// that is nothing: as PID 1.
func (p *Pending) Default(s Signal) {
	ours, err := getAction(s)
	if err != nil || setAction(s, sigaction{}) != nil {
		return
	}
	_ = unix.Kill(os.Getpid(), unix.Signal(s))
	_ = setAction(s, ours)
}
