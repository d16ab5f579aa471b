package tree

import (
	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// Await calls gone, from another goroutine, when the processes that live in
// the tree now have ended. It is for processes whose death we are not told of,
// because they are not below us: without it the owner would have to poll. It
// reports false where the kernel has no pidfds (before Linux 5.3).
func (t *Tree) Await(gone func()) bool {
	members, err := t.scope.members(t)
	return err == nil && t.host.system.Await(members, gone)
}

// AwaitProcess does so for one process.
func (h *Host) AwaitProcess(p procfs.Process, gone func()) bool {
	return h.system.Await([]procfs.Process{p}, gone)
}

func await(all []procfs.Process, gone func()) bool {
	var fds []unix.PollFd
	for _, p := range all {
		fd, err := unix.PidfdOpen(p.PID, 0)
		if err == unix.ESRCH {
			continue
		}
		if err != nil {
			closeAll(fds)
			return false
		}
		if now, err := procfs.Stat(p.PID); err != nil || now.Start != p.Start { // ended, and its pid taken
			unix.Close(fd)
			continue
		}
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	go func() {
		defer gone()
		awaitEnd(fds)
	}()
	return true
}

// awaitEnd waits for the end of all processes: a pidfd is readable once its
// process has ended.
func awaitEnd(fds []unix.PollFd) {
	defer closeAll(fds)
	for _, fd := range fds {
		for {
			if _, err := unix.Poll([]unix.PollFd{fd}, -1); err != unix.EINTR {
				break
			}
		}
	}
}

func closeAll(fds []unix.PollFd) {
	for _, fd := range fds {
		unix.Close(int(fd.Fd))
	}
}
