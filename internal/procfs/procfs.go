// Package procfs reads what /proc says of processes, see proc(5). Every
// function fails calmly when /proc is missing or the process is gone.
//
// A /proc of another PID namespace (unshare --pid without --mount-proc) counts
// as missing: its numbers mean other processes to us.
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one process as /proc/PID/stat tells it.
type Process struct {
	PID, PPID, Group, Session int
	State                     byte // R, S, D, T (stopped), t (traced), Z (zombie), X (dead)
	Threads                   int
	CPU, WaitedCPU            uint64 // clock ticks (see [Tick]) that it has used, and that the children had which it waited for
	Resident                  uint64 // bytes of memory; what it shares with others is in it
	Start                     uint64 // clock ticks after boot: with PID, who it is
	Name                      string // command name, at most 15 bytes
	Executing                 bool   // it has no environment yet, or no more; always, if we may not know
	Front                     int    // foreground process group of its terminal; -1: it has no terminal
	Kernel                    bool   // a thread of the kernel

	// What it does with the signals up to [LastInStat]; [Status] has all of them.
	Blocked, Ignored, Caught Signals // Blocked by its first thread
}

// LastInStat is the last signal that /proc/PID/stat tells of, see proc(5).
const LastInStat = 31

// Tick is the unit in which /proc counts time. The kernel calls it USER_HZ, and
// it is a hundredth of a second on every architecture that Go has for Linux.
const Tick = 10 * time.Millisecond

var pageSize = uint64(os.Getpagesize())

// Gone says whether the process has ended, even if nobody has waited for it.
// One that looks like a zombie but has threads has only lost its first.
func (p Process) Gone() bool { return (p.State == 'Z' || p.State == 'X') && p.Threads <= 1 }

// Stopped says whether the process was stopped by a signal.
func (p Process) Stopped() bool { return p.State == 'T' }

// Stat reads one process.
func Stat(pid int) (Process, error) {
	if err := ours(); err != nil {
		return Process{}, err
	}
	var buf [1024]byte
	b, err := readInto(buf[:], "/proc/"+strconv.Itoa(pid)+"/stat")
	if err != nil {
		return Process{}, err
	}
	return ParseStat(b)
}

// ours says whether /proc is that of our PID namespace.
var ours = sync.OnceValue(func() error {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return err
	}
	if self != strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("/proc shows another PID namespace: we are %d, there %s", os.Getpid(), self)
	}
	return nil
})

// Ended says whether reading a process failed because it has ended. Any other
// error (no descriptor left, say) must not make a process look gone.
func Ended(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}

