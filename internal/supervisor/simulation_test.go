package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// A world in memory: virtual time, and processes that start, crash, hang,
// ignore TERM, leave others behind, survive KILL, or can't be forked. rapid
// draws what happens; the invariants are checked after each step.

// simProcess is what lives of a service: its main process and leftovers.
type simProcess struct {
	forking   bool
	alive     bool
	leftovers bool
	deaf      bool // to TERM
	undead    bool // to KILL as well, for a while
	killed    bool

	hook       hookLife
	hookKilled bool
	looked     bool // somebody looks at it
	watched    bool // and at its files
	byHook     bool // the leftovers are start.before's
	armed      bool // its first connection is waited for
}

// hookLife is what there is of a hook.
type hookLife int

const (
	noHook hookLife = iota
	forkedHook
	livingHook
)

// lives says whether anything of the service's is there.
func (p *simProcess) lives() bool { return p.alive || p.leftovers || p.hook == livingHook }

type world struct {
	t     *rapid.T
	set   *Set
	specs []config.Service // what the last reload brought
	names int              // given so far
	procs []simProcess
	now   time.Time
	pid   int

	wantUp []bool         // what the commands asked for
	ended  []time.Time    // when a run ended whose backoff is under way
	stays  map[string]int // pids of those that no reload has wanted another process of
	turned time.Time      // when a reload turned the relations round last
	down   bool
}

func newWorld(t *rapid.T) *world {
	n := rapid.IntRange(1, 6).Draw(t, "services")
	w := &world{t: t, now: zero, pid: 100, stays: map[string]int{}}
	for range n {
		w.invent()
	}
	w.procs = make([]simProcess, n)
	w.wantUp = make([]bool, n)
	w.ended = make([]time.Time, n)
	w.set = NewSet(slices.Clone(w.specs), rapid.Uint64().Draw(t, "seed"), w.now)
	return w
}

// invent adds a service to the specs, with relations to those before it.
func (w *world) invent() {
	t := w.t
	s := *testSpec()
	s.Name = fmt.Sprint("s", w.names)
	w.names++
	s.Restart.When = rapid.SampledFrom([]policy.When{policy.Always, policy.OnFailure, policy.Never}).Draw(t, "when")
	s.Restart.Backoff.Jitter = rapid.Float64Range(0, 1).Draw(t, "jitter")
	s.Restart.Limit = rapid.IntRange(0, 5).Draw(t, "limit")
	s.Restart.Within = time.Duration(rapid.IntRange(0, 60).Draw(t, "within")) * time.Second
	if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
		s.Kind = config.Task
	}
	if rapid.IntRange(0, 4).Draw(t, "timed") == 0 {
		s.RunTimeout = time.Duration(rapid.IntRange(1, 30).Draw(t, "timeout")) * time.Second
	}
	w.inventWays(&s)
	for _, other := range w.specs {
		w.relate(&s, other.Name, 6)
	}
	w.specs = append(w.specs, s)
	t.Logf("%s: %s needs %v after %v", s.Name, s.Kind, s.Needs, s.After)
}

// inventWays draws how a service becomes ready, stays well, and what runs around
// it.
func (w *world) inventWays(s *config.Service) {
	one := func(of int, what string) bool { return rapid.IntRange(1, of).Draw(w.t, what) == 1 }
	hook := func(what string) *config.Hook {
		if !one(6, what) {
			return nil
		}
		return &config.Hook{Timeout: time.Duration(rapid.IntRange(1, 20).Draw(w.t, "hook timeout")) * time.Second}
	}
	s.StartBefore, s.StartAfter, s.StopBefore, s.StopAfter = hook("start.before"), hook("start.after"), hook("stop.before"), hook("stop.after")
	if s.Kind == config.Task {
		return
	}
	if one(3, "ready") {
		s.Ready, s.StartTimeout = &config.Probe{Kind: config.ProbeTCP}, time.Duration(rapid.IntRange(0, 30).Draw(w.t, "start timeout"))*time.Second
	}
	if one(4, "health") {
		s.Health = &config.Health{Failures: rapid.IntRange(1, 3).Draw(w.t, "failures"), Successes: 1,
			Action: rapid.SampledFrom([]config.HealthAction{config.HealthRestart, config.HealthSignal, config.HealthReport}).Draw(w.t, "action")}
	}
	if one(6, "watchdog") {
		s.Watchdog = time.Duration(rapid.IntRange(1, 20).Draw(w.t, "every")) * time.Second
	}
	if one(6, "lazy") {
		s.Sockets = []config.Socket{{Lazy: true}}
	}
	if one(6, "watch") {
		s.Watch = &config.Watch{}
	}
}

