package supervisor

import (
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
)

// Moment is when in the life of a service a hook runs, in the words of the
// configuration.
type Moment string

// The moments.
const (
	BeforeStart Moment = "start.before"
	AfterStart  Moment = "start.after"
	BeforeStop  Moment = "stop.before"
	AfterStop   Moment = "stop.after"
	OnLetter    Moment = "control" // a letter of runit's came
)

// hookRun is a hook under way; the zero value is none.
type hookRun struct {
	moment  Moment
	forking bool // its RunHook has no answer yet
	pid     int
	killed  bool // its time was over
	timeout time.Duration
	due     time.Time // with OnLetter: when its time is over; that of others is the machine's Due
}

func (h hookRun) on() bool { return h.moment != "" }

func (t *turn) runHook(m Moment, h *config.Hook, exit *policy.Exit) {
	t.hook = hookRun{moment: m, forking: true, timeout: h.Timeout}
	if m == AfterStop && t.bounded {
		t.hook.timeout = h.Longest()
	}
	t.endHookIn(t.hook.timeout)
	t.do(RunHook{Moment: m, Hook: h, Exit: exit})
}

// endHookIn sets the deadline of the hook; 0: none. A script that runs for a letter
// does so beside all else, which has its own.
func (t *turn) endHookIn(d time.Duration) {
	var due time.Time
	if d > 0 {
		due = t.now.Add(d)
	}
	if t.hook.moment == OnLetter {
		t.hook.due = due
	} else {
		t.Due = due
	}
}

func (t *turn) hookForked(pid int) {
	t.hook.forking, t.hook.pid = false, pid
	if t.hook.moment == AfterStop {
		t.Termed, t.Paused = false, false
	}
	switch {
	case t.State.Settled(): // given up since
		t.do(KillHook{})
	case t.hook.killed:
		t.do(KillHook{})
	case t.hook.moment == OnLetter:
	case t.State == Stopping && t.phase == climbing && t.PID == 0 && !t.forking:
		t.rung() // the stop waited for it
	case t.State == Stopping && t.phase == climbing:
		t.do(SendLate{t.ladder[0].Signal})
	}
}

func (t *turn) hookExited(in HookExited) {
	switch {
	case !t.hook.on(): // it was given up, and that was told
		t.hookOver("", in.Remains, in.Luck)
	case t.hook.killed:
		t.hookOver("took longer than "+t.hook.timeout.String(), in.Remains, in.Luck)
	case in.Exit == policy.Exit{}:
		t.hookOver("", in.Remains, in.Luck)
	default:
		t.hookOver(in.Exit.String(), in.Remains, in.Luck)
	}
}

// hookLate: the time of a hook is over, or that in which KILL ought to have
// worked.
func (t *turn) hookLate() {
	if !t.hook.killed {
		t.hook.killed = true
		t.endHookIn(config.KillTime)
		if !t.hook.forking {
			t.do(KillHook{})
		}
		return
	}
	if t.hook.forking {
		t.hookHangs()
		return
	}
	t.do(Abandon{Why: string(t.hook.moment) + " survives KILL"})
	t.stuck = true
	t.hookOver("took longer than "+t.hook.timeout.String()+" and survives KILL", true, 0.5)
}

// hookHangs: the start of a hook has not come to an end. It is killed if it ever
// does.
func (t *turn) hookHangs() {
	why := "the start of " + string(t.hook.moment) + " has not come to an end"
	if t.hook.moment == OnLetter {
		t.hookOver(why, true, 0.5) // the process gets its signal; the script is killed if it ever comes
		return
	}
	switch {
	case t.PID == 0:
		t.do(Abandon{Why: why})
		t.settle(Failed, why)
	case t.phase == completing:
		t.missed = why
		t.climb(why, t.spec.Stop.InShutdown(), toVerdict)
	default:
		t.phase = climbing
		t.rung()
	}
}

// hookOver: a hook has ended; problem is "" if as it should.
func (t *turn) hookOver(problem string, remains bool, luck float64) {
	moment := t.hook.moment
	t.hook = hookRun{}
	if t.PID == 0 {
		t.litter = remains
	}
	if problem != "" {
		problem = string(moment) + ": " + problem
		t.tell(event.Event{Name: event.HookFailed, Why: problem})
	}
	switch {
	case moment == OnLetter:
		t.scripted(problem == "", remains)
		return
	case moment == BeforeStart && t.spec.StartBefore != nil && t.spec.StartBefore.Runit:
		problem = ""
	case moment == AfterStop:
		t.Over = t.now
	}
	asExpected := map[Moment]bool{
		BeforeStart: t.State == Starting && t.phase == preparing,
		AfterStart:  t.State == Starting && t.phase == completing,
		BeforeStop:  t.State == Stopping && t.phase == draining,
		AfterStop:   t.State == Stopping && t.phase == clearing,
	}[moment]
	switch {
	case !asExpected: // a stop came between
		if t.PID == 0 && !remains {
			t.emptied()
		}
	case moment == BeforeStart && problem == "":
		t.spawn()
	case moment == BeforeStart:
		t.couldNotStart(policy.Exit{Code: 125, NotRun: problem}, luck)
		if remains {
			t.climb(problem, t.spec.Stop.InShutdown(), toVerdict)
			return
		}
		t.over()
	case moment == AfterStart && problem == "":
		t.run()
	case moment == AfterStart:
		t.missed = problem
		t.climb(problem, t.spec.Stop.InShutdown(), toVerdict)
	case t.PID == 0 && !remains:
		t.emptied()
	default:
		t.phase = climbing
		t.rung()
	}
}
