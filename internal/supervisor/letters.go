package supervisor

import (
	"fmt"
	"strconv"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/runit"
	"supervise/internal/signals"
)

// What runit's programs may say to a service is letters (runsv(8), CONTROL). Those
// that ask for its start or its end are for the set, which knows what else goes
// along; the others are signals, with a script that may take the place of each.
//
// Like runsv we do one thing after the other: while a script runs, or the process
// is being made, letters wait. Unlike it we do not stand still meanwhile, and a
// script has its time, after which it is killed and counts as failed.

// letterSignals are the signals that letters stand for.
var letterSignals = [...]struct {
	letter byte
	signal signals.Signal
}{
	{'t', signals.TERM}, {'k', signals.KILL}, {'p', signals.STOP}, {'c', signals.CONT}, {'a', signals.ALRM}, {'h', signals.HUP},
	{'i', signals.INT}, {'q', signals.QUIT}, {'1', signals.USR1}, {'2', signals.USR2},
}

// signalOf is the signal that a letter stands for; 0: none.
func signalOf(c byte) signals.Signal {
	for _, l := range letterSignals {
		if l.letter == c {
			return l.signal
		}
	}
	return 0
}

// letterOf is the letter that stands for a signal; 0: none.
func letterOf(s signals.Signal) byte {
	for _, l := range letterSignals {
		if l.signal == s {
			return l.letter
		}
	}
	return 0
}

// step is one of what a letter comes to: its script, if there is one, and else, or
// if that fails, its signal.
type step struct {
	script byte           // 0: none
	signal signals.Signal // 0: none
	rung   bool           // the signal is that of the ladder, which knows whom it is for
}

// Busy says that letters have to wait.
func (m Machine) Busy() bool {
	return m.forking || len(m.steps) > 0 || m.hook.on() && (m.hook.moment == OnLetter || m.spec.Runit != nil && m.hook.moment == BeforeStart)
}

// letter does what a letter says that asks for a signal. The process gets it; a
// finish gets none, nor does what is not there.
func (t *turn) letter(c byte) {
	if c == 'd' || c == 'x' {
		t.again()
		return
	}
	sig := signalOf(c)
	if sig == 0 {
		return
	}
	if c == 'k' && t.leaving && t.hook.moment == AfterStop && !t.hook.forking {
		// runsv goes at once then, and leaves the finish to itself. We end that, too.
		t.hook.timeout = 0
		t.do(KillHook{})
		return
	}
	if t.PID != 0 && !t.Busy() {
		t.steps = []step{{script: c, signal: sig}}
		if c == 't' && t.wantsDown() {
			t.steps = append(t.steps, t.afterTerm()...)
		}
		t.walk()
	}
	switch c { // as runsv has it, whatever became of the signal
	case 'p':
		t.Paused = true
	case 'c':
		t.Paused = false
	}
}

// again: asked once more, a ladder without end begins anew, as runsv sends TERM with
// each d.
func (t *turn) again() {
	endless := t.phase == climbing && t.Due.IsZero() && len(t.ladder) == 1
	if t.PID != 0 && t.spec.Runit != nil && endless && !t.Busy() {
		t.ladder = t.stopLadder()
		t.rung()
	}
}

// afterTerm is what follows a TERM when the service is not to run again: a
// stopped process does not see it otherwise, and control/d may be there to help.
func (t *turn) afterTerm() []step {
	last := byte('d')
	if t.leaving {
		last = 'x'
	}
	return []step{{signal: signals.CONT}, {script: last}}
}

// walk goes on with the steps until one has to be waited for.
func (t *turn) walk() {
	for len(t.steps) > 0 && !t.hook.on() {
		if s := t.steps[0]; s.script != 0 && t.scripts() {
			t.runScript(s.script)
			return
		}
		t.signalStep()
	}
}

// likeRunsv says that the service is a service directory, or its log.
func (t *turn) likeRunsv() bool {
	return t.spec.Runit != nil && (t.spec.Runit.Scripts || t.spec.Runit.Writer != "")
}

func (t *turn) scripts() bool { return t.spec.Runit != nil && t.spec.Runit.Scripts }

// signalStep does the first step by its signal, and is through with it.
func (t *turn) signalStep() {
	s := t.steps[0]
	if t.steps = t.steps[1:]; s.signal == 0 {
		return
	}
	t.Termed = t.Termed || s.signal == signals.TERM
	if s.rung {
		t.do(Send{s.signal})
	} else {
		t.do(SendMain{Signal: s.signal})
	}
}

