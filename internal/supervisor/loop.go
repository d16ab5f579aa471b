package supervisor

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/guard"
	"supervise/internal/launch"
	"supervise/internal/notify"
	"supervise/internal/procfs"
	"supervise/internal/reaper"
	"supervise/internal/runit"
	"supervise/internal/signals"
	"supervise/internal/sockets"
	"supervise/internal/tree"
	"supervise/internal/watch"
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
	Launcher Launcher
	Host     *tree.Host
	Session  launch.Session
	Sink     Sink
	// Kernel forks and waits; nil: Linux does.
	Kernel reaper.Kernel
	// Tree makes the processes of a service.
	Tree func(*config.Service) *tree.Tree
	// Stdio opens the standard streams for one start; release is called when
	// the child has its copies. It runs on the thread that forks.
	Stdio stdio
	// Sockets are those that services are started with; nil: none.
	Sockets *sockets.Set
	// Runit keeps the files of services that have some; nil: none has.
	Runit *runit.Keeper
	// Left is called when a service is gone that was told to exit, or is not in the
	// configuration any more. It must not wait for the owner; nil: nobody minds.
	Left func()
	// Signals says what a received signal means.
	Signals Signals
	// Adopts says that orphans become our children, so that we hear of the
	// death of every descendant.
	Adopts bool
	// Lingers says that a run lasts until the last process of its tree has
	// ended, not only the main one.
	Lingers bool
	// BlockedAfter is how long a rung of a stop may take before it is told what
	// does not end. 0: never told.
	BlockedAfter time.Duration
	// Record says that signals are followed: each process that one is sent to,
	// what it does with it at that moment, and what becomes of it.
	Record bool
	// Beat is called each BeatEvery, by the owner: as long as it comes, the
	// owner does its work. 0: never.
	Beat      func()
	BeatEvery time.Duration
	// Thread calls a job on the thread that is to fork; nil: a thread of its own. Only
	// what the first thread of the process has started survives an exec of ours, see
	// package leader.
	Thread func(job func())
}

// Launcher says what is needed to start a service in a tree, as
// [launch.Launcher] does. It is called on the thread that forks.
type Launcher interface {
	Image(*config.Service, *tree.Tree, launch.Given, launch.Session) (reaper.Image, error)
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
	services   *Set         // what there is to run
	set        *Set         // what the loop is about: services, and in End whatever else lives
	trees      []*tree.Tree // by the set's indexes; nil: no process yet
	reaper     *reaper.Reaper
	beside     beside
	stamper    *event.Stamper
	inbox      chan message
	timer      *time.Timer
	orphans    int
	asked      time.Time            // when a signal began the shutdown
	runs       map[int]*given       // what the present runs were given, or the last ones
	hearing    *notify.Receiver     // nil: no service says anything
	voices     map[int]*voice       // of those that do
	watchers   map[int]*watching    // of files
	left       map[int]watch.Left   // of those that were ended for a while
	quieted    map[int]*watching    // these, and what takes their place does not make them void
	lookers    map[int]*looker      // that look at services now
	looking    map[int]*lookProcess // their commands
	awaited    map[int]bool         // services of whose emptied tree a treeChanged will tell
	watches    []Watch
	lingers    map[int]Exited // the ends of main processes that are told when all have ended
	kept       map[int]*kept  // the files of runit that are kept
	numbered   map[int]*kept  // the same, by the numbers under which letters come
	numbers    int            // given so far
	recorder   *recorder      // nil: signals are not followed
	onTheirWay atomic.Int64   // messages of sendLater
	retired    *sweeper       // nil: nobody yet
	cause      uint64         // the number of the event of the signal that is being handled; 0: none
}

// beside begins what goes on beside the owner, and reports to it. A simulation
// has something else in its place.
type beside struct {
	look   func(*looker, *config.Service, Action)
	watch  func(*watching)
	listen func(service int, spec *config.Service, g *given) error
}

// message is what the inbox holds; each is handled by the owner goroutine.
type message interface{ handle(l *Loop) }

