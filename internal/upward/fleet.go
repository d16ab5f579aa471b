package upward

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/supervisor"
)

// Service is what there is to know of one service.
type Service struct {
	Name  string
	Task  bool
	State supervisor.State
	Again bool      // it has been started before, and has failed
	Due   time.Time // with Backoff: of the next start
	Why   string
}

// Fleet is all services that were asked for.
type Fleet []Service

// LookAt gives the state of a set.
func LookAt(set *supervisor.Set) Fleet {
	var fleet Fleet
	for i := range set.Len() {
		spec := set.Spec(i)
		if spec == nil {
			continue
		}
		m := set.Machine(i)
		fleet = append(fleet, Service{Name: spec.Name, Task: spec.Kind == config.Task, State: m.State, Again: m.Restarts() > 0, Due: m.Due, Why: m.Why})
	}
	return fleet
}

// Pending counts the services that are on their way up, which are those that are
// not ready yet, and tasks that have not ended.
//
// One in backoff is not, nor one that starts again after it: it has had its
// chance, and may go on to fail for ever. Were supervise not ready until it is,
// systemd would give up on all the others. Nor is one that waits, because what it waits for either is pending
// itself or has had its chance.
func (f Fleet) Pending() (n int) {
	for _, s := range f {
		switch s.State {
		case supervisor.Starting, supervisor.Stopping:
			if !s.Again {
				n++
			}
		case supervisor.Running:
			if s.Task && !s.Again {
				n++
			}
		}
	}
	return n
}

// maxNamed is how many services a status names.
const maxNamed = 3

// gravity orders the states that a status tells of, the worst first.
var gravity = []supervisor.State{supervisor.Failed, supervisor.Backoff, supervisor.Stopping, supervisor.Starting, supervisor.Waiting}

// Status is one line about all: "8 of 9 running; flaky: backoff, next start at
// 14:03:07". Times are those of the clock, so that it stays true until it
// changes. stopping is why supervise shuts down; "": it does not.
func (f Fleet) Status(stopping string) string {
	var running, wanted, tasks, done int
	var named []Service
	for _, s := range f {
		grave := slices.Contains(gravity, s.State)
		if grave {
			named = append(named, s)
		}
		switch {
		case s.Task && s.State != supervisor.Stopped:
			tasks++
			if s.State == supervisor.Done {
				done++
			}
		case s.State == supervisor.Running:
			running++
			wanted++
		case grave:
			wanted++
		}
	}
	text := fmt.Sprintf("%d of %d running", running, wanted)
	if stopping != "" {
		text = fmt.Sprintf("shutting down (%s), %d left", stopping, f.living())
	} else if tasks > 0 {
		text += fmt.Sprintf(", %d of %d tasks done", done, tasks)
	}
	slices.SortStableFunc(named, func(a, b Service) int {
		return cmp.Or(cmp.Compare(slices.Index(gravity, a.State), slices.Index(gravity, b.State)), cmp.Compare(a.Name, b.Name))
	})
	var words []string
	for i, s := range named {
		if i == maxNamed {
			words = append(words, fmt.Sprintf("%d more", len(named)-maxNamed))
			break
		}
		words = append(words, s.words())
	}
	if len(words) > 0 {
		text += "; " + strings.Join(words, "; ")
	}
	return text
}

func (f Fleet) living() (n int) {
	for _, s := range f {
		if !s.State.Settled() {
			n++
		}
	}
	return n
}

func (s Service) words() string {
	switch s.State {
	case supervisor.Backoff:
		return fmt.Sprintf("%s: backoff, next start at %s", s.Name, s.Due.Format(time.TimeOnly))
	case supervisor.Failed:
		return fmt.Sprintf("%s: failed (%s)", s.Name, s.Why)
	}
	return fmt.Sprintf("%s: %s", s.Name, s.State)
}