// readInto reads a small file without the cost of an os.File.
func readInto(buf []byte, path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// ParseStat reads the text of /proc/PID/stat. The command name is in
// parentheses and may itself hold spaces and parentheses: the last one closes.
func ParseStat(b []byte) (Process, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 1 || end < open {
		return Process{}, fmt.Errorf("no command name in %q", b)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	if err != nil {
		return Process{}, err
	}
	p := Process{PID: pid, Name: string(b[open+1 : end])}
	rest := strings.Fields(string(b[end+1:]))
	if len(rest) < 20 || len(rest[0]) != 1 || rest[0][0] < 'A' {
		return Process{}, fmt.Errorf("%d fields in the stat of process %d, expected 20 or more", len(rest), pid)
	}
	p.State = rest[0][0]
	for _, x := range []struct {
		field int
		to    *int
	}{{1, &p.PPID}, {2, &p.Group}, {3, &p.Session}, {5, &p.Front}, {17, &p.Threads}} {
		if *x.to, err = strconv.Atoi(rest[x.field]); err != nil {
			return Process{}, err
		}
	}
	var flags, user, system, waitedUser, waitedSystem, pages, blocked, ignored, caught uint64
	for _, x := range []struct {
		field int
		to    *uint64
	}{{6, &flags}, {11, &user}, {12, &system}, {13, &waitedUser}, {14, &waitedSystem}, {19, &p.Start}, {21, &pages}, {29, &blocked}, {30, &ignored}, {31, &caught}} {
		if x.field < len(rest) {
			if *x.to, err = strconv.ParseUint(rest[x.field], 10, 64); err != nil {
				return Process{}, err
			}
		}
	}
	const kernelThread = 0x00200000 // PF_KTHREAD in include/linux/sched.h
	p.Kernel = flags&kernelThread != 0
	p.Blocked, p.Ignored, p.Caught = Signals(blocked), Signals(ignored), Signals(caught)
	p.CPU, p.WaitedCPU, p.Resident = user+system, waitedUser+waitedSystem, pages*pageSize
	// Where its environment ends. While it executes another program it has none
	// for a moment, as if it had been started with an empty one.
	const envEnd = 48
	p.Executing = len(rest) <= envEnd || rest[envEnd] == "0"
	return p, nil
}

// Name gives the command name of a process, or "" when it can't be known.
func Name(pid int) string {
	if ours() != nil {
		return ""
	}
	var buf [64]byte
	b, err := readInto(buf[:], "/proc/"+strconv.Itoa(pid)+"/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// All reads every process there is.
func All() ([]Process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var all []Process
	for {
		names, err := dir.Readdirnames(512)
		for _, n := range names {
			pid, notPID := strconv.Atoi(n)
			if notPID != nil {
				continue
			}
			switch p, err := Stat(pid); {
			case err == nil:
				all = append(all, p)
			case !Ended(err):
				return nil, err
			}
		}
		if err == io.EOF {
			if len(all) == 0 {
				return nil, fmt.Errorf("/proc shows no process")
			}
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Environ reads the environment that a process was started with. It comes whole
// or not at all, which takes a single read: when the process executes another
// program, a second one finds the end.
func Environ(pid int) ([]byte, error) {
	for size := 64 << 10; ; size *= 4 {
		buf := make([]byte, size)
		b, err := EnvironInto(buf, pid)
		if err != nil || len(b) < size {
			return b, err
		}
	}
}

// EnvironInto is [Environ] for who reads many: into buf, which an environment
// that does not fit fills.
func EnvironInto(buf []byte, pid int) ([]byte, error) {
	if err := ours(); err != nil {
		return nil, err
	}
	return readInto(buf, "/proc/"+strconv.Itoa(pid)+"/environ")
}

// Cgroup gives the path of a process in the cgroup v2 hierarchy, as seen from
// our cgroup namespace; "" when it can't be known or there is none.
func Cgroup(pid int) string {
	if ours() != nil {
		return ""
	}
	var buf [8 << 10]byte // with cgroup v1, a line for each of its hierarchies
	b, err := readInto(buf[:], "/proc/"+strconv.Itoa(pid)+"/cgroup")
	if err != nil {
		return ""
	}
	return ParseCgroup(b)
}

// ParseCgroup reads the text of /proc/PID/cgroup: the path in the cgroup v2
// hierarchy, "" when it is not there as a whole.
func ParseCgroup(b []byte) string {
	for line := range bytes.Lines(b) {
		if path, ok := bytes.CutPrefix(line, []byte("0::")); ok && bytes.HasSuffix(path, []byte("\n")) {
			return string(bytes.TrimSuffix(path[:len(path)-1], []byte(" (deleted)")))
		}
	}
	return ""
}

// Children lists the children of this process. It costs one short read for
// each of our threads, against one for each process of the machine in All;
// kernels built without CONFIG_PROC_CHILDREN have only the latter.
func Children() ([]int, error) {
	if !hasChildren() {
		all, err := All()
		var pids []int
		for _, p := range all {
			if p.PPID == os.Getpid() {
				pids = append(pids, p.PID)
			}
		}
		return pids, err
	}
	if err := ours(); err != nil {
		return nil, err
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, t := range tasks {
		b, err := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		if Ended(err) {
			continue // the thread's children went to another
		}
		if err != nil {
			return nil, err
		}
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

var hasChildren = sync.OnceValue(func() bool {
	return unix.Access("/proc/thread-self/children", unix.R_OK) == nil
})
