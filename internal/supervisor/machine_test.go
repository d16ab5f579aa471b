package supervisor

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

var update = flag.Bool("update", false, "write the golden files anew")

var zero = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// testSpec is a service without randomness: TERM for 10 s, KILL for 5 s,
// restarts after 1 s, 2 s, 4 s.
func testSpec() *config.Service {
	return &config.Service{
		Name: "web", Template: "web", Kind: config.Daemon, Autostart: true,
		Restart: policy.Restart{
			When:    policy.OnFailure,
			Backoff: policy.Backoff{Initial: time.Second, Factor: 2, Max: time.Minute},
			Success: policy.Success{Codes: []int{0}}, ResetAfter: 10 * time.Second,
		},
		Stop: config.Stop{Scope: config.Tree, Ladder: []config.Rung{
			{Signal: signals.TERM, Wait: 10 * time.Second}, {Signal: signals.KILL, Wait: 5 * time.Second}}},
		TimeoutSignal: signals.TERM,
	}
}

// life is a machine with a clock.
type life struct {
	Machine
	now     time.Time
	actions []Action
}

func newLife(spec *config.Service) *life { return &life{Machine: NewMachine(spec, zero), now: zero} }

// feed gives inputs in turn and keeps the actions of the last.
func (l *life) feed(inputs ...Input) *life {
	for _, in := range inputs {
		l.Machine, l.actions = l.Next(in, l.now)
	}
	return l
}

func (l *life) after(d time.Duration) *life {
	l.now = l.now.Add(d)
	return l
}

// did tells the actions but for the events: "spawn", "send TERM".
func (l *life) did() string {
	var did []string
	for _, a := range l.actions {
		switch a := a.(type) {
		case Spawn:
			did = append(did, "spawn")
		case Send:
			did = append(did, "send "+a.Signal.String())
		case SendLate:
			did = append(did, "late "+a.Signal.String())
		case Abandon:
			did = append(did, "abandon")
		case LookReady:
			did = append(did, "look whether ready")
		case LookHealth:
			did = append(did, "look whether well")
		case EndLooks:
			did = append(did, "end looks")
		case SendMain:
			did = append(did, "send main "+a.Signal.String())
		case RunHook:
			did = append(did, "run "+string(a.Moment))
		case KillHook:
			did = append(did, "kill hook")
		}
	}
	return strings.Join(did, ", ")
}

func (l *life) want(t *testing.T, s State, did string) *life {
	t.Helper()
	if l.State != s || l.did() != did {
		t.Fatalf("%s with %q, want %s with %q (%s)", l.State, l.did(), s, did, l.Why)
	}
	return l
}

func running(spec *config.Service) *life {
	return newLife(spec).feed(Start{}, Go{}, Forked{PID: 41})
}

// hooked has every hook, and readiness and health that are looked at.
func hooked() *config.Service {
	s := testSpec()
	s.Ready, s.StartTimeout = &config.Probe{Kind: config.ProbeTCP}, 30*time.Second
	s.Health = &config.Health{Probe: config.Probe{Kind: config.ProbeTCP}, Failures: 1, Successes: 1, Action: config.HealthRestart}
	s.StartBefore, s.StartAfter = &config.Hook{Timeout: 20 * time.Second}, &config.Hook{Timeout: 20 * time.Second}
	s.StopBefore, s.StopAfter = &config.Hook{Timeout: 20 * time.Second}, &config.Hook{Timeout: 20 * time.Second}
	return s
}

var (
	hookStarts = HookForked{PID: 51}
	hookEnds   = HookExited{Luck: 0.5}
	hookFails  = HookExited{Exit: policy.Exit{Code: 1}, Luck: 0.5}
)

// The ways of a service with hooks, to each of its phases.
func atPreparing() *life  { return newLife(hooked()).feed(Start{}, Go{}, hookStarts) }
func atProbing() *life    { return atPreparing().feed(hookEnds, Forked{PID: 41}) }
func atCompleting() *life { return atProbing().feed(Looked{}, hookStarts) }
func atRunning() *life    { return atCompleting().feed(hookEnds) }
func atDraining() *life   { return atRunning().feed(Stop{}, hookStarts) }
func atClimbing() *life   { return atDraining().feed(hookEnds) }
func atClearing() *life   { return atClimbing().feed(exited(0), hookStarts) }

