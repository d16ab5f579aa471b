package sockets

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// file is the file of a unix socket that we made, and which one it is: the path
// may lead to another's by now.
type file struct {
	path     string // "": there is none
	dev, ino uint64
}

// openUnix makes a unix socket. It comes to be with no permissions at all, and
// gets its own when its owner is right: nobody can connect in between.
func openUnix(s config.Socket) (*listener, error) {
	if s.HasPath() {
		if _, _, err := owner(s); err != nil {
			return nil, err
		}
		if err := makeWay(s); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(unix.AF_UNIX, kind(s)|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, explain(s, err)
	}
	l := &listener{fd: fd}
	if err := l.listenUnix(s); err != nil {
		l.close()
		return nil, explain(s, err)
	}
	return l, nil
}

func (l *listener) listenUnix(s config.Socket) error {
	if err := unix.Fchmod(l.fd, 0); err != nil { // bind makes the file with these, see unix(7)
		return err
	}
	if err := unix.Bind(l.fd, &unix.SockaddrUnix{Name: s.Address}); err != nil {
		return err
	}
	if s.HasPath() {
		var st unix.Stat_t
		if err := unix.Lstat(s.Address, &st); err != nil {
			return err
		}
		l.file = file{s.Address, uint64(st.Dev), st.Ino}
		if err := l.file.dress(s); err != nil {
			return err
		}
	}
	if s.Datagram() {
		return nil
	}
	return unix.Listen(l.fd, s.Backlog)
}

// makeWay removes what a supervise that was killed has left at the path of a
// socket. What is no socket, or has a living process behind it, stays.
func makeWay(s config.Socket) error {
	var st unix.Stat_t
	err := unix.Lstat(s.Address, &st)
	switch {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return errors.New("there is a symbolic link, which is left alone; name what it leads to, or remove it")
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return errors.New("there is something that is no socket, and is left alone; remove it, or choose another path")
	}
	switch err := knock(s.Address); err {
	case unix.ECONNREFUSED:
	case nil, unix.EPROTOTYPE, unix.EAGAIN:
		return explain(s, unix.EADDRINUSE)
	default:
		return fmt.Errorf("there is a socket of which it cannot be told whether it is in use: %w; remove it if nobody listens", err)
	}
	if err := unix.Unlink(s.Address); err != nil && err != unix.ENOENT {
		return fmt.Errorf("removing the socket that was left there: %w", err)
	}
	return nil
}

// knock asks whether anybody holds the socket at a path: ECONNREFUSED if nobody
// does. It asks by a socket of another type than those that we know, and is
// answered EPROTOTYPE, so that nobody sees a client come and go.
func knock(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

// dress gives the file its owner and its permissions. It follows no link and
// touches nobody else's file.
func (f file) dress(s config.Socket) error {
	uid, gid, err := owner(s)
	if err != nil {
		return err
	}
	fd, err := unix.Open(f.path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if !f.is(st) {
		return errors.New("somebody has put another file in its place; remove it")
	}
	if st.Uid != uint32(uid) || st.Gid != uint32(gid) {
		if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("giving the socket to %d:%d: %w; that needs CAP_CHOWN", uid, gid, err)
		}
	}
	err = unix.Fchmodat(fd, "", s.Mode, unix.AT_EMPTY_PATH) // Linux 6.6
	if err == unix.EOPNOTSUPP || err == unix.EINVAL || err == unix.EPERM {
		err = unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), s.Mode)
	}
	if err != nil {
		return fmt.Errorf("setting the permissions of the socket: %w", err)
	}
	return nil
}

// remove removes the file, if it is still the one that we made.
func (f file) remove() {
	if f.path != "" && f.there() {
		_ = unix.Unlink(f.path)
	}
}

// there says whether the file is where we made it; what has none lacks none.
func (f file) there() bool {
	var st unix.Stat_t
	return f.path == "" || unix.Lstat(f.path, &st) == nil && f.is(st)
}

func (f file) is(st unix.Stat_t) bool { return uint64(st.Dev) == f.dev && st.Ino == f.ino }

// owner looks up to whom the file of a socket is to belong.
func owner(s config.Socket) (uid, gid int, err error) {
	uid, gid = os.Geteuid(), os.Getegid()
	if s.User != "" {
		if uid, err = strconv.Atoi(s.User); err != nil {
			u, err := user.Lookup(s.User)
			if err != nil {
				return 0, 0, fmt.Errorf("there is no user called %q; create it, or name another", s.User)
			}
			uid, _ = strconv.Atoi(u.Uid)
		}
	}
	if s.Group != "" {
		if gid, err = strconv.Atoi(s.Group); err != nil {
			g, err := user.LookupGroup(s.Group)
			if err != nil {
				return 0, 0, fmt.Errorf("there is no group called %q; create it, or name another", s.Group)
			}
			gid, _ = strconv.Atoi(g.Gid)
		}
	}
	return uid, gid, nil
}
