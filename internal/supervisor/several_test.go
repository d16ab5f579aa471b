package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
)

// probed is a service that is ready when it says so.
func probed(name string, relations ...string) config.Service {
	s := named(name, relations...)
	s.Ready = &config.Probe{Kind: config.ProbeTCP}
	return s
}

func with(s config.Service, need string) config.Service {
	s.Needs = append(slices.Clone(s.Needs), config.Need{Name: need, For: config.NeedReady, With: true})
	return s
}

func (s *stage) ready(names ...string) *stage {
	for _, name := range names {
		s.Apply(s.Index(name), IsReady{}, s.now)
	}
	return s.play()
}

// rollUnderWay is three instances, ready, of which a roll restarts the first.
func rollUnderWay(t *testing.T) *stage {
	s := newStage(t, probed("w@1"), probed("w@2"), probed("w@3"))
	s.begin().ready("w@1", "w@2", "w@3")
	s.did = nil
	s.Roll([]int{0, 1, 2}, "asked", s.now)
	return s.play().want("TERM w@1").exit("w@1", 0).want("start w@1")
}

// reasons gives those of the events of a name that were told since the last
// play, and plays on.
func (s *stage) reasons(name event.Name) (whys []string) {
	out := s.Outputs()
	for _, o := range out {
		if tell, ok := o.Action.(Tell); ok && tell.Event.Name == name {
			whys = append(whys, tell.Event.Why)
		}
	}
	s.outputs = out
	s.play()
	return whys
}

func TestRollWaitsForTheOneBefore(t *testing.T) {
	s := rollUnderWay(t).want() // w@1 runs, and is not ready
	if st := s.status("w@2"); !st.Rolling || st.State != Running {
		t.Errorf("w@2: %+v", st)
	}
	s.ready("w@1").want("TERM w@2").exit("w@2", 0).want("start w@2")
	s.ready("w@2").want("TERM w@3").exit("w@3", 0).want("start w@3")
	s.ready("w@3").want()
	if len(s.rolls) != 0 {
		t.Error("the roll goes on")
	}
}

func TestRollEndsAtOneThatCrashes(t *testing.T) {
	s := rollUnderWay(t)
	s.Apply(0, Exited{}, s.now) // before it was ready
	want := "it did not come up again, so 2 more are left as they are"
	if got := s.reasons(event.RollEnded); !slices.Equal(got, []string{want}) {
		t.Errorf("it tells %q, want %q", got, want)
	}
	s.want().states("w@1 backoff, w@2 running, w@3 running")
	s.now = s.now.Add(time.Hour)
	s.Tick(s.now)
	s.play().want("start w@1").ready("w@1").want()
}

func TestRollLeavesOutWhatIsStoppedInTheMiddle(t *testing.T) {
	s := rollUnderWay(t)
	s.StopByHand(1, "asked", s.now)
	s.play().want("TERM w@2").exit("w@2", 0)
	s.ready("w@1").want("TERM w@3").exit("w@3", 0).want("start w@3").ready("w@3")
	s.states("w@1 running, w@2 stopped, w@3 running")
}

func TestRollLeavesOutWhatNobodyUses(t *testing.T) {
	s := newStage(t, probed("a"), lazy("web")).begin().want("start a").ready("a")
	s.Connected(1, s.now)
	s.play().want("start web")
	s.Roll([]int{0, 1}, "asked", s.now)
	s.play().want("TERM a")
	s.Unused(1, "no connection", s.now)
	s.play().want("TERM web").exit("web", 0)
	s.exit("a", 0).want("start a").ready("a").want()
	s.states("a running, web stopped")
	if !s.services[1].armed || len(s.rolls) != 0 {
		t.Errorf("armed %t, %d rolls", s.services[1].armed, len(s.rolls))
	}
}

func TestRollEndsWhenTheOneUnderWayIsStopped(t *testing.T) {
	s := rollUnderWay(t)
	s.StopByHand(0, "asked", s.now)
	s.play().want("TERM w@1")
	s.Apply(0, Exited{}, s.now)
	if got := s.reasons(event.RollEnded); len(got) != 1 {
		t.Errorf("it tells %q", got)
	}
	s.want().states("w@1 stopped, w@2 running, w@3 running")
}

