package compat

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
	"supervise/internal/spawn"
)

// dumbInitProcess is a running dumb-init.
type dumbInitProcess struct {
	dumbInitPlan
	pending *signals.Pending
	rest    Rest
	child   int
	handOff [lastRewritten + 1]bool // these come from giving up our terminal, and are swallowed once
}

// dumbInit is the program: give up the terminal, start the child, then handle
// one signal after the other until the child has ended.
func dumbInit(args []string, env lookup) int {
	plan, end := parseDumbInit(args, env)
	if end != nil {
		writeAll(1, end.out)
		writeAll(2, end.err)
		return end.status
	}
	d := &dumbInitProcess{dumbInitPlan: plan}
	for _, note := range d.notes {
		d.say("%s", note)
	}
	var err error
	if d.rest, err = restFrom(env); err != nil {
		complain("[dumb-init] %v\n", err)
		return 1
	}
	if d.pending, err = signals.Gather(); err != nil {
		complain("[dumb-init] %v\n", err)
		return 1
	}
	if !d.single {
		d.detach()
	}
	if err := d.spawn(); err != nil {
		complain("[dumb-init] Unable to fork. Exiting.\n")
		return 1
	}
	for {
		s, ok := d.pending.Wait(time.Time{})
		if !ok {
			return 1
		}
		if status, ended := d.handle(s); ended {
			return status
		}
	}
}

// detach gives up our terminal, so that the child's session can have it. For a
// session leader the kernel then sends HUP and CONT to the terminal's
// foreground group, which is ours (dumb-init#136).
func (d *dumbInitProcess) detach() {
	if err := unix.IoctlSetInt(0, unix.TIOCNOTTY, 0); err != nil {
		d.say("Unable to detach from controlling tty (errno=%d %s).", err.(syscall.Errno), strerror(err))
		return
	}
	if session, _ := unix.Getsid(0); session != os.Getpid() {
		d.say("Detached from controlling tty, but was not session leader.")
		return
	}
	d.say("Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.")
	d.handOff[signals.HUP], d.handOff[signals.CONT] = true, true
}

// spawn starts the child, and says what the child would say. All signals have
// their defaults in it but the real-time ones, which dumb-init does not touch.
func (d *dumbInitProcess) spawn() error {
	c := child(d.argv)
	ignored, _ := inherited()
	c.Ignored = ignored &^ (1<<lastRewritten - 1)
	if !d.single {
		c.Place = spawn.Session
	}
	c.Status = spawn.Status{Place: 1, NotFound: 2, Denied: 2, Other: 2}
	pid, r, err := spawn.Start(c, func(pid int, r spawn.Report) {
		d.say("Child spawned with PID %d.", pid)
		if err := unix.Chdir("/"); err != nil { // the child has its own directory by now
			d.say("Unable to chdir(\"/\") (errno=%d %s)", err.(syscall.Errno), strerror(err))
		}
		switch {
		case d.single:
			return
		case r.Place != 0:
			complain("[dumb-init] Unable to setsid (errno=%d %s). Exiting.\n", int(r.Place), strerror(r.Place))
			return
		case r.Terminal != 0:
			d.say("Unable to attach to controlling tty (errno=%d %s).", r.Terminal, strerror(r.Terminal))
		}
		d.say("setsid complete.")
	})
	if err == nil && r.Exec != 0 {
		complain("[dumb-init] %s: %s\n", d.argv[0], strerror(r.Exec))
	}
	d.child = pid
	return err
}

// handle does what a signal asks for; ended: the main child has, and dumb-init
// ends with that status.
func (d *dumbInitProcess) handle(s signals.Signal) (status int, ended bool) {
	d.say("Received signal %d.", s)
	switch {
	case s <= lastRewritten && d.handOff[s]:
		d.say("Ignoring tty hand-off signal %d.", s)
		d.handOff[s] = false
	case s == signals.CHLD:
		return d.reap()
	default:
		d.forward(s)
		if s == signals.TSTP || s == signals.TTOU || s == signals.TTIN {
			d.say("Suspending self due to TTY signal.")
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		}
	}
	return 0, false
}

func (d *dumbInitProcess) reap() (status int, ended bool) {
	for {
		pid, w, err := reap()
		if err != nil || pid == 0 {
			return 0, false
		}
		if w.Signaled() {
			status = 128 + int(w.Signal())
			d.say("A child with PID %d was terminated by signal %d.", pid, int(w.Signal()))
		} else {
			status = w.ExitStatus()
			d.say("A child with PID %d exited with exit status %d.", pid, status)
		}
		if pid == d.child {
			d.end(status)
			return status, true
		}
	}
}

// end sends TERM, through the rewrite table, to the main child's group. Where
// the others are ours to end, all of them get it, the group among them.
func (d *dumbInitProcess) end(status int) {
	all := d.rest.applies()
	to := d.translate(signals.TERM)
	if to == signals.Drop {
		d.say("Not forwarding signal %d to children (ignored).", to)
	} else {
		if !all {
			d.send(to)
		}
		d.say("Forwarded signal %d to children.", to)
	}
	d.say("Child exited with status %d. Goodbye.", status)
	if all && to != signals.Drop {
		d.rest.end(d.pending, to)
	}
}

func (d *dumbInitProcess) forward(s signals.Signal) {
	to := d.translate(s)
	if to == signals.Drop {
		d.say("Not forwarding signal %d to children (ignored).", to)
		return
	}
	d.send(to)
	d.say("Forwarded signal %d to children.", to)
}

func (d *dumbInitProcess) translate(s signals.Signal) signals.Signal {
	to, ruled := d.rewrite.apply(s)
	if ruled {
		d.say("Translating signal %d to %d.", s, to)
	}
	return to
}

// send does not care whether somebody was there to receive it.
func (d *dumbInitProcess) send(s signals.Signal) {
	if d.single {
		_ = unix.Kill(d.child, unix.Signal(s))
		return
	}
	_ = unix.Kill(-d.child, unix.Signal(s))
}

// say writes a debug line. Signals are numbers in it.
func (d *dumbInitProcess) say(format string, a ...any) {
	if !d.debug {
		return
	}
	for i, x := range a {
		switch x := x.(type) {
		case signals.Signal:
			a[i] = int(x)
		case syscall.Errno:
			a[i] = int(x)
		}
	}
	complain("[dumb-init] "+format+"\n", a...)
}
