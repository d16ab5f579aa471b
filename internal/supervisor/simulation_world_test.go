package supervisor

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"syscall"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// world is what a loop has around it in the simulation. Three goroutines touch
// it, never two at a time: the one that plays the schedule; the owner, while a
// message or a deadline is handled; and the one that forks, which stops at the
// gate before each fork until the schedule has it go on.
type world struct {
	schedule
	story  *story
	loop   *Loop
	set    *Set
	kernel *simKernel
	began  time.Time
	over   chan struct{} // closed when the loop has ended
	status int

	specs   []config.Service // what the last reload brought
	truths  map[string]*truth
	names   []string // ever invented
	clients []*client
	looks   []*lookProcess
	down    bool
	run     bool      // it is `run`, with its one program, and not `up`
	turned  time.Time // when a reload turned the relations of what lives round last

	gate      chan struct{}
	atGate    bool // a fork waits there
	passed    bool // this fork is through it
	fate      fate // of this fork
	streams   int  // opened for a start and not released
	diskFull  bool
	childNews bool // a child has changed, and the owner has not been told
	holdsNews bool // nor will it be for now
	turns     int  // messages and deadlines that the owner has handled
	problem   string
}

// fate is what becomes of a fork.
type fate int

const (
	forkWorks    fate = iota
	forkRefused       // EAGAIN
	forkNotFound      // there is no such program
)

// truth is what is true of one service, whatever the set thinks.
type truth struct {
	name    string
	wantUp  bool          // what the commands asked for
	run     int           // starts so far
	main    *simProcess   // until the owner has heard of its end
	group   int           // of the last main process
	hook    *simProcess   // the same of a hook
	forking bool          // a start of the main process has no answer yet
	looker  *looker       // the last
	looks   []Action      // and what it looks at
	watched *watching     // its files
	ended   time.Time     // when a run ended whose backoff is under way
	least   time.Duration // what the policy wanted then
	stays   int           // the pid, if no reload has wanted another process; 0
	stop    stopping      // the one under way
}

// failed is what the simulation panics with.
type failed struct{}

// fail ends a schedule: an invariant does not hold.
func (w *world) fail(invariant, format string, args ...any) {
	w.note(invariant, format, args...)
	panic(failed{})
}

// note does so from the goroutine that forks.
func (w *world) note(invariant, format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf("[%s] ", invariant) + fmt.Sprintf(format, args...)
		w.tell("FAILED %s", w.problem)
	}
}

func (w *world) tell(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, "%12s  %s\n", w.now().Sub(w.began), fmt.Sprintf(format, args...))
	}
}

func (*world) now() time.Time { return time.Now() }

// play plays a schedule to its end, in a bubble of its caller's. It says what did
// not hold; "": all did.
func play(s schedule, story *story) (problem string) {
	w := newWorld(s, story)
	go w.live()
	w.stage(func() {
		w.settle()
		for _, k := range s.steps {
			if w.isOver() {
				break
			}
			w.step(uint64(k))
			w.settle()
		}
		w.finish()
	})
	close(w.gate)
	w.loop.Send(stopLoop{})
	w.loop.Close()
	<-w.over
	synctest.Wait() // for the one that forks
	return w.problem
}

// stage calls f, which may panic.
func (w *world) stage(f func()) {
	defer func() {
		if p := recover(); p != nil && p != (failed{}) {
			w.note("no panic", "%v\n%s", p, debug.Stack())
		}
	}()
	f()
}

// restOfWorld is the ladder for what belongs to no service.
var restOfWorld = []config.Rung{{Signal: signals.TERM, Wait: 3 * time.Second}, {Signal: signals.KILL, Wait: 2 * time.Second}}

// live is the owner.
func (w *world) live() {
	defer close(w.over)
	w.stage(func() {
		w.status = w.loop.Run(nil)
		w.checkRunOver()
		rest := restOfWorld
		if p, ok := w.loop.Signals.(*Program); ok {
			rest = p.Rest(w.loop)
		}
		w.loop.End(w.status, rest)
	})
}

// stopLoop ends a loop whose world has failed.
type stopLoop struct{}

func (stopLoop) handle(*Loop) { panic(failed{}) }

func (w *world) isOver() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// settle waits until nothing moves any more, and tells the owner of children
// that have changed.
func (w *world) settle() {
	for synctest.Wait(); w.childNews && !w.holdsNews && w.problem == ""; synctest.Wait() {
		w.childNews = false
		w.loop.Send(childChanged{})
	}
	if w.problem != "" {
		panic(failed{})
	}
	if !w.isOver() {
		w.checkAtRest()
	}
}

// pass lets time go by. A message goes before it: the race detector knows of no
// order between what was done here and a timer of the owner's.
func (w *world) pass(d time.Duration) {
	w.loop.Send(nothing{})
	synctest.Wait()
	time.Sleep(d)
}

type nothing struct{}

func (nothing) handle(*Loop) {}

// send has the owner handle a message.
func (w *world) send(m message) {
	w.loop.Send(m)
	w.settle()
}

// ask has the owner do something, and expects that it does.
func (w *world) ask(do func(l *Loop)) {
	done := make(chan struct{})
	w.loop.Send(ask{do, done})
	synctest.Wait()
	select {
	case <-done:
	default:
		if w.problem == "" && !w.isOver() {
			w.fail("every request is answered", "the owner has not done what it was asked for")
		}
	}
	w.settle()
}

