package supervisor

import (
	"fmt"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/signals"
)

// Status is what there is to say of a service at one moment.
type Status struct {
	Machine
	Spec  *config.Service
	Ready bool           // what needs it can run
	Next  string         // what comes next by itself, in words; "": nothing
	Rung  signals.Signal // with Stopping: the signal whose effect is waited for
	Gone  bool           // no process is left, nor will one come of what was begun
	// Leaving says that it is to stop as soon as what depends on it has.
	Leaving bool
	// Returns says that it is stopped only for a reload, and starts again by
	// itself.
	Returns bool
	// Hopeless says that it waits for something that will not come by itself.
	Hopeless bool
	Armed    bool   // its first connection starts it
	Rolling  bool   // a restart of one after the other has still to come to it
	Step     string // with Starting and Stopping: what it is at, in words; "": nothing but that
}

// Status tells of a service.
func (set *Set) Status(index int, now time.Time) Status {
	s := set.services[index]
	st := Status{Machine: s.Machine, Spec: s.spec, Ready: s.ready(), Next: set.next(s, now), Gone: !s.hasProcess(), Leaving: s.toStop != "",
		Returns:  s.again && !set.shut,
		Hopeless: s.hopeless(), Armed: s.armed, Rolling: set.rolling(s), Step: s.step()}
	if s.State == Stopping && s.phase == climbing && len(s.ladder) > 0 && !s.awaits {
		st.Rung = s.ladder[0].Signal
		if to, keep := s.spec.Map.Apply(st.Rung); keep && s.PID != 0 {
			st.Rung = to
		}
	}
	return st
}

// hopeless says whether a service waits for something that will not come by
// itself.
func (s *service) hopeless() bool { return s.State == Waiting && len(s.wanting()) > 0 }

// next tells what comes next by itself.
func (set *Set) next(s *service, now time.Time) string {
	left := event.Roughly(max(s.Due.Sub(now), 0))
	var next string
	switch {
	case s.toStop != "" && (s.State == Running || s.State == Starting):
		return "stops when " + strings.Join(set.holders(s), ", ") + " has stopped"
	case s.State == Running && set.awaitsRoll(s):
		return "restarts when its turn comes"
	case s.toRestart != "":
		return "restarts when those that go with it have stopped"
	case s.State == Starting && s.phase == probing && !s.Due.IsZero():
		return fmt.Sprintf("given up in %s, if it is not ready", left)
	case (s.State == Starting || s.State == Stopping && s.phase != climbing) && s.hook.on() && !s.Due.IsZero():
		return fmt.Sprintf("%s is ended in %s", s.hook.moment, left)
	case s.State == Backoff:
		return fmt.Sprintf("starts in %s", left)
	case s.State == Waiting && len(s.wanting()) > 0:
		names := s.wanting()
		return "starts after " + strings.Join(names, ", ") + ", which nobody starts: supervise start " + strings.Join(names, " ")
	case s.State == Waiting:
		if b := s.blockers(); len(b) > 0 {
			return "starts when that is over"
		}
		return "starts"
	case s.State == Running && !s.clocks.end.IsZero():
		return fmt.Sprintf("times out in %s", event.Roughly(max(s.clocks.end.Sub(now), 0)))
	case s.State == Stopping && s.awaits:
		next = "ends as soon as its start has come to an end"
	case s.State == Stopping && len(s.ladder) > 1 && !s.Due.IsZero():
		next = fmt.Sprintf("%s in %s", s.ladder[1].Signal, left)
	case s.State == Stopping && !s.Due.IsZero():
		next = fmt.Sprintf("given up in %s", left)
	case s.State == Stopping:
		next = "no more signals"
	}
	switch {
	case s.State == Stopping && (s.again || s.then == toStart):
		next += ", then it starts"
	case s.leaves:
		next = join(next, "then it is removed")
	case s.State.Settled() && s.again:
		next = "starts when all it needs has its new configuration"
	}
	return next
}

// wanting names what s needs that will not come unless somebody asks for it.
func (s *service) wanting() (names []string) {
	for _, n := range s.needs {
		if n.State.Settled() && !n.met() && !n.again {
			names = append(names, n.spec.Name)
		}
	}
	return names
}

// step tells what a service that starts or stops is at.
func (m Machine) step() string {
	switch {
	case m.State == Starting && m.phase == executing:
		return "its process is being made"
	case m.State == Starting && m.phase == probing && m.Looked != "":
		return "not ready: " + m.Looked
	case m.State == Starting && m.phase == probing:
		return "not ready yet"
	case m.hook.on():
		return string(m.hook.moment) + " runs"
	}
	return ""
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// holders names those that have to stop before s.
func (set *Set) holders(s *service) (names []string) {
	for _, d := range s.dependants {
		if !d.State.Settled() && (set.shut || d.toStop != "") {
			names = append(names, d.spec.Name)
		}
	}
	if len(names) == 0 {
		return []string{"what depends on it"}
	}
	return names
}
