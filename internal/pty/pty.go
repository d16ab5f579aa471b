// Package pty makes terminals for services that are to believe that somebody
// looks at them: then they keep their colours, and write each line at once.
package pty

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Size is how many characters fit.
type Size struct{ Rows, Columns int }

// Usual is the size where none is known.
var Usual = Size{24, 80}

// SizeOf gives the size of a terminal; Usual: fd is none, or it does not know.
func SizeOf(fd int) Size {
	w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil || w.Row == 0 || w.Col == 0 {
		return Usual
	}
	return Size{int(w.Row), int(w.Col)}
}

// SetSize gives a terminal a size, by either end; nothing happens to what is none.
func SetSize(fd int, size Size) error {
	err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(size.Rows), Col: uint16(size.Columns)})
	if err == unix.ENOTTY {
		return nil
	}
	return err
}

// Open makes a terminal. What is written to slave can be read from master as it
// was written: newlines stay what they are, and nothing is echoed. When the
// last slave is closed, reading fails with EIO. Both are close-on-exec.
func Open(size Size) (master, slave int, err error) {
	master, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("making a terminal: opening /dev/ptmx: %w", err)
	}
	slave, err = openSlave(master)
	if err == nil {
		if err = prepare(slave, size); err == nil {
			return master, slave, nil
		}
		unix.Close(slave)
	}
	unix.Close(master)
	return -1, -1, fmt.Errorf("making a terminal: %w", err)
}

func openSlave(master int) (int, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, fmt.Errorf("unlocking it: %w", err)
	}
	// By the master, since /dev/pts may be that of another mount namespace.
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, flags)
	if errno == 0 {
		return int(fd), nil
	}
	// Kernels before 4.13.
	n, err := unix.IoctlGetUint32(master, unix.TIOCGPTN)
	if err != nil {
		return -1, err
	}
	return unix.Open("/dev/pts/"+strconv.Itoa(int(n)), flags, 0)
}

func prepare(slave int, size Size) error {
	t, err := unix.IoctlGetTermios(slave, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Oflag &^= unix.ONLCR
	t.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(slave, unix.TCSETS, t); err != nil {
		return err
	}
	return SetSize(slave, size)
}