func newWorld(s schedule, story *story) *world {
	d := diceFor(s.seed, 0)
	w := &world{schedule: s, story: story, began: time.Now(), over: make(chan struct{}), gate: make(chan struct{}), truths: map[string]*truth{}}
	d.n(1)
	d.n(1) // the lengths
	w.run = d.one(6)
	w.kernel = &simKernel{w: w, adopts: !w.run || d.one(2)}
	host := tree.HostOn(w.kernel, nil)
	lone := d.one(2)
	outer := World{
		Launcher: w, Kernel: w.kernel, Host: host, Session: launch.OwnSession, Sink: w, Signals: Services{Reload: w.reloadAsked},
		Tree: func(s *config.Service) *tree.Tree {
			t, _ := host.Tree(s.Name, s.Stop.Scope)
			return t
		},
		Stdio: w.stdio, Adopts: w.kernel.adopts,
	}
	if d.one(3) {
		outer.BlockedAfter = 1013 * time.Millisecond
	}
	if w.run {
		outer.Session, outer.Signals, outer.Lingers = launch.OwnGroup, &Program{Lone: lone}, w.kernel.adopts && d.one(2)
		outer.Tree = func(*config.Service) *tree.Tree { return programTree(host, w.kernel.adopts, lone) }
		w.specs = []config.Service{programSpec(diceFor(s.seed, diceOfServices), lone)}
		w.specs[0].Name = "s0"
		w.names = []string{"s0"}
	} else {
		for _, k := range s.services {
			w.invent(diceFor(s.seed, diceOfServices+uint64(k)), fmt.Sprint("s", k))
		}
		for k := range mostServices {
			w.names = append(w.names, fmt.Sprint("s", k))
		}
	}
	specs := make([]config.Service, len(w.specs))
	copy(specs, w.specs)
	w.loop = NewLoop(outer, specs, s.seed)
	w.set = w.loop.Set()
	w.loop.beside = beside{look: w.look, watch: w.watch, listen: w.listen}
	w.loop.Watch(Watch{Check: func(*Set) bool { w.check(); return false }})
	if !w.run {
		w.loop.Attend()
	}
	for _, s := range w.specs {
		w.truth(s.Name).wantUp = s.Autostart
	}
	for _, i := range w.indexes() { // and what it needs
		if w.truth(w.name(i)).wantUp {
			w.command(true, i)
		}
	}
	return w
}

// truth gives that of a service.
func (w *world) truth(name string) *truth {
	l := w.truths[name]
	if l == nil {
		l = &truth{name: name}
		w.truths[name] = l
	}
	return l
}

// programTree is that of `run`, as cmd/supervise has it.
func programTree(host *tree.Host, adopts, lone bool) *tree.Tree {
	if adopts {
		return host.Everything(lone)
	}
	scope := config.Group
	if lone {
		scope = config.Process
	}
	t, _ := host.Tree("", scope)
	return t
}

var errOver = errors.New("the simulation is over")

// stopAtGate waits until the schedule has the fork go on.
func (w *world) stopAtGate() error {
	w.atGate = true
	if _, open := <-w.gate; !open {
		return errOver
	}
	return nil
}

// stdio opens the streams of a start: its log is on a disk that may be full.
func (w *world) stdio(spec *config.Service, _ func()) (launch.Stdio, func(), error) {
	if err := w.stopAtGate(); err != nil {
		return launch.Stdio{}, nil, err
	}
	if w.diskFull {
		w.tell("%s: its log cannot be opened", spec.Name)
		return launch.Stdio{}, nil, fmt.Errorf("opening its log: %w", unix.ENOSPC)
	}
	w.passed = true
	w.streams++
	released := false
	release := func() {
		if released {
			w.note("what a start opened is released once", "the streams of %s are released twice", spec.Name)
		}
		released = true
		w.streams--
	}
	return launch.Stdio{Terminal: -1}, release, nil
}

// Image is [Launcher].
func (w *world) Image(spec *config.Service, t *tree.Tree, _ launch.Given, session launch.Session) (reaper.Image, error) {
	if !w.passed { // a look has streams of its own
		if err := w.stopAtGate(); err != nil {
			return reaper.Image{}, err
		}
	}
	w.passed = false
	if w.fate == forkNotFound {
		return reaper.Image{}, &reaper.StartError{Status: 127, Err: unix.ENOENT}
	}
	return reaper.Image{Path: spec.Name, Argv: spec.Command, ProcAttr: syscall.ProcAttr{
		Env: []string{t.Mark()}, Sys: &syscall.SysProcAttr{Setsid: session == launch.OwnSession}}}, nil
}

// letFork has the fork at the gate go on.
func (w *world) letFork(f fate) {
	w.atGate, w.fate = false, f
	w.gate <- struct{}{}
	w.settle()
}

// listen is called when a main process is about to be started.
func (w *world) listen(_ int, spec *config.Service, _ *given) error {
	w.checkSpawn(spec)
	w.truth(spec.Name).forking = true
	return nil
}

// look and watch take note of who looks, and of what is watched.
func (w *world) look(k *looker, spec *config.Service, a Action) {
	l := w.truth(spec.Name)
	if l.looker != k {
		if l.looker != nil && l.looker.ctx.Err() == nil {
			w.fail("each look once", "who looked at %s before still does", spec.Name)
		}
		l.looker, l.looks = k, nil
	}
	if slices.Contains(l.looks, a) {
		w.fail("each look once", "%s is looked at twice: %T", spec.Name, a)
	}
	l.looks = append(l.looks, a)
}

func (w *world) watch(v *watching) {
	l := w.truth(v.spec.Name)
	if l.watched != nil && w.loop.watchers[v.service] == l.watched {
		w.fail("each watch once", "the files of %s are watched twice", l.name)
	}
	l.watched = v
}

// Wants and Emit are [Sink].
func (*world) Wants(event.Name) bool { return true }

func (w *world) Emit(e event.Event) {
	if w.story != nil {
		who := e.Service
		if who != "" {
			who += ": "
		}
		w.tell("%s%s", who, e.Text())
	}
	w.happened(&e)
}