func exited(code int) Exited { return Exited{Exit: policy.Exit{Code: code}} }

// situations are all that a machine can be in, as far as inputs tell them
// apart.
var situations = []struct {
	name string
	life func() *life
}{
	{"stopped", func() *life { return newLife(testSpec()) }},
	{"waiting", func() *life { return newLife(testSpec()).feed(Start{}) }},
	{"starting", func() *life { return newLife(testSpec()).feed(Start{}, Go{}) }},
	{"running", func() *life { return running(testSpec()) }},
	{"running, due", func() *life {
		s := testSpec()
		s.RunTimeout = 10 * time.Second
		return running(s)
	}},
	{"running, final", func() *life { return running(testSpec()).feed(Final{}) }},
	{"stopping", func() *life { return running(testSpec()).feed(Stop{}) }},
	{"stopping, forking", func() *life { return newLife(testSpec()).feed(Start{}, Go{}, Stop{}) }},
	{"stopping, to start", func() *life { return running(testSpec()).feed(Restart{}) }},
	{"stopping, leftovers", func() *life {
		return running(testSpec()).feed(Exited{Exit: policy.Exit{Code: 1}, Remains: true})
	}},
	{"stopping, last rung", func() *life { return running(testSpec()).feed(Stop{}, Hurry{}) }},
	{"backoff", func() *life { return running(testSpec()).feed(exited(1)) }},
	{"done", func() *life { return running(testSpec()).feed(exited(0)) }},
	{"failed", func() *life {
		s := testSpec()
		s.Restart.Limit = 1
		return running(s).feed(exited(1))
	}},
	{"starting, start.before to come", func() *life { return newLife(hooked()).feed(Start{}, Go{}) }},
	{"starting, preparing", atPreparing},
	{"starting, probing", atProbing},
	{"starting, completing", atCompleting},
	{"running, looked at", atRunning},
	{"running, watchdog", func() *life {
		s := testSpec()
		s.Watchdog = 10 * time.Second
		return running(s)
	}},
	{"stopping, draining", atDraining},
	{"stopping, drained", atClimbing},
	{"stopping, clearing", atClearing},
	{"stopping, clearing, hook killed", func() *life { return atClearing().after(20 * time.Second).feed(Tick{}) }},
	{"stopping, clearing after a crash", func() *life { return atRunning().feed(exited(1), hookStarts) }},
	{"failed, survivors", func() *life {
		return running(testSpec()).feed(Stop{}, Hurry{}).after(10 * time.Second).feed(Tick{})
	}},
}

var inputs = []struct {
	name string
	in   Input
}{
	{"Start", Start{}}, {"Stop", Stop{}}, {"Restart", Restart{}}, {"Final", Final{}}, {"GiveUp", GiveUp{"why"}}, {"Go", Go{}}, {"Waits", Waits{}},
	{"Forked", Forked{PID: 42}}, {"NotForked", NotForked{Status: 127, Err: "gone"}},
	{"Exited 0", exited(0)}, {"Exited 1", exited(1)},
	{"Exited 1, remains", Exited{Exit: policy.Exit{Code: 1}, Remains: true}},
	{"Exited 1, remains untouched", Exited{Exit: policy.Exit{Code: 1}, Remains: true, Untouched: true}},
	{"Emptied", Emptied{}}, {"Tick", Tick{}}, {"Hurry", Hurry{}},
	{"IsReady", IsReady{}}, {"Looked, well", Looked{}}, {"Looked, not well", Looked{Err: "refused"}},
	{"Pinged", Pinged{}}, {"Extended", Extended{By: time.Minute}}, {"WatchdogIs", WatchdogIs{Every: time.Minute}}, {"Failing", Failing{Why: "lost"}},
	{"MainIs", MainIs{PID: 43}},
	{"HookForked", hookStarts}, {"HookNotForked", HookNotForked{Err: "gone"}}, {"HookExited 0", hookEnds}, {"HookExited 1", hookFails},
	{"HookExited 0, remains", HookExited{Remains: true}},
}

