package supervisor

import (
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// State is the state of a service.
//
//	         Start                Go             Forked, IsReady
//	stopped ──────► waiting ─────────► starting ───────────────► running
//	   ▲               ▲                   │                        │
//	   │               │ Tick              │ Exited, NotForked      │ Exited
//	   │            backoff ◄──────────────┴─────────┬──────────────┘
//	   │                                             ├──► done
//	   │   Emptied                                   └──► failed
//	stopping ◄── Stop, Restart, Tick (a deadline), Looked (it is not well), or
//	             Exited with processes left
//
// Within starting and stopping it goes through phases:
//
//	starting: preparing (start.before) → executing → probing → completing (start.after)
//	stopping: draining (stop.before) → climbing the ladder → clearing (stop.after)
//
// The table in TestTransitions has every pair of situation and input; the
// picture here and the table stay together.
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
	spec *config.Service `carry:"-"`

	State   State
	Since   time.Time
	Why     string        // the reason for the state, in words
	Due     time.Time     // when a Tick is due; zero: never
	Over    time.Time     // when the last run was over, with the hook after it; before the first: when the machine was made
	Termed  bool          // the process was sent TERM
	Paused  bool          // it was stopped by a letter
	Paced   bool          // with Backoff: somebody asked for this start
	PID     int           // main process; 0: none
	Last    policy.Exit   // how the last run ended
	HasRun  bool          // Last means something
	Started time.Time     // of this run, or the last one
	Ended   time.Time     // of the last run
	LastUp  time.Duration // how long the last run lasted
	Boot    Boot          // how it came up
	Sick    string        // with Running: why it is not well; "": it is, as far as is known
	Says    string        // what this run, or the last, said of itself
	About   string        // "is reloading", "is stopping", as it says; ""
	Looked  string        // with Starting: why the last look did not find it ready; ""

	history policy.History
	verdict policy.Decision // of the last run
	phase   phase           // with Starting and Stopping: what it is at
	final   bool            // no start follows this run, whatever the policy says
	missed  string          // what this run missed
	forking bool            // a Spawn has no answer yet
	hook    hookRun         // the hook under way
	hurried bool            // with Stopping: straight to the last rung
	stuck   bool            // processes survived KILL, and live
	unclean bool            // stop.after is still to be run for this run
	litter  bool            // processes of the run live that are not its main one, which does not
	awaits  bool            // with Stopping: there is no process yet, but one is being made
	ladder  []config.Rung   // with Stopping: the rungs still to climb; the first ends at Due
	then    destination     // with Stopping: what follows
	due     time.Time       // Due, but for that of a script
	steps   []step          // of a letter under way
	leaving bool            // it stops for good
	bounded bool            // supervise itself is to end
	clocks  clocks          // with Running
	looks   looks           // with Running: what the looks at its health found

	early    bool          // with Starting: it was ready before the news of its start
	looking  bool          // somebody looks at it
	watching bool          // and at its files
	watchdog time.Duration // that of this run; 0: none
}

// Boot is how the service came up for the first time. Zero times have not come
// yet.
type Boot struct {
	Asked  time.Time // somebody wanted the service
	Went   time.Time // what it needs was there, at the last attempt
	Forked time.Time // its process was there
	Ready  time.Time // or a task had succeeded
}

// phase is what a service that starts or stops is at.
type phase int

const (
	executing  phase = iota // Starting: its process is being made
	preparing               // Starting: start.before runs
	probing                 // Starting: it runs, and is not ready yet
	completing              // Starting: start.after runs
	climbing                // Stopping: the ladder
	draining                // Stopping: stop.before runs
	clearing                // Stopping: stop.after runs
)

// destination is what follows a stop.
type destination int

const (
	toStopped destination = iota
	toVerdict             // what the policy said of the end that it cleans up after
	toStart               // start again at once: a restart, or a start request during the stop
)

// NewMachine makes the machine of a service that nobody has asked for yet.
func NewMachine(spec *config.Service, now time.Time) Machine {
	return Machine{spec: spec, State: Stopped, Since: now, Over: now, Why: "not asked for yet"}
}

// Input is something that a machine reacts to.
type Input interface{ input() }

// The inputs.
type (
	// Start asks for the service.
	Start struct{ Why string }
	// Stop asks for its end, Leave for its end for good.
	Stop  struct{ Why string }
	Leave struct{ Why string }
	// Once asks for one run.
	Once struct{ Why string }
	// Letter is one of those of runit's that ask for a signal.
	Letter struct{ Letter byte }
	// ShutDown says that supervise itself is to end.
	ShutDown struct{}
	// Restart asks for a stop and a start.
	Restart struct{ Why string }
	// Final says that this run is the last, however it ends.
	Final struct{ Why string }
	// GiveUp says that it is of no use to start the service, which has ended, again.
	GiveUp struct{ Why string }
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
	// IsReady says that the service is ready, by whatever way it has to say so.
	IsReady struct{}
	// Looked is what a look found: whether the service is ready, or well.
	Looked struct{ Err string } // "": it is
	// Pinged says that the service has reset its watchdog.
	Pinged struct{}
	// Extended says that the service asks for more time (EXTEND_TIMEOUT_USEC).
	Extended struct{ By time.Duration }
	// WatchdogIs says that the service has set its own watchdog (WATCHDOG_USEC).
	WatchdogIs struct{ Every time.Duration }
	// Failing says that the service itself says that it has failed
	// (WATCHDOG=trigger).
	Failing struct{ Why string }
	// Reset has earlier starts forgotten, as if somebody had asked for the
	// service now (RESTART_RESET).
	Reset struct{}
	// SaysText is what a service has to say to people (STATUS), SaysAbout what it
	// says that it is doing.
	SaysText  struct{ Text string }
	SaysAbout struct{ About string }
	// MainIs says that another process is the main one now (MAINPID).
	MainIs struct{ PID int }
	// HookForked answers a RunHook, and so do the next: it runs, it could not be started,
	// there is no such program and need not be, it has ended.
	HookForked    struct{ PID int }
	HookNotForked struct {
		Err     string
		Remains bool
		Luck    float64
	}
	HookMissing struct {
		Remains bool
		Luck    float64
	}
	HookExited struct {
		Exit    policy.Exit
		Remains bool // processes of the tree live
		Luck    float64
	}
	// Tick says that Due has come.
	Tick struct{}
	// Hurry skips to the last rung of the ladder.
	Hurry struct{}
)

