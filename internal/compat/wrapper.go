package compat

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/birth"
	"supervise/internal/signals"
	"supervise/internal/slim"
	"supervise/internal/spawn"
	"supervise/internal/tree"
)

// child is a child that finds everything as we found it, but for signals and
// its place. From now on we only wait for it.
func child(argv []string) spawn.Child {
	c := spawn.Child{Argv: argv, Env: os.Environ()}
	if birth.Known() {
		for fd := range c.Closed {
			c.Closed[fd] = birth.Closed(fd)
		}
		c.Files.Cur, c.Files.Max = birth.Files()
	}
	slim.Later(afterStart)
	return c
}

// afterStart is when what only a start needs is given back.
const afterStart = time.Second

// inherited is the dispositions and the mask that we were started with. It is
// to be called before the first child is started.
func inherited() (ignored, blocked uint64) {
	for s := 1; s <= 64; s++ {
		if birth.Ignored(s) {
			ignored |= 1 << (s - 1)
		}
	}
	return ignored, birth.Mask()
}

// reap waits for a child that has ended; pid 0: there is none now.
func reap() (pid int, w syscall.WaitStatus, err error) {
	for {
		pid, err = syscall.Wait4(-1, &w, syscall.WNOHANG, nil)
		if err != syscall.EINTR {
			return pid, w, err
		}
	}
}

// adopts says whether the orphans among our descendants become our children.
func adopts() bool {
	if os.Getpid() == 1 {
		return true
	}
	var bit int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&bit)), 0, 0, 0)
	return err == nil && bit == 1
}

// Rest is how long those that the main child leaves behind may take to end by
// themselves after a TERM, before they are killed.
//
// The originals end at once, which kills the others with no warning where they
// are PID 1 (tini#180, dumb-init#212), and leaves them running where they are
// subreapers. Where we are neither, orphans are not ours to end: they have
// become somebody else's children.
type Rest time.Duration

// RestVariable sets it: a duration; 0 is what the originals do.
const RestVariable = "SUPERVISE_REST_TIMEOUT"

// defaultRest is short because the time comes on top of the main child's: it is
// spent only when something is left that doesn't end on TERM, and has to fit
// into a grace period (`docker stop`: 10 s) that the main child may have used.
const defaultRest = time.Second

func restFrom(env lookup) (Rest, error) {
	text, set := env(RestVariable)
	if !set || text == "" {
		return Rest(defaultRest), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s=%s is no length of time; write 2s, or 0 to leave the others to the kernel", RestVariable, text)
	}
	return Rest(d), nil
}

// applies says whether we end the others, and not the kernel.
func (r Rest) applies() bool { return r > 0 && adopts() }

// end sends s to all that live below us, as PID 1 to all that live, and reaps
// them. Who is still there in the end is killed. It takes no time when there is
// nobody.
func (r Rest) end(pending *signals.Pending, s signals.Signal) {
	if !r.applies() || childless() {
		return
	}
	others := tree.NewHost(nil).Everything(false)
	_, _ = others.Signal(s)
	if r.await(pending, time.Duration(r)) {
		return
	}
	_, _ = others.Signal(signals.KILL)
	r.await(pending, time.Second) // longer only in the kernel
}

// await reaps until there is no child, at most so long.
func (Rest) await(pending *signals.Pending, within time.Duration) bool {
	for end := time.Now().Add(within); ; {
		if childless() {
			return true
		}
		if _, ok := pending.Wait(end); !ok {
			return false
		}
	}
}

// childless reaps, and says whether there is no child left.
func childless() bool {
	for {
		pid, _, err := reap()
		if err != nil {
			return errors.Is(err, unix.ECHILD)
		}
		if pid == 0 {
			return false
		}
	}
}
