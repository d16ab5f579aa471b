package supervisor

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"supervise/internal/config"
)

// Effect is what a reload does to a service.
type Effect string

// The effects.
const (
	Keeps    Effect = "keep"    // nothing has changed
	Adds     Effect = "add"     // it is new
	Starts   Effect = "start"   // it does not run, and is to
	Restarts Effect = "restart" // its process has to be another
	Updates  Effect = "update"  // supervise takes the change over, the process stays
	Removes  Effect = "remove"  // it is not in the configuration any more
)

// Change is what a reload does to one service, and which keys it is for.
type Change struct {
	Name   string
	Effect Effect
	Keys   []string
}

// Plan says what [Set.Reload] would do.
func (set *Set) Plan(specs []config.Service) []Change {
	var changes []Change
	named := make(map[string]bool, len(specs))
	for i := range specs {
		named[specs[i].Name] = true
		changes = append(changes, set.planOne(&specs[i]))
	}
	for s := range set.all() {
		if !named[s.spec.Name] && !s.leaves {
			changes = append(changes, Change{Name: s.spec.Name, Effect: Removes})
		}
	}
	return changes
}

func (set *Set) planOne(spec *config.Service) Change {
	s := set.byName[spec.Name]
	if s == nil || s.leaves {
		return Change{Name: spec.Name, Effect: Adds}
	}
	keys, process := config.Changes(s.newest(), spec)
	c := Change{Name: spec.Name, Effect: Updates, Keys: keys}
	switch {
	case len(keys) == 0:
		c.Effect = Keeps
	case s.byHand || (s.toStop != "" || s.State == Stopping && s.then == toStopped) && !s.again:
		// Somebody wanted it stopped; that it has changed is no reason to start it.
	case s.State == Failed, s.State == Done && process:
		c.Effect = Starts
	case s.armed:
		if !spec.Lazy() {
			c.Effect = Starts
		}
	case s.State == Stopped:
		if set.starts(spec) && !set.starts(s.newest()) {
			c.Effect = Starts
		}
	case s.newer != nil && s.State != Stopping && !needsAnother(s.spec, spec):
		// It is changed back, before it was stopped.
	case process && s.State != Done:
		c.Effect = Restarts
	}
	return c
}

func needsAnother(old, new *config.Service) bool {
	_, process := config.Changes(old, new)
	return process
}

// summary tells in one line what a reload did: "1 added (cache), 2 restarted (db:
// env; web: command), 5 kept".
func summary(changes []Change) string {
	var parts []string
	for _, e := range []struct {
		effect Effect
		word   string
	}{{Adds, "added"}, {Starts, "started"}, {Restarts, "restarted"}, {Updates, "updated"}, {Removes, "removed"}, {Keeps, "kept"}} {
		var names []string
		n := 0
		for _, c := range changes {
			if c.Effect != e.effect {
				continue
			}
			switch n++; {
			case e.effect == Keeps || n > maxNamed:
			case len(c.Keys) > 0:
				names = append(names, c.Name+": "+strings.Join(c.Keys, ", "))
			default:
				names = append(names, c.Name)
			}
		}
		if n > maxNamed && e.effect != Keeps {
			names = append(names, fmt.Sprintf("and %d more", n-maxNamed))
		}
		switch {
		case len(names) > 0:
			parts = append(parts, fmt.Sprintf("%d %s (%s)", n, e.word, strings.Join(names, "; ")))
		case n == len(changes):
			return "nothing has changed"
		case n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", n, e.word))
		}
	}
	return strings.Join(parts, ", ")
}

// maxNamed is how many services summary names of those to which one thing is
// done: the answer to the request has them all.
const maxNamed = 5

