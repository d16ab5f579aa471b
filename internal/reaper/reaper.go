// Package reaper starts processes and waits for them. It is the only place in
// supervise that does either: whoever else called wait would steal an exit
// status, and whoever forked from another thread would lose the child when
// that thread ends (Pdeathsig is bound to the thread, golang/go#27505).
//
// Starting happens on one thread that never ends, in the order of the
// requests; a result comes back as a [Started]. Waiting is done by the owner,
// with [Reaper.Next], after each SIGCHLD. All methods belong to the owner's
// goroutine.
package reaper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/guard"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Reaper knows the children that were started and not yet waited for.
type Reaper struct {
	kernel   Kernel
	requests *queue
	starting int         // requests without a result
	known    map[int]Key // pid of each living child
}

// Kernel makes children and tells what has become of them.
type Kernel interface {
	// Fork starts a child.
	Fork(Image) (pid int, err error)
	// Wait is waitid(2).
	Wait(kind, id, options int) (Change, error)
}

// Key is the owner's name for what it starts.
type Key any

// Image is what execve(2) needs, and how the child gets there.
type Image struct {
	Path string
	Argv []string
	syscall.ProcAttr
	// Setup is the read end of a pipe on which the child reports, before its
	// final exec, why it could not set itself up. nil: it does not.
	Setup *os.File
	// Close, if not nil, releases what only the child needs, after the fork.
	Close func()
}

// Release gives up an image that is not started.
func (i Image) Release() {
	if i.Close != nil {
		i.Close()
	}
	if i.Setup != nil {
		i.Setup.Close()
	}
}

// Started is the result of a start.
type Started struct {
	Key Key
	PID int
	At  time.Time // when it was forked
	Err error     // a *StartError
}

// StartError says at which step a start failed. Status is what a shell would
// give: 127 not found, 126 found but not executable, 125 anything else.
type StartError struct {
	Status int
	Err    error
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// New starts the thread that forks. deliver receives each result, on that
// thread's goroutine; it hands it to the owner, who calls [Reaper.Register]. kernel may
// be another than Linux, which nil is. thread calls its job on a thread that is there
// already, and the job lasts as long as the reaper; nil is a thread of its own.
func New(kernel Kernel, thread func(job func()), deliver func(Started)) *Reaper {
	r := &Reaper{kernel: kernel, requests: newQueue(), known: map[int]Key{}}
	switch {
	case thread != nil:
	case kernel != nil: // which has no parent-death signals
		thread = func(job func()) { job() }
	default:
		thread = func(job func()) {
			runtime.LockOSThread()
			job()
		}
	}
	if r.kernel == nil {
		r.kernel = linux{}
	}
	guard.Go(func() { thread(func() { r.forkAll(deliver) }) })
	return r
}

// Idle says that no start is under way.
func (r *Reaper) Idle() bool { return r.starting == 0 }

// Known gives the living children, by pid.
func (r *Reaper) Known() map[int]Key { return r.known }

// Exec has the thread that forks become another program, which keeps our children,
// our pid and the descriptors that are not close-on-exec (execve(2)). before is
// called on that thread. It returns only if that fails.
func (r *Reaper) Exec(path string, argv, env []string, before func() error) error {
	failed := make(chan error)
	r.requests.put(request{do: func() {
		err := before()
		if err == nil {
			err = Exec(path, argv, env)
		}
		failed <- err
	}})
	return <-failed
}

// linux is the kernel that we run on.
type linux struct{}

// Close ends the thread that forks, and with it the reason not to: children
// that are bound to it by Pdeathsig get their signal. For tests; supervise
// itself keeps it to its end.
func (r *Reaper) Close() { r.requests.close() }

// Subreaper makes this process adopt the orphans among its descendants
// (PR_SET_CHILD_SUBREAPER, Linux 3.4).
func Subreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming a subreaper: %w", err)
	}
	return nil
}

// Start begins a start, and never waits. build runs on the forking thread, so
// it may read files without holding up the owner.
func (r *Reaper) Start(key Key, build func() (Image, error)) {
	r.starting++
	r.requests.put(request{key: key, build: build})
}

// Register takes note of a result. From now on the child's changes come out of
// Next with its key.
func (r *Reaper) Register(s Started) {
	r.starting--
	if s.Err == nil {
		r.known[s.PID] = s.Key
	}
}

// Name says that a process that we did not start is to come out of Next with a
// key, once it is a child of ours: an orphan that we adopt.
func (r *Reaper) Name(pid int, key Key) { r.known[pid] = key }

// Unname is the end of [Reaper.Name]: the process has ended as somebody else's
// child.
func (r *Reaper) Unname(pid int) { delete(r.known, pid) }

// Disown forgets whose the living children are: from now on they are like
// orphans.
func (r *Reaper) Disown() { clear(r.known) }

// Change is a change of state of a child.
type Change struct {
	PID    int
	Key    Key // nil: an orphan that we adopted
	Kind   Kind
	Exit   policy.Exit    // with Ended
	Signal signals.Signal // with Stopped
}

// Kind is what happened to a child.
type Kind int

// The kinds.
const (
	Ended     Kind = iota // it ended, and has been waited for
	Stopped               // by a signal
	Continued             // by CONT
)

