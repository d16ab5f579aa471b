package supervisor

import (
	"fmt"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
)

// start: a service that runs, or is about to, needs no second start.
func (t *turn) start(why string) {
	switch t.State {
	case Stopped, Done, Failed:
		if t.forking {
			return // given up while it was being forked: never two at once
		}
		if t.stuck || t.hook.on() {
			t.tell(event.Event{Name: event.ServiceFailed, Why: "not started again: processes of its last run survived KILL and still live"})
			return // never two at once
		}
		t.anew()
		t.paced(why)
	case Backoff:
		t.anew()
		t.paced(why)
	case Stopping:
		t.then, t.final = toStart, false
	case Waiting, Starting, Running:
		t.final = false
	}
}

// anew forgets what earlier runs were like: somebody asked for the service.
func (t *turn) anew() { t.history, t.final = policy.History{}, false }

func (t *turn) lastRun(why string) {
	switch t.State {
	case Waiting, Backoff:
		t.stop(why)
	case Starting, Running, Stopping:
		t.final = true
	case Stopped, Done, Failed:
	}
}

// wait is on the way to every start.
func (t *turn) wait(why string) {
	t.enter(Waiting, why)
	if t.Boot.Asked.IsZero() {
		t.Boot.Asked = t.now
	}
}

// begin: what it waited for is there.
func (t *turn) begin() {
	if t.Boot.Ready.IsZero() {
		t.Boot.Went = t.now
	}
	t.history = t.spec.Restart.Started(t.history, t.now)
	t.enter(Starting, t.Why)
	t.Started = t.now
	t.Says, t.About = "", ""
	t.missed, t.early, t.litter, t.Looked = "", false, false, ""
	// What runit's finish follows is a run, or the attempt at one.
	t.unclean, t.watchdog = t.spec.StopAfter != nil && !t.spec.StopAfter.Runit, t.spec.Watchdog
	t.tell(event.Event{Name: event.ServiceStarting, Why: t.Why})
	if t.spec.Watch != nil && !t.watching {
		t.watching = true
		t.do(WatchFiles{})
	}
	if h := t.spec.StartBefore; h != nil {
		t.phase = preparing
		t.runHook(BeforeStart, h, nil)
		return
	}
	t.spawn()
}

func (t *turn) spawn() {
	t.phase, t.forking, t.Due = executing, true, time.Time{}
	t.unclean = t.spec.StopAfter != nil
	t.do(Spawn{})
}

func (t *turn) forked(in Forked) {
	t.forking = false
	t.PID, t.Started, t.Termed, t.Paused = in.PID, t.now, false, false
	if !in.At.IsZero() {
		t.Started = in.At
	}
	if t.Boot.Ready.IsZero() {
		t.Boot.Forked = t.Started
	}
	t.tell(event.Event{Name: event.ServiceStarted, PID: in.PID})
	switch t.State {
	case Starting:
		t.probe()
	case Stopping: // asked to stop before it was there
		t.rung()
	default: // given up since
		t.climb(lateStart, t.spec.Stop.InShutdown(), toStopped)
	}
}

// lateStart is the reason to stop what came up when nobody waited for it any
// more.
const lateStart = "started after it was given up"

func (t *turn) notForked(in NotForked) {
	t.forking = false
	t.couldNotStart(policy.Exit{Code: in.Status, NotRun: in.Err}, in.Luck)
	switch {
	case t.State == Starting && t.litter: // of start.before
		t.climb("processes of "+string(BeforeStart)+" are left", t.spec.Stop.InShutdown(), toVerdict)
	case t.State == Starting:
		t.over()
	case t.State == Stopping && !t.litter:
		t.emptied()
	}
}

// couldNotStart takes note of a run that never was.
func (t *turn) couldNotStart(e policy.Exit, luck float64) {
	t.noteEnd(e, t.now)
	t.tell(event.Event{Name: event.StartFailed, Exit: &e, Why: e.NotRun})
	if t.State == Starting {
		t.judge(e, luck)
	}
}

// noteEnd remembers how a run ended that began at started.
func (t *turn) noteEnd(e policy.Exit, started time.Time) {
	t.Last, t.HasRun, t.Started, t.Ended = e, true, started, t.now
	t.LastUp = t.Ended.Sub(t.Started)
	t.Over, t.Termed = t.now, false
}

// probe waits until the service is ready. If nothing tells that, running is.
func (t *turn) probe() {
	if t.spec.Ready == nil || t.early {
		t.ready()
		return
	}
	t.phase = probing
	if t.spec.StartTimeout > 0 {
		t.Due = t.now.Add(t.spec.StartTimeout)
	}
	t.looking = true
	t.do(LookReady{})
}

