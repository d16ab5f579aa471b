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
type Services struct{}

// shutdownSignals end `up`. RTMIN+3 is how systemd asks a container's init to
// halt (systemd(1), "SIGRTMIN+3").
var shutdownSignals = []signals.Signal{signals.TERM, signals.INT, signals.QUIT, signals.RTMIN + 3}

// Received acts on a signal.
func (Services) Received(l *Loop, r signals.Received) {
	if slices.Contains(shutdownSignals, r.Signal) {
		l.reception(r)
		switch why := r.Signal.String() + " received"; {
		case !l.set.ShuttingDown():
			l.set.Shutdown(why, 0, time.Now())
		case r.Signal == signals.INT:
			l.set.Hurry("a second "+why, time.Now())
		}
		return
	}
	to := l.set.Receivers(r.Signal)
	if len(to) == 0 {
		l.reception(r)
		unforwarded(l, r.Signal)
		return
	}
	l.forward(r, to)
}

// unforwarded is what a signal does that no service wants.
func unforwarded(l *Loop, s signals.Signal) {
	switch s {
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
			e := event.Event{Signal: sig}
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
