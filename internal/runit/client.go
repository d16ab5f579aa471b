package runit

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The other side of the files: who asks the supervisor of a service directory,
// or tells it something. None of these functions waits.

// ErrNotSupervised says that nobody reads supervise/ok: no supervisor runs.
var ErrNotSupervised = errors.New("runsv not running")

// ErrFormat says that supervise/status is not what a supervisor writes.
var ErrFormat = errors.New("bad format")

// Problem is why a service could not be asked. In sv's words it is "unable to",
// then Doing, and the reason.
type Problem struct {
	Doing string // open supervise/ok
	Err   error  // an errno, or ErrFormat
}

func (p *Problem) Error() string { return fmt.Sprintf("unable to %s: %v", p.Doing, p.Err) }
func (p *Problem) Unwrap() error { return p.Err }

// OpenOK opens supervise/ok for writing, which works while a supervisor holds
// it; nothing is ever written. poll(2) tells of the descriptor's POLLERR when the
// supervisor is gone. The error is ErrNotSupervised or a Problem.
func OpenOK(dir string) (fd int, err error) { return openFIFO(dir, "supervise/ok") }

// ReadStatus reads supervise/status, if there is a supervisor that keeps it up to
// date. The error is ErrNotSupervised or a Problem.
func ReadStatus(dir string) (Status, error) {
	ok, err := OpenOK(dir)
	if err != nil {
		return Status{}, err
	}
	unix.Close(ok)
	const name = "supervise/status"
	fd, err := open(filepath.Join(dir, name), unix.O_RDONLY)
	if err != nil {
		return Status{}, &Problem{"open " + name, err}
	}
	defer unix.Close(fd)
	var b [StatusSize]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return Status{}, &Problem{"read " + name, err}
	}
	s, err := ParseStatus(b[:n])
	if err != nil {
		return Status{}, &Problem{"read " + name, ErrFormat}
	}
	return s, nil
}

// SendControl writes letters to supervise/control, each an order to the
// supervisor: see runsv(8). The error is ErrNotSupervised or a Problem.
func SendControl(dir, letters string) error {
	const name = "supervise/control"
	fd, err := openFIFO(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(letters)); err != nil { // so few are written together or not at all: pipe(7)
		return &Problem{"write to " + name, err}
	}
	return nil
}

func openFIFO(dir, name string) (int, error) {
	fd, err := open(filepath.Join(dir, name), unix.O_WRONLY)
	switch err {
	case nil:
		return fd, nil
	case unix.ENXIO:
		return -1, ErrNotSupervised
	}
	return -1, &Problem{"open " + name, err}
}

func open(path string, mode int) (fd int, err error) {
	for {
		fd, err = unix.Open(path, mode|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
