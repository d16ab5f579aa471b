package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// stage is a set whose processes do as they are told: a spawn is answered at
// once, and everything else by the test. It keeps what was done, in order.
type stage struct {
	*Set
	t   *testing.T
	now time.Time
	did []string
}

// named makes a service; needs are written "db", order alone "after:db".
func named(name string, relations ...string) config.Service {
	s := *testSpec()
	s.Name, s.Template = name, name
	for _, r := range relations {
		if a, ok := strings.CutPrefix(r, "after:"); ok {
			s.After = append(s.After, a)
		} else {
			s.Needs = append(s.Needs, config.Need{Name: r, For: config.NeedReady})
		}
	}
	return s
}

func task(name string, relations ...string) config.Service {
	s := named(name, relations...)
	s.Kind, s.Restart.When = config.Task, policy.Never
	return s
}

func newStage(t *testing.T, specs ...config.Service) *stage {
	s := &stage{Set: NewSet(specs, 1, zero), t: t, now: zero}
	return s
}

// play answers spawns until nothing is left to do.
func (s *stage) play() *stage {
	for out := s.Outputs(); len(out) > 0; out = s.Outputs() {
		for _, o := range out {
			switch a := o.Action.(type) {
			case Spawn:
				s.did = append(s.did, "start "+s.services[o.Service].spec.Name)
				s.Apply(o.Service, Forked{PID: 100 + o.Service}, s.now)
			case Send:
				s.did = append(s.did, a.Signal.String()+" "+s.services[o.Service].spec.Name)
			}
		}
	}
	return s
}

func (s *stage) begin(names ...string) *stage { s.Begin(names, s.now); return s.play() }

func (s *stage) exit(name string, code int) *stage {
	s.t.Helper()
	i := s.Index(name)
	if s.Machine(i).PID == 0 {
		s.t.Fatalf("%s has no process that could exit", name)
	}
	s.Apply(i, Exited{Exit: policy.Exit{Code: code}}, s.now)
	return s.play()
}

// want compares what was done since the last want.
func (s *stage) want(did ...string) *stage {
	s.t.Helper()
	if !slices.Equal(s.did, did) {
		s.t.Fatalf("did %q, want %q", s.did, did)
	}
	s.did = nil
	return s
}

func (s *stage) states(want string) *stage {
	s.t.Helper()
	var got []string
	for i := range s.services {
		got = append(got, s.services[i].spec.Name+" "+string(s.services[i].State))
	}
	if g := strings.Join(got, ", "); g != want {
		s.t.Fatalf("states are %q, want %q", g, want)
	}
	return s
}

func (s *stage) finished(want int) {
	s.t.Helper()
	if status, ok := s.Finished(); !ok || status != want {
		s.t.Fatalf("finished is %v with status %d, want true with %d", ok, status, want)
	}
}

func (s *stage) unfinished() *stage {
	s.t.Helper()
	if _, ok := s.Finished(); ok {
		s.t.Fatal("finished")
	}
	return s
}

func TestStartsInOrderOfNeedAndStopsInReverse(t *testing.T) {
	s := newStage(t, named("web", "app"), named("app", "db"), named("db"))
	s.begin().want("start db", "start app", "start web")
	s.Shutdown("test", 0, s.now)
	s.play().want("TERM web")
	s.exit("web", 0).want("TERM app")
	s.exit("app", 0).want("TERM db").unfinished()
	s.exit("db", 0).want().finished(0)
}

func TestUnrelatedServicesStopTogether(t *testing.T) {
	s := newStage(t, named("a"), named("b"), named("c", "a"))
	s.begin()
	s.did = nil
	s.Shutdown("test", 0, s.now)
	s.play().want("TERM b", "TERM c")
}

func TestTaskGatesWhatNeedsItAndHoldsTheStopOrder(t *testing.T) {
	s := newStage(t, named("db"), task("migrate", "db"), named("web", "migrate"))
	s.begin().want("start db", "start migrate")
	s.exit("migrate", 0).want("start web")
	s.Shutdown("test", 0, s.now)
	s.play().want("TERM web") // db has to wait, though migrate is over
	s.exit("web", 0).want("TERM db")
	s.exit("db", 0).finished(0)
}

func TestFailedTaskLeavesItsDependantsWaitingAndEndsWithOne(t *testing.T) {
	s := newStage(t, task("migrate"), named("web", "migrate"))
	s.begin().want("start migrate")
	s.exit("migrate", 3).want().states("migrate failed, web waiting").finished(1)
	if why := s.Machine(1).Why; !strings.Contains(why, "needs migrate, which is failed (exited 3)") {
		t.Errorf("web waits because %q", why)
	}
}

func TestAfterOrdersWithoutNeeding(t *testing.T) {
	s := newStage(t, task("warm"), named("web", "after:warm"))
	s.begin().want("start warm")
	s.exit("warm", 1).want("start web")
}