// NewLoop makes a loop over services. Signals are received from now on, and
// wait for [Loop.Run].
func NewLoop(w World, specs []config.Service, seed uint64) *Loop {
	l := &Loop{
		World:    w,
		services: NewSet(specs, seed, time.Now()),
		trees:    make([]*tree.Tree, len(specs)),
		stamper:  event.NewStamper(),
		inbox:    make(chan message, 1024),
		timer:    time.NewTimer(time.Hour),
		awaited:  map[int]bool{},
		runs:     map[int]*given{},
		voices:   map[int]*voice{},
		watchers: map[int]*watching{},
		left:     map[int]watch.Left{},
		quieted:  map[int]*watching{},
		lookers:  map[int]*looker{},
		looking:  map[int]*lookProcess{},
		lingers:  map[int]Exited{},
		kept:     map[int]*kept{},
		numbered: map[int]*kept{},
	}
	l.set = l.services
	l.beside = beside{look: l.goLook, watch: l.goWatch, listen: l.listen}
	l.reaper = reaper.New(w.Kernel, w.Thread, func(s reaper.Started) { l.Send(started(s)) })
	l.Host.Childless = l.reaper.Childless
	if w.Runit != nil {
		guard.Go(func() { fatal(w.Runit.Letters.Each(func(n int) { l.Send(lettersCame{n}) })) })
	}
	if w.Record {
		l.recorder = newRecorder()
		l.Host.Aiming = l.recorder.aim
	}
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

// Stay is [Set.Stay], before Run.
func (l *Loop) Stay(lone bool) { l.set.Stay(lone) }

// Attend is [Set.Attend], before Run.
func (l *Loop) Attend() { l.set.Attend() }

// Send gives the owner a message. Any goroutine may.
func (l *Loop) Send(m message) { l.inbox <- m }

// sendLater is Send for those who cannot wait until there is room in the inbox. That
// it is on its way can be seen.
func (l *Loop) sendLater(m message) {
	l.onTheirWay.Add(1)
	go func() {
		l.Send(m)
		l.onTheirWay.Add(-1)
	}()
}

// Ask has the owner call do, which may use the methods of Loop that are the
// owner's, and waits for it; false: until is closed before that.
func (l *Loop) Ask(until <-chan struct{}, do func(*Loop)) bool {
	done := make(chan struct{})
	select {
	case l.inbox <- ask{do, done}:
	case <-until:
		return false
	}
	select {
	case <-done:
		return true
	case <-until:
	}
	select { // both, perhaps
	case <-done:
		return true
	default:
		return false
	}
}

// Run begins the named services (none: all with autostart) and returns when
// nothing is left to do, with the status to end with.
func (l *Loop) Run(names []string) (status int) {
	l.tell(-1, event.Event{Name: event.SuperviseStarted, PID: os.Getpid()})
	l.set.Begin(names, time.Now())
	return l.work()
}

// work is the loop.
func (l *Loop) work() int {
	var beat <-chan time.Time
	if l.BeatEvery > 0 {
		ticker := time.NewTicker(l.BeatEvery)
		defer ticker.Stop()
		beat = ticker.C
	}
	for {
		l.carryOut()
		l.writeFiles()
		l.watch()
		if status, finished := l.set.Finished(); finished {
			return status
		}
		l.schedule()
		select {
		case m := <-l.inbox:
			l.turn()
			m.handle(l)
		case <-l.timer.C:
			l.turn()
			l.set.Tick(time.Now())
		case <-beat:
			l.Beat()
		}
	}
}

// turn forgets what belonged to the message before.
func (l *Loop) turn() {
	l.Host.Turn()
	l.cause = 0
	if l.recorder != nil {
		l.recorder.aimed = nil
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
				if o.Spec != nil {
					a.Event.Service = o.Spec.Name
				}
				l.tell(-1, a.Event)
			case Spawn:
				l.spawn(o.Service, o.Spec)
			case Renew:
				l.letGo(o.Service)
				l.renewFiles(o.Service, o.Spec)
			case Forget:
				l.letGo(o.Service)
				l.forgetVoice(o.Service)
				delete(l.runs, o.Service)
				l.closeFiles(o.Service)
				if r := o.Spec.Runit; r != nil && r.Writer != "" && l.Runit != nil {
					l.Runit.Pipes.Close(o.Spec.Name)
				}
				if l.Left != nil && o.Spec.Runit != nil {
					l.Left()
				}
			case EndInput:
				l.Runit.Pipes.Close(o.Spec.Name)
			case Send:
				l.send(o.Service, a)
			case SendLate:
				l.sendLate(o.Service, a)
			case AtRest:
				l.clearStore(o.Service)
				l.retire(o.Service)
			case Abandon:
				l.abandon(o.Service, a)
			case RunHook:
				l.runHook(o.Service, o.Spec, a)
			case KillHook:
				l.killHook(o.Service)
			case SendMain:
				l.sendMain(o.Service, a)
			case LookReady, LookHealth, LookIdle:
				l.beginLooks(o.Service, o.Spec, a)
			case EndLooks:
				l.endLooks(o.Service)
			case WatchFiles:
				l.watchFiles(o.Service, o.Spec, nil)
			case UnwatchFiles:
				l.unwatchFiles(o.Service)
			case Arm:
				l.arm(o.Service, o.Spec)
			case Disarm:
				if l.Sockets != nil {
					l.Sockets.Disarm(o.Spec.Name)
				}
			}
		}
	}
	if l.recorder != nil {
		l.tellOutcomes()
	}
}

