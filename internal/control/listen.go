package control

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// None in place of a path means no control socket.
const None = "none"

// maxPath is what fits into a sockaddr_un with its final NUL, see unix(7).
const maxPath = 107

// SocketPath is where the supervise of a configuration listens: explicit, if it
// is not "", else a name made from the configuration's path in the runtime
// directory of the user.
func SocketPath(explicit, config string) (string, error) {
	if explicit == None {
		return None, nil
	}
	if explicit == "" {
		dir, err := runtimeDir()
		if err != nil {
			return "", err
		}
		if explicit, err = nameIn(dir, config); err != nil {
			return "", err
		}
	}
	path, err := filepath.Abs(explicit)
	if err != nil {
		return "", err
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("the path of the control socket has %d bytes, and the kernel takes %d: %s; name a shorter one with --socket", len(path), maxPath, path)
	}
	return path, nil
}

// nameIn makes the name: what people recognise, and enough of a hash that no
// other configuration has it.
func nameIn(dir, config string) (string, error) {
	path, err := filepath.Abs(config)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	base := strings.TrimSuffix(filepath.Base(path), ".toml")
	switch base { // the names that every project has
	case "supervise", "services", "Procfile":
		base = filepath.Base(filepath.Dir(path))
	}
	base = strings.Map(func(c rune) rune {
		if c <= ' ' || c == '/' || c > '~' {
			return '_'
		}
		return c
	}, base)
	sum := fnv.New32a() // crypto/sha256 would make the program larger, and so each wrapper
	sum.Write([]byte(path))
	return filepath.Join(dir, fmt.Sprintf("%.24s-%08x.sock", base, sum.Sum32())), nil
}

// runtimeDir is where sockets of this user are by default.
func runtimeDir() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		// That of somebody else, which su(1) leaves in the environment, does not
		// count: he could put another socket in the place of ours.
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil || int(st.Uid) == os.Geteuid() {
			return filepath.Join(dir, "supervise"), nil
		}
	}
	if os.Getuid() == 0 {
		return "/run/supervise", nil
	}
	dir := fmt.Sprintf("/tmp/supervise-%d", os.Getuid())
	if err := ours(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return dir, nil
}

// ours checks that a directory is one of our own that only we may write to: in
// /tmp anybody may have been here before, with a symbolic link to where we
// would do damage, or to hear what clients say.
func ours(dir string) error {
	var st unix.Stat_t
	switch err := unix.Lstat(dir, &st); {
	case err != nil:
		return fmt.Errorf("looking at %s: %w", dir, err)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0:
		return fmt.Errorf("%s is not a directory that only you may write to; set XDG_RUNTIME_DIR, or name a socket with --socket", dir)
	}
	return nil
}