func TestRollGoesThroughAReload(t *testing.T) {
	s := rollUnderWay(t)
	again := other("w@1")
	again.Ready = &config.Probe{Kind: config.ProbeTCP}
	s.reload(again, probed("w@3")) // w@1 is to be another, w@2 goes
	s.want("TERM w@1", "TERM w@2").exit("w@2", 0).exit("w@1", 0).want("start w@1")
	s.ready("w@1").want("TERM w@3").exit("w@3", 0).want("start w@3").ready("w@3").want()
	if len(s.rolls) != 0 {
		t.Error("the roll goes on")
	}
}

func TestShutdownEndsARoll(t *testing.T) {
	s := rollUnderWay(t)
	s.Shutdown("test", 0, s.now)
	s.play().want("TERM w@1", "TERM w@2", "TERM w@3")
	s.exit("w@1", 0).exit("w@2", 0).exit("w@3", 0).want().finished(0)
}

func TestRestartStopsFirstWhatGoesWithIt(t *testing.T) {
	s := newStage(t, named("db"), with(named("app"), "db"), with(named("web"), "app"), named("other", "db")).begin()
	s.did = nil
	s.Restart(0, "asked", s.now)
	s.play().want("TERM web").exit("web", 0).want("TERM app")
	if st := s.status("db"); st.State != Running || st.Next != "restarts when those that go with it have stopped" {
		t.Errorf("db: %+v", st)
	}
	s.exit("app", 0).want("TERM db").exit("db", 0).want("start db", "start app", "start web")
	s.states("db running, app running, web running, other running")
}

func TestWhatGoesWithACrashedServiceWaitsForIt(t *testing.T) {
	s := newStage(t, named("db"), with(named("app"), "db"), named("other", "db")).begin()
	s.did = nil
	s.exit("db", 1).want("TERM app").exit("app", 0).want().states("db backoff, app waiting, other running")
	s.now = s.now.Add(time.Hour)
	s.Tick(s.now)
	s.play().want("start db", "start app")
}

// arms is what a set says of first connections.
func arms(s *stage) (what []string) {
	for _, o := range s.Outputs() {
		switch o.Action.(type) {
		case Arm:
			what = append(what, "arm "+o.Spec.Name)
		case Disarm:
			what = append(what, "disarm "+o.Spec.Name)
		case Spawn:
			what = append(what, "start "+o.Spec.Name)
			s.Apply(o.Service, Forked{PID: 100 + o.Service}, s.now)
		}
	}
	return what
}

func TestNeedOfALazyServiceArmsIt(t *testing.T) {
	for _, first := range []bool{true, false} { // in the configuration
		specs := []config.Service{named("app", "db"), lazy("db")}
		if !first {
			slices.Reverse(specs)
		}
		s := newStage(t, specs...)
		s.Begin([]string{"app"}, s.now)
		if got := arms(s); !slices.Equal(got, []string{"arm db", "start app"}) {
			t.Errorf("app first %v: %q", first, got)
		}
	}
}

func TestLazyIsStartedByAConnectionAndRestsAgain(t *testing.T) {
	s := newStage(t, lazy("db"))
	s.Begin(nil, s.now)
	s.Outputs()
	s.Connected(0, s.now)
	s.Connected(0, s.now) // as late as that
	if got := arms(s); !slices.Equal(got, []string{"disarm db", "start db"}) {
		t.Errorf("a connection: %q", got)
	}
	s.Unused(0, "no connection for 5m", s.now)
	s.Unused(0, "no connection for 5m", s.now)
	s.Outputs()
	s.Apply(0, Exited{}, s.now)
	if got := arms(s); !slices.Equal(got, []string{"arm db"}) {
		t.Errorf("idle: %q", got)
	}
	s.Connected(0, s.now)
	arms(s)
	s.StopByHand(0, "asked", s.now)
	s.Outputs()
	s.Apply(0, Exited{}, s.now)
	if got := arms(s); len(got) > 0 {
		t.Errorf("stopped by hand: %q", got)
	}
}

