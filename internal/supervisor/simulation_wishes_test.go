package supervisor

import (
	"slices"
	"strings"
	"time"
)

// What was asked for, as the simulation understands it: who is to be up, and who
// waits for an answer.

// name, needs: of the service at an index of the set.
func (w *world) name(i int) string { return w.set.Spec(i).Name }

func (w *world) truthOf(i int) *truth { return w.truth(w.name(i)) }

// wanted says whether somebody asked for a service, or for one that needs it: by
// a reload that may be another than when it was asked to stop.
func (w *world) wanted(i int) bool {
	return w.truthOf(i).wantUp || slices.ContainsFunc(w.indexes(), func(j int) bool { return w.truthOf(j).wantUp && w.leadsTo(j, i) })
}

func (w *world) leadsTo(from, to int) bool {
	return slices.ContainsFunc(w.needs(from), func(j int) bool { return j == to || w.leadsTo(j, to) })
}

func (w *world) needs(i int) (to []int) {
	for _, need := range w.set.services[i].newest().Needs {
		if j := w.set.Index(need.Name); j >= 0 { // else both were removed, and it went first
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

// command notes what a command asks of a service and of those that go along.
func (w *world) command(start bool, i int) {
	w.truthOf(i).wantUp = start
	for _, j := range w.indexes() {
		for _, need := range w.needs(j) {
			if start && j == i { // after a reload it may be wanted, and not be
				w.command(true, need)
			}
			if !start && need == i && w.truthOf(j).wantUp {
				w.command(false, j)
			}
		}
	}
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

// rolls notes that a service is to restart when its turn comes, and by then perhaps
// others with it.
func (w *world) rolls(i int) {
	w.command(true, i)
	s := w.set.services[i]
	for _, d := range s.dependants {
		goes := slices.ContainsFunc(d.needs, func(n need) bool { return n.service == s && n.With })
		if goes && w.set.services[d.index] == d && w.truthOf(d.index).wantUp {
			w.rolls(d.index)
		}
	}
}

// client is somebody who waits until a service is up, or down.
type client struct {
	name     string
	up       bool
	answered bool
	hungUp   chan struct{} // closed when it does not wait any more; nil: it always does
}

// met says whether there is an answer.
func (c *client) met(set *Set) bool {
	i := set.Index(c.name)
	if i < 0 {
		return true
	}
	m := set.Machine(i)
	return m.State.Settled() || c.up && m.State == Running
}

// request asks something of a service for a client that waits for what comes of it.
func (w *world) request(d *dice, i int, up bool, what string, do func(*Set, int, time.Time)) {
	c := &client{name: w.name(i), up: up}
	if d.one(4) {
		c.hungUp = make(chan struct{})
	}
	w.clients = append(w.clients, c)
	w.tell("a client asks: %s %s", what, c.name)
	w.ask(func(l *Loop) {
		do(l.Set(), i, w.now())
		l.Watch(Watch{Check: func(set *Set) bool {
			c.answered = c.met(set)
			return c.answered
		}, Cancelled: c.hungUp})
	})
	if c.hungUp != nil && d.one(2) {
		close(c.hungUp)
		w.clients = slices.DeleteFunc(w.clients, func(other *client) bool { return other == c })
	}
}

// reload takes over what was drawn, and checks that what is said of it is true.
func (w *world) reload() {
	running := map[string]int{} // pids, of those that nobody has asked to stop
	for s := range w.set.all() {
		if s.State == Running && s.toStop == "" && s.toRestart == "" {
			running[s.spec.Name] = s.PID
		}
	}
	w.tell("a reload")
	w.ask(func(l *Loop) {
		plan := w.set.Plan(w.specs)
		if len(w.set.outputs) > 0 {
			w.fail("a plan does nothing", "%v", w.set.outputs)
		}
		changes := l.Reload(slices.Clone(w.specs))
		if !slices.EqualFunc(plan, changes, func(a, b Change) bool { return a.Name == b.Name && a.Effect == b.Effect }) {
			w.fail("a plan is kept", "planned %v, and did %v", plan, changes)
		}
		for _, c := range changes {
			w.reloaded(c, running)
		}
		for s := range w.set.all() { // what those need now that are to restart is started with them
			if (s.toRestart != "" || w.set.rolling(s)) && !s.leaves {
				w.rolls(s.index)
			}
		}
		for _, c := range changes {
			if c.Effect == Starts || c.Effect == Restarts {
				w.comesBack(c)
			}
		}
	})
}

// reloaded notes what a reload means for one service.
func (w *world) reloaded(c Change, running map[string]int) {
	i := w.set.Index(c.Name)
	if i < 0 {
		return
	}
	if w.story != nil {
		w.tell("%s: reload: %s %v", c.Name, c.Effect, c.Keys)
	}
	l := w.truth(c.Name)
	l.stays = 0
	pid, ran := running[c.Name]
	switch c.Effect {
	case Adds, Starts, Restarts:
		if c.Effect != Adds || w.set.starts(w.set.services[i].newest()) {
			w.command(true, i)
		} else {
			l.wantUp = false
		}
		l.ended = time.Time{} // it begins anew
	case Keeps, Updates:
		is := w.set.Machine(i)
		if is.State == Stopping && strings.Contains(is.Why, "which it goes with") {
			w.command(true, i)
		} else if ran && (is.State != Running || is.PID != pid) {
			w.fail("what has not changed stays", "%s was running with pid %d; after a reload that says %q it is %s with %d", c.Name, pid, c.Effect, is.State, is.PID)
		} else if ran {
			l.stays = pid
		}
		if w.set.services[i].again {
			w.command(true, i) // what it needs now is started with it
		}
	}
}

func (w *world) comesBack(c Change) {
	s := w.set.byName[c.Name]
	if comes := s.again || s.armed || !s.State.Settled() && s.toStop == "" && !(s.State == Stopping && s.then == toStopped); !comes {
		w.fail("what a reload starts comes back", "after a reload that says %q %s is %s, and does not", c.Effect, c.Name, s.State)
	}
}

// reloadAsked is HUP's: it is read again.
func (w *world) reloadAsked() { w.tell("a reload is asked for by HUP") }

// forgotten: a service is in the set no more.
func (l *truth) forgotten() {
	*l = truth{name: l.name, run: l.run}
}
