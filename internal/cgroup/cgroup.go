// Package cgroup gives a service a cgroup v2 of its own, so that every process
// which it ever starts can be found, whatever session or parent it has moved
// to (cgroups(7)).
//
// It only makes groups below the one that supervise itself runs in, moves no
// process that exists already, and removes all it made. Where that is not
// possible (no cgroup v2, a read-only mount, not allowed), [Open] says why and
// the caller finds descendants by other means.
package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/carry"
)

// Root is the group of one supervise, which holds those of its services.
type Root struct {
	dir  string
	lock *os.File // dir, locked as long as this supervise lives
}

// prefix begins the name of a root; the pid of its supervise follows. That is
// for people: supervises in several PID namespaces may have the same pid, and
// none of them can tell whether the others live. The lock can.
const prefix = "supervise-"

// Open makes the group of this supervise. It also removes those that
// supervises which are gone left empty.
func Open() (*Root, error) {
	parent, err := own()
	if err != nil {
		return nil, err
	}
	return OpenIn(parent)
}

// OpenIn is [Open] below a given group.
func OpenIn(parent string) (*Root, error) {
	if err := canForkInto(); err != nil {
		return nil, fmt.Errorf("starting processes in a cgroup (clone3 with CLONE_INTO_CGROUP, Linux 5.7): %w", err)
	}
	removeLeftovers(parent)
	name := filepath.Join(parent, prefix+strconv.Itoa(os.Getpid()))
	dir := name
	for n := 2; ; n++ {
		err := os.Mkdir(dir, 0o755)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making a cgroup: %w", err)
		}
		// Not one that is there, if nobody has it either: what lives in it is another's.
		if err == nil {
			if lock := tryLock(dir); lock != nil {
				return &Root{dir, lock}, nil
			}
		}
		if n > 1000 { // not even as many containers without cgroups of their own
			return nil, fmt.Errorf("making a cgroup: %s and many like it are taken", name)
		}
		dir = name + "." + strconv.Itoa(n)
	}
}

// tryLock locks a group that is there and not locked.
func tryLock(dir string) *os.File {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		var locked, there unix.Stat_t // somebody may have removed it meanwhile
		err = errors.Join(unix.Fstat(int(f.Fd()), &locked), unix.Stat(dir, &there))
		if err == nil && locked.Ino == there.Ino {
			return f
		}
	}
	f.Close()
	return nil
}

// Left lists the processes that live in the root of a supervise that is gone:
// the very one that [Root.Identity] told of, and nobody has it.
func Left(dir string, inode uint64) []int {
	lock := tryLock(dir)
	if lock == nil {
		return nil
	}
	defer lock.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(lock.Fd()), &st); err != nil || st.Ino != inode {
		return nil
	}
	left, _ := pids(dir, nil)
	return left
}

// Identity is where the group is, and its inode number, which no other group
// gets as long as the machine runs.
func (r *Root) Identity() (dir string, inode uint64) {
	var st unix.Stat_t
	if err := unix.Fstat(int(r.lock.Fd()), &st); err != nil {
		return "", 0
	}
	return r.dir, st.Ino
}

// canForkInto asks the kernel, or the seccomp filter of a container, whether
// clone3(2) can start a process in a cgroup. A descriptor that can be none is
// EINVAL for one that knows the flag, E2BIG for one that does not.
func canForkInto() error {
	const cloneIntoCgroup = 1 << 33
	args := [11]uint64{0: cloneIntoCgroup, 10: 1 << 63} // struct clone_args: flags, ..., cgroup
	_, _, err := unix.Syscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if err == unix.EINVAL {
		return nil
	}
	return err
}

// Carried is the group of a supervise, for its next image to go on with, see package
// carry.
type Carried struct {
	Dir  string
	Lock carry.FD
}

// Carry gives it.
func (r *Root) Carry() *Carried { return &Carried{r.dir, carry.FD(r.lock.Fd())} }

// Restore is [Open] for a group that is ours already.
func Restore(c *Carried) *Root {
	return &Root{c.Dir, os.NewFile(uintptr(c.Lock), c.Dir)}
}

// Close removes the group, with those of services that are left. It fails, and the
// group stays ours, while a process is in one of them. A process that was waited
// for may still be on its way out; that is given a moment.
func (r *Root) Close() error {
	const tries, pause = 20, 10 * time.Millisecond
	for n := 1; ; n++ {
		err := remove(r.dir)
		if err == nil {
			return r.lock.Close()
		}
		if left, _ := pids(r.dir, nil); len(left) > 0 || n == tries {
			return err
		}
		time.Sleep(pause)
	}
}

// Group makes the group of one service, or takes the one that is there.
func (r *Root) Group(name string) (*Group, error) {
	g := &Group{dir: filepath.Join(r.dir, escape(name))}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the cgroup of %s: %w", name, err)
	}
	return g, nil
}

// escape makes any service name a directory name of its own.
func escape(name string) string {
	r := strings.NewReplacer("%", "%25", "/", "%2f", ".", "%2e")
	return "s." + r.Replace(name) // no file of the kernel's begins with "s."
}

// Group is the cgroup of one service.
type Group struct {
	dir    string
	killed bool // cgroup.kill was used on it
}