// Next gives the next change of a child, and false when there is none now.
//
// A child may end before its start has been registered. As long as a start is
// under way, a dead child that nobody knows is therefore left where it is; the
// owner asks again after the next Register.
func (r *Reaper) Next() (Change, bool) {
	const any = unix.WEXITED | unix.WSTOPPED | unix.WCONTINUED | unix.WNOHANG
	if r.starting == 0 {
		c, err := r.kernel.Wait(unix.P_ALL, 0, any)
		return r.identify(c), err == nil
	}
	c, err := r.kernel.Wait(unix.P_ALL, 0, any|unix.WNOWAIT)
	if err != nil {
		return c, false
	}
	if _, known := r.known[c.PID]; known {
		c, err = r.kernel.Wait(unix.P_PID, c.PID, any)
		return r.identify(c), err == nil
	}
	for pid := range r.known { // the unknown one hides these
		if c, err := r.kernel.Wait(unix.P_PID, pid, any); err == nil {
			return r.identify(c), true
		}
	}
	return Change{}, false
}

func (r *Reaper) identify(c Change) Change {
	c.Key = r.known[c.PID]
	if c.Kind == Ended {
		delete(r.known, c.PID)
	}
	return c
}

// Childless says whether this process has no child, dead ones included.
func (r *Reaper) Childless() bool {
	_, err := r.kernel.Wait(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
	return err == unix.ECHILD && r.starting == 0
}

var errNothing = errors.New("no child has changed")

// Wait is waitid(2).
func (linux) Wait(kind, id, options int) (Change, error) {
	var info struct { // siginfo_t for SIGCHLD
		signo, errno, code int32
		_                  [unsafe.Sizeof(uintptr(0)) / 8]int32 // the union is aligned as a pointer
		pid                int32
		uid                uint32
		status             int32
		_                  [100]byte
	}
	for {
		err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), options, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Change{}, err
		}
		break
	}
	if info.pid == 0 {
		return Change{}, errNothing
	}
	const exited, killed, dumped, trapped, stopped, continued = 1, 2, 3, 4, 5, 6 // CLD_*
	c := Change{PID: int(info.pid)}
	switch info.code {
	case exited:
		c.Exit.Code = int(info.status)
	case killed, dumped:
		c.Exit.Signal, c.Exit.Core = signals.Signal(info.status), info.code == dumped
	case stopped, trapped:
		c.Kind, c.Signal = Stopped, signals.Signal(info.status)
	case continued:
		c.Kind = Continued
	}
	return c, nil
}

// forkAll carries out starts, as long as the reaper lives.
func (r *Reaper) forkAll(deliver func(Started)) {
	for q, ok := r.requests.take(); ok; q, ok = r.requests.take() {
		if q.do != nil {
			q.do()
			continue
		}
		s := Started{Key: q.key}
		s.PID, s.At, s.Err = start(r.kernel, q.build)
		deliver(s)
	}
}

func start(kernel Kernel, build func() (Image, error)) (pid int, at time.Time, err error) {
	image, err := build()
	if err != nil {
		return 0, at, err
	}
	at = time.Now()
	pid, err = kernel.Fork(image)
	if image.Close != nil {
		image.Close()
	}
	if image.Setup == nil {
		return pid, at, err
	}
	defer image.Setup.Close()
	if err == nil {
		err = awaitSetup(pid, image.Setup)
	}
	return pid, at, err
}

// Fork is fork and exec. A program that was written a moment ago may be open
// for writing in a child that another thread forked just then; such a child
// lets go of it when it execs, so ETXTBSY passes (golang/go#22315).
func (linux) Fork(image Image) (int, error) {
	delay := time.Millisecond
	for {
		pid, err := syscall.ForkExec(image.Path, image.Argv, &image.ProcAttr)
		if err == nil {
			return pid, nil
		}
		if err != syscall.ETXTBSY || delay > 64*time.Millisecond {
			return 0, explain(image, err)
		}
		time.Sleep(delay)
		delay *= 2
	}
}

func explain(image Image, err error) error {
	e := &StartError{Status: 125, Err: fmt.Errorf("starting %s: %w", image.Path, err)}
	switch err {
	case syscall.ENOENT, syscall.ENOTDIR:
		e.Status = 127
		path := image.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(image.Dir, path)
		}
		if err == syscall.ENOENT && unix.Access(path, unix.F_OK) == nil {
			e.Err = fmt.Errorf("starting %s: the file is there, but not its interpreter (the first line of a script) or loader", image.Path)
		}
	case syscall.EACCES, syscall.ENOEXEC, syscall.ETXTBSY, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG:
		e.Status = 126
	case syscall.E2BIG:
		e.Status = 126 // as in a shell, env(1), timeout(1)
		e.Err = fmt.Errorf("starting %s: arguments and environment are too long: %w", image.Path, err)
	case syscall.EAGAIN:
		e.Err = fmt.Errorf("starting %s: no more processes allowed (ulimit -u, or the pids limit of the cgroup): %w", image.Path, err)
	case syscall.EPERM:
		e.Err = fmt.Errorf("starting %s: changing user, group or session is not allowed here: %w", image.Path, err)
	}
	return e
}

// Exec becomes another program, with the errors of a start.
func Exec(path string, argv, env []string) error {
	return explain(Image{Path: path}, syscall.Exec(path, argv, env))
}
