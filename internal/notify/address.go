package notify

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Place is where a socket has its address.
type Place int

// The places.
//
// A path is what every client understands, what can be mounted into a
// container, and what a service in a network namespace of its own reaches; it
// needs a directory that can be written, and a service that changes its root
// or its mounts does not see it. An abstract address needs no file system at
// all and is seen from any root, but only in our network namespace; every
// process there can send to it, and some simple clients don't know it.
//
// Neither keeps strangers out: it is the sender that is checked ([Trusted]).
const (
	Anywhere Place = iota // Path, or Abstract where no directory can be made
	Path
	Abstract
)

// Address is the value of NOTIFY_SOCKET: a path, or @ and an abstract name.
type Address string

// remove removes the file of a path.
func (a Address) remove() {
	if strings.HasPrefix(string(a), "/") {
		_ = os.Remove(string(a)) // somebody may have cleaned up before us
	}
}

// bind gives a socket its address. With the mutex.
func (r *Receiver) bind(fd int, name string, where Place) (Address, error) {
	// The number is only for the name: sources have theirs when they are watched.
	name = fmt.Sprintf("%s.%d", plain(name), r.last+1)
	if where == Abstract {
		return bindAbstract(fd, name)
	}
	if r.dir == nil {
		dir, err := makeDirectory(r.bases)
		if err != nil && where == Anywhere {
			return bindAbstract(fd, name)
		}
		if err != nil {
			return "", err
		}
		r.dir = dir
	}
	path := filepath.Join(r.dir.path, name)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return "", fmt.Errorf("binding it to %s: %w", path, err)
	}
	// Services run as other users, and go on to become others.
	if err := os.Chmod(path, 0o666); err != nil {
		_ = os.Remove(path)
		return "", err
	}
	return Address(path), nil
}

// bindAbstract takes a name that nobody can have taken in advance.
func bindAbstract(fd int, name string) (Address, error) {
	name = fmt.Sprintf("@supervise-notify/%016x/%s", rand.Uint64(), name)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return "", fmt.Errorf("binding it to %s: %w", name, err)
	}
	return Address(name), nil
}

const longestName = 20

// plain makes the name of a service fit for a short file name.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r > '~' || r <= ' ' || r == '/' {
			return '_'
		}
		return r
	}, name)
	return name[:min(len(name), longestName)]
}

// directory is where the sockets of one supervise are. Everybody may go through
// it and nobody list it.
type directory struct {
	path string
	lock *os.File // it, locked as long as this supervise lives
}

const directoryPrefix = "supervise-notify-"

// maxBase leaves room for the rest in the 107 bytes that an address may have.
const maxBase = 107 - len("/"+directoryPrefix+"4294967295/") - longestName - len(".4294967295")

// bases are where the directory may be made, the best first.
func bases() []string {
	if os.Geteuid() == 0 {
		return []string{"/run", os.TempDir()}
	}
	return []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir()}
}

// makeDirectory makes the directory in the first place that takes one, and
// removes those that killed supervises have left there.
func makeDirectory(bases []string) (*directory, error) {
	var refused error
	for _, base := range bases {
		if base == "" {
			continue
		}
		if !filepath.IsAbs(base) || len(base) > maxBase {
			refused = errors.Join(refused, fmt.Errorf("%s is not absolute, or longer than %d bytes", base, maxBase))
			continue
		}
		removeLeftovers(base)
		d, err := makeDirectoryIn(base)
		if err == nil {
			return d, nil
		}
		refused = errors.Join(refused, err)
	}
	return nil, fmt.Errorf("making a directory for notification sockets; set TMPDIR to one that can be written, or use abstract sockets: %w", refused)
}

func makeDirectoryIn(base string) (*directory, error) {
	for tries := 0; ; tries++ {
		path, err := os.MkdirTemp(base, directoryPrefix+"*")
		if err != nil {
			return nil, err
		}
		lock := tryLock(path)
		if lock == nil { // another supervise took it for a leftover
			if tries < 10 {
				continue
			}
			_ = os.Remove(path)
			return nil, fmt.Errorf("%s can't be locked", path)
		}
		if err := os.Chmod(path, 0o711); err != nil {
			(&directory{path, lock}).remove()
			return nil, err
		}
		return &directory{path, lock}, nil
	}
}

func (d *directory) remove() {
	_ = os.RemoveAll(d.path)
	d.lock.Close()
}

// tryLock locks a directory that is there and not locked.
func tryLock(path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		var locked, there unix.Stat_t // somebody may have removed it meanwhile
		err = errors.Join(unix.Fstat(int(f.Fd()), &locked), unix.Stat(path, &there))
		if err == nil && locked.Ino == there.Ino && locked.Dev == there.Dev {
			return f
		}
	}
	f.Close()
	return nil
}

// removeLeftovers removes the directories of supervises of ours that are gone.
func removeLeftovers(base string) {
	paths, _ := filepath.Glob(filepath.Join(base, directoryPrefix+"*"))
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			continue
		}
		if _, err := strconv.ParseUint(strings.TrimPrefix(filepath.Base(path), directoryPrefix), 10, 32); err != nil {
			continue // not a name of ours
		}
		if lock := tryLock(path); lock != nil {
			(&directory{path, lock}).remove()
		}
	}
}
