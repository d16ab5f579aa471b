// Package private makes files that only we may read, also where others may have
// been first: in /tmp, or in a directory of somebody else, somebody may have put a
// symbolic link at the path, which leads to a file that matters, or a file that he
// can read. The sysctls fs.protected_symlinks, protected_regular and
// protected_hardlinks (proc_sys_fs(5)) are no help where they are not set, as by
// the kernel itself.
package private

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// tries is more than a path has links, as the kernel counts them (ELOOP in
// path_resolution(7)), and than anybody can change it in time.
const tries = 40

// Create makes an empty file of mode 0600, for appending. A regular file that is
// there is emptied if it is ours; if it is another's, or has another name too, it
// is not written to: a new one takes its place. Anything else, such as a pipe, is
// opened as it is, a pipe only if it is ours or root's, as is a link followed.
func Create(path string) (*os.File, error) {
	at := path
	for range tries {
		file, next, err := create(at)
		if file != nil {
			return file, nil
		}
		if err != nil {
			return nil, &os.PathError{Op: "opening", Path: path, Err: err}
		}
		at = next
	}
	return nil, &os.PathError{Op: "opening", Path: path, Err: unix.ELOOP}
}

// create opens what is at a path. Without a file and an error, next is where to
// look now.
func create(path string) (file *os.File, next string, err error) {
	// This opens nothing: it is a hold on what is there.
	there, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		fd, err := open(path, unix.O_CREAT|unix.O_EXCL)
		if err == unix.EEXIST {
			return nil, path, nil
		}
		return opened(fd, path, err)
	}
	if err != nil {
		return nil, "", err
	}
	defer unix.Close(there)
	var st unix.Stat_t
	if err := unix.Fstat(there, &st); err != nil {
		return nil, "", err
	}
	foreign := int(st.Uid) != os.Geteuid() && st.Uid != 0
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFLNK && foreign:
		return nil, "", fmt.Errorf("it is a symbolic link of the user %d, which is not followed; name what it leads to", st.Uid)
	case kind == unix.S_IFLNK:
		return follow(there, path)
	case kind == unix.S_IFIFO && foreign:
		return nil, "", fmt.Errorf("it is a pipe of the user %d, who would read it; name another place", st.Uid)
	case kind == unix.S_IFREG && (int(st.Uid) != os.Geteuid() || st.Nlink > 1):
		if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
			return nil, "", fmt.Errorf("it is another's, or has another name, and can't be replaced: %w", err)
		}
		return nil, path, nil
	}
	fd, err := open(path, 0)
	if err != nil {
		return nil, "", err
	}
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil || now.Dev != st.Dev || now.Ino != st.Ino {
		unix.Close(fd)
		return nil, path, err // another by now
	}
	switch now.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		err = errors.Join(unix.Fchmod(fd, 0o600), unix.Ftruncate(fd, 0))
	case unix.S_IFIFO: // to be waited for without a thread, as by os.OpenFile
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return nil, "", err
	}
	return opened(fd, path, nil)
}

// follow tells where a link leads. Those of /proc (/dev/stdout is one) lead where
// no path does; the kernel follows them, and nobody can make one.
func follow(link int, path string) (file *os.File, next string, err error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(link, &fs); err == nil && fs.Type == unix.PROC_SUPER_MAGIC {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if pe := (*os.PathError)(nil); errors.As(err, &pe) {
			err = pe.Err
		}
		return file, "", err
	}
	to := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", to)
	if err != nil {
		return nil, "", err
	}
	next = string(to[:n])
	if !filepath.IsAbs(next) {
		dir, _ := filepath.Split(path) // not cleaned: .. after a link is not what it looks like
		next = dir + next
	}
	return nil, next, nil
}

func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC|flags, 0o600)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func opened(fd int, path string, err error) (*os.File, string, error) {
	if err != nil {
		return nil, "", err
	}
	return os.NewFile(uintptr(fd), path), "", nil
}
