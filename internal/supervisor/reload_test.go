package supervisor

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"supervise/internal/config"
	"supervise/internal/policy"
)

// reload takes over specs and answers what comes of it.
func (s *stage) reload(specs ...config.Service) []Change {
	s.t.Helper()
	changes := s.Reload(specs, s.now)
	s.play()
	return changes
}

func (s *stage) status(name string) Status { return s.Status(s.Index(name), s.now) }

// other is a service with another process than named makes.
func other(name string, relations ...string) config.Service {
	s := named(name, relations...)
	s.Env = []string{"A=2"}
	return s
}

func TestReloadStopsAndStartsInTheOrderOfNeeds(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db")).begin().want("start db", "start web")
	s.reload(other("db"), other("web", "db"))
	s.want("TERM web")
	s.exit("web", 0).want("TERM db")
	// Meanwhile web is stopped, and who waits for it waits for the right thing.
	if st := s.status("web"); st.State != Stopped || !st.Returns || st.Next != "starts when all it needs has its new configuration" {
		t.Errorf("web: %+v", st)
	}
	s.exit("db", 0).want("start db", "start web")
	if st := s.status("web"); st.Returns {
		t.Errorf("web: %+v", st)
	}
}

func TestReloadKeepsWhatNeedsTheChangedOne(t *testing.T) {
	s := newStage(t, named("db"), named("web", "db")).begin().want("start db", "start web")
	s.reload(other("db"), named("web", "db"))
	s.want("TERM db").exit("db", 0).want("start db").states("db running, web running")
}

// A service that waits to be stopped for a reload need not stop when another
// brings back what it had; but it does if somebody has asked for that meanwhile.
func TestReloadThatIsTakenBack(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		s := newStage(t, named("db"), named("web", "db")).begin().want("start db", "start web")
		s.reload(other("db"), other("web", "db"))
		s.want("TERM web") // db has to wait for it
		if stopped {
			s.Stop(s.Index("db"), "asked", s.now)
		}
		if c := s.reload(named("db"), other("web", "db")); c[0].Effect != Updates {
			t.Errorf("stopped %v: the second reload says %v", stopped, c)
		}
		s.exit("web", 0)
		if stopped {
			s.want("TERM db").exit("db", 0).want().states("db stopped, web stopped")
		} else {
			s.want("start web").states("db running, web running")
		}
	}
}

// What survived KILL is not joined by another: the start that a reload is for
// comes when it is gone.
func TestReloadOfAServiceWithASurvivor(t *testing.T) {
	s := newStage(t, named("web")).begin().want("start web")
	s.Stop(0, "asked", s.now)
	for range 2 {
		at, _ := s.NextDue()
		s.now = at
		s.Tick(s.now)
	}
	s.play().want("TERM web", "KILL web").states("web failed")
	limited := named("web")
	limited.Restart.Limit = 7
	if c := s.reload(limited); c[0].Effect != Starts {
		t.Errorf("got %v", c)
	}
	s.want().states("web failed").exit("web", 0).want("start web")
}

// It is not critical any more, whatever its last processes do.
func TestRemovedCriticalServiceEndsNobody(t *testing.T) {
	critical := named("web")
	critical.Critical = true
	for name, specs := range map[string][]config.Service{"removed": {named("db")}, "not critical": {named("db"), other("web")}} {
		s := newStage(t, named("db"), critical).begin().want("start db", "start web")
		s.reload(specs...)
		s.want("TERM web")
		for range critical.Stop.Ladder { // it survives them all
			at, ok := s.NextDue()
			if !ok {
				t.Fatal("nothing is due")
			}
			s.now = at
			s.Tick(s.now)
			s.play()
		}
		if s.want("KILL web"); s.ShuttingDown() || s.status("web").State != Failed {
			t.Errorf("%s: web is %s, shutting down: %v", name, s.status("web").State, s.ShuttingDown())
		}
	}
}

// However many readings of a configuration services live by, none is kept in memory
// as a whole.
func TestReloadHoldsNoWholeConfiguration(t *testing.T) {
	var readings []weak.Pointer[config.Service]
	reading := func(specs ...config.Service) []config.Service {
		readings = append(readings, weak.Make(&specs[0]))
		return specs
	}
	s := newStage(t, reading(named("db"), named("web"))...).begin()
	for i := range 3 {
		added := named(fmt.Sprint("added", i))
		changed := named("web")
		changed.RunTimeout = time.Duration(i+1) * time.Hour
		if c := s.reload(reading(named("db"), changed, added)...); c[0].Effect != Keeps || c[1].Effect != Updates || c[2].Effect != Adds {
			t.Fatalf("got %v", c)
		}
	}
	runtime.GC()
	for i, r := range readings {
		if r.Value() != nil {
			t.Errorf("reading %d is in memory", i)
		}
	}
	runtime.KeepAlive(s)
}

// A longest run that is shorter than this one has been ends it now.
func TestReloadTakesOverATimeoutOfARun(t *testing.T) {
	s := newStage(t, named("web")).begin().want("start web")
	s.now = s.now.Add(time.Minute)
	timed := named("web")
	timed.RunTimeout = 30 * time.Second
	if c := s.reload(timed); c[0].Effect != Updates {
		t.Fatalf("got %v", c)
	}
	s.Tick(s.now)
	s.play().want("TERM web")
}

