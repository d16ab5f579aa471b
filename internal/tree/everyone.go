package tree

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// signalEveryone signals all processes but our own: as PID 1, all there are
// in the PID namespace.
func (t *Tree) signalEveryone(s signals.Signal) (to string, err error) {
	t.aimAtEveryone(s)
	if err := killAll(s); err != nil && err != unix.ESRCH {
		return "", err
	}
	if s != signals.KILL {
		held, err := t.host.where(func(p procfs.Process) bool { return p.Stopped() })
		if err != nil { // no /proc: nobody can see who is stopped
			_ = killAll(signals.CONT)
		}
		for _, p := range held {
			_ = t.signalChecked(p, signals.CONT)
		}
	}
	return "all other processes", nil
}

// killAll is the one place that calls kill(-1): from any process but PID 1 it
// would reach the whole machine (kill(2)).
func killAll(s signals.Signal) error {
	if os.Getpid() != 1 {
		return errors.New("only PID 1 may signal every process")
	}
	return unix.Kill(-1, unix.Signal(s))
}
