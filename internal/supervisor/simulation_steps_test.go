package supervisor

import (
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// What happens in the simulation: one thing at each step.

// byRestart is why a service stops that is restarted; a reload may then make
// another kind of stop of it.
const byRestart = "to be restarted"

// step lets one thing happen.
func (w *world) step(n uint64) {
	d := diceFor(w.seed, diceOfSteps+n)
	w.kernel.dice = d
	w.holdsNews = d.one(5)
	name := w.names[d.n(len(w.names))]
	i := w.set.Index(name)
	if w.loop.set != w.set { // only others are left
		i = -1
	}
	switch what := d.n(24); {
	case what < 6:
		w.forkGoesOn(d)
	case what < 11:
		w.processGoesOn(d)
	case what < 14:
		w.pass(pick(d, d.between(1, 20*time.Second), d.seconds(1, 12)))
	case what == 14:
		w.signal(d)
	case w.run:
		w.forkGoesOn(d)
	case what == 15:
		w.diskFull = !w.diskFull && d.one(2)
		w.tell("the disk is full: %v", w.diskFull)
	case w.loop.set != w.set:
	case what == 16 && d.one(2):
		if !w.down {
			w.drawReload(d)
			w.reload()
		}
	case i < 0:
	case what == 17:
		if !w.set.services[i].leaves {
			if !w.down { // else it is refused
				w.command(true, i)
			}
			w.request(d, i, true, "start", func(set *Set, i int, now time.Time) { set.Start(i, "asked", now) })
		}
	case what == 18:
		w.command(false, i)
		w.request(d, i, false, "stop", func(set *Set, i int, now time.Time) { set.StopByHand(i, "asked", now) })
	case what == 19:
		if l := w.truth(name); !w.down && l.wantUp && !w.set.services[i].leaves {
			w.restarts(i) // what it needs since a reload
			w.request(d, i, true, "restart", func(set *Set, i int, now time.Time) { set.Restart(i, byRestart, now) })
		}
	case what < 23:
		w.says(d, i)
	default:
		w.together(d, i)
	}
}

// forkGoesOn lets what waits to be forked be.
func (w *world) forkGoesOn(d *dice) {
	f := forkWorks
	switch d.n(8) {
	case 0:
		f = forkRefused
	case 1:
		f = forkNotFound
	}
	if w.atGate {
		w.letFork(f)
	}
}

// processGoesOn lets a process do what comes next.
func (w *world) processGoesOn(d *dice) {
	var living []*simProcess
	for _, p := range w.kernel.table {
		if p.alive() {
			living = append(living, p)
		}
	}
	if len(living) == 0 {
		return
	}
	p, k := living[d.n(len(living))], w.kernel
	code, own, what := d.n(2), d.one(2), d.n(8)
	switch {
	case p.doomed() && p.undead:
		p.undead = !d.one(3)
		k.react(p)
	case p.fatal != 0 && (p.doomed() || !p.held):
		k.react(p)
	case p.held:
		p.held = d.one(2) // somebody else sent CONT
	case what < 3 || len(k.table) > simPIDs/2:
		w.tell("%s exits with %d", p, code)
		k.end(p, policy.Exit{Code: code})
	case what < 5:
		w.tell("%s forks %s", p, k.childOf(p, own))
	case what == 5: // as a daemon does
		c := k.childOf(p, false)
		w.tell("%s forks twice: %s", p, k.childOf(c, true))
		k.end(c, policy.Exit{})
	case what == 6:
		w.tell("%s is stopped", p)
		k.hold(p)
	case k.adopts && d.one(2):
		w.tell("a stranger is adopted: %s", k.born(&simProcess{parent: simSelf, role: roleChild}))
	}
}

// signal has supervise itself get one.
func (w *world) signal(d *dice) {
	s := pick(d, usr1, usr1, signals.HUP, signals.CONT, signals.INT, signals.TERM, signals.RTMIN+3)
	ends := s == signals.INT || s == signals.TERM || s == signals.RTMIN+3
	if ends && !w.down && !d.one(4) {
		return
	}
	w.receive(s)
}

func (w *world) receive(s signals.Signal) {
	w.tell("supervise gets %s", s)
	switch {
	case !w.run:
		w.down = w.down || s != usr1 && s != signals.HUP && s != signals.CONT
	case s == signals.TERM || s == signals.INT:
		w.down = true
	}
	w.send(received{Signal: s, At: w.now()})
}

// simInputs are what a service says of itself, or somebody of it.
type simInputs struct {
	service int
	all     []Input
}

func (in simInputs) handle(l *Loop) {
	for _, one := range in.all {
		if l.set.Spec(in.service) != nil {
			l.set.Apply(in.service, one, time.Now())
		}
	}
}

// tookOver says that a process is the main one now (MAINPID).
type tookOver struct {
	w       *world
	service int
	p       *simProcess
}

func (t tookOver) handle(l *Loop) {
	if m := l.set.Machine(t.service); m.PID == 0 || m.PID == t.p.pid || !t.p.alive() {
		return
	}
	t.w.takesOver(t.p)
	l.takeOver(t.service, t.p.seen())
}

// says lets a service say something.
func (w *world) says(d *dice, i int) {
	l := w.truthOf(i)
	k := w.loop.lookers[i]
	m := w.set.Machine(i)
	if m.PID == 0 && !m.forking && k == nil {
		return
	}
	if l.main == nil && !l.forking && k == nil {
		return
	}
	extend, every := d.seconds(0, 40), d.seconds(0, 20)
	switch d.n(12) {
	case 0, 1, 2:
		if k != nil {
			f := found{looker: k}
			if d.one(3) {
				f.problem = "refused"
			}
			w.send(f)
		}
	case 3:
		w.send(spoke{w.loop.runs[i]})
	case 4:
		w.send(simInputs{i, []Input{Pinged{}}})
	case 5:
		l.stop.extended = l.stop.extended || extend > 0
		w.send(simInputs{i, []Input{Extended{By: extend}}})
	case 6:
		w.send(simInputs{i, []Input{WatchdogIs{Every: every}}})
	case 7:
		w.send(simInputs{i, []Input{Failing{Why: "it says so"}}})
	case 8, 9:
		for _, p := range w.kernel.table {
			if p.alive() && p.service == l.name && p.role == roleChild && l.main != nil && p.run == l.main.run {
				w.tell("%s says that %s is the main process", l.name, p)
				w.send(tookOver{w, i, p})
				return
			}
		}
	case 10:
		if k != nil && slices.Contains(l.looks, Action(LookIdle{})) {
			w.becomesUnused(i)
			w.send(unused{k, "no connection"})
		}
	case 11:
		w.lookByCommand(d, i)
	}
}

// lookByCommand has a command look at a service, as probe.Health would, or end.
func (w *world) lookByCommand(d *dice, i int) {
	for _, p := range w.looks {
		if p.service == i && len(p.over) == 0 && d.one(2) {
			w.send(endLook{p})
			return
		}
	}
	spec := *w.set.Spec(i)
	p := &lookProcess{commands: &commands{loop: w.loop, service: i, spec: &spec}, command: []string{string(roleLook)}, over: make(chan lookResult, 1)}
	w.looks = append(w.looks, p)
	w.tell("a command looks at %s", spec.Name)
	w.send(p)
}

// together lets happen what concerns several services.
func (w *world) together(d *dice, i int) {
	if w.down || w.set.services[i].leaves {
		return
	}
	l, spec := w.truthOf(i), w.set.Spec(i)
	switch d.n(4) {
	case 0:
		if w.set.services[i].armed {
			w.command(true, i)
		}
		w.tell("a client connects to %s", l.name)
		w.send(connected{spec})
	case 1:
		if v := w.loop.watchers[i]; v != nil {
			if spec.Watch.Action == config.WatchRestart && l.wantUp {
				w.restarts(i)
			}
			if m := w.set.Machine(i); m.PID != 0 {
				l.stays = 0
			}
			w.tell("a file of %s changes", l.name)
			w.send(changedFile{v, "a"})
		}
	default:
		var some []int
		for _, j := range w.indexes() {
			if d.one(2) && !w.set.services[j].leaves && w.truthOf(j).wantUp {
				some = append(some, j)
			}
		}
		for _, j := range some {
			w.rolls(j)
		}
		w.tell("a roll of %v", some)
		w.ask(func(l *Loop) { l.Set().Roll(some, byRestart, w.now()) })
	}
}

// becomesUnused: a lazy service is to stop.
func (w *world) becomesUnused(i int) {
	needed := slices.ContainsFunc(w.indexes(), func(j int) bool { return w.truthOf(j).wantUp && slices.Contains(w.needs(j), i) })
	if w.set.Spec(i).Lazy() && w.set.Machine(i).State == Running {
		w.truthOf(i).wantUp = needed // who needs it may start it at once
	}
	w.tell("%s is unused", w.name(i))
}

// finish shuts down and lets processes react as they can; all must be over within
// the time of all ladders.
func (w *world) finish() {
	w.holdsNews = false
	w.kernel.dice = diceFor(w.seed, diceOfSteps-1)
	d := w.kernel.dice
	if !w.isOver() && w.loop.set == w.set {
		w.receive(signals.TERM)
	}
	limit := w.now().Add(time.Duration(len(w.names)+1) * 200 * time.Second)
	for !w.isOver() {
		if w.now().After(limit) {
			w.fail("a shutdown ends", "it is not over after %s", w.now().Sub(w.began))
		}
		if w.atGate {
			w.letFork(forkWorks)
		}
		for _, p := range slices.Clone(w.kernel.table) {
			switch {
			case p.dead:
			case p.fatal != 0:
				w.kernel.react(p)
				w.settle()
			case p.role == roleHook && d.one(8):
				w.kernel.end(p, policy.Exit{})
				w.settle()
			}
		}
		for _, p := range w.looks {
			if len(p.over) == 0 {
				w.loop.Send(endLook{p})
			}
		}
		w.settle()
		w.pass(time.Second)
		w.settle()
	}
	if w.problem == "" {
		w.checkEnd()
	}
}