// relate draws how s depends on another, in one of so many cases.
func (w *world) relate(s *config.Service, other string, of int) {
	switch rapid.IntRange(0, of-1).Draw(w.t, "relation") {
	case 0:
		condition := rapid.SampledFrom([]config.Condition{config.NeedReady, config.NeedReady, config.NeedStarted, config.NeedDone}).Draw(w.t, "condition")
		s.Needs = append(s.Needs, config.Need{Name: other, For: condition, With: rapid.IntRange(0, 3).Draw(w.t, "with") == 0})
	case 1:
		s.After = append(s.After, other)
	}
}

// name, needs: of the service at an index of the set.
func (w *world) name(i int) string { return w.set.Spec(i).Name }

// wanted says whether somebody asked for a service, or for one that needs it: by
// a reload that may be another than when it was asked to stop.
func (w *world) wanted(i int) bool {
	return w.wantUp[i] || slices.ContainsFunc(w.indexes(), func(j int) bool { return w.wantUp[j] && w.leadsTo(j, i) })
}

func (w *world) leadsTo(from, to int) bool {
	return slices.ContainsFunc(w.needs(from), func(j int) bool { return j == to || w.leadsTo(j, to) })
}

func (w *world) needs(i int) (to []int) {
	for _, need := range w.set.services[i].newest().Needed() {
		if j := w.set.Index(need); j >= 0 { // else both were removed, and it went first
			to = append(to, j)
		}
	}
	return to
}

// indexes lists the services that are there.
func (w *world) indexes() (all []int) {
	for s := range w.set.all() {
		all = append(all, s.index)
	}
	return all
}