func TestAfterIsOnlyOrderWhenTheOtherWasNotAskedFor(t *testing.T) {
	s := newStage(t, named("cache"), named("web", "after:cache"))
	s.begin("web").want("start web")
}

func TestNamesStartWhatTheyNeedAndNothingElse(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db"), named("other"))
	s.begin("web").want("start db", "start web").states("db running, web running, other stopped")
}

func TestNotAutostartedIsLeftAlone(t *testing.T) {
	manual := named("manual")
	manual.Autostart = false
	newStage(t, manual, named("web")).begin().want("start web")
}

func TestStopTakesDependantsAlongFirst(t *testing.T) {
	s := newStage(t, named("db"), task("migrate", "db"), named("web", "migrate"), named("other", "after:db"))
	s.begin()
	s.exit("migrate", 0)
	s.did = nil
	s.Stop(s.Index("db"), "asked", s.now)
	s.play().want("TERM web")
	s.exit("web", 0).want("TERM db")
	s.exit("db", 0).states("db stopped, migrate done, web stopped, other running")
}

func TestStartAfterStopStartsOnlyWhatWasAsked(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db"))
	s.begin()
	s.Stop(s.Index("db"), "asked", s.now)
	s.play().exit("web", 0).exit("db", 0)
	s.did = nil
	s.Start(s.Index("web"), "asked", s.now)
	s.play().want("start db", "start web")
}

func TestStopDuringBackoffIsImmediateThoughDependantsRun(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db"))
	s.begin().exit("db", 1).states("db backoff, web running")
	s.did = nil
	s.Shutdown("test", 0, s.now)
	s.play().want("TERM web").states("db stopped, web stopping")
}

func TestCrashWhileWaitingForDependantsIsNotRestarted(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db"))
	s.begin()
	s.Shutdown("test", 0, s.now)
	s.play().states("db running, web stopping")
	s.exit("db", 1).states("db stopped, web stopping")
	s.exit("web", 0).finished(0)
}

func TestCriticalServiceEndsEverythingWithItsStatus(t *testing.T) {
	main := named("main")
	main.Critical, main.Restart.When = true, policy.Never
	s := newStage(t, main, named("side"))
	s.begin().exit("main", 7).states("main done, side stopping")
	s.exit("side", 0).finished(7)
}

func TestCriticalServiceThatGivesUpEndsWithOne(t *testing.T) {
	main := named("main")
	main.Critical, main.Restart.Limit = true, 1
	s := newStage(t, main)
	s.begin().exit("main", 7).states("main failed").finished(1)
}

func TestEndsByItselfWhenNothingIsLeftThatCouldRun(t *testing.T) {
	s := newStage(t, task("a"), task("b", "a"))
	s.begin().unfinished()
	s.exit("a", 0).unfinished()
	s.exit("b", 0).finished(0)
}

func TestHurryTakesAllToTheLastRung(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db"))
	s.begin()
	s.Shutdown("test", 0, s.now)
	s.play()
	s.did = nil
	s.Hurry("test", s.now)
	s.play().want("TERM db", "KILL db", "KILL web")
}

func TestChainOfThousandsStartsAndStops(t *testing.T) {
	const n = 3000
	var specs []config.Service
	for i := range n {
		s := named(fmt.Sprint("s", i))
		if i > 0 {
			s.Needs = []config.Need{{Name: fmt.Sprint("s", i-1), For: config.NeedReady}}
		}
		specs = append(specs, s)
	}
	s := newStage(t, specs...).begin()
	if len(s.did) != n || s.did[0] != "start s0" || s.did[n-1] != fmt.Sprint("start s", n-1) {
		t.Fatalf("%d starts, first %q, last %q", len(s.did), s.did[0], s.did[n-1])
	}
	s.did = nil
	s.Shutdown("test", 0, s.now)
	for i := n - 1; i >= 0; i-- {
		s.play().want(fmt.Sprint("TERM s", i))
		s.exit(fmt.Sprint("s", i), 0)
		if i > 0 {
			s.did = s.did[len(s.did)-1:]
		}
	}
	s.finished(0)
}

func TestTickServesDeadlinesInOrderOfTime(t *testing.T) {
	s := newStage(t, named("a"), named("b"))
	s.begin()
	s.exit("a", 1) // due in 1 s
	s.now = s.now.Add(500 * time.Millisecond)
	s.exit("b", 1) // due in 1.5 s
	s.did = nil
	if at, ok := s.NextDue(); !ok || at.Sub(zero) != time.Second {
		t.Fatalf("next due at %s, %v", at.Sub(zero), ok)
	}
	s.now = zero.Add(2 * time.Second)
	s.Tick(s.now)
	s.play().want("start a", "start b")
	if _, ok := s.NextDue(); ok {
		t.Error("something is due though all is running")
	}
}