func TestLazyThatNeverTakesItsClientGivesUp(t *testing.T) {
	for pause, want := range map[time.Duration]bool{100 * time.Millisecond: true, 106 * time.Millisecond: false} {
		s := newStage(t, lazy("db"))
		s.begin()
		for range 2 * maxWakes {
			s.Connected(0, s.now)
			if s.play(); s.Machine(0).State != Running {
				break
			}
			s.exit("db", 0)
			s.now = s.now.Add(pause)
		}
		failed := s.Machine(0).State == Failed
		if failed != want || failed && len(s.did) != maxWakes {
			t.Errorf("with %s between, after %d starts: %s", pause, len(s.did), s.Machine(0).State)
		}
		if failed { // whoever starts it by hand begins anew
			s.Start(0, "asked", s.now)
			s.play().exit("db", 0)
			if !s.status("db").Armed {
				t.Error("it is not armed")
			}
		}
	}
}

func TestAChangedFileRestartsNothingThatIsToStop(t *testing.T) {
	type step = func(s *stage)
	for what, do := range map[string]step{
		"stopping":              func(s *stage) { s.StopByHand(0, "asked", s.now) },
		"held by what needs it": func(s *stage) { s.StopByHand(1, "asked", s.now); s.StopByHand(0, "asked", s.now) },
		"stopped":               func(s *stage) { s.Stop(0, "asked", s.now); s.play().exit("app", 0).exit("db", 0) },
		"shut down":             func(s *stage) { s.Shutdown("test", 0, s.now) },
	} {
		s := newStage(t, named("db"), named("app", "db")).begin()
		do(s)
		s.play()
		s.did = nil
		s.Changed(0, "src/a has changed", s.now)
		s.play().want()
		for _, name := range []string{"app", "db"} {
			if s.Machine(s.Index(name)).PID != 0 {
				s.exit(name, 0)
			}
		}
		if s.Machine(0).State != Stopped || slices.ContainsFunc(s.did, func(d string) bool { return strings.HasPrefix(d, "start") }) {
			t.Errorf("%s: %s after %q", what, s.Machine(0).State, s.did)
		}
	}
	s := newStage(t, named("db")).begin()
	s.exit("db", 1).states("db backoff")
	s.did = nil
	s.Changed(0, "src/a has changed", s.now)
	s.play().want("start db")
	s.Changed(0, "src/a has changed", s.now)
	s.play().want("TERM db").exit("db", 0).want("start db")
}

// A slow task on one side of a diamond is what the start had to wait for.
func TestBootStepsOfADiamondWithASlowTask(t *testing.T) {
	s := newStage(t, probed("web", "app", "cache"), probed("app", "migrate"), task("migrate", "db"), probed("cache", "db"), probed("db"))
	s.begin()
	after := func(d time.Duration) *stage { s.now = s.now.Add(d); return s }
	after(time.Second).ready("db")
	after(time.Second).ready("cache")
	after(5*time.Second).exit("migrate", 0)
	after(time.Second).ready("app")
	after(2 * time.Second).ready("web")
	var got []string
	for _, b := range s.BootSteps() {
		got = append(got, fmt.Sprintf("%s waited %s for %q, took %s, critical %v", b.Name, b.Went.Sub(b.Asked), b.For, b.Boot.Ready.Sub(b.Went), b.Critical))
	}
	want := []string{
		`db waited 0s for "", took 1s, critical true`,
		`cache waited 1s for "db", took 1s, critical false`,
		`migrate waited 1s for "db", took 6s, critical true`,
		`app waited 7s for "migrate", took 1s, critical true`,
		`web waited 8s for "app", took 2s, critical true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// It is to stop, but after what needs it.
func TestWhatGoesWithACrashedServiceStopsInItsTurnAllTheSame(t *testing.T) {
	s := newStage(t, named("db"), with(named("app"), "db"), named("web", "app")).begin()
	s.did = nil
	s.StopByHand(0, "asked", s.now)
	s.play().want("TERM web")
	s.exit("db", 1).want()
	s.exit("web", 0).want("TERM app").exit("app", 0).want().states("db stopped, app stopped, web stopped")
}
