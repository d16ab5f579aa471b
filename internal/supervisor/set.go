package supervisor

import (
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Set is all services with what orders them. Like [Machine] it only decides:
// each method takes what happened and the time, and leaves the actions in
// Outputs, for its owner to carry out. It is not safe for concurrent use.
type Set struct {
	services []*service // by index; nil: removed by a reload
	free     []int      // the indexes at which there is none, for the next that are added
	byName   map[string]*service
	changing []*service // those that a reload changes, or has under way
	only     []string   // what alone was asked for at the beginning; nil: all with autostart
	began    time.Time  // when Begin asked for them
	attended bool       // somebody can start by hand what is stopped
	stays    bool       // it goes on though nothing is left that could run
	lone     bool       // with stays: but not without any service
	lettered []*service // that have letters to obey
	touched  []*service // whose files may tell something else
	rolls    []*roll
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
// of [NewSet], -1 for none. Spec is its configuration at the time of the
// decision: another may have taken its place since.
type Output struct {
	Service int
	Spec    *config.Service
	Action  Action
}

// service is a machine among others.
type service struct {
	Machine
	index      int
	needs      []need          `carry:"-"`
	after      []*service      `carry:"-"`
	dependants []*service      `carry:"-"` // those that have it in needs or after
	toStop     string          // why it is to stop as soon as its dependants have; "" when it is not
	toRestart  string          // why it is to restart as soon as those that go with it have stopped; ""
	armed      bool            // lazy: the first connection starts it
	resting    bool            // it stops for want of connections
	woken      []time.Time     // when connections started it, the last few times
	byHand     bool            // it was somebody's wish that it be stopped
	newer      *config.Service // what a reload brought, to be taken over when no process is left
	again      bool            // to be started with that
	changing   bool            // it is in Set.changing
	leaves     bool            // a reload took it out of the configuration, or it was told to exit
	exits      bool            // with leaves: by a letter, and only so far as no other comes
	letters    []byte          // of runit's, to be obeyed
	touched    bool            `carry:"-"` // it is in Set.touched
	queued     bool            `carry:"-"`
	visit      int             `carry:"-"` // the walk that came by last
}

// need is a neighbour that a service needs, and in what way.
type need struct {
	*service
	config.Need
	was bool // it was met when last looked at
}

// NewSet makes a set in which nothing has been asked for. Names in Needs and
// After are those of other specs. seed is the origin of all jitter.
func NewSet(specs []config.Service, seed uint64, now time.Time) *Set {
	set := &Set{rand: rand.New(rand.NewPCG(seed, 0)), byName: make(map[string]*service, len(specs))}
	for i := range specs {
		set.add(apart(specs[i]), now)
	}
	set.link()
	return set
}

// apart gives a configuration a place of its own in memory. A run goes by the one that
// it was started with, and looks and watches do, for as long as it lives: without this
// each would keep all services of that reading in memory, after any number of reloads.
func apart(spec config.Service) *config.Service { return &spec }

// add puts in a service, whose neighbours are not known yet.
func (set *Set) add(spec *config.Service, now time.Time) *service {
	s := &service{Machine: NewMachine(spec, now), index: len(set.services)}
	if n := len(set.free); n > 0 {
		s.index, set.free = set.free[n-1], set.free[:n-1]
	} else {
		set.services = append(set.services, nil)
	}
	set.services[s.index], set.byName[spec.Name] = s, s
	set.touch(s)
	return s
}

// link makes each service know its neighbours.
func (set *Set) link() {
	for s := range set.all() {
		s.dependants = nil
	}
	for s := range set.all() {
		spec := s.newest()
		s.needs, s.after = nil, nil
		for _, n := range spec.Needs {
			if other := set.byName[n.Name]; other != nil {
				n := need{service: other, Need: n}
				n.was = n.met()
				s.needs = append(s.needs, n)
				other.dependants = append(other.dependants, s)
			}
		}
		for _, name := range spec.After {
			if other := set.byName[name]; other != nil {
				s.after = append(s.after, other)
				other.dependants = append(other.dependants, s)
			}
		}
	}
}

// all goes through the services that are there.
func (set *Set) all() iter.Seq[*service] {
	return func(yield func(*service) bool) {
		for _, s := range set.services {
			if s != nil && !yield(s) {
				return
			}
		}
	}
}

// Outputs hands over the actions decided since the last call.
func (set *Set) Outputs() []Output {
	out := set.outputs
	set.outputs = nil
	return out
}

// Machine gives the machine of a service to look at. That of an index at which
// there is none is stopped.
func (set *Set) Machine(index int) Machine {
	if s := set.services[index]; s != nil {
		return s.Machine
	}
	return Machine{State: Stopped}
}

// Spec is the configuration by which a service lives; nil: there is none at
// this index. It never changes; a reload brings another.
func (set *Set) Spec(index int) *config.Service {
	if s := set.services[index]; s != nil {
		return s.spec
	}
	return nil
}

// Len is one more than the highest index. A reload may leave gaps.
func (set *Set) Len() int { return len(set.services) }

// Index finds a service by name; -1: there is none.
func (set *Set) Index(name string) int {
	if s := set.byName[name]; s != nil {
		return s.index
	}
	return -1
}

// Attend says that somebody can ask for services while supervise runs, so that
// it does not end when all that is left was stopped by hand.
func (set *Set) Attend() { set.attended = true }

// Luck is a random number for [policy.Backoff.Delay].
func (set *Set) Luck() float64 { return set.rand.Float64() }

// Begin asks for the named services and what they need; without names, for
// all with autostart.
func (set *Set) Begin(names []string, now time.Time) {
	set.only, set.began = names, now
	for s := range set.all() {
		switch {
		case !set.starts(s.spec):
		case s.spec.Lazy():
			set.armAtRest(s, now)
		default:
			set.start(s, "at the start of supervise", now)
		}
	}
	set.settleQueue(now)
}

// starts says whether a service starts without being asked for by name.
func (set *Set) starts(spec *config.Service) bool {
	if len(set.only) > 0 {
		return slices.Contains(set.only, spec.Name) || slices.Contains(set.only, spec.Template)
	}
	return spec.Autostart
}

// Start asks for a service and, if they were not asked for, those it needs.
func (set *Set) Start(index int, why string, now time.Time) {
	if !set.shut {
		set.start(set.services[index], why, now)
		set.settleQueue(now)
	}
}

func (set *Set) start(s *service, why string, now time.Time) {
	if s.leaves {
		return
	}
	set.touch(s)
	s.byHand = false
	if s.newer != nil || s.again {
		s.again = true // as soon as it can begin with what the reload brought
		return
	}
	set.disarm(s)
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
		case n.armed, n.resting, n.toRestart != "":
		case n.spec.Lazy() && n.For != config.NeedDone && n.State.Settled() && n.newer == nil && !n.again && !n.leaves && !n.hasProcess():
			n.byHand = false
			set.armAtRest(n.service, now)
		case n.State == Done && n.met():
			set.startNeeds(n.service, now)
		case leaving || n.State.Settled():
			set.start(n.service, "needed by "+s.spec.Name, now)
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

// StopByHand is Stop, and whoever asked for it may want to start the service
// again: supervise does not end for want of anything to do.
func (set *Set) StopByHand(index int, why string, now time.Time) {
	set.services[index].byHand = true
	set.Stop(index, why, now)
}

func (set *Set) stop(s *service, why string) {
	if s.visit == set.walk {
		return
	}
	s.visit = set.walk
	s.again, s.toRestart = false, ""
	if s.armed {
		s.Why = why
	}
	set.disarm(s)
	set.unroll(s)
	if !s.State.Settled() && s.toStop == "" {
		s.toStop = why
		set.look(s)
		set.touch(s)
	}
	for _, d := range s.dependants {
		if d.requires(s) {
			set.stop(d, s.spec.Name+", which it needs, is to stop")
		}
	}
}

// Restart asks for a stop and a start of one service, and before it of those
// that go with it; what else needs it stays.
func (set *Set) Restart(index int, why string, now time.Time) {
	if !set.shut {
		set.restart(set.services[index], why, now)
		set.settleQueue(now)
	}
}

func (set *Set) restart(s *service, why string, now time.Time) {
	if s.leaves {
		return
	}
	s.byHand = false
	if s.newer != nil || s.again {
		s.again = true // it is being restarted
		return
	}
	set.disarm(s)
	set.startNeeds(s, now)
	s.toRestart = why // before the others look whether it has to be started for them
	if set.restartWith(s, now) {
		set.look(s)
		return
	}
	s.toRestart = ""
	set.feed(s, Restart{Why: why}, now)
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
	set.outputs = append(set.outputs, Output{-1, nil, Tell{event.Event{Name: event.ShutdownBegun, Why: why}}})
	set.rolls = nil
	for s := range set.all() {
		s.again, s.toRestart = false, ""
		set.disarm(s)
		set.feed(s, ShutDown{}, now)
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
	set.outputs = append(set.outputs, Output{-1, nil, Tell{event.Event{Name: event.ShutdownHurried, Why: why}}})
	for s := range set.all() {
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

// Finished says whether nothing can happen any more, and with which status
// supervise is to end: after a shutdown that of its cause, or 1 when
// something survived it; else 0, or 1 when a service failed.
func (set *Set) Finished() (status int, finished bool) {
	failed, asked, some := false, false, false
	for s := range set.all() {
		some = true
		asked = asked || s.State != Stopped
		switch {
		case set.attended && !set.shut && s.byHand, s.again, s.armed:
			return 0, false
		case s.State.Settled():
			failed = failed || s.State == Failed && (!set.shut || s.stuck)
		case s.State == Waiting && !set.shut:
			failed = true // what it waits for can't come: nothing else runs
		default:
			return 0, false
		}
	}
	switch {
	case set.shut:
	case set.stays && (some || !set.lone):
		return 0, false
	case set.attended && !asked && some:
		return 0, false // everything waits to be asked for
	}
	if failed && set.status == 0 {
		return 1, true
	}
	return set.status, true
}

// feed gives an input to a machine, and notes what follows for the others.
func (set *Set) feed(s *service, in Input, now time.Time) {
	before, due, had, pid := s.State, s.Due, s.hasProcess(), s.PID
	next, actions := s.Next(in, now)
	s.Machine = next
	for _, a := range actions {
		set.outputs = append(set.outputs, Output{s.index, s.spec, a})
	}
	set.touch(s)
	if !s.Due.IsZero() && !s.Due.Equal(due) {
		set.remind(s)
	}
	if s.State != before || s.State == Waiting || s.hasProcess() != had || s.PID != pid {
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

// Receivers lists the services that a signal received by supervise goes to,
// with what it becomes for each (signals.Drop: nothing).
func (set *Set) Receivers(sig signals.Signal) map[int]signals.Signal {
	to := map[int]signals.Signal{}
	for s := range set.all() {
		if slices.Contains(s.spec.Forward, sig) {
			out, _ := s.spec.Map.Apply(sig)
			to[s.index] = out
		}
	}
	return to
}

// newRest makes a set for the processes that belong to no service: one machine
// whose main process is gone, already being stopped by a ladder.
func newRest(ladder []config.Rung, now time.Time) *Set {
	spec := config.Service{Name: "others", Stop: config.Stop{Ladder: ladder}, Restart: policy.Restart{When: policy.Never}}
	set := NewSet([]config.Service{spec}, 0, now)
	set.shut = true
	s := set.services[0]
	s.State = Running
	set.feed(s, Stop{Why: "processes are left that belong to no service"}, now)
	return set
}