// tell completes an event and passes it on. It gives the event's number, 0 if
// nobody wants it.
func (l *Loop) tell(service int, e event.Event) uint64 { return l.tellAt(service, e, time.Now()) }

// tellAt tells of what has happened at a moment just past.
func (l *Loop) tellAt(service int, e event.Event, at time.Time) uint64 {
	if !l.Sink.Wants(e.Name) {
		return 0
	}
	if service >= 0 {
		e.Service = l.set.Spec(service).Name
	}
	l.stamper.Stamp(&e, at)
	l.Sink.Emit(e)
	return e.Seq
}

func (l *Loop) spawn(service int, spec *config.Service) {
	t, g := l.treeOf(service, spec), l.give(service, spec)
	l.reaper.Start(mainKey{service}, func() (reaper.Image, error) { return l.mainImage(g, t) })
}

// treeOf gives the tree of a service, made when it is first wanted.
func (l *Loop) treeOf(service int, spec *config.Service) *tree.Tree {
	for len(l.trees) < l.set.Len() { // a reload added some
		l.trees = append(l.trees, nil)
	}
	if l.trees[service] == nil {
		l.trees[service] = l.Tree(spec)
	}
	return l.trees[service]
}

// letGo drops the tree of a service that has no process: its next is made by
// another configuration, or there is none.
func (l *Loop) letGo(service int) {
	if service < len(l.trees) && l.trees[service] != nil {
		l.trees[service].Close()
		l.trees[service], l.awaited[service] = nil, false
	}
}

// retire gives up the cgroup of a service that has ended in the shutdown, and so will not
// run again, while others still end.
func (l *Loop) retire(service int) {
	if !l.set.ShuttingDown() || service >= len(l.trees) || l.trees[service] == nil || !l.trees[service].Grouped() {
		return
	}
	if l.retired == nil {
		l.retired = newSweeper(l.set.Len())
	}
	l.retired.trees <- l.trees[service]
}

// sweeper closes trees beside the owner.
type sweeper struct {
	trees chan *tree.Tree
	done  chan struct{}
}

// newSweeper makes one for as many trees.
func newSweeper(most int) *sweeper {
	s := &sweeper{make(chan *tree.Tree, most), make(chan struct{})}
	guard.Go(func() {
		defer close(s.done)
		for t := range s.trees {
			t.Close()
		}
	})
	return s
}

// end returns when all are closed.
func (s *sweeper) end() {
	if s != nil {
		close(s.trees)
		<-s.done
	}
}

