package supervisor

import (
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/terminal"
)

// Program is what signals mean to `run`: everything goes to the one program,
// TERM also begins its stop.
type Program struct {
	Map      signals.Translation
	Lone     bool               // to the process alone, not to its group
	Terminal *terminal.Terminal // nil: none
	lent     bool               // the program had the terminal when it was stopped
	early    []signals.Received // came before there was a child
}

// the one service of `run`
const program = 0

// Received forwards a signal.
func (p *Program) Received(l *Loop, r signals.Received) {
	m := l.set.Machine(program)
	if p.Terminal != nil && r.Signal == signals.CONT && p.lent && m.PID != 0 && p.Terminal.Ours() {
		// A shell's `fg`: it gave us the terminal.
		_ = p.Terminal.Give(m.PID)
	}
	if l.set.ShuttingDown() && m.PID == 0 { // only others are left
		p.duringRest(l, r)
		return
	}
	sig, deliver := p.Map.Apply(r.Signal)
	if deliver && l.lingering(program) {
		p.afterMain(l, r)
		return
	}
	if !deliver {
		l.reception(r)
		l.tell(program, event.Event{Name: event.SignalDropped, Signal: r.Signal, Why: "by --map"})
		return
	}
	switch m.State {
	case Starting:
		if m.PID == 0 {
			p.early = append(p.early, r)
			if r.Signal == signals.TERM || r.Signal == signals.INT || r.Signal == signals.QUIT {
				l.set.Final(program, "ended by "+r.Signal.String(), time.Now()) // also if it can't be started
			}
			return
		}
	case Waiting, Backoff:
		p.betweenRuns(l, r)
		return
	}
	if m.PID == 0 {
		p.duringRest(l, r)
		return
	}
	p.deliver(l, r, sig)
}

// deliver passes a signal to the program. TERM does so as the first rung of
// the stop that it begins; a second TERM is only passed on.
func (p *Program) deliver(l *Loop, r signals.Received, sig signals.Signal) {
	switch r.Signal {
	case signals.TERM:
		if l.set.Machine(program).State != Stopping {
			l.reception(r)
			l.set.Shutdown("asked to by TERM", 0, time.Now())
			return
		}
		l.set.Final(program, "ended by TERM", time.Now()) // it stops for another reason, after which it may run again
	case signals.INT, signals.QUIT:
		l.set.Final(program, "ended by "+r.Signal.String(), time.Now())
	}
	send := l.trees[program].SignalGroup
	if p.Lone {
		send = l.trees[program].SignalMain
	}
	to, err := send(sig) // first; telling of it can wait
	l.reception(r)
	e := event.Event{Signal: sig, To: to, From: &r, Of: l.cause}
	if sig != r.Signal {
		e.Was = r.Signal
	}
	l.sent(program, e, err)
}

// betweenRuns: there is no program now, only the intention to run it again.
func (p *Program) betweenRuns(l *Loop, r signals.Received) {
	l.reception(r)
	switch r.Signal {
	case signals.TERM, signals.INT, signals.QUIT, signals.HUP:
		l.set.Shutdown("asked to by "+r.Signal.String(), 0, time.Now())
	default:
		l.tell(program, event.Event{Name: event.SignalDropped, Signal: r.Signal, Why: "it came between two runs"})
	}
}

// duringRest: the program is gone, and what it left behind is being stopped. Whoever
// wants us to end means that no run follows.
func (p *Program) duringRest(l *Loop, r signals.Received) {
	l.reception(r)
	hurries := r.Signal == signals.INT || r.Signal == signals.QUIT
	ends := hurries || r.Signal == signals.TERM || r.Signal == signals.HUP
	if ends = ends && !l.set.ShuttingDown(); ends {
		l.set.Shutdown("asked to by "+r.Signal.String(), 0, time.Now())
	}
	if hurries {
		l.set.Hurry("by "+r.Signal.String(), time.Now())
	} else if !ends {
		l.tell(-1, event.Event{Name: event.SignalDropped, Signal: r.Signal, Why: "the program has ended"})
	}
}

// afterMain: the program is gone, and what it left behind is waited for, or is
// being stopped.
func (p *Program) afterMain(l *Loop, r signals.Received) {
	begins := r.Signal == signals.TERM || r.Signal == signals.INT || r.Signal == signals.QUIT
	if !begins || l.set.ShuttingDown() {
		p.duringRest(l, r)
		return
	}
	l.reception(r)
	l.set.Shutdown("asked to by "+r.Signal.String(), 0, time.Now())
}

// Begun delivers what came before the program was there.
func (p *Program) Begun(l *Loop) {
	early := p.early
	p.early = nil
	for _, r := range early {
		p.Received(l, r)
	}
}

// Changed follows the program when a key stopped it. One that was stopped for
// want of the terminal gets it, if it is ours to give: a shell that brings a
// running job to the front tells nobody.
func (p *Program) Changed(l *Loop, service int, c reaper.Change) {
	if p.Terminal == nil || c.Kind != reaper.Stopped {
		return
	}
	wants := c.Signal == signals.TTIN || c.Signal == signals.TTOU
	if wants && p.Terminal.Ours() && p.Terminal.Give(c.PID) == nil || !terminal.CanSuspend() {
		// If nobody could bring it back: as if it had not been stopped, which
		// is what the kernel does for a group that no shell watches.
		l.wake(service)
		return
	}
	p.lent = p.Terminal.TakeBack(c.PID)
	terminal.Suspend()
}

// Ended takes the terminal back, and takes Ctrl-C for an answer.
func (p *Program) Ended(l *Loop, service int, c reaper.Change) {
	if c.Exit.Signal == signals.HUP {
		l.set.Final(service, "ended by HUP", time.Now())
	}
	if p.Terminal == nil {
		return
	}
	p.Terminal.TakeBack(c.PID)
	if c.Exit.Signal == signals.INT || c.Exit.Signal == signals.QUIT {
		l.set.Final(service, "ended from the terminal", time.Now())
	}
}

// Rest is the ladder for what lives besides the program when that is over, see
// [Loop.End].
func (p *Program) Rest(l *Loop) []config.Rung {
	m := l.Machine(program)
	ladder := m.spec.Stop.Ladder
	switch {
	case m.Last.NotRun != "":
		return ladder
	case m.PID != 0: // it survives its ladder, and as long as it lives nobody else is signalled
		return ladder[len(ladder)-1:]
	}
	return nil // its stop was that of all others too
}

// reception reports a received signal, as of the moment when it came.
func (l *Loop) reception(r signals.Received) {
	if l.Sink.Wants(event.SignalReceived) {
		at := r.At
		if at.IsZero() {
			at = time.Now()
		}
		l.cause = l.tellAt(-1, event.Event{Name: event.SignalReceived, Signal: r.Signal, From: &r, Sender: senderName(r)}, at)
	}
}