func (t *turn) runScript(c byte) {
	h := &config.Hook{Command: []string{"control/" + string(c), strconv.Itoa(t.PID)}, Timeout: config.ScriptTimeout, Runit: true}
	t.runHook(OnLetter, h, nil)
}

// scripted: a script is over. That it ended well takes the place of the signal.
func (t *turn) scripted(well, remains bool) {
	switch {
	case len(t.steps) == 0: // the ladder went on meanwhile
	case t.PID == 0:
		t.steps = nil
	case well:
		t.steps = t.steps[1:]
	default:
		t.signalStep()
	}
	if t.PID != 0 {
		t.walk()
		return
	}
	// The process has ended meanwhile.
	switch {
	case t.State != Stopping:
	case t.owesHook():
		t.clear()
	case !remains:
		t.emptied()
	default:
		t.rung()
	}
}

// hookMissing: the file of a hook is not there. It never began; a letter's signal
// is sent then.
func (t *turn) hookMissing(remains bool, luck float64) {
	if moment := t.hook.moment; moment == OnLetter {
		t.hook = hookRun{}
		t.scripted(false, remains)
		return
	}
	t.hookOver("", remains, luck)
}

// once asks for one run: it is started if it does not run, and not restarted.
func (t *turn) once(why string) {
	switch t.State {
	case Stopped, Done, Failed, Backoff:
		t.start(why)
		t.final = true
	case Stopping:
		t.then = toStopped
	case Waiting, Starting, Running:
		t.final = true
	}
}

// wantsDown says whether the service is to be down, or will be when this run ends.
func (m Machine) wantsDown() bool {
	switch m.State {
	case Stopped, Done, Failed:
		return true
	case Stopping:
		return m.then == toStopped || m.final
	}
	return m.final
}

// shutDown: supervise itself is to end. What is waited for without end gets one.
func (t *turn) shutDown() {
	t.bounded = true
	if t.State != Stopping || !t.Due.IsZero() || t.spec.Runit == nil {
		return
	}
	switch {
	case t.phase == clearing && t.hook.on():
		t.hook.timeout = config.LastWait
		t.Due = t.now.Add(config.LastWait)
	case t.phase == climbing && t.then != toVerdict && len(t.ladder) > 0:
		t.ladder = t.stopLadder()
		t.rung()
	}
}

// stopLadder is the ladder for a stop that begins now. A log service that is to go
// for good is first let read to the end of what was written to it.
func (t *turn) stopLadder() []config.Rung {
	ladder := t.spec.Stop.Ladder
	if t.bounded {
		ladder = t.spec.Stop.InShutdown()
	}
	if r := t.spec.Runit; r == nil || r.Writer == "" || !t.leaving {
		return ladder
	}
	if t.bounded {
		return append([]config.Rung{{Wait: config.LastWait}}, ladder...)
	}
	return []config.Rung{{}} // runsv waits for it without end
}

// Runit is what the files of runit tell of the service. That it is to be down for
// another reason than its own, the set knows.
func (m Machine) Runit() runit.Status {
	s := runit.Status{Since: m.Over, Termed: m.Termed, Paused: m.Paused}
	switch {
	case m.PID != 0:
		s.State, s.PID, s.Since = runit.Run, m.PID, m.Started
	case m.hook.on() && m.hook.moment == AfterStop:
		s.State, s.PID, s.Since = runit.Finish, m.hook.pid, m.Started
	}
	if m.wantsDown() {
		s.Want = runit.WantDown
	}
	if m.leaving {
		s.Want = runit.WantExit
	}
	return s
}

// paced puts off a start that somebody asked for by what the policy has as the
// shortest time from start to start.
func (t *turn) paced(why string) {
	at := t.spec.Restart.Earliest(t.Started, t.Over)
	if !t.HasRun || !at.After(t.now) {
		t.wait(why)
		return
	}
	t.enter(Backoff, why)
	t.Paced, t.Due = true, at
	t.tell(event.Event{Name: event.BackoffScheduled, Delay: at.Sub(t.now), Why: fmt.Sprintf("%s, but a start each %s is enough; in %s", why, t.spec.Restart.Pace, event.Roughly(at.Sub(t.now)))})
}

// earlier is the earlier of two deadlines; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
