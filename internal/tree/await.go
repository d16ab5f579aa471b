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
	if err != nil {
		return false
	}
	var fds []unix.PollFd
	for _, p := range members {
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

// AwaitProcess calls gone, from another goroutine, when p has ended. It reports
// false where the kernel has no pidfds.
func AwaitProcess(p procfs.Process, gone func()) bool {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil && err != unix.ESRCH {
		return false
	}
	if now, statErr := procfs.Stat(p.PID); err != nil || statErr != nil || now.Start != p.Start {
		if err == nil {
			unix.Close(fd)
		}
		go gone()
		return true
	}
	go func() {
		defer gone()
		awaitEnd([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}})
	}()
	return true
}

func closeAll(fds []unix.PollFd) {
	for _, fd := range fds {
		unix.Close(int(fd.Fd))
	}
}