// possible leaves out what the owner never does: it tells of a fork that it
// was asked for, and of the end of a process that there is.
func possible(l *life, in Input) bool {
	switch in.(type) {
	case Forked, NotForked:
		return l.forking
	case Exited, MainIs:
		return l.PID != 0
	case HookForked, HookNotForked:
		return l.hook.forking
	case HookExited:
		return l.hook.pid != 0
	}
	return true
}

var phaseNames = map[phase]string{executing: "executing", preparing: "preparing", probing: "probing", completing: "completing",
	climbing: "climbing", draining: "draining", clearing: "clearing"}

// TestTransitions writes down what every input does in every situation and
// compares it with testdata/transitions.txt, which is read by people: look at
// each line that a change of the machine changes there.
func TestTransitions(t *testing.T) {
	var b strings.Builder
	for _, s := range situations {
		fmt.Fprintf(&b, "%s\n", s.name)
		for _, in := range inputs {
			l := s.life()
			if !possible(l, in.in) {
				continue
			}
			before := l.Machine
			l.after(10 * time.Second).feed(in.in)
			line := "nothing"
			if l.State != before.State || l.did() != "" || l.Machine.then != before.then || l.final != before.final {
				line = string(l.State)
			}
			if phase := phaseNames[l.phase]; l.phase != before.phase && (l.State == Starting || l.State == Stopping) {
				line = string(l.State) + " (" + phase + ")"
			}
			if l.did() != "" {
				line += ", " + l.did()
			}
			if l.State == Stopping && l.Machine.then != before.then {
				line += ", then " + [...]string{"stopped", "as the policy says", "start"}[l.Machine.then]
			}
			if !l.Due.IsZero() {
				line += fmt.Sprintf(", due in %s", l.Due.Sub(l.now))
			}
			fmt.Fprintf(&b, "  %-28s %s\n", in.name, line)
		}
	}
	const golden = "testdata/transitions.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the machine behaves differently (-golden +now):\n%s", diff)
	}
}

func TestStopDuringBackoffCancelsTheRestart(t *testing.T) {
	l := running(testSpec()).feed(exited(1)).want(t, Backoff, "")
	l.feed(Stop{}).want(t, Stopped, "")
	l.after(time.Hour).feed(Tick{}).want(t, Stopped, "")
}

func TestBackoffGrowsAndResetsAfterALongRun(t *testing.T) {
	l := running(testSpec())
	for _, want := range []time.Duration{1, 2, 4, 8} {
		l.after(time.Second).feed(exited(1)).want(t, Backoff, "")
		if got := l.Due.Sub(l.now); got != want*time.Second {
			t.Fatalf("restart in %s, want %ds", got, want)
		}
		l.after(want*time.Second).feed(Tick{}).want(t, Waiting, "").feed(Go{}).want(t, Starting, "spawn").feed(Forked{PID: 42})
	}
	l.after(10 * time.Second).feed(exited(1))
	if got := l.Due.Sub(l.now); got != time.Second {
		t.Fatalf("after a long run: restart in %s, want 1s", got)
	}
}

func TestDelayCountsFromTheEndOfTheProcessNotOfItsLeftovers(t *testing.T) {
	l := running(testSpec()).feed(Exited{Exit: policy.Exit{Code: 1}, Remains: true}).want(t, Stopping, "send TERM")
	l.after(600*time.Millisecond).feed(Emptied{}).want(t, Backoff, "")
	if got := l.Due.Sub(l.now); got != 400*time.Millisecond {
		t.Fatalf("restart in %s, want 400ms", got)
	}
}

func TestLadderIsClimbedRungByRungAndEnds(t *testing.T) {
	l := running(testSpec()).feed(Stop{}).want(t, Stopping, "send TERM")
	l.after(9999*time.Millisecond).feed(Tick{}).want(t, Stopping, "")
	l.after(time.Millisecond).feed(Tick{}).want(t, Stopping, "send KILL")
	l.after(5*time.Second).feed(Tick{}).want(t, Failed, "abandon")
	// It lives on, so it is not started again beside itself.
	l.feed(Start{}).want(t, Failed, "")
	l.feed(Exited{Exit: policy.Exit{Signal: signals.KILL}}).want(t, Failed, "")
	l.feed(Start{}).want(t, Waiting, "")
}