// Reload takes over another configuration: what is new is added and, if it is
// to start by itself, started; what has changed is stopped, in the order of
// needs, and started with its new configuration, or only given that, if its
// process need not know; what is gone is stopped and forgotten; all else stays
// as it is. During a shutdown it does nothing.
//
// Names in Needs and After are those of other specs. The caller must not touch
// specs afterwards.
func (set *Set) Reload(specs []config.Service, now time.Time) []Change {
	if set.shut {
		return nil
	}
	changes := set.Plan(specs)
	var start []*service
	for i, c := range changes {
		s := set.byName[c.Name]
		switch c.Effect {
		case Keeps:
			continue
		case Removes:
			s.leaves, s.again = true, false
		case Adds:
			spec := apart(specs[i])
			if s == nil {
				s = set.add(spec, now)
			} else { // it was removed, and has not gone yet
				s.newer, s.leaves, s.exits = spec, false, false
			}
			if set.starts(spec) {
				start = append(start, s)
			}
		default:
			set.change(s, apart(specs[i]))
			if c.Effect != Updates {
				start = append(start, s)
			}
		}
		if s.newer != nil || s.leaves {
			set.underWay(s)
		}
	}
	set.link()
	for _, s := range set.changing {
		if (s.leaves || s.newer != nil && s.hasProcess()) && !s.State.Settled() && s.toStop == "" {
			s.toStop = changed
			if s.leaves {
				s.toStop = "it is not in the configuration any more"
			}
		}
		set.look(s)
	}
	for _, s := range start {
		switch {
		case s.State.Settled() && s.newer == nil && s.spec.Lazy() && !s.hasProcess():
			set.armAtRest(s, now)
		case s.State.Settled() || s.State == Backoff || s.newer != nil:
			set.start(s, changed, now)
		}
	}
	for s := range set.all() {
		if s.State == Waiting || s.toStop != "" {
			set.look(s) // for something else, perhaps
		}
	}
	set.settleQueue(now)
	set.considerReload(now)
	set.settleQueue(now)
	return changes
}

// underWay has the service looked at until its change is done.
func (set *Set) underWay(s *service) {
	if !s.changing {
		s.changing = true
		set.changing = append(set.changing, s)
	}
}

const changed = "its configuration has changed"

// change gives a service its new configuration, now if that can be.
func (set *Set) change(s *service, spec *config.Service) {
	left := s.State.Settled() && s.hasProcess() // it survived KILL: what comes next comes after it
	if left || needsAnother(s.spec, spec) {
		s.newer = spec
		if !s.hasProcess() {
			set.renew(s)
		}
		return
	}
	was := s.spec
	s.spec = spec
	if s.newer != nil { // it is changed back
		s.newer = nil
		if s.State != Stopping && s.again { // else somebody wants it stopped
			s.again, s.toStop = false, ""
			set.look(s)
		}
	}
	set.lookAnew(s, was)
	if s.State != Running {
		return
	}
	s.clocks.end = time.Time{}
	if spec.RunTimeout > 0 {
		s.clocks.end = s.Since.Add(spec.RunTimeout)
	}
	s.due = s.clocks.next()
	if s.Due = earlier(s.due, s.hook.due); !s.Due.IsZero() {
		set.remind(s)
	}
}

// lookAnew lets those who look at a service do so by its new configuration.
func (set *Set) lookAnew(s *service, was *config.Service) {
	do := func(a Action) { set.outputs = append(set.outputs, Output{s.index, s.spec, a}) }
	if !reflect.DeepEqual(s.spec.Watch, was.Watch) {
		if s.watching {
			do(UnwatchFiles{})
		}
		begun := s.watching || s.State != Waiting && !s.State.Settled()
		if s.watching = s.spec.Watch != nil && begun; s.watching {
			do(WatchFiles{})
		}
	}
	if s.State == Running && (!reflect.DeepEqual(s.spec.Health, was.Health) || s.spec.IdleStop != was.IdleStop) {
		if s.looking {
			do(EndLooks{})
		}
		s.Sick, s.looks = "", looks{}
		if s.looking = s.spec.Health != nil; s.looking {
			do(LookHealth{})
		}
		if s.spec.Lazy() && s.spec.IdleStop > 0 {
			s.looking = true
			do(LookIdle{})
		}
	}
}

