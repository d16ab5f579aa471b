package control

import (
	"fmt"
	"net"
	"os"

	"supervise/internal/carry"
)

// Carried is a control socket, for the next image of the process to go on with, see
// package carry: whoever connects meanwhile waits.
type Carried struct {
	Path     string
	FD, Lock carry.FD
}

// Carry gives the socket, and stands for it: the listener itself may be closed.
func (l *Listener) Carry() (*Carried, error) {
	fd, err := carry.Duplicate(l.UnixListener)
	if err != nil {
		return nil, fmt.Errorf("keeping the control socket: %w", err)
	}
	return &Carried{l.path, fd, carry.FD(l.lock.Fd())}, nil
}

// Restore is [Listen] for a socket that is ours already.
func Restore(c *Carried) (*Listener, error) {
	file := os.NewFile(uintptr(c.FD), c.Path)
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("going on with the control socket: %w", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("going on with the control socket: it is a %T", l)
	}
	u.SetUnlinkOnClose(false)
	return &Listener{u, c.Path, os.NewFile(uintptr(c.Lock), c.Path+".lock")}, nil
}
