package supervisor

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/signals"
)

// Set is all services with what orders them. Like [Machine] it only decides:
// each method takes what happened and the time, and leaves the actions in
// Outputs, for its owner to carry out. It is not safe for concurrent use.
type Set struct {
	services []*service
	outputs  []Output
	queue    []*service // whose neighbours have to be looked at
	due      dueHeap
	rand     *rand.Rand
	walk     int // number of the walk through the graph under way
	shut     bool
	hurried  bool
	status   int // to end with
	why      string
}

// Output is an action and the service that it concerns: its index in the order
// of [NewSet].
type Output struct {
	Service int
	Action  Action
}

// service is a machine among others.
type service struct {
	Machine
	index      int
	needs      []*service
	after      []*service
	dependants []*service // those that have it in needs or after
	toStop     string     // why it is to stop as soon as its dependants have; "" when it is not
	queued     bool
	visit      int // the walk that came by last
}

// NewSet makes a set in which nothing has been asked for. Names in Needs and
// After are those of other specs. seed is the origin of all jitter.
func NewSet(specs []config.Service, seed uint64, now time.Time) *Set {
	set := &Set{rand: rand.New(rand.NewPCG(seed, 0))}
	byName := make(map[string]*service, len(specs))
	for i := range specs {
		s := &service{Machine: NewMachine(&specs[i], now), index: i}
		set.services = append(set.services, s)
		byName[specs[i].Name] = s
	}
	for _, s := range set.services {
		link := func(names []string) (to []*service) {
			for _, name := range names {
				if other := byName[name]; other != nil {
					to = append(to, other)
					other.dependants = append(other.dependants, s)
				}
			}
			return to
		}
		s.needs, s.after = link(s.spec.Needs), link(s.spec.After)
	}
	return set
}

// Outputs hands over the actions decided since the last call.
func (set *Set) Outputs() []Output {
	out := set.outputs
	set.outputs = nil
	return out
}

// Machine gives the machine of a service to look at.
func (set *Set) Machine(index int) Machine { return set.services[index].Machine }

// Len is the number of services.
func (set *Set) Len() int { return len(set.services) }

// Index finds a service by name; -1: there is none.
func (set *Set) Index(name string) int {
	return slices.IndexFunc(set.services, func(s *service) bool { return s.spec.Name == name })
}

// Luck is a random number for [policy.Backoff.Delay].
func (set *Set) Luck() float64 { return set.rand.Float64() }

// Begin asks for the named services and what they need; without names, for
// all with autostart.
func (set *Set) Begin(names []string, now time.Time) {
	for _, s := range set.services {
		asked := s.spec.Autostart
		if len(names) > 0 {
			asked = slices.Contains(names, s.spec.Name) || slices.Contains(names, s.spec.Template)
		}
		if asked {
			set.start(s, "at the start of supervise", now)
		}
	}
	set.settleQueue(now)
}

// Start asks for a service and, if they were not asked for, those it needs.
func (set *Set) Start(index int, why string, now time.Time) {
	if !set.shut {
		set.start(set.services[index], why, now)
		set.settleQueue(now)
	}
}

func (set *Set) start(s *service, why string, now time.Time) {
	set.startNeeds(s, now)
	set.feed(s, Start{Why: why}, now)
}

// startNeeds asks for what s needs and nobody wants at present. A task that is
// done stays so, but what it needs is needed by way of it.
func (set *Set) startNeeds(s *service, now time.Time) {
	s.toStop = ""
	for _, n := range s.needs {
		leaving := n.toStop != "" || n.State == Stopping && n.then == toStopped
		switch {
		case n.State == Done && n.spec.Kind == config.Task:
			set.startNeeds(n, now)
		case leaving || n.State.Settled():
			set.start(n, "needed by "+s.spec.Name, now)
		}
	}
}

// Stop asks for the end of a service and, before it, of all that need it, if
// only through a task that has long ended.
func (set *Set) Stop(index int, why string, now time.Time) {
	set.walk++
	set.stop(set.services[index], why)
	set.settleQueue(now)
}

