package supervisor

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"supervise/internal/config"
)

// Who may start, and who has to wait for whom to stop: what a change of one
// service means to its neighbours.

// settleQueue follows changes until nothing more follows from them.
func (set *Set) settleQueue(now time.Time) {
	for len(set.queue) > 0 || set.obeyOne(now) {
		if len(set.queue) == 0 {
			continue
		}
		s := set.queue[0]
		set.queue = set.queue[1:]
		s.queued = false
		set.consider(s, now)
		for _, d := range s.dependants {
			if d.State == Waiting {
				set.consider(d, now)
			}
		}
		set.goWith(s, now)
		set.considerRolls(s, now)
		switch {
		case s.State.Settled():
			s.toStop = ""
			set.rest(s, now)
			set.walk++
			set.release(s)
			set.considerEnd(s, now)
			set.considerReload(now)
		case s.State == Waiting || s.State == Backoff: // perhaps after a stop
			set.walk++
			set.release(s)
		}
	}
}

// release looks at what s held back from stopping, if only through others that
// have ended.
func (set *Set) release(s *service) {
	s.visit = set.walk
	for n := range s.neighbours() {
		switch {
		case n.visit == set.walk:
		case n.State.Settled():
			set.release(n)
		case n.toStop != "" || n.toRestart != "":
			set.look(n)
		}
	}
}

// neighbours are those that s needs or comes after.
func (s *service) neighbours() iter.Seq[*service] {
	return func(yield func(*service) bool) {
		for _, n := range s.needs {
			if !yield(n.service) {
				return
			}
		}
		for _, a := range s.after {
			if !yield(a) {
				return
			}
		}
	}
}

// consider decides whether a service that waits may go, and whether one that
// is to stop may do so now.
func (set *Set) consider(s *service, now time.Time) {
	if s.toStop != "" && !s.State.Settled() {
		// What has not been started yet is of no use to anybody.
		unborn := s.State == Waiting || s.State == Backoff || s.State == Starting && s.phase == preparing
		if unborn || !set.isHeld(s) {
			why := s.toStop
			var in Input = Stop{Why: why}
			if s.leaves || set.shut {
				in = Leave{Why: why}
			}
			set.feed(s, in, now)
			if s.State.Settled() {
				s.toStop = ""
			}
		}
		return
	}
	if s.toRestart != "" && !set.restartWith(s, now) {
		why := s.toRestart
		s.toRestart = ""
		set.restart(s, why, now)
		return
	}
	if s.State != Waiting {
		return
	}
	if blockers := s.blockers(); len(blockers) == 0 {
		set.feed(s, Go{}, now)
	} else if why := strings.Join(blockers, "; "); why != s.Why {
		set.feed(s, Waits{Why: why}, now)
	}
}

// considerEnd: a critical service that has ended for good takes all with it.
// One that gave up makes supervise end with 1, any other with its own status.
func (set *Set) considerEnd(s *service, now time.Time) {
	critical := s.spec.Critical && s.newest().Critical                      // what a reload brought says nothing of an end before it
	if set.shut || !critical || s.leaves || s.State == Stopped || s.armed { // armed: it has not ended for good
		return
	}
	status := 1
	if s.State == Done {
		status = s.Last.Status()
	}
	set.Shutdown(fmt.Sprintf("%s, which is critical, has ended (%s)", s.spec.Name, s.Why), status, now)
}

// isHeld says whether a service that is to stop has to wait for another that
// depends on it, if only through one that has ended already.
func (set *Set) isHeld(s *service) bool {
	set.walk++
	return set.held(s)
}

func (set *Set) held(s *service) bool {
	s.visit = set.walk
	for _, d := range s.dependants {
		switch {
		case d.visit == set.walk:
		case s.spec.Runit != nil && s.spec.Runit.Writer == d.spec.Name && !s.leaves && !set.shut:
			// By hand a log service can be stopped at any time.
		case d.State.Settled():
			if set.held(d) {
				return true
			}
		case set.shut || d.toStop != "" || d.State == Stopping: // in a shutdown all are
			return true
		}
	}
	return false
}

// blockers tells what a service waits for.
func (s *service) blockers() []string {
	var why []string
	for _, n := range s.needs {
		switch {
		case n.met() && n.toStop == "" && n.toRestart == "":
		case n.State.Settled():
			why = append(why, fmt.Sprintf("needs %s, which is %s (%s)", n.spec.Name, n.State, n.Why))
		case n.For == config.NeedReady:
			why = append(why, "needs "+n.spec.Name)
		default:
			why = append(why, "needs "+n.spec.Name+" "+string(n.For))
		}
	}
	for _, a := range s.after {
		if a.underWay() {
			why = append(why, "comes after "+a.spec.Name)
		}
	}
	return why
}

// serves says whether what needs the service can start. To a lazy one the first
// connection may come at any time, and waits.
func (s *service) serves() bool {
	switch {
	case s.spec.Kind == config.Task:
		return s.State == Done
	case s.spec.Lazy():
		return s.armed || !s.State.Settled()
	}
	return s.State == Running
}

// ready says whether the service is, or would be at the first connection.
func (s *service) ready() bool {
	return s.serves() && (s.State == Running || s.State == Done || s.armed)
}

// met says whether a need is fulfilled.
func (n need) met() bool {
	switch n.For {
	case config.NeedDone:
		return n.State == Done
	case config.NeedStarted:
		if n.PID != 0 && (n.State == Starting || n.State == Running) {
			return true
		}
	}
	return n.serves()
}

// requires says whether s needs other.
func (s *service) requires(other *service) bool {
	return slices.ContainsFunc(s.needs, func(n need) bool { return n.service == other })
}

// underWay says whether what comes after the service has to wait: until it is
// ready or turns out not to become so, a task until it has ended.
func (s *service) underWay() bool {
	if s.spec.Kind == config.Task {
		return !s.State.Settled()
	}
	return s.State == Waiting || s.State == Starting
}