// Discover gives the socket that a client means: the one named, or that of the
// configuration, or, if neither was named and nothing is here, the only one
// there is.
func Discover(explicit, config string) (string, error) {
	if explicit == None {
		return "", errors.New("--socket none: a client needs the socket of the supervise that it speaks to")
	}
	if explicit != "" || config != "" {
		return SocketPath(explicit, config)
	}
	dir, err := runtimeDir()
	if err != nil {
		return "", err
	}
	found, _ := filepath.Glob(filepath.Join(dir, "*.sock"))
	found = slices.DeleteFunc(found, func(path string) bool {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: there is no configuration here, and no socket in %s; start one with: supervise up, or name its socket with --socket", ErrNotRunning, dir)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("there is no configuration here, and several supervises run; name one with --socket: %s", strings.Join(found, ", "))
}

// inUse says that another supervise has the socket.
type inUse struct{ error }

// InUse says whether Listen failed because another supervise listens there.
func InUse(err error) bool { return errors.As(err, &inUse{}) }

// Listener is a control socket that this process owns.
type Listener struct {
	*net.UnixListener
	path string
	lock *os.File
}

// Listen makes the control socket. The socket of a supervise that was killed is
// replaced, that of a living one is not.
//
// Whether one lives is told by a lock (flock(2)) on PATH.lock, which goes away
// with its holder, and not by the socket: so of two that start at once one
// wins, and none removes the other's. The socket is bound under another name
// and renamed when its mode is right, so that nobody connects in between.
func Listen(path string, mode os.FileMode) (*Listener, error) {
	if err := makeDir(filepath.Dir(path), mode); err != nil {
		return nil, err
	}
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s is there and is no socket; it is left alone, name another with --socket", path)
	}
	lock, err := lockBeside(path)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, inUse{fmt.Errorf("another supervise%s listens at %s already; stop it (supervise shutdown), or give this one another --socket", holder(path), path)}
	} else if err != nil {
		return nil, fmt.Errorf("locking the control socket: %w; name one in a directory that can be written to with --socket, or none", err)
	}
	aside := path + ".new"
	_ = os.Remove(aside)
	addr := &net.UnixAddr{Name: aside, Net: "unix"}
	if len(aside) > maxPath {
		addr.Name = path // without the last bit of care
		_ = os.Remove(path)
	}
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(addr.Name, mode); err == nil && addr.Name != path {
		err = os.Rename(addr.Name, path)
	}
	if err != nil {
		l.Close()
		_ = os.Remove(addr.Name)
		lock.Close()
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	return &Listener{l, path, lock}, nil
}

// makeDir makes the directory of a socket with that mode, as private as the
// socket is. If it is that of the default sockets, others may have been there
// first, and it has to be opened for those whom the socket lets in.
func makeDir(dir string, socket os.FileMode) error {
	mode := os.FileMode(0o700)
	if socket&0o007 != 0 {
		mode = 0o711 // to pass through; nobody else sees which sockets there are
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("making the directory of the control socket: %w", err)
	}
	if own, err := runtimeDir(); err != nil || dir != own {
		return nil
	}
	if err := ours(dir); err != nil {
		return err
	}
	if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&mode != mode {
		if err := os.Chmod(dir, st.Mode().Perm()|mode); err != nil {
			return fmt.Errorf("letting others through to the control socket: %w", err)
		}
	}
	return nil
}

// Closed gives the directory on the way to a socket that users other than its
// owner cannot pass; "": there is none.
func Closed(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&0o001 == 0 {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// lockBeside takes the lock of a socket. Who held it before may have removed
// the file between our open and our lock; then that is the lock of nothing.
func lockBeside(path string) (*os.File, error) {
	for {
		lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			lock.Close()
			return nil, err
		}
		mine, err := lock.Stat()
		if there, e := os.Lstat(path + ".lock"); err == nil && e == nil && os.SameFile(mine, there) {
			return lock, nil
		}
		lock.Close()
	}
}

// holder names the process that listens, if it says so.
func holder(path string) string {
	if pid, err := NewClient(path).PID(context.Background()); err == nil && pid != 0 {
		return fmt.Sprintf(" (pid %d)", pid)
	}
	return ""
}

// Notes is what [Listener.Note] left in the lock file, which is there only if its
// writer did not come to [Listener.Remove].
func (l *Listener) Notes() string {
	b := make([]byte, 64<<10)
	n, _ := l.lock.ReadAt(b, 0)
	return string(b[:n])
}

// Note writes a text for whoever gets the lock after us.
func (l *Listener) Note(text string) error {
	_, err := l.lock.WriteAt([]byte(text), 0)
	if err == nil {
		err = l.lock.Truncate(int64(len(text)))
	}
	if err != nil {
		return fmt.Errorf("noting who we are, for the next supervise: %w", err)
	}
	return nil
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Admit gives the socket, and its directory, another mode.
func (l *Listener) Admit(mode os.FileMode) error {
	if err := makeDir(filepath.Dir(l.path), mode); err != nil {
		return err
	}
	return os.Chmod(l.path, mode)
}

// Remove takes the socket away, and then gives up the lock. Connections that
// are open stay.
func (l *Listener) Remove() {
	_ = os.Remove(l.path)
	_ = os.Remove(l.path + ".lock")
	l.lock.Close()
}

// Allowed says who may speak to us: root, whoever we run as, and those listed.
func Allowed(uid int, more []int) bool {
	return uid == 0 || uid == os.Geteuid() || slices.Contains(more, uid)
}
