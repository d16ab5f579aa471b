package supervisor

import (
	"fmt"
	"os"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/guard"
	"supervise/internal/launch"
	"supervise/internal/policy"
	"supervise/internal/procfs"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// Sink takes events.
type Sink interface {
	// Wants says whether Emit does anything with events of that name, so that
	// nobody prepares what nobody reads.
	Wants(event.Name) bool
	Emit(event.Event)
}

// World is what a loop works with. The functions are called by the owner
// goroutine, except Stdio.
type World struct {
	Receiver *signals.Receiver
	Launcher *launch.Launcher
	Host     *tree.Host
	Session  launch.Session
	Sink     Sink
	// Tree makes the processes of a service.
	Tree func(*config.Service) *tree.Tree
	// Stdio opens the standard streams for one start; release is called when
	// the child has its copies. It runs on the thread that forks.
	Stdio func(*config.Service) (streams launch.Stdio, release func(), err error)
	// Signals says what a received signal means.
	Signals Signals
	// Adopts says that orphans become our children, so that we hear of the
	// death of every descendant.
	Adopts bool
}

// Signals decides what a received signal does. The owner goroutine calls it.
type Signals interface {
	Received(*Loop, signals.Received)
	// Begun hears of a main process that was started.
	Begun(*Loop)
	// Changed hears of a main process that was stopped or continued, Ended of
	// one that has ended, before the machine does.
	Changed(l *Loop, service int, c reaper.Change)
	Ended(l *Loop, service int, c reaper.Change)
}

// Loop owns a [Set] and all that belongs to it. One goroutine, in [Loop.Run],
// reads one queue of messages and touches the state; everybody else sends.
//
// The life of a signal: Receiver.Each → inbox → Signals.Received → Set →
// carryOut → tree.Signal. The life of a crash: Receiver.EachChild → inbox →
// reap → Set.Apply(Exited) → policy.Decide → Due → Tick → Spawn → reaper.
type Loop struct {
	World
	set     *Set
	specs   []config.Service
	trees   []*tree.Tree
	reaper  *reaper.Reaper
	stamper *event.Stamper
	inbox   chan message
	timer   *time.Timer
	orphans int
	awaited map[int]bool // services of whose emptied tree a treeChanged will tell
}

// message is what the inbox holds; each is handled by the owner goroutine.
type message interface{ handle(l *Loop) }

// NewLoop makes a loop over services. Signals are received from now on, and
// wait for [Loop.Run].
func NewLoop(w World, specs []config.Service, seed uint64) *Loop {
	l := &Loop{
		World: w, specs: specs,
		set:     NewSet(specs, seed, time.Now()),
		trees:   make([]*tree.Tree, len(specs)),
		stamper: event.NewStamper(),
		inbox:   make(chan message, 1024),
		timer:   time.NewTimer(time.Hour),
		awaited: map[int]bool{},
	}
	l.reaper = reaper.New(func(s reaper.Started) { l.Send(started(s)) })
	l.Host.Childless = l.reaper.Childless
	if r := w.Receiver; r != nil {
		guard.Go(func() { fatal(r.Each(func(s signals.Received) { l.Send(received(s)) })) })
		guard.Go(func() { fatal(r.EachChild(func() { l.Send(childChanged{}) })) })
	}
	return l
}

// fatal ends supervise when it can no longer do its work.
func fatal(err error) {
	if err != nil {
		panic(err)
	}
}

// Send gives the owner a message.
func (l *Loop) Send(m message) { l.inbox <- m }

// Run begins the named services (none: all with autostart) and returns when
// nothing is left to do, with the status to end with.
func (l *Loop) Run(names []string) (status int) {
	l.tell(-1, event.Event{Name: event.SuperviseStarted, PID: os.Getpid()})
	l.set.Begin(names, time.Now())
	return l.work()
}

// work is the loop.
func (l *Loop) work() int {
	for {
		l.carryOut()
		if status, finished := l.set.Finished(); finished {
			return status
		}
		l.schedule()
		select {
		case m := <-l.inbox:
			l.Host.Turn()
			m.handle(l)
		case <-l.timer.C:
			l.Host.Turn()
			l.set.Tick(time.Now())
		}
	}
}

// schedule sets the one timer to the next deadline of all services; without
// one there is none, and nothing wakes us.
func (l *Loop) schedule() {
	l.timer.Stop()
	if at, ok := l.set.NextDue(); ok {
		l.timer.Reset(time.Until(at))
	}
}

// carryOut does what the set decided. What comes of it may lead to further
// decisions.
func (l *Loop) carryOut() {
	for out := l.set.Outputs(); len(out) > 0; out = l.set.Outputs() {
		for _, o := range out {
			switch a := o.Action.(type) {
			case Tell:
				l.tell(o.Service, a.Event)
			case Spawn:
				l.spawn(o.Service)
			case Send:
				l.send(o.Service, a)
			case SendLate:
				l.sendLate(o.Service, a)
			case Abandon:
				l.abandon(o.Service, a)
			}
		}
	}
}

// tell completes an event and passes it on.
func (l *Loop) tell(service int, e event.Event) {
	if !l.Sink.Wants(e.Name) {
		return
	}
	if service >= 0 {
		e.Service = l.specs[service].Name
	}
	l.stamper.Stamp(&e, time.Now())
	l.Sink.Emit(e)
}

func (l *Loop) spawn(service int) {
	spec := &l.specs[service]
	if l.trees[service] == nil {
		l.trees[service] = l.Tree(spec)
	}
	t := l.trees[service]
	l.reaper.Start(service, func() (reaper.Image, error) {
		streams, release, err := l.Stdio(spec)
		if err != nil {
			return reaper.Image{}, &reaper.StartError{Status: 125, Err: err}
		}
		image, err := l.Launcher.Image(spec, t, streams, l.Session)
		if err != nil {
			release()
			return image, err
		}
		before := image.Close
		image.Close = func() {
			release()
			if before != nil {
				before()
			}
		}
		return image, nil
	})
}

// send signals the tree of a service.
func (l *Loop) send(service int, a Send) {
	e := l.translated(service, a.Signal)
	var err error
	if e.To, err = l.trees[service].Signal(e.Signal); e.To == "" && err == nil {
		// Nobody is left. The round of reaping says so; but where those were not
		// below us, and Await could not watch them, only this does.
		if l.set.Machine(service).Cleaning() {
			l.clean(service)
		}
		return
	}
	l.sent(service, e, err)
}

// sendLate signals those that were forked while the signal went out.
func (l *Loop) sendLate(service int, a SendLate) {
	e := l.translated(service, a.Signal)
	var err error
	if e.To, err = l.trees[service].SignalLate(e.Signal); e.To != "" || err != nil {
		l.sent(service, e, err)
	}
}

// translated is a signal of ours to a service. What we send ourselves is
// translated like what we pass on, but never dropped: a stop that sends nothing
// would be none.
func (l *Loop) translated(service int, s signals.Signal) event.Event {
	if to, keep := l.specs[service].Map.Apply(s); keep && to != s {
		return event.Event{Signal: to, Was: s}
	}
	return event.Event{Signal: s}
}

// sent reports a signal that was sent, or could not be.
func (l *Loop) sent(service int, e event.Event, err error) {
	e.Name, e.PID = event.SignalSent, l.set.Machine(service).PID
	if err != nil {
		e.Name, e.Why = event.SignalFailed, err.Error()
	}
	l.tell(service, e)
}

// abandon names what survived the ladder.
func (l *Loop) abandon(service int, a Abandon) {
	why := a.Why
	for _, p := range l.trees[service].Living() {
		why += fmt.Sprintf("; %d (%s, state %c)", p.PID, p.Name, p.State)
	}
	l.tell(service, event.Event{Name: event.StopAbandoned, Why: why})
}

// The messages.
type (
	received     signals.Received
	childChanged struct{}
	started      reaper.Started
	treeChanged  struct {
		service int
		tree    *tree.Tree
	}
	// Command asks for something; Reply gets the result, nil when it was
	// taken. It must have room.
	Command struct {
		Verb    Verb
		Service string
		Why     string
		Reply   chan<- error
	}
	// Query calls Look with the owner's set, to read it.
	Query struct {
		Look func(*Set)
		Done chan<- struct{}
	}
)

// Verb is what a [Command] asks for.
type Verb string

// The verbs.
const (
	StartService   Verb = "start"
	StopService    Verb = "stop"
	RestartService Verb = "restart"
	ShutdownAll    Verb = "shutdown"
)

func (r received) handle(l *Loop) { l.Signals.Received(l, signals.Received(r)) }

func (childChanged) handle(l *Loop) { l.reap() }

func (s started) handle(l *Loop) {
	l.reaper.Register(reaper.Started(s))
	service := s.Key.(int)
	if s.Err != nil {
		status := 125
		if e, ok := s.Err.(*reaper.StartError); ok {
			status = e.Status
		}
		l.set.Apply(service, NotForked{Status: status, Err: s.Err.Error(), Luck: l.set.Luck()}, time.Now())
	} else {
		l.trees[service].Started(s.PID)
		l.set.Apply(service, Forked{PID: s.PID, At: s.At}, time.Now())
		l.carryOut() // it is told that it began before what it then gets
		l.Signals.Begun(l)
	}
	l.reap() // what ended before it was registered
}

func (c treeChanged) handle(l *Loop) {
	if c.service < len(l.trees) && l.trees[c.service] == c.tree { // else it came as late as in End
		l.awaited[c.service] = false
		l.clean(c.service)
	}
}

func (c Command) handle(l *Loop) {
	i := l.set.Index(c.Service)
	if i < 0 && c.Verb != ShutdownAll {
		c.Reply <- fmt.Errorf("there is no service %q", c.Service)
		return
	}
	now := time.Now()
	switch c.Verb {
	case StartService:
		l.set.Start(i, c.Why, now)
	case StopService:
		l.set.Stop(i, c.Why, now)
	case RestartService:
		l.set.Restart(i, c.Why, now)
	case ShutdownAll:
		l.set.Shutdown(c.Why, 0, now)
	}
	c.Reply <- nil
}

func (q Query) handle(l *Loop) {
	q.Look(l.set)
	close(q.Done)
}

// reapBatch bounds how many deaths are handled before other messages get
// their turn.
const reapBatch = 512

// reap takes note of the children that have changed.
func (l *Loop) reap() {
	adopted := false
	for n := 0; ; n++ {
		if n == reapBatch {
			go l.Send(childChanged{})
			break
		}
		c, ok := l.reaper.Next()
		if !ok {
			break
		}
		service, ours := c.Key.(int)
		switch {
		case !ours:
			if c.Kind == reaper.Ended {
				adopted = true
				l.orphans++
				l.tell(-1, event.Event{Name: event.OrphanReaped, PID: c.PID, Exit: &c.Exit})
			}
		case c.Kind == reaper.Ended:
			l.ended(service, c)
		default:
			l.changed(service, c)
		}
	}
	if adopted {
		l.Host.Turn()
		for i := range l.trees {
			if l.set.Machine(i).Cleaning() {
				l.clean(i)
			}
		}
	}
}

// ended handles the death of a main process.
func (l *Loop) ended(service int, c reaper.Change) {
	t := l.trees[service]
	t.Ended()
	l.Host.Turn() // what was seen of /proc before this end shows it alive, with its children
	l.Signals.Ended(l, service, c)
	in := Exited{Exit: c.Exit, Remains: !t.Empty(), Untouched: !t.Reaches(), Luck: l.set.Luck()}
	l.set.Apply(service, in, time.Now())
	if in.Remains {
		l.await(service)
	}
}

// changed handles a main process that was stopped or continued.
func (l *Loop) changed(service int, c reaper.Change) {
	l.trees[service].Held(c.Kind == reaper.Stopped)
	name := event.ProcessContinued
	if c.Kind == reaper.Stopped {
		name = event.ProcessStopped
	}
	l.tell(service, event.Event{Name: name, PID: c.PID, Signal: c.Signal})
	if c.Kind == reaper.Stopped && l.set.Machine(service).State == Stopping {
		// Stopped after the ladder's signal came: it would see it never.
		_, _ = l.trees[service].SignalGroup(signals.CONT)
		return
	}
	l.Signals.Changed(l, service, c)
}

// clean looks whether a tree without its main process is empty now.
func (l *Loop) clean(service int) {
	if l.trees[service].Empty() {
		l.set.Apply(service, Emptied{}, time.Now())
	} else {
		l.await(service)
	}
}

// await makes sure that we hear of it when the rest of a tree is gone. As
// their adopted parent we do anyway, if nobody comes between.
func (l *Loop) await(service int) {
	t := l.trees[service]
	if l.Adopts && t.Hereditary() || l.awaited[service] {
		return
	}
	l.awaited[service] = true
	changed := func() { l.Send(treeChanged{service, t}) }
	if !t.Await(changed) {
		time.AfterFunc(lookAgain, changed)
	}
}

// lookAgain is how often a tree is looked at that nobody tells us of. It is
// the one thing that polls, during a stop where there is no /proc or no pidfd.
const lookAgain = 50 * time.Millisecond

// End stops, by the ladder, whatever lives besides the services, when they are
// gone, and reports the end. Without a ladder they are left alone. It is the
// last thing a loop does.
func (l *Loop) End(status int, rest []config.Rung) int {
	for _, t := range l.trees {
		if t != nil {
			t.Close()
		}
	}
	if l.Adopts && len(rest) > 0 && !l.reaper.Childless() {
		spec := config.Service{Name: "others", Stop: config.Stop{Ladder: rest}, Restart: policy.Restart{When: policy.Never}}
		l.specs = []config.Service{spec}
		l.trees, l.awaited = []*tree.Tree{l.Host.Everything(false)}, map[int]bool{}
		l.set = newRest(&l.specs[0], time.Now())
		if survived := l.work(); survived != 0 && status == 0 {
			status = survived
		}
	}
	l.tell(-1, event.Event{Name: event.SuperviseEnded, Why: fmt.Sprintf("status %d, %d orphans reaped", status, l.orphans)})
	return status
}

// Machine gives the machine of a service, after Run.
func (l *Loop) Machine(service int) Machine { return l.set.Machine(service) }

// Close ends what the loop runs, for tests: supervise itself ends instead, and
// the thread that forks with it, which is the death of what is bound to it.
func (l *Loop) Close() {
	l.timer.Stop()
	l.reaper.Close()
}

// senderName looks up who sent a signal, as long as it can be known.
func senderName(r signals.Received) string {
	if r.Origin.FromProcess() && r.PID > 0 {
		return procfs.Name(r.PID)
	}
	return ""
}
