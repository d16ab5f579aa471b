package tree

import (
	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// System is what a [Host] asks of the machine: which processes there are, and
// signals to them. [NewHost] has Linux; a simulation has a world of its own.
type System interface {
	// Self is our own pid.
	Self() int
	// All, Stat, Environ and Children are those of package procfs.
	All() ([]procfs.Process, error)
	Stat(pid int) (procfs.Process, error)
	Environ(pid int) ([]byte, error)
	Children() ([]int, error)
	// Kill is kill(2), of a process or, negative, of a group. It is never asked
	// for -1.
	Kill(pid int, s signals.Signal) error
	// Hold gives a hold on the very process that was seen, not on a later one with
	// its pid; false: it has ended.
	Hold(p procfs.Process) (Hold, bool)
	// Await calls gone, from another goroutine, when these processes have ended;
	// false: nobody would tell us (before Linux 5.3).
	Await(all []procfs.Process, gone func()) bool
}

// Hold is a hold on one process.
type Hold interface {
	Signal(s signals.Signal) error
	Release()
}

// linux is the machine that we run on.
type linux struct{}

func (linux) All() ([]procfs.Process, error)          { return procfs.All() }
func (linux) Stat(pid int) (procfs.Process, error)    { return procfs.Stat(pid) }
func (linux) Environ(pid int) ([]byte, error)         { return procfs.Environ(pid) }
func (linux) Children() ([]int, error)                { return procfs.Children() }
func (linux) Self() int                               { return unix.Getpid() }
func (linux) Kill(pid int, s signals.Signal) error    { return unix.Kill(pid, unix.Signal(s)) }
func (linux) Await(p []procfs.Process, f func()) bool { return await(p, f) }
func (linux) Hold(p procfs.Process) (held Hold, there bool) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err == unix.ESRCH {
		return nil, false
	}
	if now, statErr := procfs.Stat(p.PID); statErr != nil || now.Start != p.Start {
		if err == nil {
			unix.Close(fd)
		}
		return nil, false
	}
	if err != nil { // an old kernel, or seccomp: the pid has to do
		fd = -1
	}
	return pidfd{fd, p.PID}, true
}

// pidfd holds a process by a descriptor, see pidfd_open(2); -1: by its pid.
type pidfd struct{ fd, pid int }

func (p pidfd) Signal(s signals.Signal) error {
	if p.fd < 0 {
		return unix.Kill(p.pid, unix.Signal(s))
	}
	err := unix.PidfdSendSignal(p.fd, unix.Signal(s), nil, 0)
	if err == unix.ENOSYS || err == unix.EPERM { // perhaps seccomp says so, and not the process
		err = unix.Kill(p.pid, unix.Signal(s))
	}
	return err
}

func (p pidfd) Release() {
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
}