func TestStartDuringStopStartsAfterIt(t *testing.T) {
	l := running(testSpec()).feed(Stop{}, Start{}).want(t, Stopping, "")
	l.feed(exited(0)).want(t, Waiting, "")
}

func TestStopAfterStartDuringStopWins(t *testing.T) {
	l := running(testSpec()).feed(Stop{}, Start{}, Stop{}).want(t, Stopping, "")
	l.feed(exited(0)).want(t, Stopped, "")
}

func TestStopWhileForkingStopsTheNewborn(t *testing.T) {
	l := newLife(testSpec()).feed(Start{}, Go{}, Stop{}).want(t, Stopping, "")
	l.feed(Forked{PID: 41}).want(t, Stopping, "send TERM")
	l.feed(exited(0)).want(t, Stopped, "")
}

func TestStopOfAStartThatHangsEnds(t *testing.T) {
	l := newLife(testSpec()).feed(Start{}, Go{}, Stop{}).want(t, Stopping, "")
	l.after(15*time.Second).feed(Tick{}).want(t, Failed, "abandon")
	l.feed(Start{}).want(t, Failed, "") // it may still come up
	l.feed(Forked{PID: 41}).want(t, Stopping, "send TERM")
	l.feed(exited(0)).want(t, Stopped, "")
}

func TestTimeoutTakesItsOwnSignalThenTheLadder(t *testing.T) {
	s := testSpec()
	s.RunTimeout, s.TimeoutSignal = time.Second, 14
	s.Restart.When = policy.Never
	l := running(s).after(time.Second).feed(Tick{}).want(t, Stopping, "send ALRM")
	l.after(10*time.Second).feed(Tick{}).want(t, Stopping, "send TERM")
	l.after(10*time.Second).feed(Tick{}).want(t, Stopping, "send KILL")
	l.feed(Exited{Exit: policy.Exit{Signal: signals.KILL}}).want(t, Done, "")
	if l.Last.Missed == "" {
		t.Error("the end does not say that it timed out")
	}
}

func TestTimedOutRunIsAFailureThatThePolicyAnswers(t *testing.T) {
	s := testSpec()
	s.RunTimeout = time.Second
	l := running(s).after(time.Second).feed(Tick{}).want(t, Stopping, "send TERM")
	l.feed(exited(0)).want(t, Backoff, "")
	l.after(time.Second).feed(Tick{}, Go{}, Forked{PID: 42}, exited(0)).want(t, Done, "")
	if l.Last.Missed != "" {
		t.Errorf("the second run says %q of the first", l.Last.Missed)
	}
}

func TestLimitGivesUp(t *testing.T) {
	s := testSpec()
	s.Restart.Limit = 3
	l := running(s)
	for range 2 {
		l.feed(exited(1)).want(t, Backoff, "").after(time.Minute).feed(Tick{}, Go{}, Forked{PID: 42})
	}
	l.feed(exited(1)).want(t, Failed, "")
}

func TestFailedStartFollowsThePolicy(t *testing.T) {
	l := newLife(testSpec()).feed(Start{}, Go{}, NotForked{Status: 127, Err: "not found"}).want(t, Backoff, "")
	l.after(time.Second).feed(Tick{}, Go{}).want(t, Starting, "spawn")
}

func TestLeftoversThatSawNothingGetTheWholeLadder(t *testing.T) {
	l := running(testSpec()).feed(Stop{}).after(7 * time.Second)
	l.feed(Exited{Remains: true, Untouched: true}).want(t, Stopping, "send TERM")
	if got := l.Due.Sub(l.now); got != 10*time.Second {
		t.Errorf("the next rung comes after %s, want 10s", got)
	}
}

func TestNextLeavesTheOldMachineAsItWas(t *testing.T) {
	for _, s := range situations {
		for _, in := range inputs {
			l := s.life()
			if !possible(l, in.in) {
				continue
			}
			before := fmt.Sprintf("%+v", l.Machine)
			_, _ = l.Next(in.in, l.now.Add(time.Hour))
			if now := fmt.Sprintf("%+v", l.Machine); now != before {
				t.Errorf("%s, %s: the machine was changed in place:\n%s\n%s", s.name, in.name, before, now)
			}
		}
	}
}