// carryOut does what the set decided, and checks that it may.
func (w *world) carryOut() {
	for out := w.set.Outputs(); len(out) > 0; out = w.set.Outputs() {
		for _, o := range out {
			if o.Service < 0 {
				continue
			}
			if _, ok := o.Action.(Forget); ok {
				w.forgotten(o.Service, o.Spec.Name)
				continue
			}
			p, name := &w.procs[o.Service], o.Spec.Name
			switch a := o.Action.(type) {
			case Renew:
				if p.lives() || p.forking || p.hook != noHook {
					w.t.Fatalf("%s gets another configuration while an instance lives", name)
				}
			case Spawn:
				switch {
				case p.lives() && !w.leftByHook(p) || p.forking || p.hook != noHook:
					w.t.Fatalf("%s is spawned while an instance lives: %+v", name, *p)
				case w.down:
					w.t.Fatalf("%s is spawned during the shutdown", name)
				case !w.wanted(o.Service):
					w.t.Fatalf("%s is spawned after it was asked to stop", name)
				}
				w.specIsTheLast(o.Spec)
				if o.Spec.StartBefore == nil { // else they were there when that began
					w.needsAreThere(o.Service)
					w.delayWasKept(o.Service)
				}
				p.forking = true
			case RunHook:
				switch {
				case p.hook != noHook:
					w.t.Fatalf("%s of %s runs while another hook does", a.Moment, name)
				case a.Moment == BeforeStart && (p.lives() || p.forking):
					w.t.Fatalf("%s of %s runs while an instance lives: %+v", a.Moment, name, *p)
				case a.Moment == BeforeStart && (w.down || !w.wanted(o.Service)):
					w.t.Fatalf("%s of %s runs after it was asked to stop", a.Moment, name)
				case a.Moment == AfterStop && (p.lives() || p.forking):
					w.t.Fatalf("%s of %s runs while something of the run lives: %+v", a.Moment, name, *p)
				case (a.Moment == AfterStart || a.Moment == BeforeStop) && !p.alive:
					w.t.Fatalf("%s of %s runs without its program", a.Moment, name)
				}
				if a.Moment == BeforeStart {
					w.needsAreThere(o.Service)
					w.delayWasKept(o.Service)
				}
				w.t.Logf("%s %s: runs %s", w.now.Sub(zero), name, a.Moment)
				p.hook, p.hookKilled = forkedHook, false
			case KillHook:
				p.hookKilled = true
			case LookReady, LookHealth:
				if p.looked {
					w.t.Fatalf("%s is looked at twice", name)
				}
				p.looked = true
			case EndLooks:
				if !p.looked {
					w.t.Fatalf("%s is not looked at, and that is ended", name)
				}
				p.looked = false
			case WatchFiles, UnwatchFiles:
				if _, on := a.(WatchFiles); on == p.watched {
					w.t.Fatalf("the files of %s are watched: %v, and again", name, on)
				}
				p.watched = !p.watched
			case Arm, Disarm:
				if _, on := a.(Arm); on == p.armed {
					w.t.Fatalf("%s is armed: %v, and again", name, on)
				}
				p.armed = !p.armed
			case Send:
				if !p.lives() && p.hook != forkedHook { // then it is not worth looking
					w.t.Fatalf("%s: %s is sent though nothing lives", name, a.Signal)
				}
				w.t.Logf("%s %s: %s", w.now.Sub(zero), name, a.Signal)
				if m := w.set.Machine(o.Service); m.fresh(w.now) && m.Why == changed && m.PID != 0 && w.stays[name] == m.PID {
					w.t.Fatalf("%s is stopped by a reload in which it stays", name)
				}
				w.orderIsKept(o.Service)
				if a.Signal == signals.KILL {
					p.killed, p.hookKilled = true, true
				}
			case SendLate:
				if !p.lives() {
					w.t.Fatalf("%s: %s is sent to latecomers though nobody is left", name, a.Signal)
				}
			case Tell:
				w.t.Logf("%s %s: %s", w.now.Sub(zero), name, a.Event.Text())
				if a.Event.Name == event.BackoffScheduled {
					w.ended[o.Service] = w.set.Machine(o.Service).Ended
				}
			}
		}
	}
	w.check()
}

// leftByHook says that what lives was left by start.before, and nothing else.
func (w *world) leftByHook(p *simProcess) bool { return p.leftovers && !p.alive && p.byHook }

func (w *world) forgotten(i int, name string) {
	if p := &w.procs[i]; p.lives() || p.forking || p.hook != noHook || p.looked || p.watched || p.armed {
		w.t.Fatalf("%s is forgotten while an instance lives", name)
	}
	if slices.ContainsFunc(w.specs, func(s config.Service) bool { return s.Name == name }) {
		w.t.Fatalf("%s is forgotten though it is in the configuration", name)
	}
	w.ended[i], w.wantUp[i] = time.Time{}, false
}

// specIsTheLast: what starts does so with what the last reload brought.
func (w *world) specIsTheLast(spec *config.Service) {
	last := w.spec(spec.Name)
	if last == nil {
		w.t.Fatalf("%s is spawned, and is in the configuration no more", spec.Name)
	}
	if keys, _ := config.Changes(spec, last); len(keys) > 0 {
		w.t.Fatalf("%s is spawned with an old %v", spec.Name, keys)
	}
}