// Descriptor opens the group for clone3(2)'s CLONE_INTO_CGROUP.
//
// A group that was killed is made anew first. Linux 6.14 and the stable kernels
// of that time compare the number of kills that the group has seen with that
// of the forking process's own group, and kill the child when they differ: it
// is to catch a fork during a kill, but nothing could ever be started in the
// group again (cgroup_css_set_fork, cgroup_post_fork).
func (g *Group) Descriptor() (int, error) {
	if g.killed {
		if err := g.Remove(); err != nil {
			return -1, err
		}
		if err := os.Mkdir(g.dir, 0o755); err != nil {
			return -1, err
		}
		g.killed = false
	}
	return unix.Open(g.dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// Killed says that KILL was sent to the group as a whole, and SetKilled that it was by
// a former image of this process.
func (g *Group) Killed() bool { return g.killed }

// SetKilled is the other half of Killed.
func (g *Group) SetKilled() { g.killed = true }

// Dir is the directory of the group, below the mount point of cgroup v2.
func (g *Group) Dir() string { return g.dir }

// Populated says whether a living process is in the group or below it. In one
// that somebody removed there is none.
func (g *Group) Populated() (bool, error) {
	var buf [256]byte
	b, err := read(buf[:], g.dir+"/cgroup.events")
	if removed(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return bytes.Contains(b, []byte("populated 1")), nil
}

// PIDs lists the processes in the group and below it. In one that somebody removed
// there is none.
func (g *Group) PIDs() ([]int, error) { return pids(g.dir, nil) }

func pids(dir string, to []int) ([]int, error) {
	var buf [512]byte // of most services it is one process
	b, err := read(buf[:], dir+"/cgroup.procs")
	if removed(err) {
		return to, nil
	}
	if err != nil {
		return to, err
	}
	for _, f := range strings.Fields(string(b)) {
		// 0 is a process that our PID namespace does not show.
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			to = append(to, pid)
		}
	}
	for _, sub := range subgroups(dir) {
		// A threaded group (cgroups(7)) does not list processes: those of its
		// threads are listed above it.
		if to, err = pids(sub, to); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return to, err
		}
	}
	return to, nil
}

// removed says whether reading failed because the group is no more.
func removed(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}

// Kill sends KILL to every process in the group and below it at once, those
// that are being forked included (Linux 5.14). It fails on older kernels.
func (g *Group) Kill() error {
	f, err := os.OpenFile(g.dir+"/cgroup.kill", os.O_WRONLY, 0) // never made here
	if err != nil {
		return err
	}
	_, err = f.WriteString("1")
	g.killed = g.killed || err == nil
	return errors.Join(err, f.Close())
}

// Remove removes the group and the groups that its processes made in it. It
// fails while a process is left.
func (g *Group) Remove() error { return remove(g.dir) }

func remove(dir string) error {
	if err := unix.Rmdir(dir); err == nil || err == unix.ENOENT {
		return nil
	}
	for _, sub := range subgroups(dir) {
		if err := remove(sub); err != nil {
			return err
		}
	}
	return os.Remove(dir)
}

// subgroups lists the groups in a group. Mostly there is none, which the count of
// its links tells without a look at all its files: one for each group in it, and two
// as everywhere (kernfs_refresh_inode in the kernel).
func subgroups(dir string) []string {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil || st.Nlink == 2 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs
}

// removeLeftovers removes the roots of supervises that are gone.
func removeLeftovers(parent string) {
	for _, dir := range subgroups(parent) {
		if !isRoot(dir) {
			continue
		}
		if lock := tryLock(dir); lock != nil {
			_ = remove(dir) // fails, and should, while a process is left
			lock.Close()
		}
	}
}

// isRoot says whether a directory has the name of a root: prefix, pid, and
// where that was taken a number.
func isRoot(dir string) bool {
	name, ok := strings.CutPrefix(filepath.Base(dir), prefix)
	pid, n, numbered := strings.Cut(name, ".")
	_, notPID := strconv.ParseUint(pid, 10, 31)
	_, notNumber := strconv.ParseUint(n, 10, 31)
	return ok && notPID == nil && (!numbered || notNumber == nil)
}

// own finds the directory of the cgroup v2 that we are in.
func own() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	return locate(string(mounts), string(groups))
}

// locate joins the mount point of the v2 hierarchy with our path in it.
func locate(mountinfo, groups string) (string, error) {
	root, point := mountOf(mountinfo)
	if point == "" {
		return "", errors.New("no cgroup v2 hierarchy is mounted")
	}
	for line := range strings.Lines(groups) {
		path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		// A container may see a part of the hierarchy only: what the mount
		// has as its root is not below the mount point once more. Both begin
		// with "/.." for what lies outside our cgroup namespace, and then the
		// names between the two are not known (cgroup_namespaces(7)).
		rel, err := filepath.Rel(root, path)
		if err != nil || climbs(root) || climbs(path) || climbs("/"+rel) {
			return "", fmt.Errorf("our cgroup %s is not below the mounted %s", path, root)
		}
		return filepath.Join(point, rel), nil
	}
	return "", errors.New("we are in no cgroup v2")
}

// climbs says whether an absolute path begins by going up.
func climbs(path string) bool { return path == "/.." || strings.HasPrefix(path, "/../") }

// mountOf finds root and mount point of the cgroup2 file system:
// "36 35 98:0 /root /mount/point rw - cgroup2 cgroup2 rw" (proc(5)).
func mountOf(mountinfo string) (root, point string) {
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if ok && strings.HasPrefix(right, "cgroup2 ") && len(fields) >= 5 && strings.HasPrefix(fields[4], "/") {
			root, point = unescape(fields[3]), unescape(fields[4])
		}
	}
	return root, point
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// read reads a file, mostly one that fits into buf, without the cost of an os.File:
// which is to be watched by epoll, since files of cgroups can be.
func read(buf []byte, path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for got := 0; ; {
		n, err := unix.Read(fd, buf[got:])
		switch {
		case err == unix.EINTR:
		case err != nil || n == 0:
			return buf[:got], err
		default:
			if got += n; got == len(buf) {
				buf = append(buf, make([]byte, len(buf))...)
			}
		}
	}
}
