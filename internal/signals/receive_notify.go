//go:build linux && !amd64 && !arm64

package signals

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Receive takes over the signals that os/signal can see. The sender stays
// unknown here, and PIPE, PROF, RTMIN and every URG are missing: the handler
// that tells them exists for amd64 and arm64.
func Receive() (*Receiver, error) {
	n := &notified{
		// os/signal drops what does not fit.
		signals:  make(chan os.Signal, 8192),
		children: make(chan os.Signal, 1),
	}
	for s := range Catchable() {
		if s != URG {
			signal.Notify(n.signals, s.Syscall())
		}
	}
	signal.Notify(n.children, syscall.SIGCHLD)
	return &Receiver{fallback: n}, nil
}

// notified is the os/signal in place of our own handler.
type notified struct{ signals, children chan os.Signal }

func (n *notified) each(deliver func(Received)) error {
	for s := range n.signals {
		if s == syscall.SIGPIPE {
			continue // most likely of our own doing, a write that nobody reads
		}
		deliver(Received{Signal: Signal(s.(syscall.Signal)), Origin: OriginUnknown, At: time.Now()})
	}
	return nil
}

func (n *notified) eachChild(changed func()) error {
	for range n.children {
		changed()
	}
	return nil
}

// Waiting can see nothing of what os/signal has.
func (r *Receiver) Waiting() []Signal { return nil }

func droppedCount(Signal) uint32 { return 0 }
