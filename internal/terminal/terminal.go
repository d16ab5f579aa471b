// Package terminal does job control for a program that we stand in front of:
// it is the terminal's foreground process group in our place, and when it is
// stopped we stop too, so that the shell notices and `fg` brings both back.
//
// Where it reads its input from something else, it gets the terminal only when
// it asks for it, by the TTIN or TTOU that stops it. In a pipeline the terminal
// belongs to all, and in front may be one that reads the keys.
package terminal

import (
	"io"
	"runtime"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// Terminal is our controlling terminal.
type Terminal struct {
	fd   int
	ours int // our process group
}

// Open finds our controlling terminal, with or without one of the standard
// streams; nil: none.
func Open() *Terminal {
	for fd := range 3 {
		if _, err := foreground(fd); err == nil {
			return &Terminal{fd: fd, ours: unix.Getpgrp()}
		}
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	if _, err := foreground(fd); err != nil {
		unix.Close(fd)
		return nil
	}
	return &Terminal{fd: fd, ours: unix.Getpgrp()}
}

// Input says whether our standard input is the terminal.
func (t *Terminal) Input() bool { return t.fd == 0 }

// foreground is tcgetpgrp(3). It fails on anything but our own terminal.
func foreground(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCGPGRP) }

// Descriptor is the terminal's, to make a child its foreground group.
func (t *Terminal) Descriptor() int { return t.fd }

// Ours says whether our own group is in the foreground: the terminal is ours
// to give away.
func (t *Terminal) Ours() bool {
	g, err := foreground(t.fd)
	return err == nil && g == t.ours
}

// Give puts a group into the foreground.
func (t *Terminal) Give(group int) error { return t.set(group) }

// TakeBack puts our group into the foreground if group is there now, and says
// whether it was.
func (t *Terminal) TakeBack(group int) bool {
	g, err := foreground(t.fd)
	return err == nil && g == group && t.set(t.ours) == nil
}

// set is tcsetpgrp(3). From the background it would be answered with TTOU,
// which is blocked for its duration only: a reader in the background is to get
// its TTIN, and a writer its TTOU, as usual.
func (t *Terminal) set(group int) error {
	return withoutTTOU(func() error { return unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) })
}

func withoutTTOU(do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ttou, old unix.Sigset_t
	ttou.Val[0] = 1 << (unix.SIGTTOU - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &ttou, &old); err != nil {
		return err
	}
	err := do()
	if e := unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil); err == nil {
		err = e
	}
	return err
}

// Writer writes to the terminal although we gave the foreground away. After
// "stty tostop" each line would else be answered with TTOU for our group, again
// and again: we catch it, and the kernel then tries the write once more.
type Writer struct{ To io.Writer }

// Write writes.
func (w Writer) Write(b []byte) (n int, err error) {
	err = withoutTTOU(func() (err error) {
		n, err = w.To.Write(b)
		return err
	})
	return n, err
}

// CanSuspend says whether somebody would notice that we are stopped, and could
// continue us: a shell, which has our group in its session but not in its own
// group. Between it and us may be others of our group, a script for example.
// Without that the kernel would not stop us by a key either (an orphaned
// process group, setpgid(2)).
func CanSuspend() bool {
	session, err := unix.Getsid(0)
	if err != nil {
		return false
	}
	for pid := unix.Getppid(); pid > 0; {
		if theirs, err := unix.Getsid(pid); err != nil || theirs != session {
			return false
		}
		if group, err := unix.Getpgid(pid); err != nil || group != unix.Getpgrp() {
			return err == nil
		}
		p, err := procfs.Stat(pid)
		if err != nil {
			return false // no /proc: rather go on than stop for ever
		}
		pid = p.PPID
	}
	return false
}

// Suspend stops our process group, and so ourselves, until somebody continues
// us.
func Suspend() { _ = unix.Kill(0, unix.SIGSTOP) }
