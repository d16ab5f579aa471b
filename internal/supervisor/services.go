package supervisor

import (
	"os"
	"slices"
	"time"

	"supervise/internal/event"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/terminal"
)

// Services is what signals mean to `up`: some are for supervise itself, the
// others go to the services that forward them.
type Services struct {
	// Reload is called for HUP, unless a service forwards that. It must not
	// wait for the owner, who calls it.
	Reload func()
	// EndBy are signals that end supervise beside the usual ones, and the status
	// that it has then.
	EndBy map[signals.Signal]int
	// Resize is called for WINCH: our terminal has another size. It must not
	// wait for the owner either.
	Resize func()
	// Hangup says that losing the terminal ends supervise; not so under
	// nohup(1).
	Hangup bool
}

// shutdownSignals end `up`. RTMIN+3 is how systemd asks a container's init to
// halt (systemd(1), "SIGRTMIN+3").
var shutdownSignals = []signals.Signal{signals.TERM, signals.INT, signals.QUIT, signals.RTMIN + 3}

// EndsUp says whether a signal ends `up`, whoever sends it.
func EndsUp(s signals.Signal) bool { return slices.Contains(shutdownSignals, s) }

// Received acts on a signal.
func (v Services) Received(l *Loop, r signals.Received) {
	if r.Signal == signals.HUP && r.Origin == signals.OriginKernel && v.Hangup {
		// Nobody sent it: our terminal was closed, and whoever looked after us
		// there has gone.
		l.reception(r)
		l.set.Shutdown("the terminal is gone", 0, time.Now())
		return
	}
	if r.Signal == signals.WINCH && v.Resize != nil {
		v.Resize()
	}
	status, ends := v.EndBy[r.Signal]
	if ends || EndsUp(r.Signal) {
		l.reception(r)
		switch why := r.Signal.String() + " received"; {
		case !l.set.ShuttingDown():
			l.set.Shutdown(why, status, time.Now())
			l.asked = time.Now()
		case r.Signal == signals.INT && time.Since(l.asked) < oneKeystroke:
			l.tell(-1, event.Event{Name: event.SignalDropped, Signal: r.Signal, Why: "it came together with the one before"})
		case r.Signal == signals.INT:
			l.set.Hurry("a second "+why, time.Now())
		}
		return
	}
	to := l.set.Receivers(r.Signal)
	if len(to) == 0 {
		l.reception(r)
		v.unforwarded(l, r.Signal)
		return
	}
	l.forward(r, to)
}

// oneKeystroke is how far apart two INTs are at least that two keystrokes made.
// timeout(1) sends one to its child and one to the child's group, and both come
// within a millisecond.
const oneKeystroke = 100 * time.Millisecond

// unforwarded is what a signal does that no service wants.
func (v Services) unforwarded(l *Loop, s signals.Signal) {
	switch s {
	case signals.HUP:
		if v.Reload == nil || l.set.ShuttingDown() {
			l.tell(-1, event.Event{Name: event.SignalDropped, Signal: s, Why: "supervise is shutting down"})
			return
		}
		v.Reload()
	case signals.TSTP, signals.TTIN, signals.TTOU:
		// What they do to a program that does not catch them: with a terminal
		// we are stopped by its keys like any other program.
		if os.Getpid() != 1 && terminal.CanSuspend() {
			terminal.Suspend()
		}
	case signals.CONT, signals.WINCH, signals.URG, signals.PIPE:
	default:
		l.tell(-1, event.Event{Name: event.SignalDropped, Signal: s, Why: "no service forwards it"})
	}
}

// forward passes a signal to the main processes of services, each by its own
// translation.
func (l *Loop) forward(r signals.Received, to map[int]signals.Signal) {
	l.reception(r)
	for i := range l.set.Len() {
		sig, wanted := to[i]
		switch m := l.set.Machine(i); {
		case !wanted:
		case sig == signals.Drop:
			l.tell(i, event.Event{Name: event.SignalDropped, Signal: r.Signal, Why: "by its map"})
		case m.PID == 0:
			l.tell(i, event.Event{Name: event.SignalDropped, Signal: r.Signal, Why: "it is " + string(m.State)})
		default:
			e := event.Event{Signal: sig, From: &r, Of: l.cause}
			if sig != r.Signal {
				e.Was = r.Signal
			}
			var err error
			e.To, err = l.trees[i].SignalMain(sig)
			l.sent(i, e, err)
		}
	}
}

// Changed has nothing to do: services have no terminal.
func (Services) Changed(*Loop, int, reaper.Change) {}

// Ended has nothing to do.
func (Services) Ended(*Loop, int, reaper.Change) {}

// Begun has nothing to do.
func (Services) Begun(*Loop) {}