func (w *world) spec(name string) *config.Service {
	i := slices.IndexFunc(w.specs, func(s config.Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &w.specs[i]
}

func (w *world) needsAreThere(i int) {
	for _, n := range w.set.services[i].needs {
		// What changed at this very moment may have done so after the decision.
		if !n.met() && !n.Since.Equal(w.now) && n.toRestart == "" {
			w.t.Fatalf("%s is started though %s, which it needs, is %s", w.name(i), n.spec.Name, n.State)
		}
	}
}

func (w *world) delayWasKept(i int) {
	m := w.set.Machine(i)
	if w.ended[i].IsZero() || m.history.InARow == 0 {
		return
	}
	least, _ := m.spec.Restart.Backoff.Bounds(m.history.InARow - 1)
	if got := w.now.Sub(w.ended[i]); got < least {
		w.t.Fatalf("%s is restarted %s after its end, the policy wants %s at least", w.name(i), got, least)
	}
	w.ended[i] = time.Time{}
}

// check is what holds at every moment.
func (w *world) check() {
	for _, i := range w.indexes() {
		m, p := w.set.Machine(i), w.procs[i]
		name := w.name(i)
		w.checkReload(w.set.services[i])
		if up := m.State == Running || m.State == Starting || m.State == Waiting || m.State == Backoff; up && !w.wantUp[i] && w.set.services[i].toStop == "" {
			w.t.Fatalf("%s was asked to stop, and is %s", name, m.State)
		}
		if (m.PID != 0) != p.alive {
			w.t.Fatalf("%s: pid %d, but the process lives: %v", name, m.PID, p.alive)
		}
		if m.State.Settled() && (p.lives() && !p.hookKilled || p.forking && !m.forking) && !m.stuck {
			w.t.Fatalf("%s is %s and has forgotten a process: %+v", name, m.State, p)
		}
		if s := w.set.services[i]; p.armed != s.armed || p.armed && (!m.State.Settled() || w.down) {
			w.t.Fatalf("%s is %s and armed: %v", name, m.State, p.armed)
		}
		if want := m.State == Starting && m.phase == probing || m.State == Running && m.spec.Health != nil; p.looked != want {
			w.t.Fatalf("%s is %s (%s) and looked at: %v", name, m.State, phaseNames[m.phase], p.looked)
		}
		if up := m.State == Starting || m.State == Running; p.watched && m.State.Settled() || up && p.watched != (m.spec.Watch != nil) {
			w.t.Fatalf("%s is %s, and its files are watched: %v", name, m.State, p.watched)
		}
		if m.hook.on() && m.Due.IsZero() && !m.State.Settled() {
			w.t.Fatalf("%s runs %s without a deadline", name, m.hook.moment)
		}
		w.checkWith(w.set.services[i])
		if m.State == Stopping && m.Due.IsZero() && !m.forking {
			w.t.Fatalf("%s is stopping without a deadline", name)
		}
		if (m.State == Backoff || m.State == Waiting) && w.set.services[i].toStop != "" {
			w.t.Fatalf("%s was asked to stop, and is still in %s", name, m.State)
		}
		if m.State == Backoff && m.Due.IsZero() {
			w.t.Fatalf("%s is in backoff without a deadline", name)
		}
		idle := m.State.Settled() || m.State == Waiting || m.State == Starting && m.phase == executing ||
			m.State == Running && m.spec.RunTimeout == 0 && m.clocks.every == 0
		if idle && !m.Due.IsZero() {
			w.t.Fatalf("%s is %s and has a timer", name, m.State)
		}
		if m.State == Waiting && len(w.set.services[i].blockers()) == 0 && len(w.set.queue) == 0 {
			w.t.Fatalf("%s waits for nothing", name)
		}
	}
}

// checkWith: what goes with another does not go on without it.
func (w *world) checkWith(s *service) {
	for _, n := range s.needs {
		up := s.State == Starting || s.State == Running
		if n.With && n.was && !n.met() && up && s.toStop == "" && s.newer == nil && !w.down {
			w.t.Fatalf("%s is %s though %s, which it goes with, is %s", s.spec.Name, s.State, n.spec.Name, n.State)
		}
	}
}

// checkReload: what a reload has under way comes to its end.
func (w *world) checkReload(s *service) {
	name := s.spec.Name
	if last := w.spec(name); (last == nil) != s.leaves {
		w.t.Fatalf("%s leaves: %v, but it is in the configuration: %v", name, s.leaves, last != nil)
	} else if last != nil {
		if keys, _ := config.Changes(s.newest(), last); len(keys) > 0 {
			w.t.Fatalf("%s has, and will have, an old %v", name, keys)
		}
	}
	switch busy := s.hasProcess() || !s.State.Settled() && s.toStop != ""; {
	case (s.newer != nil || s.leaves || s.again) && !slices.Contains(w.set.changing, s):
		w.t.Fatalf("%s is in a reload, and nobody will look after it", name)
	case busy:
	case s.newer != nil || s.leaves:
		w.t.Fatalf("%s (%s) has no process, and still its old configuration", name, s.State)
	case s.again:
		if w.set.walk++; !w.set.changesBelow(s) {
			w.t.Fatalf("%s (%s) is to start again, and does not", name, s.State)
		}
	}
}

// orderIsKept: a shutdown, or the stop of one service, signals nothing that
// another needs which still lives, be it through a task that has ended.
func (w *world) orderIsKept(i int) {
	m := w.set.Machine(i)
	if !m.Since.After(w.turned) {
		return // the stop began when another needed another
	}
	if !w.procs[i].alive {
		return // it serves nobody
	}
	if m.hurried || !m.fresh(w.now) || m.then != toStopped || m.Why == lateStart || m.Why == byRestart || m.Why == "unused" {
		return
	}
	for _, j := range w.indexes() {
		p, other := w.procs[j], w.set.Machine(j)
		if other.Why == lateStart {
			continue // nobody could wait for it
		}
		if (m.Why == changed || w.set.services[i].again) && w.set.services[j].toStop != changed && !(other.State == Stopping && other.Why == changed) {
			continue // of those that need it, what has not changed stays
		}
		if (p.alive || p.forking) && !other.State.Settled() && w.reaches(j, i) {
			w.t.Fatalf("%s is stopped while %s, which needs it, lives", w.name(i), w.name(j))
		}
	}
}

// byRestart is why a service stops that is restarted; a reload may then make
// another kind of stop of it.
const byRestart = "to be restarted"

// fresh says whether the stop began at this moment.
func (m Machine) fresh(now time.Time) bool { return m.State == Stopping && m.Since.Equal(now) }

// reaches says whether from needs to, if only through others.
func (w *world) reaches(from, to int) bool {
	for _, j := range w.needs(from) {
		if j == to || w.set.Machine(j).State.Settled() && !w.procs[j].armed && w.reaches(j, to) {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// advance lets time pass, serving each deadline at its moment.
func (w *world) advance(d time.Duration) {
	end := w.now.Add(d)
	for {
		at, ok := w.set.NextDue()
		if !ok || at.After(end) {
			w.now = end
			return
		}
		w.now = later(w.now, at)
		w.set.Tick(w.now)
		w.carryOut()
	}
}

func (w *world) fork(i int, works bool) {
	p := &w.procs[i]
	if works {
		w.pid++
		p.forking, p.alive, p.killed = false, true, false
		p.deaf, p.undead = rapid.Bool().Draw(w.t, "deaf"), rapid.IntRange(0, 9).Draw(w.t, "undead") == 0
		w.set.Apply(i, Forked{PID: w.pid}, w.now)
	} else {
		p.forking = false
		w.set.Apply(i, NotForked{Status: 125, Err: "EAGAIN", Luck: w.set.Luck()}, w.now)
	}
	w.carryOut()
	w.empties(i)
}

func (w *world) exit(i int, e policy.Exit, leftovers bool) {
	p := &w.procs[i]
	p.alive, p.leftovers, p.byHook = false, leftovers || p.leftovers, false
	w.set.Apply(i, Exited{Exit: e, Remains: p.lives(), Luck: w.set.Luck()}, w.now)
	w.carryOut()
}

func (w *world) empty(i int) {
	p := &w.procs[i]
	p.leftovers, p.byHook = false, false
	if w.set.Machine(i).Cleaning() && !p.lives() {
		w.set.Apply(i, Emptied{}, w.now)
		w.carryOut()
	}
}

// hookGoesOn lets a hook do what comes next.
func (w *world) hookGoesOn(i int, works bool) {
	p := &w.procs[i]
	switch {
	case p.hook == forkedHook && works:
		p.hook = livingHook
		w.pid++
		w.set.Apply(i, HookForked{PID: w.pid}, w.now)
	case p.hook == forkedHook:
		p.hook = noHook
		w.set.Apply(i, HookNotForked{Err: "EAGAIN", Remains: p.lives(), Luck: w.set.Luck()}, w.now)
	case p.hook == livingHook:
		p.hook = noHook
		if rapid.IntRange(0, 4).Draw(w.t, "hook leaves") == 0 && !p.hookKilled {
			p.leftovers, p.byHook, p.killed = true, w.set.Machine(i).phase == preparing, false
		}
		code := rapid.IntRange(0, 1).Draw(w.t, "hook exits")
		w.t.Logf("%s %s: its hook exits %d", w.now.Sub(zero), w.name(i), code)
		w.set.Apply(i, HookExited{Exit: policy.Exit{Code: code}, Remains: p.lives(), Luck: w.set.Luck()}, w.now)
	}
	w.carryOut()
	w.empties(i)
}

// empties tells of a tree that the owner would find empty.
func (w *world) empties(i int) {
	if p := &w.procs[i]; w.set.Machine(i).Cleaning() && !p.lives() {
		w.set.Apply(i, Emptied{}, w.now)
		w.carryOut()
	}
}

// says lets a service say something of itself, or somebody of it.
func (w *world) says(i int) {
	p := &w.procs[i]
	var in Input
	switch rapid.IntRange(0, 8).Draw(w.t, "says") {
	case 0, 1, 2:
		if !p.looked {
			return
		}
		look := Looked{}
		if rapid.IntRange(0, 2).Draw(w.t, "look") == 0 {
			look.Err = "refused"
		}
		in = look
	case 3:
		in = IsReady{}
	case 4:
		in = Pinged{}
	case 5:
		in = Extended{By: time.Duration(rapid.IntRange(0, 40).Draw(w.t, "extend")) * time.Second}
	case 6:
		in = WatchdogIs{Every: time.Duration(rapid.IntRange(0, 20).Draw(w.t, "pings")) * time.Second}
	case 7:
		in = Failing{Why: "it says so"}
	case 8:
		if p.alive {
			w.pid++
			in = MainIs{PID: w.pid}
			delete(w.stays, w.name(i))
		}
	}
	if in != nil && (p.alive || p.forking || p.looked) {
		w.set.Apply(i, in, w.now)
		w.carryOut()
	}
}

// together lets happen what concerns several services.
func (w *world) together(i int) {
	if w.down || w.set.services[i].leaves {
		return
	}
	switch rapid.IntRange(0, 3).Draw(w.t, "together") {
	case 3: // which starts nothing that is to stop
		if w.wantUp[i] {
			w.restarts(i)
		}
		if w.set.Changed(i, byRestart, w.now); w.procs[i].lives() {
			delete(w.stays, w.name(i))
		}
	case 0:
		if w.procs[i].armed {
			w.command(true, i)
		}
		w.set.Connected(i, w.now)
	case 1:
		needed := slices.ContainsFunc(w.indexes(), func(j int) bool { return w.wantUp[j] && slices.Contains(w.needs(j), i) })
		if len(w.set.services[i].spec.Sockets) > 0 && w.set.Machine(i).State == Running {
			w.wantUp[i] = needed // who needs it may start it at once
		}
		w.set.Unused(i, "unused", w.now)
	case 2:
		var some []int
		for _, j := range w.indexes() {
			if rapid.Bool().Draw(w.t, "rolls") && !w.set.services[j].leaves && w.wantUp[j] {
				some = append(some, j)
			}
		}
		for _, j := range some {
			w.restarts(j)
		}
		w.set.Roll(some, byRestart, w.now)
	}
	w.carryOut()
}

// restarts notes that a service is to restart, and what goes with it: all that
// these need is started, too.
func (w *world) restarts(i int) {
	w.command(true, i)
	s := w.set.services[i]
	for _, d := range s.dependants {
		goes := slices.ContainsFunc(d.needs, func(n need) bool { return n.service == s && n.With })
		if goes && (d.State == Starting || d.State == Running) && d.toStop == "" {
			w.restarts(d.index)
		}
	}
}

// command notes what a command asks of a service and of those that go along.
func (w *world) command(start bool, i int) {
	w.t.Logf("%s %s: asked to be up: %v", w.now.Sub(zero), w.name(i), start)
	w.wantUp[i] = start
	for _, j := range w.indexes() {
		for _, need := range w.needs(j) {
			if start && j == i { // after a reload it may be wanted, and not be
				w.command(true, need)
			}
			if !start && need == i && w.wantUp[j] {
				w.command(false, j)
			}
		}
	}
}

// reload changes some services, takes some out that nobody needs, and adds
// some.
func (w *world) reload() {
	var specs []config.Service
	w.specs, specs = nil, slices.Clone(w.specs)
	needed := func(name string) bool {
		return slices.ContainsFunc(specs, func(s config.Service) bool {
			return slices.Contains(s.Needed(), name) || slices.Contains(s.After, name)
		})
	}
	for _, s := range specs {
		switch rapid.IntRange(0, 10).Draw(w.t, "change") {
		case 0:
			s.Env = []string{fmt.Sprint("N=", w.now.Sub(zero))}
			if rapid.Bool().Draw(w.t, "back") {
				s.Env = nil
			}
		case 1:
			s.Restart.Backoff.Max += time.Second
		case 2:
			if !needed(s.Name) {
				continue
			}
		case 3:
			s.After, s.Needs = s.Needed(), nil
		case 4:
			s.Autostart = !s.Autostart
		case 5:
			if s.Kind = config.Task; rapid.Bool().Draw(w.t, "daemon") {
				s.Kind = config.Daemon
			}
		case 6:
			s.RunTimeout = time.Duration(rapid.IntRange(0, 30).Draw(w.t, "timeout")) * time.Second
		}
		w.specs = append(w.specs, s)
	}
	if rapid.IntRange(0, 3).Draw(w.t, "turn round") == 0 {
		w.turnRound()
	}
	if rapid.IntRange(0, 3).Draw(w.t, "more") == 0 || len(w.specs) == 0 {
		w.invent()
	}
	running := map[string]int{} // pids, of those that nobody has asked to stop
	for s := range w.set.all() {
		if s.State == Running && s.toStop == "" && s.toRestart == "" {
			running[s.spec.Name] = s.PID
		}
	}
	plan := w.set.Plan(w.specs)
	if len(w.set.outputs) > 0 {
		w.t.Fatalf("a plan does something: %v", w.set.outputs)
	}
	changes := w.set.Reload(slices.Clone(w.specs), w.now)
	if !slices.EqualFunc(plan, changes, func(a, b Change) bool { return a.Name == b.Name && a.Effect == b.Effect }) {
		w.t.Fatalf("planned %v, and did %v", plan, changes)
	}
	for len(w.procs) < w.set.Len() {
		w.procs, w.wantUp, w.ended = append(w.procs, simProcess{}), append(w.wantUp, false), append(w.ended, time.Time{})
	}
	for _, c := range changes {
		i := w.set.Index(c.Name)
		if i < 0 {
			continue
		}
		w.t.Logf("%s %s: reload: %s %v", w.now.Sub(zero), c.Name, c.Effect, c.Keys)
		pid, ran := running[c.Name]
		delete(w.stays, c.Name)
		switch c.Effect {
		case Adds, Starts, Restarts:
			w.command(true, i)
			w.ended[i] = time.Time{} // it begins anew
		case Keeps, Updates:
			is := w.set.Machine(i)
			if is.State == Stopping && strings.Contains(is.Why, "which it goes with") {
				w.command(true, i)
			} else if ran && (is.State != Running || is.PID != pid) {
				w.t.Fatalf("%s was running with pid %d; after a reload that says %q it is %s with %d", c.Name, pid, c.Effect, is.State, is.PID)
			} else if ran {
				w.stays[c.Name] = pid
			}
			if w.set.services[i].again {
				w.command(true, i) // what it needs now is started with it
			}
		}
	}
	for _, r := range w.set.rolls { // what they need now is started with them
		for _, s := range r.todo {
			if w.set.services[s.index] == s && !s.leaves {
				w.command(true, s.index)
			}
		}
	}
	w.carryOut()
	for _, c := range changes {
		switch c.Effect {
		case Starts, Restarts:
			s := w.set.byName[c.Name]
			if comes := s.again || s.armed || !s.State.Settled() && s.toStop == "" && !(s.State == Stopping && s.then == toStopped); !comes {
				w.t.Fatalf("after a reload that says %q %s is %s, and does not come back", c.Effect, c.Name, s.State)
			}
		}
	}
}

// turnRound draws all relations anew, so that who needed another is now needed
// by it: old and new relations together are a cycle.
func (w *world) turnRound() {
	w.turned = w.now
	for i := range w.specs {
		s := &w.specs[i]
		s.Needs, s.After = nil, nil
		for _, other := range w.specs[i+1:] {
			w.relate(s, other.Name, 5)
		}
		w.t.Logf("%s: now needs %v after %v", s.Name, s.Needs, s.After)
	}
	slices.Reverse(w.specs) // those that come later may need those before
}

func TestSimulation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for i := range w.wantUp {
			w.wantUp[i] = true
		}
		w.set.Begin(nil, w.now)
		w.carryOut()
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			w.step()
		}
		w.finish()
	})
}

// step lets one thing happen.
func (w *world) step() {
	i := rapid.SampledFrom(w.indexes()).Draw(w.t, "service")
	p := &w.procs[i]
	switch rapid.IntRange(0, 15).Draw(w.t, "what") {
	case 0, 1, 2: // the process does what comes next
		switch {
		case p.forking:
			w.fork(i, rapid.IntRange(0, 4).Draw(w.t, "forks") > 0)
		case p.alive:
			w.exit(i, policy.Exit{Code: rapid.IntRange(0, 1).Draw(w.t, "code")}, rapid.IntRange(0, 2).Draw(w.t, "leaves") == 0)
		case p.leftovers:
			w.empty(i)
		}
	case 11, 12:
		w.hookGoesOn(i, rapid.IntRange(0, 4).Draw(w.t, "hook forks") > 0)
	case 13, 14:
		w.says(i)
	case 15:
		w.together(i)
	case 3, 4, 5:
		w.advance(time.Duration(rapid.IntRange(1, 20000).Draw(w.t, "ms")) * time.Millisecond)
	case 6:
		if !w.down && !w.set.services[i].leaves {
			w.command(true, i)
			w.set.Start(i, "asked", w.now)
			w.carryOut()
		}
	case 7:
		w.command(false, i)
		w.set.Stop(i, "asked", w.now)
		w.carryOut()
	case 8:
		if !w.down && w.wantUp[i] && !w.set.services[i].leaves {
			w.restarts(i) // what it needs since a reload
			w.set.Restart(i, byRestart, w.now)
			w.carryOut()
		}
	case 9:
		if !w.down && rapid.IntRange(0, 2).Draw(w.t, "reload") == 0 {
			w.reload()
		}
	case 10:
		if rapid.IntRange(0, 5).Draw(w.t, "shutdown") == 0 {
			w.down = true
			w.set.Shutdown("asked", 0, w.now)
			w.carryOut()
		}
	}
}

// finish shuts down and lets processes react as they can; all must be over
// within the time of all ladders.
func (w *world) finish() {
	w.down = true
	w.set.Shutdown("the end", 0, w.now)
	w.carryOut()
	limit := w.now.Add(time.Duration(len(w.procs)) * 150 * time.Second)
	for {
		if _, done := w.set.Finished(); done {
			break
		}
		if w.now.After(limit) {
			w.t.Fatalf("the shutdown is not over after %s", w.now.Sub(zero))
		}
		for _, i := range w.indexes() {
			p := &w.procs[i]
			switch {
			case p.forking:
				w.fork(i, true)
			case p.hook != noHook:
				w.hookGoesOn(i, true)
			case p.undead:
			case (p.killed || !p.deaf) && p.alive && w.set.Machine(i).State == Stopping:
				w.exit(i, policy.Exit{Signal: signals.TERM}, false)
			case p.leftovers && p.killed:
				w.empty(i)
			}
		}
		w.advance(time.Second)
	}
	if at, due := w.set.NextDue(); due {
		w.t.Fatalf("all is over, but something is due at %s", at)
	}
}