// send signals the tree of a service.
func (l *Loop) send(service int, a Send) {
	e := l.translated(service, a.Signal)
	e.Of = l.cause
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
	l.tellBlocked(service)
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
// would be none. The translation is for the main process: what it has left
// behind may be anything, and a shell's background jobs, for one, ignore QUIT.
func (l *Loop) translated(service int, s signals.Signal) event.Event {
	if l.set.Machine(service).PID == 0 {
		return event.Event{Signal: s}
	}
	if to, keep := l.set.Spec(service).Map.Apply(s); keep && to != s {
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
	if l.recorder != nil {
		l.record(service, e)
		return
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
	ask struct {
		do   func(*Loop)
		done chan<- struct{}
	}
)

// Watch has Check called, by the owner, now and after each change, until it
// says that it has seen enough. Cancelled ends it before.
type Watch struct {
	Check     func(*Set) (enough bool)
	Cancelled <-chan struct{}
}

func (r received) handle(l *Loop) { l.Signals.Received(l, signals.Received(r)) }

func (childChanged) handle(l *Loop) { l.reap() }

func (s started) handle(l *Loop) {
	l.reaper.Register(reaper.Started(s))
	if l.set != l.services { // all services are gone; only others are left
		l.reaper.Disown()
		if s.Err == nil {
			l.Host.Kill(s.PID)
		}
		l.reap() // it may have ended before, and nothing else would tell
		return
	}
	s.Key.(process).started(l, reaper.Started(s))
	l.reap() // what ended before it was registered
}

// process is a process of ours, by which the reaper knows it.
type process interface {
	// started hears what became of its start, changed of its end and of its
	// stops. All run at the owner.
	started(*Loop, reaper.Started)
	changed(*Loop, reaper.Change)
}

// mainKey is the main process of a service.
type mainKey struct{ service int }

func (k mainKey) started(l *Loop, s reaper.Started) {
	if s.Err != nil {
		status := 125
		if e, ok := s.Err.(*reaper.StartError); ok {
			status = e.Status
		}
		l.silent(k.service)
		l.set.Apply(k.service, NotForked{Status: status, Err: s.Err.Error(), Luck: l.set.Luck()}, time.Now())
		l.cleanIfDue(k.service)
		return
	}
	if l.recorder != nil {
		l.recorder.outcomes.renewed(l.set.Spec(k.service).Name, s.PID, s.At)
		l.tellOutcomes()
	}
	l.trees[k.service].Started(s.PID)
	defer l.speaks(k.service, s.PID)
	l.set.Apply(k.service, Forked{PID: s.PID, At: s.At}, time.Now())
	l.carryOut() // it is told that it began before what it then gets
	l.Signals.Begun(l)
}

func (c treeChanged) handle(l *Loop) {
	if c.service < len(l.trees) && l.trees[c.service] == c.tree { // else it came as late as in End
		l.awaited[c.service] = false
		l.clean(c.service)
	}
}

func (a ask) handle(l *Loop) {
	a.do(l)
	close(a.done)
}

// watch asks those who wait for something whether it has happened.
func (l *Loop) watch() {
	l.watches = slices.DeleteFunc(l.watches, func(w Watch) bool {
		select {
		case <-w.Cancelled:
			return true
		default:
			return w.Check(l.services)
		}
	})
}

// reapBatch bounds how many deaths are handled before other messages get
// their turn.
const reapBatch = 512

// reap takes note of the children that have changed.
func (l *Loop) reap() {
	adopted := false
	for n := 0; ; {
		if n >= reapBatch {
			go l.Send(childChanged{})
			break
		}
		batch := l.changes(reapBatch)
		if len(batch) == 0 {
			break
		}
		n += len(batch)
		l.Host.Turn() // what was seen of /proc before these ends shows them alive, with their children
		for _, c := range batch {
			if l.recorder != nil {
				l.recorder.changed(c, time.Now())
			}
			if p, ours := c.Key.(process); ours {
				p.changed(l, c)
			} else if c.Kind == reaper.Ended {
				adopted = true
				l.orphans++
				l.tell(-1, event.Event{Name: event.OrphanReaped, PID: c.PID, Exit: &c.Exit})
			}
		}
	}
	if adopted {
		for i := range l.trees {
			if l.set.Machine(i).Cleaning() || l.lingering(i) {
				l.clean(i)
			}
		}
	}
}

// changes waits for children that have ended, up to most, so that one look at /proc
// serves them all. A stop or a continuation is the last of a batch: what follows from it
// may be a signal, for which the process must not have been waited for.
func (l *Loop) changes(most int) (batch []reaper.Change) {
	for len(batch) < most {
		c, ok := l.reaper.Next()
		if !ok {
			break
		}
		batch = append(batch, c)
		if c.Kind != reaper.Ended {
			break
		}
	}
	return batch
}

func (k mainKey) changed(l *Loop, c reaper.Change) {
	switch {
	case l.trees[k.service] == nil: // it was replaced, and its service has gone or is another since
		if c.Kind == reaper.Ended {
			l.orphans++
			l.tell(-1, event.Event{Name: event.OrphanReaped, PID: c.PID, Exit: &c.Exit})
		}
	case c.PID != l.trees[k.service].Main(): // another has taken its place
		if c.Kind == reaper.Ended {
			l.replaced(k.service, c)
		}
	case c.Kind == reaper.Ended:
		l.trees[k.service].Ended()
		if !l.outlived(k.service, c) {
			l.ended(k.service, c)
		}
	default:
		l.held(k.service, c)
	}
}

// replaced handles the death of a process that was the main one.
func (l *Loop) replaced(service int, c reaper.Change) {
	l.tell(service, event.Event{Name: event.ProcessExited, PID: c.PID, Exit: &c.Exit, Why: "which was the main process"})
	l.Host.Turn()
	l.cleanIfDue(service) // it may have outlived the one after it, as its parent
}

// ended handles the death of a main process, of which its tree knows.
func (l *Loop) ended(service int, c reaper.Change) {
	t := l.trees[service]
	l.Signals.Ended(l, service, c)
	in := Exited{Exit: c.Exit, Remains: !t.Empty(), Untouched: !t.Reaches(), Luck: l.set.Luck()}
	if l.linger(service, in) {
		return
	}
	l.set.Apply(service, in, time.Now())
	if in.Remains {
		l.cleanIfDue(service)
	}
}

// held handles a main process that was stopped or continued.
func (l *Loop) held(service int, c reaper.Change) {
	l.trees[service].Held(c.Kind == reaper.Stopped)
	name := event.ProcessContinued
	if c.Kind == reaper.Stopped {
		name = event.ProcessStopped
	}
	l.tell(service, event.Event{Name: name, PID: c.PID, Signal: c.Signal})
	if m := l.set.Machine(service); c.Kind == reaper.Stopped && m.State == Stopping && !m.Paused {
		// Stopped after the ladder's signal came: it would see it never. (By the
		// letter p it is meant to be stopped, as with runsv.)
		l.wake(service)
		return
	}
	l.Signals.Changed(l, service, c)
}

// clean looks whether a tree without its main process is empty now.
func (l *Loop) clean(service int) {
	if l.trees[service].Empty() {
		l.emptied(service)
	} else {
		l.await(service)
	}
}

// await makes sure that we hear of it when the rest of a tree is gone. As
// their adopted parent we do anyway, if nobody comes between.
func (l *Loop) await(service int) {
	t := l.trees[service]
	if l.Adopts && t.Hereditary() || l.awaited[service] || t.Side() != 0 { // that is a child of ours
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
	l.services.shut = true // whoever asks for a start is told that it is too late
	if l.hearing != nil {
		l.hearing.Close()
	}
	for service := range l.kept { // whoever comes next may have them
		l.closeFiles(service)
	}
	l.retired.end()
	for _, t := range l.trees {
		if t != nil {
			t.Close()
		}
	}
	if l.Adopts && len(rest) > 0 && !l.reaper.Childless() {
		// What survived its ladder, or comes up only now, is among them.
		l.reaper.Disown()
		l.trees, l.awaited = []*tree.Tree{l.Host.Everything(false)}, map[int]bool{}
		l.set = newRest(rest, time.Now())
		if survived := l.work(); survived != 0 && status == 0 {
			status = survived
		}
	}
	if l.recorder != nil {
		l.recorder.outcomes.end(time.Now())
		l.tellOutcomes()
	}
	l.tell(-1, event.Event{Name: event.SuperviseEnded, Why: fmt.Sprintf("status %d, %d orphans reaped", status, l.orphans)})
	return status
}

// Machine gives the machine of a service, after Run.
func (l *Loop) Machine(service int) Machine { return l.services.Machine(service) }

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
