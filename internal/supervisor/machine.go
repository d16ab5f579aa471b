package supervisor

import (
	"fmt"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// State is the state of a service.
//
//	         Start                Go              Started, Ready
//	stopped ──────► waiting ─────────► starting ───────────────► running
//	   ▲               ▲                   │                        │
//	   │               │ Tick              │ Exited, StartFailed    │ Exited
//	   │            backoff ◄──────────────┴─────────┬──────────────┘
//	   │                                             ├──► done
//	   │   Emptied                                   └──► failed
//	stopping ◄── Stop, Restart, Tick (a deadline), or Exited with processes left
//
// The table in TestTransitions has every pair of state and input; the picture
// here and the table stay together.
type State string

// The states.
const (
	Stopped  State = "stopped"  // not asked for
	Waiting  State = "waiting"  // for what it needs
	Starting State = "starting" // until it is ready
	Running  State = "running"
	Stopping State = "stopping" // climbing the ladder, or waiting for what is left
	Backoff  State = "backoff"  // until its next start
	Done     State = "done"     // ended, and is not to run again
	Failed   State = "failed"   // gave up
)

// Settled says that nothing will happen to the service by itself.
func (s State) Settled() bool { return s == Stopped || s == Done || s == Failed }

// Machine is the life of one service. It is a value: [Machine.Next] takes an
// input and a time and gives the machine after it, with the actions that the
// owner is to carry out. No clock, no randomness, no system call is in it.
type Machine struct {
	spec *config.Service

	State   State
	Since   time.Time
	Why     string      // the reason for the state, in words
	Due     time.Time   // when a Tick is due; zero: never
	PID     int         // main process; 0: none
	Last    policy.Exit // how the last run ended
	HasRun  bool        // Last means something
	Started time.Time   // of this run, or the last one
	Ended   time.Time   // of the last run

	history policy.History
	verdict policy.Decision // of the last run
	final   bool            // no start follows this run, whatever the policy says
	missed  string          // the deadline that this run missed
	forking bool            // a Spawn has no answer yet
	hurried bool            // with Stopping: straight to the last rung
	stuck   bool            // processes survived KILL, and live
	ladder  []config.Rung   // with Stopping: the rungs still to climb; the first ends at Due
	then    destination     // with Stopping: what follows
}

// destination is what follows a stop.
type destination int

const (
	toStopped destination = iota
	toVerdict             // what the policy said of the end that it cleans up after
	toStart               // start again at once: a restart, or a start request during the stop
)

// NewMachine makes the machine of a service that nobody has asked for yet.
func NewMachine(spec *config.Service, now time.Time) Machine {
	return Machine{spec: spec, State: Stopped, Since: now, Why: "not asked for yet"}
}

// Input is something that a machine reacts to.
type Input interface{ input() }

// The inputs.
type (
	// Start asks for the service.
	Start struct{ Why string }
	// Stop asks for its end.
	Stop struct{ Why string }
	// Restart asks for a stop and a start.
	Restart struct{ Why string }
	// Final says that this run is the last, however it ends.
	Final struct{ Why string }
	// Go says that everything is there which the service waits for.
	Go struct{}
	// Waits says what the service waits for.
	Waits struct{ Why string }
	// Forked answers a Spawn: the process runs.
	Forked struct {
		PID int
		At  time.Time // when; zero: now
	}
	// NotForked answers a Spawn: no process could be made.
	NotForked struct {
		Status int // as an exit status: 125, 126, 127
		Err    string
		Luck   float64
	}
	// Exited says that the main process has ended.
	Exited struct {
		Exit      policy.Exit
		Remains   bool    // other processes of its tree live on
		Untouched bool    // and have not been sent what the ladder sent so far
		Luck      float64 // see [policy.Backoff.Delay]
	}
	// Emptied says that no process of the tree is left.
	Emptied struct{}
	// Tick says that Due has come.
	Tick struct{}
	// Hurry skips to the last rung of the ladder.
	Hurry struct{}
)

func (Start) input()     {}
func (Stop) input()      {}
func (Restart) input()   {}
func (Final) input()     {}
func (Go) input()        {}
func (Waits) input()     {}
func (Forked) input()    {}
func (NotForked) input() {}
func (Exited) input()    {}
func (Emptied) input()   {}
func (Tick) input()      {}
func (Hurry) input()     {}

// Action is something that the owner is to do.
type Action interface{ action() }

// The actions.
type (
	// Spawn starts the main process.
	Spawn struct{}
	// Send signals the tree.
	Send struct{ Signal signals.Signal }
	// SendLate signals what of the tree the last Send has not met.
	SendLate struct{ Signal signals.Signal }
	// Tell reports an event.
	Tell struct{ Event event.Event }
	// Abandon reports the processes that survived the ladder.
	Abandon struct{ Why string }
)

func (Spawn) action()    {}
func (Send) action()     {}
func (SendLate) action() {}
func (Tell) action()     {}
func (Abandon) action()  {}

// Next is the whole behaviour of a service.
func (m Machine) Next(in Input, now time.Time) (Machine, []Action) {
	t := &turn{Machine: m, now: now}
	switch in := in.(type) {
	case Start:
		t.start(in.Why)
	case Stop:
		t.stop(in.Why)
	case Restart:
		t.restart(in.Why)
	case Final:
		t.lastRun(in.Why)
	case Go:
		if t.State == Waiting {
			t.spawn()
		}
	case Waits:
		if t.State == Waiting {
			t.Why = in.Why
			t.tell(event.Event{Name: event.ServiceWaiting, Why: in.Why})
		}
	case Forked:
		t.forked(in)
	case NotForked:
		t.notForked(in)
	case Exited:
		t.exited(in)
	case Emptied:
		t.emptied()
	case Tick:
		if !t.Due.IsZero() && !now.Before(t.Due) {
			t.tick()
		}
	case Hurry:
		t.hurry()
	}
	return t.Machine, t.actions
}

// turn is one call of Next under way.
type turn struct {
	Machine
	now     time.Time
	actions []Action
}

func (t *turn) do(a Action) { t.actions = append(t.actions, a) }

func (t *turn) tell(e event.Event) { t.do(Tell{e}) }

// enter changes the state. Due is cleared: whoever enters a state that ends by
// itself sets it.
func (t *turn) enter(s State, why string) {
	t.State, t.Since, t.Why, t.Due = s, t.now, why, time.Time{}
}

// start: a service that runs, or is about to, needs no second start.
func (t *turn) start(why string) {
	switch t.State {
	case Stopped, Done, Failed:
		if t.forking {
			return // given up while it was being forked: never two at once
		}
		if t.stuck {
			t.tell(event.Event{Name: event.ServiceFailed, Why: "not started again: processes of its last run survived KILL and still live"})
			return // never two at once
		}
		t.anew()
		t.wait(why)
	case Backoff:
		t.anew()
		t.wait(why)
	case Stopping:
		t.then = toStart
	case Waiting, Starting, Running:
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

func (t *turn) stop(why string) {
	switch t.State {
	case Waiting, Backoff:
		t.settle(Stopped, why)
	case Starting, Running:
		t.climb(why, t.spec.Stop.Ladder, toStopped)
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
		t.climb(why, t.spec.Stop.Ladder, toStart)
	case Stopping:
		t.then = toStart
	case Waiting:
	}
}

// wait is on the way to every start.
func (t *turn) wait(why string) { t.enter(Waiting, why) }

func (t *turn) spawn() {
	t.history = t.spec.Restart.Started(t.history, t.now)
	t.enter(Starting, t.Why)
	t.forking, t.missed = true, ""
	t.tell(event.Event{Name: event.ServiceStarting, Why: t.Why})
	t.do(Spawn{})
}

func (t *turn) forked(in Forked) {
	t.forking = false
	t.PID, t.Started = in.PID, t.now
	if !in.At.IsZero() {
		t.Started = in.At
	}
	t.tell(event.Event{Name: event.ServiceStarted, PID: in.PID})
	switch t.State {
	case Starting:
		// No probe asks whether it is ready: running is ready.
		t.enter(Running, "")
		t.tell(event.Event{Name: event.ServiceRunning, PID: in.PID})
		if t.spec.RunTimeout > 0 {
			t.Due = t.now.Add(t.spec.RunTimeout)
		}
	case Stopping: // asked to stop before it was there
		t.rung()
	default: // given up since
		t.climb(lateStart, t.spec.Stop.Ladder, toStopped)
	}
}

// lateStart is the reason to stop what came up when nobody waited for it any
// more.
const lateStart = "started after it was given up"

func (t *turn) notForked(in NotForked) {
	t.forking = false
	exit := policy.Exit{Code: in.Status, NotRun: in.Err}
	t.Last, t.HasRun, t.Started, t.Ended = exit, true, t.now, t.now
	t.tell(event.Event{Name: event.StartFailed, Exit: &exit, Why: in.Err})
	switch t.State {
	case Starting:
		t.judge(exit, in.Luck)
		t.follow()
	case Stopping:
		t.emptied()
	}
}

func (t *turn) exited(in Exited) {
	pid := t.PID
	t.PID = 0
	in.Exit.TimedOut = t.missed
	t.Last, t.HasRun, t.Ended = in.Exit, true, t.now
	t.tell(event.Event{Name: event.ProcessExited, PID: pid, Exit: &in.Exit, Up: t.Ended.Sub(t.Started)})
	switch t.State {
	case Starting, Running:
		t.judge(in.Exit, in.Luck)
		if in.Remains {
			t.climb("processes of the ended run are left", t.spec.Stop.Ladder, toVerdict)
			return
		}
		t.follow()
	case Stopping:
		if t.then == toVerdict { // stopped because it missed a deadline
			t.judge(in.Exit, in.Luck)
		}
		switch {
		case !in.Remains:
			t.emptied()
		case in.Untouched:
			t.ladder = t.spec.Stop.Ladder
			if t.hurried {
				t.ladder = t.ladder[len(t.ladder)-1:]
			}
			t.rung()
		default:
			// Forked while the signal went out, it may have missed it.
			t.do(SendLate{t.ladder[0].Signal})
		}
	}
	t.stuck = t.stuck && in.Remains
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
		// is just over.
		if t.Last.NotRun != "" || t.spec.Kind == config.Task && !t.spec.Restart.Success.Holds(t.Last) {
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
	t.ladder = nil
	e := event.Event{Name: settledEvent[s], Why: why}
	if t.HasRun {
		e.Exit = &t.Last
	}
	t.tell(e)
}

// climb begins a stop.
func (t *turn) climb(why string, ladder []config.Rung, then destination) {
	t.enter(Stopping, why)
	t.then, t.ladder, t.hurried = then, ladder, false
	t.tell(event.Event{Name: event.ServiceStopping, PID: t.PID, Why: why})
	if !t.forking {
		t.rung()
		return
	}
	// Else as soon as there is a process; a start that hangs (a dead file
	// server, say) gets the time of the whole ladder.
	var all time.Duration
	for _, r := range ladder {
		all += r.Wait
	}
	if all > 0 {
		t.Due = t.now.Add(all)
	}
}

// rung sends the signal of the lowest rung left and waits for its effect.
func (t *turn) rung() {
	r := t.ladder[0]
	t.do(Send{r.Signal})
	t.Due = time.Time{}
	if r.Wait > 0 {
		t.Due = t.now.Add(r.Wait)
	}
}

// tick: a deadline has come.
func (t *turn) tick() {
	t.Due = time.Time{}
	switch t.State {
	case Backoff:
		t.wait(t.Why)
	case Running:
		t.runTimedOut()
	case Stopping:
		t.escalate()
	}
}

func (t *turn) runTimedOut() {
	why := fmt.Sprintf("ran longer than %s", t.spec.RunTimeout)
	t.tell(event.Event{Name: event.RunTimedOut, PID: t.PID, Why: why})
	ladder := t.spec.Stop.Ladder
	if s := t.spec.TimeoutSignal; s != ladder[0].Signal {
		ladder = append([]config.Rung{{Signal: s, Wait: ladder[0].Wait}}, ladder...)
	}
	t.missed = why
	t.climb(why, ladder, toVerdict)
}

// escalate climbs to the next rung, or gives up on a tree that survived them
// all.
func (t *turn) escalate() {
	if t.forking {
		why := "its start has not come to an end"
		t.do(Abandon{Why: why})
		t.settle(Failed, why)
		return
	}
	waited := t.ladder[0]
	if t.ladder = t.ladder[1:]; len(t.ladder) > 0 {
		t.tell(event.Event{Name: event.StopEscalated, PID: t.PID, Signal: t.ladder[0].Signal,
			Why: fmt.Sprintf("still there %s after %s", waited.Wait, waited.Signal)})
		t.rung()
		return
	}
	why := fmt.Sprintf("still there %s after %s, the last signal of the ladder", waited.Wait, waited.Signal)
	t.do(Abandon{Why: why})
	t.stuck = true
	t.settle(Failed, why)
}

// hurry drops the rungs before the last.
func (t *turn) hurry() {
	if t.State != Stopping || t.hurried {
		return
	}
	t.hurried = true
	if len(t.ladder) < 2 {
		return
	}
	t.ladder = t.ladder[len(t.ladder)-1:]
	if !t.forking {
		t.rung()
	}
}

// emptied: nothing of the tree is left.
func (t *turn) emptied() {
	if t.PID != 0 || t.forking {
		return
	}
	t.stuck = false
	if t.State != Stopping {
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
		t.wait(why)
	}
}

// Cleaning says that the main process is gone and the rest of its tree is not
// known to be: the owner is to say so with Emptied.
func (m Machine) Cleaning() bool {
	return (m.State == Stopping || m.stuck) && m.PID == 0 && !m.forking
}

// Restarts counts the starts after the first since the service was asked for.
func (m Machine) Restarts() int { return max(m.history.Total-1, 0) }