func TestReceiversAreThoseThatForwardEachWithItsOwnTranslation(t *testing.T) {
	a, b := named("a"), named("b")
	a.Forward, a.Map = []signals.Signal{signals.HUP}, signals.Translation{signals.HUP: 10}
	b.Forward, b.Map = []signals.Signal{signals.HUP}, signals.Translation{signals.HUP: signals.Drop}
	s := newStage(t, a, b, named("c"))
	if got := fmt.Sprint(s.Receivers(signals.HUP)); got != "map[0:USR1 1:0]" {
		t.Errorf("got %s", got)
	}
}

func TestBootStepsFollowWhatWasWaitedFor(t *testing.T) {
	s := newStage(t, named("web", "app", "cache"), named("app", "migrate"), task("migrate", "db"), named("db"), named("cache"))
	s.begin()
	s.now = s.now.Add(3 * time.Second)
	s.exit("migrate", 0).states("web running, app running, migrate done, db running, cache running")
	var got []string
	for _, step := range s.BootSteps() {
		got = append(got, fmt.Sprintf("%s for %q after %s, critical: %v", step.Name, step.For, step.Ready.Sub(zero), step.Critical))
	}
	want := []string{
		`db for "" after 0s, critical: true`,
		`cache for "" after 0s, critical: false`,
		`web for "app" after 3s, critical: true`,
		`app for "migrate" after 3s, critical: true`,
		`migrate for "db" after 3s, critical: true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func lazy(name string) config.Service {
	s := named(name)
	s.Sockets = []config.Socket{{Lazy: true}}
	return s
}

func TestALazyServiceThatNeverAnswersIsNotWokenForEver(t *testing.T) {
	s := newStage(t, lazy("web"))
	s.begin().want().states("web stopped").unfinished()
	for range maxWakes {
		if !s.services[0].armed {
			t.Fatal("it is not armed")
		}
		s.Connected(0, s.now)
		s.play().want("start web")
		s.now = s.now.Add(10 * time.Millisecond)
		s.exit("web", 0)
	}
	if s.services[0].armed {
		t.Fatal("it would be woken for ever")
	}
	s.Start(0, "by hand", s.now)
	s.play().want("start web")
	s.now = s.now.Add(time.Minute)
	if s.exit("web", 0); !s.services[0].armed {
		t.Error("after a long run it is not armed again")
	}
}

func TestANeedOfARestingServiceDoesNotStartIt(t *testing.T) {
	app := named("app", "web")
	app.Autostart = false
	s := newStage(t, lazy("web"), app).begin()
	s.Connected(0, s.now)
	s.play().want("start web")
	s.Unused(0, "no connection", s.now)
	s.play().want("TERM web")
	// Its socket is there all the time, and its end arms it: that is all that app
	// needs.
	s.Start(s.Index("app"), "by hand", s.now)
	s.play().want("start app")
	s.exit("web", 0).want().states("web stopped, app running")
	if !s.services[0].armed {
		t.Error("it is not armed")
	}
}

func TestALazyServiceStoppedByHandIsArmedByWhatNeedsIt(t *testing.T) {
	app := named("app", "web")
	app.Autostart = false
	s := newStage(t, lazy("web"), app).begin()
	s.attended = true
	s.StopByHand(0, "by hand", s.now)
	s.Connected(0, s.now)
	if s.play().want().states("web stopped, app stopped").unfinished(); s.services[0].armed {
		t.Error("it is armed though somebody stopped it")
	}
	s.Start(s.Index("app"), "by hand", s.now)
	s.play().want("start app")
	if w := s.services[0]; !w.armed || w.byHand {
		t.Errorf("armed %v, stopped by hand %v; want it armed by what needs it", w.armed, w.byHand)
	}
}

// A service that moves its deadline, however often, leaves no old ones behind; and no
// deadline is lost for it.
func TestDeadlinesThatWereMovedDoNotPileUp(t *testing.T) {
	moves, other := named("moves"), named("other")
	other.RunTimeout = time.Hour
	s := newStage(t, moves, other).begin()
	most := 0
	for range 10_000 {
		s.now = s.now.Add(time.Second / 10)
		s.Apply(s.Index("moves"), WatchdogIs{Every: 2 * time.Hour}, s.now)
		s.play()
		most = max(most, len(s.due))
	}
	if most > 100 {
		t.Errorf("%d deadlines were kept for two services", most)
	}
	end := s.now.Add(2 * time.Hour)
	for s.status("moves").State == Running {
		at, ok := s.NextDue()
		if !ok || at.After(end) {
			t.Fatalf("nothing was due at %s", end.Sub(zero))
		}
		s.now = at
		s.Tick(s.now)
		s.play()
	}
	if !s.now.Equal(end) {
		t.Errorf("its watchdog was missed at %s, not at %s", s.now.Sub(zero), end.Sub(zero))
	}
	if !slices.Contains(s.did, "TERM other") {
		t.Errorf("the longest run of the other has not ended it: %v", s.did)
	}
}