func (set *Set) stop(s *service, why string) {
	if s.visit == set.walk {
		return
	}
	s.visit = set.walk
	if !s.State.Settled() && s.toStop == "" {
		s.toStop = why
		set.look(s)
	}
	for _, d := range s.dependants {
		if slices.Contains(d.needs, s) {
			set.stop(d, s.spec.Name+", which it needs, is to stop")
		}
	}
}

// Restart asks for a stop and a start of one service. What needs it stays.
func (set *Set) Restart(index int, why string, now time.Time) {
	if !set.shut {
		s := set.services[index]
		set.startNeeds(s, now)
		set.feed(s, Restart{Why: why}, now)
		set.settleQueue(now)
	}
}

// Final makes the present run of a service its last.
func (set *Set) Final(index int, why string, now time.Time) {
	set.feed(set.services[index], Final{Why: why}, now)
	set.settleQueue(now)
}

// Shutdown stops everything, what is needed last. status is what supervise
// ends with if all goes well. A second call changes nothing.
func (set *Set) Shutdown(why string, status int, now time.Time) {
	if set.shut {
		return
	}
	set.shut, set.status, set.why = true, status, why
	set.outputs = append(set.outputs, Output{-1, Tell{event.Event{Name: event.ShutdownBegun, Why: why}}})
	for _, s := range set.services {
		if !s.State.Settled() && s.toStop == "" {
			s.toStop = why
			set.look(s)
		}
	}
	set.settleQueue(now)
}

// ShuttingDown says whether Shutdown was called.
func (set *Set) ShuttingDown() bool { return set.shut }

// Hurry takes every service to the last rung of its ladder, in no order.
func (set *Set) Hurry(why string, now time.Time) {
	if set.hurried {
		return
	}
	set.hurried = true
	set.outputs = append(set.outputs, Output{-1, Tell{event.Event{Name: event.ShutdownHurried, Why: why}}})
	for _, s := range set.services {
		if s.State == Starting || s.State == Running {
			set.feed(s, Stop{Why: why}, now)
		}
		set.feed(s, Hurry{}, now)
	}
	set.settleQueue(now)
}

// Apply gives an input from outside to one service.
func (set *Set) Apply(index int, in Input, now time.Time) {
	set.feed(set.services[index], in, now)
	set.settleQueue(now)
}

// NextDue is when Tick is to be called next; false: not before something else
// happens.
func (set *Set) NextDue() (time.Time, bool) {
	for len(set.due) > 0 {
		if d := set.due[0]; set.services[d.service].Due.Equal(d.at) {
			return d.at, true
		}
		heap.Pop(&set.due) // the deadline was moved or dropped
	}
	return time.Time{}, false
}

// Tick lets the deadlines that have come take effect.
func (set *Set) Tick(now time.Time) {
	for at, ok := set.NextDue(); ok && !at.After(now); at, ok = set.NextDue() {
		d := heap.Pop(&set.due).(deadline)
		set.feed(set.services[d.service], Tick{}, now)
		set.settleQueue(now)
	}
}

// Finished says whether nothing can happen any more, and with which status
// supervise is to end: after a shutdown that of its cause, or 1 when
// something survived it; else 0, or 1 when a service failed.
func (set *Set) Finished() (status int, finished bool) {
	failed := false
	for _, s := range set.services {
		switch {
		case s.State.Settled():
			failed = failed || s.State == Failed && (!set.shut || s.stuck)
		case s.State == Waiting && !set.shut:
			failed = true // what it waits for can't come: nothing else runs
		default:
			return 0, false
		}
	}
	if failed && set.status == 0 {
		return 1, true
	}
	return set.status, true
}

