package supervisor

import (
	"fmt"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

func (t *turn) stop(why string) {
	switch t.State {
	case Waiting, Backoff:
		t.settle(Stopped, why)
	case Starting, Running:
		t.climb(why, t.stopLadder(), toStopped)
	case Stopping:
		t.then = toStopped
	case Stopped, Done, Failed:
	}
}

func (t *turn) restart(why string) {
	switch t.State {
	case Stopped, Done, Failed, Backoff:
		t.start(why)
	case Starting, Running:
		t.climb(why, t.stopLadder(), toStart)
	case Stopping:
		t.then = toStart
	case Waiting:
	}
}

// climb begins a stop. What is asked to stop may be drained before; what is
// not well, or has missed a deadline, is beyond that.
func (t *turn) climb(why string, ladder []config.Rung, then destination) {
	drained := t.State == Running && then != toVerdict && t.spec.StopBefore != nil
	t.enter(Stopping, why)
	t.phase = climbing
	t.then, t.ladder, t.hurried = then, ladder, false
	t.tell(event.Event{Name: event.ServiceStopping, PID: t.PID, Why: why})
	if drained {
		t.phase = draining
		t.runHook(BeforeStop, t.spec.StopBefore, nil)
		return
	}
	t.firstRung()
}

// firstRung steps on the ladder as soon as there is a process. A start that
// hangs (a dead file server, say) gets the time of the whole ladder.
func (t *turn) firstRung() {
	if t.awaits = t.PID == 0 && !t.litter && (t.forking || t.hook.forking); !t.awaits {
		t.rung()
		return
	}
	var all time.Duration
	for _, r := range t.ladder {
		all += r.Wait
	}
	if t.Due = (time.Time{}); all > 0 {
		t.Due = t.now.Add(all)
	}
}

// rung sends the signal of the lowest rung left and waits for its effect.
func (t *turn) rung() {
	t.awaits = false
	r := t.ladder[0]
	t.steps = nil
	switch {
	case r.Signal == 0:
		t.do(EndInput{})
	case t.likeRunsv() && t.PID != 0 && !t.hook.on():
		t.steps = append([]step{{script: letterOf(r.Signal), signal: r.Signal, rung: true}}, t.afterTerm()...)
		t.walk()
	default:
		t.Termed = t.Termed || r.Signal == signals.TERM && t.PID != 0
		t.do(Send{r.Signal})
	}
	t.Due = time.Time{}
	if r.Wait > 0 {
		t.Due = t.now.Add(r.Wait)
	}
}

func (t *turn) exited(in Exited) {
	pid := t.PID
	t.PID = 0
	switch {
	case t.missed != "":
		in.Exit.Missed = t.missed
	case t.State == Starting && (t.phase == probing || t.phase == completing):
		in.Exit.Missed = "ended before it was ready"
	}
	t.litter = in.Remains
	remains := in.Remains || t.hook.on()
	t.noteEnd(in.Exit, t.Started)
	t.tell(event.Event{Name: event.ProcessExited, PID: pid, Exit: &in.Exit, Up: t.LastUp})
	if t.finishes(in) {
		return
	}
	switch t.State {
	case Starting, Running:
		t.judge(in.Exit, in.Luck)
		if remains {
			t.climb("processes of the ended run are left", t.spec.Stop.InShutdown(), toVerdict)
			return
		}
		t.over()
	case Stopping:
		if t.then == toVerdict { // stopped because it missed something
			t.judge(in.Exit, in.Luck)
		}
		switch {
		case !remains:
			t.emptied()
		case t.phase == draining: // there is nothing to drain any more
			t.phase = climbing
			t.firstRung()
		case in.Untouched:
			t.ladder = t.spec.Stop.InShutdown()
			if t.hurried {
				t.ladder = t.ladder[len(t.ladder)-1:]
			}
			t.rung()
		case !in.Remains: // but a hook is on its way
			t.firstRung()
		default:
			// Forked while the signal went out, it may have missed it.
			t.do(SendLate{t.ladder[0].Signal})
		}
	}
	t.stuck = t.stuck && in.Remains
}

// finishes: runit's finish follows its run at once, whatever that has left; but a
// script that runs for a letter is waited for.
func (t *turn) finishes(in Exited) bool {
	if !t.owesHook() || !t.spec.StopAfter.Runit || t.State.Settled() {
		return false
	}
	if t.State != Stopping || t.then == toVerdict {
		t.judge(in.Exit, in.Luck)
	}
	if t.State != Stopping {
		t.enter(Stopping, t.Last.String())
		t.phase, t.then, t.hurried = climbing, toVerdict, false
		t.ladder = t.spec.Stop.InShutdown()
	}
	if !t.hook.on() {
		t.clear()
	}
	return true
}

// tick: a deadline has come.
func (t *turn) tick() {
	t.Due = time.Time{}
	switch {
	case t.State == Backoff:
		t.wait(t.Why)
	case t.State == Running:
		t.clock()
	case t.State == Starting && t.phase == probing:
		t.notReady()
	case t.State == Starting, t.State == Stopping && t.phase != climbing:
		t.hookLate()
	case t.State == Stopping:
		t.escalate()
	}
}

// escalate climbs to the next rung, or gives up on a tree that survived them
// all.
func (t *turn) escalate() {
	if t.awaits {
		why := "its start has not come to an end"
		t.do(Abandon{Why: why})
		t.settle(Failed, why)
		return
	}
	waited := t.ladder[0]
	if t.ladder = t.ladder[1:]; len(t.ladder) > 0 {
		t.tell(event.Event{Name: event.StopEscalated, PID: t.PID, Signal: t.ladder[0].Signal,
			Why: fmt.Sprintf("still there %s after %s", waited.Wait, rungText(waited))})
		t.rung()
		return
	}
	why := fmt.Sprintf("still there %s after %s, the last signal of the ladder", waited.Wait, waited.Signal)
	t.do(Abandon{Why: why})
	t.stuck = true
	if !t.hook.forking {
		t.hook = hookRun{}
	}
	t.settle(Failed, why)
}

func rungText(r config.Rung) string {
	if r.Signal == 0 {
		return "the end of its input"
	}
	return r.Signal.String()
}

// hurry drops the rungs before the last.
func (t *turn) hurry() {
	if t.State != Stopping || t.hurried {
		return
	}
	t.hurried = true
	if t.phase == clearing {
		t.do(KillHook{})
		return
	}
	drained := t.phase == draining
	t.phase = climbing
	if len(t.ladder) < 2 && !drained {
		return
	}
	t.ladder = t.ladder[len(t.ladder)-1:]
	if !t.awaits {
		t.rung()
	}
}

// emptied: nothing of the tree is left.
func (t *turn) emptied() {
	if t.PID != 0 || t.forking || t.hook.on() {
		return
	}
	t.stuck = false
	if t.State == Stopping {
		t.over()
	}
}

// over: a run has ended, and nothing of it is left.
func (t *turn) over() {
	if t.owesHook() {
		t.clear()
		return
	}
	if t.State != Stopping {
		t.follow()
		return
	}
	why := t.Why
	t.ladder = nil
	switch t.then {
	case toStopped:
		t.settle(Stopped, why)
	case toVerdict:
		t.follow()
	case toStart:
		t.anew()
		t.paced(why)
	}
}

// owesHook says that stop.after is still to be run. A reload may have taken it out
// of the configuration meanwhile.
func (t *turn) owesHook() bool { return t.unclean && t.spec.StopAfter != nil }

// clear cleans up after a run.
func (t *turn) clear() {
	t.unclean = false
	if t.State != Stopping {
		t.enter(Stopping, t.Last.String())
		t.then, t.hurried = toVerdict, false
	}
	t.phase = clearing
	if t.ladder = t.spec.Stop.InShutdown(); !t.spec.StopAfter.Runit {
		t.ladder = t.ladder[len(t.ladder)-1:] // what the hook itself leaves is killed
	}
	var exit *policy.Exit
	if t.HasRun {
		last := t.Last
		exit = &last
	}
	t.runHook(AfterStop, t.spec.StopAfter, exit)
}

// Cleaning says that the main process is gone and the rest of its tree is not
// known to be: the owner is to say so with Emptied.
func (m Machine) Cleaning() bool {
	return (m.State == Stopping || m.stuck) && m.PID == 0 && !m.forking && !m.hook.on()
}

// hasProcess says whether a process of the service lives, or may come to.
func (m Machine) hasProcess() bool {
	return m.PID != 0 || m.forking || m.hook.on() || m.Cleaning()
}

// Restarts counts the starts after the first since the service was asked for.
func (m Machine) Restarts() int { return max(m.history.Total-1, 0) }
