package runit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Files are those in the folder supervise/ of one service directory, held open as
// runsv(8) does. They belong to one goroutine at a time.
//
//	lock     locked: nobody else supervises the service
//	ok       a pipe with a reader: somebody does
//	control  a pipe, both ends open: letters come from it
//	pid, stat, status  what [Files.Write] said last
//
// Descriptors are four for each service. One is the folder itself: as for runsv,
// which is in its directory, the files are where they were when somebody renames
// the directory or removes the link to it.
type Files struct {
	path    string // of supervise/
	dir     int
	lock    int
	ok      int
	control int
	last    Status // what was written
	written bool
}

// Locked says that somebody else supervises a service.
type Locked struct {
	File   string
	Holder string // "runsv, pid 812"; "": not known
}

func (l *Locked) Error() string {
	who := "another program"
	if l.Holder != "" {
		who = l.Holder
	}
	return fmt.Sprintf("%s is locked: %s supervises that service", l.File, who)
}

// Open takes over the service directory at path: it makes what is missing of
// supervise/, and locks it. The error is a [*Locked] when somebody else has.
func Open(path string) (*Files, error) {
	f := &Files{path: filepath.Join(path, "supervise"), dir: -1, lock: -1, ok: -1, control: -1}
	if err := f.open(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Files) open() (err error) {
	if err := makeFolder(f.path); err != nil {
		return err
	}
	if f.dir, err = unix.Open(f.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return f.failed("opening", "", err)
	}
	if f.lock, err = f.openat("lock", unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT, 0o600); err != nil {
		return f.failed("opening", "lock", err)
	}
	if err := unix.Flock(f.lock, unix.LOCK_EX|unix.LOCK_NB); err == unix.EWOULDBLOCK {
		return &Locked{File: filepath.Join(f.path, "lock"), Holder: holder(f.lock)}
	} else if err != nil {
		return f.failed("locking", "lock", err)
	}
	// Linux lets one descriptor be both ends of a pipe (fifo(7)): so it has always a
	// writer, and no end.
	f.control, err = f.fifo("control", unix.O_RDWR)
	return err
}

// Begin says that the service is supervised from now on, in a state.
func (f *Files) Begin(s Status) (err error) {
	if err := f.Write(s); err != nil {
		return err
	}
	f.ok, err = f.fifo("ok", unix.O_RDONLY)
	return err
}

// makeFolder makes supervise/ with the mode that runsv gives it. It may be a
// symbolic link to a writable place, in which the folder is made.
func makeFolder(path string) error {
	err := os.Mkdir(path, 0o700)
	if err == nil || !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) {
		return err
	}
	if to, linkErr := os.Readlink(path); linkErr == nil {
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		_ = os.Mkdir(to, 0o700) // what is wrong shows when it is opened
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if _, statErr := os.Stat(path); statErr == nil {
		return nil // read-only around it, and it is there
	}
	return fmt.Errorf("%w; make it a symbolic link to a directory in a writable place", err)
}

func (f *Files) openat(name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(f.dir, name, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOFOLLOW, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// fifo opens a named pipe, which is made if it is missing.
func (f *Files) fifo(name string, flags int) (int, error) {
	if err := unix.Mkfifoat(f.dir, name, 0o600); err != nil && err != unix.EEXIST {
		return -1, f.failed("making", name, err)
	}
	fd, err := f.openat(name, flags, 0)
	if err != nil {
		return -1, f.failed("opening", name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return -1, fmt.Errorf("%s is there, and is no named pipe; remove it", filepath.Join(f.path, name))
	}
	return fd, nil
}

func (f *Files) failed(doing, name string, err error) error {
	return fmt.Errorf("%s %s: %w", doing, filepath.Join(f.path, name), err)
}

// Write tells the state of the service, if it is another than what was told last.
// Each file is written aside and renamed, so that nobody reads half of one; status
// comes last, because sv waits for that.
func (f *Files) Write(s Status) error {
	if f.written && s == f.last || f.gone() {
		return nil
	}
	if !f.written || s.PID != f.last.PID {
		if err := f.replace("pid", []byte(s.PIDFile())); err != nil {
			return err
		}
	}
	if stat := s.Stat(); !f.written || stat != f.last.Stat() {
		if err := f.replace("stat", []byte(stat)); err != nil {
			return err
		}
	}
	b := s.Bytes()
	if err := f.replace("status", b[:]); err != nil {
		return err
	}
	f.last, f.written = s, true
	return nil
}

// gone says that the folder was removed: nobody can look there any more.
func (f *Files) gone() bool {
	var st unix.Stat_t
	return unix.Fstat(f.dir, &st) == nil && st.Nlink == 0
}

func (f *Files) replace(name string, text []byte) error {
	aside := name + ".new"
	fd, err := f.openat(aside, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o644)
	if err != nil {
		return f.failed("writing", aside, err)
	}
	n, err := unix.Write(fd, text)
	unix.Close(fd)
	if err == nil && n < len(text) {
		err = unix.ENOSPC
	}
	if err != nil {
		_ = unix.Unlinkat(f.dir, aside, 0)
		return f.failed("writing", aside, err)
	}
	if err := unix.Renameat(f.dir, aside, f.dir, name); err != nil {
		return f.failed("renaming", aside, err)
	}
	return nil
}

// Close gives the service up: its ok has no reader any more, and the lock is free.
func (f *Files) Close() {
	for _, fd := range []*int{&f.ok, &f.control, &f.lock, &f.dir} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}