// considerReload goes on with what a reload has under way: a service whose last
// process is gone is forgotten, or gets its new configuration; and it starts
// when nothing that it needs has still to stop.
func (set *Set) considerReload(now time.Time) {
	var rest, start []*service
	for _, s := range set.changing {
		switch {
		case s.hasProcess() || !s.State.Settled() && s.toStop != "", s.leaves && set.isRead(s):
			rest = append(rest, s)
			continue
		case s.leaves:
			set.forget(s)
			continue
		}
		set.renew(s)
		if set.walk++; !s.again {
			s.changing = false
		} else if set.changesBelow(s) {
			rest = append(rest, s)
		} else {
			s.changing, s.again = false, false
			start = append(start, s)
		}
	}
	set.changing = rest
	for _, s := range start {
		set.start(s, changed, now)
	}
}

// isRead says whether the log service of a service is still on its way out: as with
// runsv, neither has left before both have.
func (set *Set) isRead(s *service) bool {
	if s.spec.Runit == nil {
		return false
	}
	r := set.byName[s.spec.Runit.Reader]
	return r != nil && r.leaves && (r.hasProcess() || !r.State.Settled())
}

// changesBelow says whether something that s needs, if only through others,
// has still to stop for a reload.
func (set *Set) changesBelow(s *service) bool {
	s.visit = set.walk
	for _, n := range s.needs {
		if n.visit != set.walk && (n.newer != nil && n.hasProcess() || set.changesBelow(n.service)) {
			return true
		}
	}
	return false
}

// renew gives a service without a process its new configuration.
func (set *Set) renew(s *service) {
	if s.newer != nil {
		was := s.spec
		s.spec, s.newer = s.newer, nil
		set.outputs = append(set.outputs, Output{s.index, s.spec, Renew{}})
		set.lookAnew(s, was)
		if s.armed { // by other sockets, perhaps
			set.outputs = append(set.outputs, Output{s.index, s.spec, Disarm{}})
			if s.armed = s.spec.Lazy(); s.armed {
				set.outputs = append(set.outputs, Output{s.index, s.spec, Arm{}})
			}
		}
	}
}

// forget takes a service out.
func (set *Set) forget(s *service) {
	set.disarm(s)
	set.outputs = append(set.outputs, Output{s.index, s.spec, Forget{}})
	set.services[s.index] = nil
	set.free = append(set.free, s.index)
	delete(set.byName, s.spec.Name)
}

// newest is the configuration that a service has, or will have as soon as no
// process of the old one is left.
func (s *service) newest() *config.Service {
	if s.newer != nil {
		return s.newer
	}
	return s.spec
}

// Renew and Forget are outputs of a set beside those of its machines: what was
// made for a service by its old configuration is to be let go.
type (
	// Renew says that a service has another configuration.
	Renew struct{}
	// Forget says that a service is gone, and its index free.
	Forget struct{}
)

func (Renew) action()  {}
func (Forget) action() {}

// Rescan takes over what has come and gone in a directory of service directories.
// What is there stays as it is, whatever its files say now, as with runsvdir(8): they
// are read when a service begins, and by a reload.
func (set *Set) Rescan(specs []config.Service, now time.Time) []Change {
	readers := map[string]*config.Service{}
	for i := range specs {
		if specs[i].Runit.Writer != "" {
			readers[specs[i].Name] = &specs[i]
		}
	}
	var all []config.Service
	for i := range specs {
		spec := &specs[i]
		if spec.Runit.Writer != "" {
			continue // it goes with its writer
		}
		if s := set.byName[spec.Name]; s != nil && !s.leaves && s.newest().Runit.Path == spec.Runit.Path {
			all = append(all, *s.newest())
			if r := set.byName[s.newest().Runit.Reader]; r != nil && !r.leaves {
				all = append(all, *r.newest())
			}
			continue
		}
		all = append(all, *spec)
		if r := readers[spec.Runit.Reader]; r != nil {
			all = append(all, *r)
		}
	}
	return set.Reload(all, now)
}
