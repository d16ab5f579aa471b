package compat

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/birth"
	"supervise/internal/signals"
	"supervise/internal/spawn"
)

const tiniNotInit = `Tini is not running as PID 1 and isn't registered as a child subreaper.
Zombie processes will not be re-parented to Tini, so zombie reaping won't work.
To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to register Tini as a child subreaper, or run Tini as PID 1.`

// tiniProcess is a running tini.
type tiniProcess struct {
	tiniPlan
	out   *stdout
	pid   int
	child int
	ended *syscall.WaitStatus // of the main child
}

// tini is the program: get ready, start the child, then wait for a signal and
// forward it, reap zombies, until the child is among them.
func tini(args []string, env lookup, version string) int {
	plan, end := parseTini(args, env, os.Getpid(), version)
	t := &tiniProcess{tiniPlan: plan, out: newStdout(), pid: os.Getpid()}
	defer t.out.flush()
	if end != nil {
		t.out.write(end.out)
		writeAll(2, end.err)
		return end.status
	}
	rest, err := restFrom(env)
	if err != nil {
		return t.fatal("%v", err)
	}
	pending, err := signals.Gather(signals.TTIN, signals.TTOU)
	if err != nil {
		return t.fatal("%v", err)
	}
	if t.parentDeath != 0 {
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(t.parentDeath), 0, 0, 0); err != nil {
			return t.fatal("Failed to set up parent death signal")
		}
	}
	if t.subreaper {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return t.fatal("Failed to register as child subreaper: %s", strerror(err))
		}
		t.trace("Registered as child subreaper")
	}
	if !adopts() {
		t.warning(tiniNotInit)
	}
	if err := t.spawn(); err != nil {
		return t.fatal("fork failed: %s", strerror(err))
	}
	for {
		s, ok := pending.Wait(time.Time{})
		if !ok {
			return t.fatal("Unexpected error in sigtimedwait: 'Input/output error'")
		}
		switch {
		case leftToKernel(s):
			if !birth.Ignored(int(s)) {
				pending.Default(s)
			}
			continue
		case s == signals.CHLD:
			t.debug("Received SIGCHLD")
		default:
			if status := t.forward(s); status != 0 {
				return status
			}
		}
		t.reap()
		if t.ended != nil {
			t.trace("Exiting: child has exited")
			t.out.flush()
			rest.end(pending, signals.TERM)
			return t.status(*t.ended)
		}
	}
}

// leftToKernel says which signals tini does not collect, so that they do to it
// what they do to any program.
func leftToKernel(s signals.Signal) bool {
	switch s.Syscall() {
	case syscall.SIGFPE, syscall.SIGILL, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGABRT, syscall.SIGTRAP, syscall.SIGSYS:
		return true
	}
	return false
}

// spawn starts the child, and says what the child would say between fork and
// exec. A child that fails flushes its copy of what stdout held at the fork.
func (t *tiniProcess) spawn() error {
	c := child(t.argv)
	c.Ignored, c.Blocked = inherited()
	c.Place = spawn.Group
	c.Status = spawn.Status{Place: 1, NotFound: 127, Denied: 126, Other: 1}
	before := t.out.held()
	said := ""
	pid, r, err := spawn.Start(c, func(pid int, r spawn.Report) {
		switch {
		case t.verbosity < 3:
		case r.Terminal == syscall.ENOTTY:
			said = fmt.Sprintf("[DEBUG tini (%d)] tcsetpgrp failed: no tty (ok to proceed)\n", pid)
		case r.Terminal == syscall.ENXIO:
			said = fmt.Sprintf("[DEBUG tini (%d)] tcsetpgrp failed: no such device (ok to proceed)\n", pid)
		}
		if t.out.immediate() {
			t.out.write(said)
		}
	})
	if err != nil {
		return err
	}
	t.child = pid
	t.info("Spawned child process '%s' with pid '%d'", t.argv[0], pid)
	if !r.Failed(spawn.Group) {
		return nil
	}
	switch {
	case r.Place != 0:
		complain("[FATAL tini (%d)] setpgid failed: %s\n", pid, strerror(r.Place))
	case r.Exec != 0:
		complain("[FATAL tini (%d)] exec %s failed: %s\n", pid, t.argv[0], strerror(r.Exec))
	default:
		complain("[FATAL tini (%d)] tcsetpgrp failed: %s\n", pid, strerror(r.Terminal))
	}
	if !t.out.immediate() {
		writeAll(1, before+said)
	}
	return nil
}

// forward passes a signal on; a status other than 0 ends tini.
func (t *tiniProcess) forward(s signals.Signal) int {
	t.debug("Passing signal: '%s'", strsignal(s))
	to := t.child
	if t.group {
		to = -to
	}
	switch err := unix.Kill(to, unix.Signal(s)); err {
	case nil:
	case unix.ESRCH:
		t.warning("Child was dead when forwarding signal")
	default:
		return t.fatal("Unexpected error when forwarding signal: '%s'", strerror(err))
	}
	return 0
}

func (t *tiniProcess) reap() {
	for {
		pid, w, err := reap()
		switch {
		case err == unix.ECHILD:
			t.trace("No child to wait")
			return
		case pid == 0:
			t.trace("No child to reap")
			return
		}
		t.debug("Reaped child with pid: '%d'", pid)
		switch {
		case pid != t.child:
			if t.warn {
				t.warning("Reaped zombie process with pid=%d", pid)
			}
			continue
		case w.Signaled():
			t.info("Main child exited with signal (with signal '%s')", strsignal(signals.Signal(w.Signal())))
		default:
			t.info("Main child exited normally (with status '%d')", w.ExitStatus())
		}
		t.ended = &w
	}
}

func (t *tiniProcess) fatal(format string, a ...any) int {
	complain("[FATAL tini (%d)] "+format+"\n", append([]any{t.pid}, a...)...)
	return 1
}

func (t *tiniProcess) warning(format string, a ...any) {
	if t.verbosity > 0 {
		complain("[WARN  tini (%d)] "+format+"\n", append([]any{t.pid}, a...)...)
	}
}

func (t *tiniProcess) info(format string, a ...any)  { t.say(2, "INFO ", format, a) }
func (t *tiniProcess) debug(format string, a ...any) { t.say(3, "DEBUG", format, a) }
func (t *tiniProcess) trace(format string, a ...any) { t.say(4, "TRACE", format, a) }

func (t *tiniProcess) say(level uint32, name, format string, a []any) {
	if t.verbosity >= level {
		t.out.write(fmt.Sprintf("[%s tini (%d)] %s\n", name, t.pid, fmt.Sprintf(format, a...)))
	}
}