// checked is a service whose health takes two looks either way.
func checked(a config.HealthAction) *life {
	s := testSpec()
	s.Health = &config.Health{Failures: 2, Successes: 2, Action: a, Signal: signals.HUP}
	return running(s)
}

func (l *life) told(n event.Name) int {
	count := 0
	for _, a := range l.actions {
		if e, ok := a.(Tell); ok && e.Event.Name == n {
			count++
		}
	}
	return count
}

func TestHealthTakesSoManyLooksInARowAndIsToldOnce(t *testing.T) {
	bad, good := Looked{Err: "down"}, Looked{}
	l := checked(config.HealthSignal)
	for i, step := range []struct {
		look                 Looked
		sick, lost, regained bool
	}{
		{bad, false, false, false}, {good, false, false, false}, // one in a row is not two
		{bad, false, false, false}, {bad, true, true, false},
		{bad, true, false, false}, {bad, true, false, false}, {bad, true, false, false}, // lost already
		{good, true, false, false}, {bad, true, false, false}, // one success is not two
		{good, true, false, false}, {good, false, false, true},
		{good, false, false, false}, // regained already
		{bad, false, false, false}, {bad, true, true, false},
	} {
		l.feed(step.look)
		lost, regained := l.told(event.HealthLost) == 1, l.told(event.HealthRegained) == 1
		if l.State != Running || (l.Sick != "") != step.sick || lost != step.lost || regained != step.regained {
			t.Fatalf("step %d: %s, sick %q, lost told %v, regained told %v; want %+v", i, l.State, l.Sick, lost, regained, step)
		}
		signal := ""
		if step.lost {
			signal = "send main HUP"
		}
		l.want(t, Running, signal)
	}
}

func TestMoreTimeNeverTakesAnyAway(t *testing.T) {
	timed := testSpec()
	timed.RunTimeout = time.Minute
	for name, l := range map[string]*life{
		"probing":  atProbing(),  // 30 s
		"climbing": atClimbing(), // 10 s
		"running":  running(timed),
	} {
		was := l.Due
		if was.IsZero() {
			t.Fatalf("%s: it has no deadline", name)
		}
		if l.feed(Extended{By: time.Second}); !l.Due.Equal(was) {
			t.Errorf("%s: a second more made %s of %s", name, l.Due.Sub(l.now), was.Sub(l.now))
		}
		if l.feed(Extended{By: time.Hour}); l.Due.Sub(l.now) != time.Hour {
			t.Errorf("%s: an hour more gives %s", name, l.Due.Sub(l.now))
		}
	}
	for name, l := range map[string]*life{"start.before": atPreparing(), "start.after": atCompleting(), "stop.before": atDraining(), "stop.after": atClearing()} {
		was := l.Due
		if l.feed(Extended{By: time.Hour}); !l.Due.Equal(was) {
			t.Errorf("%s has a timeout of its own, and got another", name)
		}
	}
	if l := running(testSpec()).feed(Extended{By: time.Hour}); !l.Due.IsZero() {
		t.Error("what has no deadline got one")
	}
}

// What a hook has left behind while the main process lives is of the run: it is
// no reason to go on waiting when that ends and takes everything along.
func TestLeftoversOfAHookAreOfTheRunWhileItsMainProcessLives(t *testing.T) {
	left := HookExited{Remains: true, Luck: 0.5}
	l := atCompleting().feed(left)
	l.want(t, Running, "look whether well")
	if l.litter {
		t.Error("there is litter beside a main process")
	}
	l = atDraining().feed(left)
	l.want(t, Stopping, "send TERM")
	l.feed(exited(0)).want(t, Stopping, "run stop.after")
}

// A stop that once waited for a fork, which failed, is forgotten by the next one: a
// hurried one signals the main process at once.
func TestAStopThatHurriesDoesNotWaitForAForkOfLongAgo(t *testing.T) {
	s := testSpec()
	s.StopBefore = &config.Hook{Timeout: 20 * time.Second}
	l := newLife(s).feed(Start{}, Go{}, Restart{}).want(t, Stopping, "")
	l.feed(NotForked{Err: "no process is left", Luck: 0.5}, Go{}, Forked{PID: 41}).want(t, Running, "")
	l.feed(Stop{}).want(t, Stopping, "run stop.before")
	l.feed(Hurry{}).want(t, Stopping, "send KILL")
}
