// Package spawn starts a process to the letter of what a C program would do
// between fork and exec: signal dispositions, mask, group, session, terminal,
// closed streams and limits, then execvp(3).
//
// syscall.ForkExec can't do that: what a Go parent handles becomes the default
// in the child, and what it should ignore needs a step of its own after the
// fork. This package forks as gVisor does, with the runtime's own preparations
// (syscall.runtime_BeforeFork), and does the steps in the child with raw system
// calls. The child shares one page of memory with us, in which it says how far
// it came, and waits for us before it executes its program, so that what is
// told of its beginning is told before the program says anything.
package spawn

import (
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Child is a process to start.
type Child struct {
	Argv    []string
	Env     []string
	Ignored uint64         // these signals are ignored in it, all others have their defaults; bit n-1 for signal n
	Blocked uint64         // its mask
	Place   Place          // its group or session
	Closed  [3]bool        // standard streams that it does not have
	Files   syscall.Rlimit // RLIMIT_NOFILE to set; zero: as ours is
	Status  Status
}

// Place is where the child goes before its program runs.
type Place int

// The places.
const (
	Here    Place = iota // it stays in our group
	Group                // a process group of its own, in the foreground of the terminal that its stdin is
	Session              // a session of its own, with its stdin as controlling terminal
)

// Status is what a child ends with that can't execute its program.
type Status struct{ Place, NotFound, Denied, Other int }

// Report is how far a child came: the error of each step, 0 for none.
type Report struct {
	Place    syscall.Errno // setpgid or setsid; it ended there
	Terminal syscall.Errno // tcsetpgrp or TIOCSCTTY; with Group it ended there unless this is ENOTTY or ENXIO
	Exec     syscall.Errno // execvp; it ended there
}

// Failed says whether the child ends without having run its program.
func (r Report) Failed(p Place) bool {
	return r.Place != 0 || r.Exec != 0 || p == Group && fatal(r.Terminal)
}

//go:nosplit
func fatal(e syscall.Errno) bool { return e != 0 && e != syscall.ENOTTY && e != syscall.ENXIO }

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

// Start starts the child. Between the steps and the program it calls begun; the
// Report has no Exec yet. The child has executed its program when Start
// returns, or has failed, and is then to be waited for all the same. The error
// is that of fork(2).
func Start(c Child, begun func(pid int, r Report)) (pid int, r Report, err error) {
	shared, err := unix.Mmap(-1, 0, int(unsafe.Sizeof(r)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, r, err
	}
	defer unix.Munmap(shared)
	report := (*Report)(unsafe.Pointer(&shared[0]))
	attempts, search := attempts(c.Argv, os.Getenv("PATH"))
	argv, err := syscall.SlicePtrFromStrings(c.Argv)
	if err != nil {
		return 0, r, err
	}
	env, err := syscall.SlicePtrFromStrings(c.Env)
	if err != nil {
		return 0, r, err
	}
	// Two pipes: what is written to toUs[1] says that the child has made its
	// steps, its end that the child has executed its program; what is written to
	// toChild[1] lets it go on.
	var toUs, toChild [2]int
	for _, p := range []*[2]int{&toUs, &toChild} {
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			return 0, r, err
		}
		defer unix.Close(p[0])
	}
	syscall.ForkLock.Lock()
	pid, e := fork(&c, report, argv, env, attempts, search, gate{
		said: uintptr(toUs[1]), heard: uintptr(toChild[0]), shut: uintptr(toChild[1]),
	})
	syscall.ForkLock.Unlock()
	unix.Close(toUs[1])
	defer unix.Close(toChild[1])
	if e != 0 {
		return 0, r, e
	}
	read(toUs[0])
	begun(pid, *report)
	_, _ = unix.Write(toChild[1], []byte{0})
	read(toUs[0])
	return pid, *report, nil
}

// read waits for a byte or the end.
func read(fd int) {
	var b [1]byte
	for {
		if _, err := unix.Read(fd, b[:]); err != unix.EINTR {
			return
		}
	}
}

// gate is where the child waits for us: its descriptors.
type gate struct{ said, heard, shut uintptr }

// attempt is one file to execute, and the arguments for a shell if it turns out
// to be a script without a #! line.
type attempt struct {
	path   *byte
	script []*byte
}

// attempts lists the files that execvp(3) of glibc tries, and whether it found
// them along PATH.
func attempts(argv []string, path string) (list []attempt, search bool) {
	for _, p := range candidates(argv[0], path) {
		b, err := syscall.BytePtrFromString(p)
		if err != nil {
			continue // the kernel never hands out a string with a zero in it
		}
		script, err := syscall.SlicePtrFromStrings(append([]string{shell, p}, argv[1:]...))
		if err != nil {
			continue
		}
		list = append(list, attempt{b, script})
	}
	return list, !strings.Contains(argv[0], "/")
}

const shell = "/bin/sh" // _PATH_BSHELL

func candidates(file, path string) []string {
	if file == "" {
		return nil // ENOENT
	}
	if strings.Contains(file, "/") {
		return []string{file}
	}
	if path == "" {
		if _, set := os.LookupEnv("PATH"); !set {
			path = "/bin:/usr/bin" // confstr(_CS_PATH)
		}
	}
	var list []string
	for _, dir := range strings.Split(path, ":") {
		if dir != "" && !strings.HasSuffix(dir, "/") {
			dir += "/"
		}
		list = append(list, dir+file)
	}
	return list
}

var shellPath = append([]byte(shell), 0)

// fork forks, and in the child does the rest. After the fork the child may only
// make raw system calls: no allocation, no write barrier, no growing stack.
//
//go:noinline
//go:norace
//go:nocheckptr
func fork(c *Child, report *Report, argv, env []*byte, attempts []attempt, search bool, g gate) (pid int, err syscall.Errno) {
	var (
		action  [4]uintptr // struct sigaction: handler, flags, restorer, mask
		e       syscall.Errno
		group   int32
		denied  bool
		stop    bool
		b       [1]byte
		ignored = c.Ignored
		mask    = c.Blocked
	)
	beforeFork() // blocks all signals
	child, _, e := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if e != 0 || child != 0 {
		afterFork()
		return int(child), e
	}

	// The child. First the dispositions: with the handlers of the parent it must
	// not meet a signal.
	for s := uintptr(1); s <= 64; s++ {
		action[0] = uintptr(ignored>>(s-1)) & 1 // SIG_IGN is 1, SIG_DFL 0
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, s, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
	for fd := range c.Closed {
		if c.Closed[fd] {
			syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
		}
	}
	if c.Files.Max != 0 {
		syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, syscall.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&c.Files)), 0, 0, 0)
	}
	status := c.Status.Place
	switch c.Place {
	case Group:
		// All signals are blocked, TTOU too, so that we may set the foreground
		// group from the background.
		if _, _, e = syscall.RawSyscall(syscall.SYS_SETPGID, 0, 0, 0); e != 0 {
			report.Place = e
			goto end
		}
		child, _, _ = syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
		group = int32(child)
		if _, _, e = syscall.RawSyscall(syscall.SYS_IOCTL, 0, syscall.TIOCSPGRP, uintptr(unsafe.Pointer(&group))); e != 0 {
			report.Terminal = e
			if fatal(e) {
				goto end
			}
		}
	case Session:
		if _, _, e = syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0); e != 0 {
			report.Place = e
			goto end
		}
		if _, _, e = syscall.RawSyscall(syscall.SYS_IOCTL, 0, syscall.TIOCSCTTY, 0); e != 0 {
			report.Terminal = e
		}
	}
	syscall.RawSyscall(syscall.SYS_CLOSE, g.shut, 0, 0) // or we would wait for ourselves, if the parent is killed now
	syscall.RawSyscall(syscall.SYS_WRITE, g.said, uintptr(unsafe.Pointer(&b)), 1)
	if child, _, _ = syscall.RawSyscall(syscall.SYS_READ, g.heard, uintptr(unsafe.Pointer(&b)), 1); child != 1 {
		goto end
	}
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 2 /* SIG_SETMASK */, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
	e = syscall.ENOENT
	for i := 0; i < len(attempts) && !stop; i++ {
		_, _, e = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(attempts[i].path)),
			uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])))
		if e == syscall.ENOEXEC {
			_, _, e = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(&shellPath[0])),
				uintptr(unsafe.Pointer(&attempts[i].script[0])), uintptr(unsafe.Pointer(&env[0])))
		}
		switch e {
		case syscall.EACCES:
			denied = true
		case syscall.ENOENT, syscall.ESTALE, syscall.ENOTDIR, syscall.ENODEV, syscall.ETIMEDOUT:
		default:
			stop = true
		}
	}
	if search && denied && !stop {
		e = syscall.EACCES
	}
	report.Exec = e
	switch e {
	case syscall.ENOENT:
		status = c.Status.NotFound
	case syscall.EACCES:
		status = c.Status.Denied
	default:
		status = c.Status.Other
	}
end:
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(status), 0, 0)
	}
}