// isReady: it says so, or was found to be.
func (t *turn) isReady() {
	switch {
	case t.State != Starting:
	case t.phase == probing:
		t.ready()
	case t.phase == executing && t.spec.Ready != nil:
		t.early = true // it was quicker than the news of its start
	}
}

func (t *turn) ready() {
	t.endLooks()
	t.Due, t.Looked = time.Time{}, ""
	if h := t.spec.StartAfter; h != nil {
		t.phase = completing
		t.runHook(AfterStart, h, nil)
		return
	}
	t.run()
}

// notReady: the time for a start is over.
func (t *turn) notReady() {
	why := fmt.Sprintf("not ready within %s", t.spec.StartTimeout)
	if t.Looked != "" {
		why += " (" + t.Looked + ")"
	}
	t.tell(event.Event{Name: event.StartTimedOut, PID: t.PID, Why: why})
	t.missed = why
	t.climb(why, t.spec.Stop.InShutdown(), toVerdict)
}

// run: it is up, and what needs it may start.
func (t *turn) run() {
	t.enter(Running, "")
	if t.Boot.Ready.IsZero() && t.spec.Kind != config.Task {
		t.Boot.Ready = t.now
	}
	t.tell(event.Event{Name: event.ServiceRunning, PID: t.PID})
	t.Sick, t.looks = "", looks{}
	t.clocks = clocks{every: t.watchdog, pinged: t.now}
	if t.spec.RunTimeout > 0 {
		t.clocks.end = t.now.Add(t.spec.RunTimeout)
	}
	t.Due = t.clocks.next()
	if t.spec.Health != nil {
		t.looking = true
		t.do(LookHealth{})
	}
	if t.spec.Lazy() && t.spec.IdleStop > 0 {
		t.looking = true
		t.do(LookIdle{})
	}
}

// mainIs: another process took the place of the main one.
func (t *turn) mainIs(pid int) {
	if t.PID == 0 || t.PID == pid || t.State.Settled() {
		return
	}
	t.tell(event.Event{Name: event.MainChanged, PID: pid, Why: fmt.Sprintf("in place of %d", t.PID)})
	t.PID = pid
}

// judge asks the policy what follows the run that ended at t.Ended.
func (t *turn) judge(e policy.Exit, luck float64) {
	if t.final {
		t.verdict = policy.Decision{Verdict: policy.Done}
		return
	}
	t.verdict, t.history = t.spec.Restart.Decide(t.history, e, t.Started, t.Ended, luck)
}

// follow does what the policy said.
func (t *turn) follow() {
	switch v := t.verdict; v.Verdict {
	case policy.Again:
		why := fmt.Sprintf("%s after %s", t.Last, event.Roughly(t.Ended.Sub(t.Started)))
		if t.Last.NotRun != "" {
			why = t.Last.String()
		}
		t.enter(Backoff, why)
		t.Due = t.Ended.Add(v.Delay)
		if at := t.spec.Restart.Earliest(t.Started, t.Over); at.After(t.Due) {
			t.Due = at
		}
		delay := max(t.Due.Sub(t.now), 0)
		t.tell(event.Event{Name: event.BackoffScheduled, Delay: delay, Exit: &t.Last,
			Why: fmt.Sprintf("%s, restart %d in a row in %s", why, v.Nth, event.Roughly(delay))})
		if delay == 0 {
			t.wait(why)
		}
	case policy.GivenUp:
		t.settle(Failed, fmt.Sprintf("%s: %s", t.Last, v.Why))
	case policy.Done:
		// A task is there to succeed. A service that was not to be restarted
		// is just over, unless it was not what it was to be.
		if t.Last.NotRun != "" || t.Last.Missed != "" && t.spec.Ready != nil || t.spec.Kind == config.Task && !t.spec.Restart.Success.Holds(t.Last) {
			t.settle(Failed, t.Last.String())
			return
		}
		t.settle(Done, t.Last.String())
	}
}

var settledEvent = map[State]event.Name{
	Stopped: event.ServiceStopped, Done: event.ServiceDone, Failed: event.ServiceFailed,
}

func (t *turn) settle(s State, why string) {
	t.enter(s, why)
	t.do(AtRest{})
	if t.watching {
		t.watching = false
		t.do(UnwatchFiles{})
	}
	if s == Done && t.Boot.Ready.IsZero() && t.spec.Kind == config.Task {
		t.Boot.Ready = t.now
	}
	t.ladder = nil
	e := event.Event{Name: settledEvent[s], Why: why}
	if t.HasRun {
		e.Exit = &t.Last
	}
	t.tell(e)
}