func TestSummary(t *testing.T) {
	many := func(n int, effect Effect) (all []Change) {
		for i := range n {
			all = append(all, Change{Name: fmt.Sprint("s", i), Effect: effect})
		}
		return all
	}
	for want, changes := range map[string][]Change{
		"nothing has changed":            many(3, Keeps),
		"1 added (s0)":                   many(1, Adds),
		"5 removed (s0; s1; s2; s3; s4)": many(5, Removes),
		"7 restarted (s0; s1; s2; s3; s4; and 2 more), 2 kept": append(many(7, Restarts), many(2, Keeps)...),
		"1 started (web: env), 1 restarted (db: command, env), 1 updated (job: needs)": {
			{"job", Updates, []string{"needs"}}, {"db", Restarts, []string{"command", "env"}}, {"web", Starts, []string{"env"}}},
	} {
		if got := summary(changes); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReloadRestartsWhatGoesWithTheChangedOne(t *testing.T) {
	app := with(named("app"), "db")
	s := newStage(t, named("db"), app, named("web", "db")).begin()
	s.did = nil
	s.reload(other("db"), app, named("web", "db"))
	s.want("TERM db", "TERM app").exit("app", 0).want().exit("db", 0).want("start db", "start app")
	s.states("db running, app running, web running")
}

func TestReloadForgetsNotWhatGoesWithWhat(t *testing.T) {
	db, app := named("db"), with(named("app"), "db")
	s := newStage(t, db, app).begin()
	s.reload(db, app)
	s.did = nil
	s.exit("db", 1).want("TERM app")
}

// asks lists what was decided about the files of services and their hooks.
func (s *stage) asks() (what []string) {
	for _, o := range s.Outputs() {
		switch a := o.Action.(type) {
		case WatchFiles:
			what = append(what, "watch "+o.Spec.Name)
		case UnwatchFiles:
			what = append(what, "unwatch "+o.Spec.Name)
		case RunHook:
			what = append(what, string(a.Moment)+" "+o.Spec.Name)
		}
	}
	return what
}

func watchful(s config.Service) config.Service {
	s.Watch = &config.Watch{Paths: []string{"src"}}
	return s
}

// Files are watched from a reload on that says so, and no longer than one that
// does not, whether the service runs or waits for its next start.
func TestReloadOfWhatIsWatched(t *testing.T) {
	crashed := func(s *stage) { s.exit("web", 1).states("web backoff") }
	for name, c := range map[string]struct {
		before, after config.Service
		meanwhile     func(*stage)
		want          []string
	}{
		"more, while it runs":               {named("web"), watchful(named("web")), nil, []string{"watch web"}},
		"less, while it runs":               {watchful(named("web")), named("web"), nil, []string{"unwatch web"}},
		"less, and another, while it waits": {watchful(named("web")), other("web"), crashed, []string{"unwatch web"}},
		"the same, while it waits":          {watchful(named("web")), watchful(other("web")), crashed, nil},
	} {
		s := newStage(t, c.before).begin()
		if c.meanwhile != nil {
			c.meanwhile(s)
		}
		s.Reload([]config.Service{c.after}, s.now)
		if got := s.asks(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A reload takes a hook away that is still to be run, or that runs.
func TestReloadTakesAHookAway(t *testing.T) {
	hooked := named("web")
	hooked.StopAfter = &config.Hook{Command: []string{"true"}, Timeout: time.Second}
	s := newStage(t, hooked).begin()
	s.reload(named("web"))
	s.Apply(0, Exited{}, s.now)
	if got := s.asks(); len(got) > 0 || !s.Machine(0).State.Settled() && s.Machine(0).State != Backoff {
		t.Errorf("it is %s, and runs %q", s.Machine(0).State, got)
	}
	hooked = named("web")
	hooked.StartBefore = &config.Hook{Command: []string{"true"}, Timeout: time.Second}
	s = newStage(t, hooked)
	s.Begin(nil, s.now)
	s.Apply(0, HookForked{PID: 100}, s.now)
	s.reload(named("web"))
	s.Apply(0, HookExited{}, s.now)
	s.play().want("start web").states("web running")
}

// A service that comes back as a critical one, before what it was has gone, has not
// failed as such.
func TestReloadBringsAFailedServiceBackAsCritical(t *testing.T) {
	hung := named("web")
	hung.StartBefore = &config.Hook{Command: []string{"true"}, Timeout: time.Second}
	s := newStage(t, named("db"), hung)
	s.begin()
	for range 2 { // its hook never starts
		at, _ := s.NextDue()
		s.now = at
		s.Tick(s.now)
	}
	s.play().states("db running, web failed")
	s.reload(named("db"))
	critical := named("web")
	critical.Critical = true
	s.reload(named("db"), critical)
	if s.ShuttingDown() {
		t.Error("all is shut down for it")
	}
}

// What a reload made critical and leaves to its first connection has not ended for good.
func TestReloadArmsADoneServiceThatIsNowCritical(t *testing.T) {
	web := named("web")
	web.Restart.When = policy.Never
	s := newStage(t, named("db"), web).begin().want("start db", "start web").exit("web", 1)
	s.want().states("db running, web done")
	web.Critical, web.Sockets = true, []config.Socket{{Lazy: true}}
	s.reload(named("db"), web)
	if s.ShuttingDown() || !s.status("web").Armed {
		t.Errorf("shutting down: %v, armed: %v", s.ShuttingDown(), s.status("web").Armed)
	}
}