// feed gives an input to a machine, and notes what follows for the others.
func (set *Set) feed(s *service, in Input, now time.Time) {
	before, due := s.State, s.Due
	next, actions := s.Next(in, now)
	s.Machine = next
	for _, a := range actions {
		set.outputs = append(set.outputs, Output{s.index, a})
	}
	if !s.Due.IsZero() && !s.Due.Equal(due) {
		heap.Push(&set.due, deadline{s.Due, s.index})
	}
	if s.State != before || s.State == Waiting {
		set.look(s)
	}
}

// look queues a service: it, or what it means to others, has changed.
func (set *Set) look(s *service) {
	if !s.queued {
		s.queued = true
		set.queue = append(set.queue, s)
	}
}

// settleQueue follows changes until nothing more follows from them.
func (set *Set) settleQueue(now time.Time) {
	for len(set.queue) > 0 {
		s := set.queue[0]
		set.queue = set.queue[1:]
		s.queued = false
		set.consider(s, now)
		for _, d := range s.dependants {
			if d.State == Waiting {
				set.consider(d, now)
			}
		}
		if s.State.Settled() {
			s.toStop = ""
			set.walk++
			set.release(s)
			set.considerEnd(s, now)
		}
	}
}

// release looks at what s held back from stopping, if only through others that
// have ended.
func (set *Set) release(s *service) {
	s.visit = set.walk
	for _, list := range [][]*service{s.needs, s.after} {
		for _, n := range list {
			switch {
			case n.visit == set.walk:
			case n.State.Settled():
				set.release(n)
			case n.toStop != "":
				set.look(n)
			}
		}
	}
}

// consider decides whether a service that waits may go, and whether one that
// is to stop may do so now.
func (set *Set) consider(s *service, now time.Time) {
	if s.toStop != "" && !s.State.Settled() {
		if s.State == Waiting || s.State == Backoff || !set.isHeld(s) {
			why := s.toStop
			set.feed(s, Stop{Why: why}, now)
			if s.State.Settled() {
				s.toStop = ""
			}
		}
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
	if set.shut || !s.spec.Critical || s.State == Stopped {
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
		case d.State.Settled():
			if set.held(d) {
				return true
			}
		case set.shut || d.toStop != "": // in a shutdown all are
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
		case n.serves():
		case n.State.Settled():
			why = append(why, fmt.Sprintf("needs %s, which is %s (%s)", n.spec.Name, n.State, n.Why))
		default:
			why = append(why, "needs "+n.spec.Name)
		}
	}
	for _, a := range s.after {
		if a.underWay() {
			why = append(why, "comes after "+a.spec.Name)
		}
	}
	return why
}

// serves says whether what needs the service can start.
func (s *service) serves() bool {
	if s.spec.Kind == config.Task {
		return s.State == Done
	}
	return s.State == Running
}

// underWay says whether what comes after the service has to wait: until it is
// ready or turns out not to become so, a task until it has ended.
func (s *service) underWay() bool {
	if s.spec.Kind == config.Task {
		return !s.State.Settled()
	}
	return s.State == Waiting || s.State == Starting
}

// Receivers lists the services that a signal received by supervise goes to,
// with what it becomes for each (signals.Drop: nothing).
func (set *Set) Receivers(sig signals.Signal) map[int]signals.Signal {
	to := map[int]signals.Signal{}
	for _, s := range set.services {
		if slices.Contains(s.spec.Forward, sig) {
			out, _ := s.spec.Map.Apply(sig)
			to[s.index] = out
		}
	}
	return to
}

// deadline is when a service wants a Tick.
type deadline struct {
	at      time.Time
	service int
}

type dueHeap []deadline

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return cmp.Less(h[i].service, h[j].service)
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(deadline)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// newRest makes a set for the processes that belong to no service: one machine
// whose main process is gone, already being stopped.
func newRest(spec *config.Service, now time.Time) *Set {
	set := NewSet([]config.Service{*spec}, 0, now)
	set.shut = true
	s := set.services[0]
	s.State = Running
	set.feed(s, Stop{Why: "processes are left that belong to no service"}, now)
	return set
}
