package supervisor

import (
	"fmt"
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
)

// What concerns several services beside the order of their starts and stops:
// those that restart with one that they need, a restart of one after the other,
// and those that only a connection starts.

// goWith restarts those that go with s, when it has ceased to serve them.
func (set *Set) goWith(s *service, now time.Time) {
	for _, d := range s.dependants {
		for i := range d.needs {
			n := &d.needs[i]
			if n.service != s || !n.With {
				continue
			}
			was := n.was
			n.was = n.met()
			up := d.State == Starting || d.State == Running
			if was && !n.was && up && d.toStop == "" && d.newer == nil && !set.shut {
				set.feed(d, Restart{Why: s.spec.Name + ", which it goes with, is not there"}, now)
			}
		}
	}
}

// restartWith restarts those that go with s, and says whether one of them has
// still to stop.
func (set *Set) restartWith(s *service, now time.Time) (wait bool) {
	for _, d := range s.dependants {
		if !slices.ContainsFunc(d.needs, func(n need) bool { return n.service == s && n.With }) {
			continue
		}
		if (d.State == Starting || d.State == Running) && d.toStop == "" && d.toRestart == "" {
			set.restart(d, s.spec.Name+", which it goes with, restarts", now)
		}
		wait = wait || d.hasProcess()
	}
	return wait
}

// roll is a restart of one service after the other, each when the one before is
// ready.
type roll struct {
	todo []*service
	now  *service // nil: none yet
	left bool     // now was seen not to run
	why  string
}

// Roll restarts services one after the other. It ends at the first that does
// not come up.
func (set *Set) Roll(indexes []int, why string, now time.Time) {
	if set.shut {
		return
	}
	r := &roll{why: why}
	for _, i := range indexes {
		r.todo = append(r.todo, set.services[i])
	}
	set.rolls = append(set.rolls, r)
	set.advance(r, now)
	set.settleQueue(now)
}

// rolling says whether a service is still to be restarted by a roll.
func (set *Set) rolling(s *service) bool {
	return slices.ContainsFunc(set.rolls, func(r *roll) bool { return r.now == s }) || set.awaitsRoll(s)
}

// awaitsRoll says whether a roll has not come to a service yet.
func (set *Set) awaitsRoll(s *service) bool {
	return slices.ContainsFunc(set.rolls, func(r *roll) bool { return slices.Contains(r.todo, s) })
}

// unroll takes a service out of every roll: it is to stop.
func (set *Set) unroll(s *service) {
	for _, r := range set.rolls {
		r.todo = slices.DeleteFunc(r.todo, func(other *service) bool { return other == s })
	}
}

// advance goes on with the next that is there.
func (set *Set) advance(r *roll, now time.Time) {
	for len(r.todo) > 0 {
		s := r.todo[0]
		r.now, r.left, r.todo = s, s.State != Running, r.todo[1:]
		if set.services[s.index] == s && !s.leaves {
			set.restart(s, r.why, now)
			return
		}
	}
	set.rolls = slices.DeleteFunc(set.rolls, func(other *roll) bool { return other == r })
}

// considerRolls looks whether a roll can go on now that s has changed.
func (set *Set) considerRolls(s *service, now time.Time) {
	for _, r := range slices.Clone(set.rolls) {
		if r.now != s {
			continue
		}
		up := Running
		if s.spec.Kind == config.Task {
			up = Done
		}
		switch {
		case s.State == up && r.left && s.toRestart == "":
			set.advance(r, now)
		case s.State == Backoff, s.State.Settled() && r.left && !s.again, s.hopeless():
			set.rolls = slices.DeleteFunc(set.rolls, func(other *roll) bool { return other == r })
			if len(r.todo) > 0 {
				set.outputs = append(set.outputs, Output{s.index, s.spec, Tell{event.Event{Name: event.RollEnded,
					Why: fmt.Sprintf("it did not come up again, so %d more are left as they are", len(r.todo))}}})
			}
		}
		r.left = r.left || s.State != Running
	}
}

// Arm and Disarm are outputs of a set: the first connection to a service is to
// be told of with [Set.Connected], or not any more.
type (
	Arm    struct{}
	Disarm struct{}
)

func (Arm) action()    {}
func (Disarm) action() {}

// arm leaves the start of a service to its first connection.
func (set *Set) arm(s *service, now time.Time) {
	s.armed, s.resting = true, false
	s.Why, s.Since = "its first connection starts it", now
	set.outputs = append(set.outputs, Output{s.index, s.spec, Arm{}})
	set.look(s)
}

// armAtRest arms a service that does not run and is not armed yet.
func (set *Set) armAtRest(s *service, now time.Time) {
	if s.State.Settled() && !s.armed {
		set.arm(s, now)
	}
}

func (set *Set) disarm(s *service) {
	s.resting = false
	if s.armed {
		s.armed = false
		set.outputs = append(set.outputs, Output{s.index, s.spec, Disarm{}})
	}
}

// A lazy service that ends without having taken the connection that started it
// would be started by that again, without end. These are the limits of
// systemd.socket(5), TriggerLimitBurst= and TriggerLimitIntervalSec=.
const (
	maxWakes    = 20
	wakesWithin = 2 * time.Second
)

// rest arms a lazy service that has ended in peace.
func (set *Set) rest(s *service, now time.Time) {
	switch {
	case !s.spec.Lazy() || set.shut || s.leaves || s.armed:
	case s.State == Stopped && s.resting:
		set.arm(s, now)
	case s.State == Done && len(s.woken) == maxWakes && now.Sub(s.woken[0]) < wakesWithin:
		s.woken = nil
		set.feed(s, GiveUp{Why: fmt.Sprintf("%s: started by a connection %d times within %s, which it may not have taken", s.Last, maxWakes, wakesWithin)}, now)
	case s.State == Done:
		set.arm(s, now)
	}
}

// Connected says that a connection to a lazy service waits.
func (set *Set) Connected(index int, now time.Time) {
	if s := set.services[index]; s != nil && s.armed {
		s.woken = append(s.woken[max(0, len(s.woken)-maxWakes+1):], now)
		set.start(s, "a connection came", now)
		set.settleQueue(now)
	}
}

// Changed says that files have changed for which a service restarts. One that
// stops for good does all the same, and one that waits goes on waiting.
func (set *Set) Changed(index int, why string, now time.Time) {
	s := set.services[index]
	if s.State.Settled() || s.State == Waiting || s.toStop != "" || s.State == Stopping && s.then == toStopped {
		return
	}
	set.Restart(index, why, now)
}

// Unused says that a lazy service has had no connection for its idle_stop.
func (set *Set) Unused(index int, why string, now time.Time) {
	if s := set.services[index]; s != nil && s.spec.Lazy() && s.State == Running {
		s.resting = true
		set.unroll(s) // its next connection starts it anew anyway
		set.feed(s, Stop{Why: why}, now)
		set.settleQueue(now)
	}
}
