package supervisor

import (
	"fmt"
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
}

type world struct {
	t     *rapid.T
	set   *Set
	specs []config.Service
	procs []simProcess
	now   time.Time
	pid   int

	wantUp []bool      // what the commands asked for
	ended  []time.Time // when a run ended whose backoff is under way
	down   bool
}

func newWorld(t *rapid.T) *world {
	n := rapid.IntRange(1, 6).Draw(t, "services")
	w := &world{t: t, now: zero, pid: 100}
	for i := range n {
		s := *testSpec()
		s.Name = fmt.Sprint("s", i)
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
		for j := range i {
			switch rapid.IntRange(0, 5).Draw(t, "relation") {
			case 0:
				s.Needs = append(s.Needs, fmt.Sprint("s", j))
			case 1:
				s.After = append(s.After, fmt.Sprint("s", j))
			}
		}
		w.specs = append(w.specs, s)
		t.Logf("%s: %s needs %v after %v", s.Name, s.Kind, s.Needs, s.After)
	}
	w.procs = make([]simProcess, n)
	w.wantUp = make([]bool, n)
	w.ended = make([]time.Time, n)
	w.set = NewSet(w.specs, rapid.Uint64().Draw(t, "seed"), w.now)
	return w
}

// carryOut does what the set decided, and checks that it may.
func (w *world) carryOut() {
	for out := w.set.Outputs(); len(out) > 0; out = w.set.Outputs() {
		for _, o := range out {
			if o.Service < 0 {
				continue
			}
			p, name := &w.procs[o.Service], w.specs[o.Service].Name
			switch a := o.Action.(type) {
			case Spawn:
				switch {
				case p.alive || p.forking || p.leftovers:
					w.t.Fatalf("%s is spawned while an instance lives: %+v", name, *p)
				case w.down:
					w.t.Fatalf("%s is spawned during the shutdown", name)
				case !w.wantUp[o.Service]:
					w.t.Fatalf("%s is spawned after it was asked to stop", name)
				}
				w.needsAreThere(o.Service)
				w.delayWasKept(o.Service)
				*p = simProcess{forking: true}
			case Send:
				if !p.alive && !p.leftovers {
					w.t.Fatalf("%s: %s is sent though nothing lives", name, a.Signal)
				}
				w.t.Logf("%s %s: %s", w.now.Sub(zero), name, a.Signal)
				w.orderIsKept(o.Service)
				p.killed = p.killed || a.Signal == signals.KILL
			case SendLate:
				if !p.leftovers {
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

func (w *world) needsAreThere(i int) {
	for _, need := range w.specs[i].Needs {
		j := w.set.Index(need)
		// What changed at this very moment may have done so after the decision.
		if !w.set.services[j].serves() && !w.set.Machine(j).Since.Equal(w.now) {
			w.t.Fatalf("%s is started though %s, which it needs, is %s", w.specs[i].Name, need, w.set.Machine(j).State)
		}
	}
}

func (w *world) delayWasKept(i int) {
	m := w.set.Machine(i)
	if w.ended[i].IsZero() || m.history.InARow == 0 {
		return
	}
	least, _ := w.specs[i].Restart.Backoff.Bounds(m.history.InARow - 1)
	if got := w.now.Sub(w.ended[i]); got < least {
		w.t.Fatalf("%s is restarted %s after its end, the policy wants %s at least", w.specs[i].Name, got, least)
	}
	w.ended[i] = time.Time{}
}

// check is what holds at every moment.
func (w *world) check() {
	for i := range w.specs {
		m, p := w.set.Machine(i), w.procs[i]
		name := w.specs[i].Name
		if (m.PID != 0) != p.alive {
			w.t.Fatalf("%s: pid %d, but the process lives: %v", name, m.PID, p.alive)
		}
		if m.State.Settled() && (p.alive || p.forking && !m.forking || p.leftovers) && !m.stuck {
			w.t.Fatalf("%s is %s and has forgotten a process: %+v", name, m.State, p)
		}
		if m.State == Stopping && m.Due.IsZero() && !m.forking {
			w.t.Fatalf("%s is stopping without a deadline", name)
		}
		if (m.State == Backoff || m.State == Waiting) && w.set.services[i].toStop != "" {
			w.t.Fatalf("%s was asked to stop, and is still in %s", name, m.State)
		}
		if m.State == Backoff && m.Due.IsZero() {
			w.t.Fatalf("%s is in backoff without a deadline", name)
		}
		idle := m.State.Settled() || m.State == Waiting || m.State == Starting ||
			m.State == Running && w.specs[i].RunTimeout == 0
		if idle && !m.Due.IsZero() {
			w.t.Fatalf("%s is %s and has a timer", name, m.State)
		}
		if m.State == Waiting && len(w.set.services[i].blockers()) == 0 && len(w.set.queue) == 0 {
			w.t.Fatalf("%s waits for nothing", name)
		}
	}
}

// orderIsKept: a shutdown, or the stop of one service, signals nothing that
// another needs which still lives, be it through a task that has ended.
func (w *world) orderIsKept(i int) {
	m := w.set.Machine(i)
	if m.hurried || !m.fresh(w.now) || m.then != toStopped || m.Why == lateStart {
		return
	}
	for j := range w.specs {
		p, other := w.procs[j], w.set.Machine(j)
		if other.Why == lateStart {
			continue // nobody could wait for it
		}
		if (p.alive || p.forking) && !other.State.Settled() && w.reaches(j, i) {
			w.t.Fatalf("%s is stopped while %s, which needs it, lives", w.specs[i].Name, w.specs[j].Name)
		}
	}
}

// fresh says whether the stop began at this moment.
func (m Machine) fresh(now time.Time) bool { return m.State == Stopping && m.Since.Equal(now) }

// reaches says whether from needs to, if only through others.
func (w *world) reaches(from, to int) bool {
	for _, need := range w.specs[from].Needs {
		if j := w.set.Index(need); j == to || w.set.Machine(j).State.Settled() && w.reaches(j, to) {
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
		*p = simProcess{alive: true, deaf: rapid.Bool().Draw(w.t, "deaf"), undead: rapid.IntRange(0, 9).Draw(w.t, "undead") == 0}
		w.set.Apply(i, Forked{PID: w.pid}, w.now)
	} else {
		*p = simProcess{}
		w.set.Apply(i, NotForked{Status: 125, Err: "EAGAIN", Luck: w.set.Luck()}, w.now)
	}
	w.carryOut()
}

func (w *world) exit(i int, e policy.Exit, leftovers bool) {
	p := &w.procs[i]
	p.alive, p.leftovers = false, leftovers
	w.set.Apply(i, Exited{Exit: e, Remains: leftovers, Luck: w.set.Luck()}, w.now)
	w.carryOut()
}

func (w *world) empty(i int) {
	w.procs[i].leftovers = false
	w.set.Apply(i, Emptied{}, w.now)
	w.carryOut()
}

// command notes what a command asks of a service and of those that go along.
func (w *world) command(start bool, i int) {
	w.t.Logf("%s %s: asked to be up: %v", w.now.Sub(zero), w.specs[i].Name, start)
	w.wantUp[i] = start
	for j, s := range w.specs {
		for _, need := range s.Needs {
			if start && j == i && !w.wantUp[w.set.Index(need)] {
				w.command(true, w.set.Index(need))
			}
			if !start && need == w.specs[i].Name && w.wantUp[j] {
				w.command(false, j)
			}
		}
	}
}

func TestSimulation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for i := range w.specs {
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
	i := rapid.IntRange(0, len(w.specs)-1).Draw(w.t, "service")
	p := &w.procs[i]
	switch rapid.IntRange(0, 9).Draw(w.t, "what") {
	case 0, 1, 2: // the process does what comes next
		switch {
		case p.forking:
			w.fork(i, rapid.IntRange(0, 4).Draw(w.t, "forks") > 0)
		case p.alive:
			w.exit(i, policy.Exit{Code: rapid.IntRange(0, 1).Draw(w.t, "code")}, rapid.IntRange(0, 2).Draw(w.t, "leaves") == 0)
		case p.leftovers:
			w.empty(i)
		}
	case 3, 4, 5:
		w.advance(time.Duration(rapid.IntRange(1, 20000).Draw(w.t, "ms")) * time.Millisecond)
	case 6:
		if !w.down {
			w.command(true, i)
			w.set.Start(i, "asked", w.now)
			w.carryOut()
		}
	case 7:
		w.command(false, i)
		w.set.Stop(i, "asked", w.now)
		w.carryOut()
	case 8:
		if !w.down && w.wantUp[i] {
			w.set.Restart(i, "asked", w.now)
			w.carryOut()
		}
	case 9:
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
	limit := w.now.Add(time.Duration(len(w.specs)) * 20 * time.Second)
	for {
		if _, done := w.set.Finished(); done {
			break
		}
		if w.now.After(limit) {
			w.t.Fatalf("the shutdown is not over after %s", w.now.Sub(zero))
		}
		for i := range w.procs {
			p := &w.procs[i]
			switch {
			case p.forking:
				w.fork(i, true)
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