func (Start) input()         {}
func (Stop) input()          {}
func (Leave) input()         {}
func (Once) input()          {}
func (Letter) input()        {}
func (ShutDown) input()      {}
func (HookMissing) input()   {}
func (Restart) input()       {}
func (Final) input()         {}
func (GiveUp) input()        {}
func (Go) input()            {}
func (Waits) input()         {}
func (Forked) input()        {}
func (NotForked) input()     {}
func (Exited) input()        {}
func (Emptied) input()       {}
func (IsReady) input()       {}
func (Looked) input()        {}
func (Pinged) input()        {}
func (Extended) input()      {}
func (WatchdogIs) input()    {}
func (Failing) input()       {}
func (MainIs) input()        {}
func (Reset) input()         {}
func (SaysText) input()      {}
func (SaysAbout) input()     {}
func (HookForked) input()    {}
func (HookNotForked) input() {}
func (HookExited) input()    {}
func (Tick) input()          {}
func (Hurry) input()         {}

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
	// AtRest says that the service will not run again by itself: what was kept
	// for its next run may go.
	AtRest struct{}
	// Abandon reports the processes that survived the ladder.
	Abandon struct{ Why string }
	// SendMain signals the main process alone.
	SendMain struct {
		Signal signals.Signal
		Why    string
	}
	// LookReady begins to look whether the service is ready, LookHealth whether
	// it is well, as often as its configuration says. EndLooks ends both.
	LookReady  struct{}
	LookHealth struct{}
	// LookIdle begins to look whether it has connections.
	LookIdle struct{}
	EndLooks struct{}
	// WatchFiles begins to watch the files of a service, UnwatchFiles ends that.
	WatchFiles   struct{}
	UnwatchFiles struct{}
	// RunHook starts a hook of the service, KillHook ends it at once.
	RunHook struct {
		Moment Moment
		Hook   *config.Hook
		Exit   *policy.Exit // with AfterStop: how the run ended; nil: there was none
	}
	KillHook struct{}
	// EndInput ends the standard input of a log service.
	EndInput struct{}
)

func (Spawn) action()        {}
func (Send) action()         {}
func (SendLate) action()     {}
func (Tell) action()         {}
func (AtRest) action()       {}
func (Abandon) action()      {}
func (SendMain) action()     {}
func (LookReady) action()    {}
func (LookHealth) action()   {}
func (LookIdle) action()     {}
func (EndLooks) action()     {}
func (WatchFiles) action()   {}
func (UnwatchFiles) action() {}
func (RunHook) action()      {}
func (KillHook) action()     {}
func (EndInput) action()     {}

// Next is the whole behaviour of a service.
func (m Machine) Next(in Input, now time.Time) (Machine, []Action) {
	t := &turn{Machine: m, now: now}
	t.Due = m.due
	switch in := in.(type) {
	case Start:
		t.leaving = false
		t.start(in.Why)
	case Stop:
		t.leaving = false
		t.stop(in.Why)
	case Leave:
		t.leaving = true
		t.stop(in.Why)
	case Once:
		t.leaving = false
		t.once(in.Why)
	case Letter:
		t.letter(in.Letter)
	case ShutDown:
		t.shutDown()
	case HookMissing:
		t.hookMissing(in.Remains, in.Luck)
	case Restart:
		t.restart(in.Why)
	case Final:
		t.lastRun(in.Why)
	case GiveUp:
		if t.State == Done {
			t.settle(Failed, in.Why)
		}
	case Go:
		if t.State == Waiting {
			t.begin()
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
	case IsReady:
		t.isReady()
	case Looked:
		t.looked(in.Err)
	case Pinged:
		t.clocks.pinged = now
	case Extended:
		t.extend(in.By)
	case WatchdogIs:
		t.setWatchdog(in.Every)
	case Failing:
		t.unwell(in.Why)
	case Reset:
		t.history = policy.History{}
	case SaysText:
		t.Says = in.Text
		t.tell(event.Event{Name: event.ServiceSays, PID: t.PID, Why: in.Text})
	case SaysAbout:
		t.says(in.About)
	case MainIs:
		t.mainIs(in.PID)
	case HookForked:
		t.hookForked(in.PID)
	case HookNotForked:
		t.hookOver("could not start: "+in.Err, in.Remains, in.Luck)
	case HookExited:
		t.hookExited(in)
	case Tick:
		switch {
		case !t.hook.due.IsZero() && !now.Before(t.hook.due):
			t.hookLate()
		case !t.Due.IsZero() && !now.Before(t.Due):
			t.tick()
		}
	case Hurry:
		t.hurry()
	}
	t.due = t.Due
	t.Due = earlier(t.Due, t.hook.due)
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
	t.endLooks()
	t.State, t.Since, t.Why, t.Due, t.Paced, t.awaits = s, t.now, why, time.Time{}, false, false
}

// endLooks: what was looked for was found, or does not matter any more.
func (t *turn) endLooks() {
	if t.looking {
		t.looking = false
		t.do(EndLooks{})
	}
}
