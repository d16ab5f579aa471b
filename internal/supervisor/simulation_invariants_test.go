package supervisor

import (
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/reaper"
	"supervise/internal/signals"
)

// What must hold: some of it whenever the owner does a certain thing, the rest
// after each message that it has handled.

// inScope says whether the ladder of its service is for a process.
func (p *simProcess) inScope() bool {
	switch {
	case p.role == roleLook || p.service == "":
		return false
	case p.role == roleMain || p.role == roleHook:
		return true
	}
	switch p.scope {
	case config.Process:
		return false
	case config.Group:
		return p.group == p.leader
	}
	return true
}

// forked: a process was made, on the goroutine that forks.
func (w *world) forked(p *simProcess, image reaper.Image) {
	l := w.truth(p.service)
	if spec := w.set.byName[p.service]; spec != nil {
		p.scope = spec.spec.Stop.Scope
	}
	if w.run && w.kernel.adopts {
		p.scope = config.Tree // everything, see programTree
	}
	p.run = l.run
	w.tell("%s is forked", p)
	if p.role == roleLook {
		return
	}
	for _, q := range w.kernel.table {
		if q == p || !q.alive() || q.service != p.service || !q.inScope() {
			continue
		}
		switch beside := p.role == roleHook && q.run == l.run; {
		case beside && q.role == roleHook:
			w.note("never two instances", "%s is started while another hook runs, %s", p, q)
		case beside, q.run == l.run && q.role == roleChild: // which its start.before left
		default:
			w.note("never two instances", "%s is started while %s of an earlier run lives", p, q)
		}
	}
	switch p.role {
	case roleMain:
		p.leader = p.pid
		l.main, l.group = p, p.pid
	case roleHook:
		l.hook = p
	}
}

// takesOver: a process becomes the main one of its service.
func (w *world) takesOver(p *simProcess) {
	l := w.truth(p.service)
	if l.main != nil {
		l.main.role = roleChild
	}
	p.role, l.main, l.stays = roleMain, p, 0
	for _, q := range w.kernel.table {
		if q.service == p.service && q.run == p.run {
			q.leader = p.pid
		}
	}
}

// ended: a process has ended.
func (w *world) ended(p *simProcess) { w.tell("%s ends: %s", p, p.exit) }

// signalled: a signal goes to a process.
func (w *world) signalled(p *simProcess, s signals.Signal) {
	w.tell("%s to %s", s, p)
	resting := w.loop.set != w.set
	switch {
	case resting || w.run && w.kernel.adopts:
		return
	case p.service == "":
		w.fail("no stranger is signalled", "%s to %s", s, p)
	case p.role != roleMain:
		return
	}
	i := w.set.Index(p.service)
	if i < 0 {
		w.fail("no stranger is signalled", "%s to %s, which is forgotten", s, p)
	}
	if m := w.set.Machine(i); m.fresh(w.now()) && m.Why == changed && w.truth(p.service).stays == m.PID && m.PID != 0 {
		w.fail("what has not changed stays", "%s is stopped by a reload in which it stays", p)
	}
	w.orderIsKept(i)
}

// fresh says whether the stop began at this moment.
func (m Machine) fresh(now time.Time) bool { return m.State == Stopping && m.Since.Equal(now) }

// orderIsKept: a shutdown, or the stop of one service, signals nothing that
// another needs which still lives, be it through a task that has ended.
func (w *world) orderIsKept(i int) {
	m := w.set.Machine(i)
	if !m.Since.After(w.turned) || m.hurried || !m.fresh(w.now()) || m.then != toStopped || m.Why == lateStart || m.Why == byRestart || m.Why == "no connection" {
		return
	}
	for _, j := range w.indexes() {
		other := w.set.Machine(j)
		if other.Why == lateStart {
			continue // nobody could wait for it
		}
		if (m.Why == changed || w.set.services[i].again) && w.set.services[j].toStop != changed && !(other.State == Stopping && other.Why == changed) {
			continue // of those that need it, what has not changed stays
		}
		l := w.truthOf(j)
		if (l.main != nil && l.main.alive() || l.forking) && !other.State.Settled() && w.reaches(j, i) {
			w.fail("dependants stop first", "%s is stopped while %s, which needs it, lives", w.name(i), w.name(j))
		}
	}
}

// reaches says whether from needs to, if only through others.
func (w *world) reaches(from, to int) bool {
	for _, j := range w.needs(from) {
		if j == to || w.set.Machine(j).State.Settled() && !w.set.services[j].armed && w.reaches(j, to) {
			return true
		}
	}
	return false
}

// happened: the owner tells of something.
func (w *world) happened(e *event.Event) {
	if e.Name == event.ShutdownBegun {
		w.checkShutdown()
		w.down = true
	}
	i := -1
	if e.Service != "" {
		if e.Name == event.ServiceStarted || e.Name == event.StartFailed {
			w.truth(e.Service).forking = false
		}
		i = w.set.Index(e.Service)
	}
	if i < 0 || w.loop.set != w.set {
		return
	}
	l := w.truth(e.Service)
	switch e.Name {
	case event.ServiceStarting:
		w.checkStart(i, l)
		l.run++
	case event.ServiceDone, event.ServiceFailed:
		if s := w.set.services[i]; s.spec.Critical && s.newer == nil && !s.leaves && s.State.Settled() && !s.armed && !w.set.shut {
			w.fail("something critical takes all with it", "%s is %s, and all goes on", l.name, s.State)
		}
	case event.BackoffScheduled:
		m := w.set.Machine(i)
		l.ended = m.Ended
		l.least, _ = m.spec.Restart.Backoff.Bounds(max(m.history.InARow-1, 0))
	}
	l.stop.happened(w, i, e)
}

// checkShutdown: it was asked for, or something critical is over.
func (w *world) checkShutdown() {
	over := func(s *service) bool { return s.spec.Critical && (s.State == Done || s.State == Failed) }
	if !w.down && !w.run && !slices.ContainsFunc(slices.Collect(w.set.all()), over) {
		w.fail("a shutdown has a cause", "nobody asked for it, and nothing that is critical has ended")
	}
}

// stopping is the stop of a service under way.
type stopping struct {
	began    time.Time
	ladder   []config.Rung
	rungs    []time.Time // when a rung may have begun
	extended bool        // it asked for more time
}

func (s *stopping) happened(w *world, i int, e *event.Event) {
	now := w.now()
	switch e.Name {
	case event.ServiceStopping:
		*s = stopping{began: now, ladder: w.set.Spec(i).Stop.Ladder}
	case event.StopEscalated:
		w.checkRung(i, s, e)
		s.rungs = nil
	case event.ServiceStarted, event.ProcessExited, event.HookFailed, event.SignalSent, event.MainChanged, event.OrphanReaped:
	default:
		return
	}
	s.rungs = append(s.rungs, now)
}

// checkRung: the rung before has had its time, and no more. Of two ladders, if a
// reload brought another meanwhile, either may be the one that is climbed.
func (w *world) checkRung(i int, s *stopping, e *event.Event) {
	spec := w.set.Spec(i)
	var wait time.Duration
	for _, ladder := range [][]config.Rung{s.ladder, spec.Stop.Ladder} {
		if spec.TimeoutSignal == e.Signal || e.Signal == ladder[0].Signal { // after the signal of a fault
			wait = ladder[0].Wait
		}
		for at, r := range ladder {
			if at > 0 && r.Signal == e.Signal {
				wait = ladder[at-1].Wait
			}
		}
		for _, began := range s.rungs {
			if w.now().Sub(began) == wait {
				return
			}
		}
	}
	if !s.extended {
		w.fail("each rung in time", "%s: %s comes %s after its stop began, the rung before has %s", w.name(i), e.Signal, w.now().Sub(s.began), wait)
	}
}

// checkStart: a service may start now.
func (w *world) checkStart(i int, l *truth) {
	switch {
	case w.down:
		w.fail("no start after a stop", "%s is started during the shutdown", l.name)
	case !w.run && !w.wanted(i):
		w.fail("no start after a stop", "%s is started after it was asked to stop", l.name)
	}
	for _, n := range w.set.services[i].needs {
		// What changed at this very moment may have done so after the decision.
		if !n.met() && !n.Since.Equal(w.now()) && n.toRestart == "" && !w.set.shut {
			w.fail("needs before dependants", "%s is started though %s, which it needs, is %s", l.name, n.spec.Name, n.State)
		}
	}
	if l.ended.IsZero() || w.set.Machine(i).history.InARow == 0 {
		return
	}
	if got := w.now().Sub(l.ended); got < l.least {
		w.fail("delays as the policy says", "%s is restarted %s after its end, the policy wants %s at least", l.name, got, l.least)
	}
	l.ended = time.Time{}
}

// checkSpawn: a main process may be started now.
func (w *world) checkSpawn(spec *config.Service) {
	i := w.set.Index(spec.Name)
	if w.down || i < 0 || !w.run && !w.wanted(i) {
		w.fail("no start after a stop", "%s is spawned after it was asked to stop", spec.Name)
	}
	if w.truth(spec.Name).forking {
		w.fail("never two instances", "%s is spawned while it is being spawned", spec.Name)
	}
	if last := w.spec(spec.Name); last == nil {
		w.fail("what starts is as configured", "%s is spawned, and is in the configuration no more", spec.Name)
	} else if keys, _ := config.Changes(spec, last); len(keys) > 0 {
		w.fail("what starts is as configured", "%s is spawned with an old %v", spec.Name, keys)
	}
}

// mostTurns is far more than any schedule needs.
const mostTurns = 20000

// check is what holds after each message.
func (w *world) check() {
	if w.turns++; w.turns > mostTurns {
		w.fail("the owner comes to rest", "it has handled %d messages and deadlines", w.turns)
	}
	if w.loop.set != w.set {
		return // only others are left
	}
	for s := range w.set.all() {
		w.checkService(s, w.truth(s.spec.Name))
	}
	for name, l := range w.truths {
		if w.set.byName[name] == nil && l.main != nil {
			w.checkForgotten(l)
		}
	}
}

// checkForgotten: a service that is in the set no more has left nothing.
func (w *world) checkForgotten(l *truth) {
	for _, p := range w.kernel.table {
		if p.alive() && p.service == l.name && p.inScope() {
			w.fail("no process is forgotten", "%s is forgotten, and %s lives", l.name, p)
		}
	}
	if w.spec(l.name) != nil {
		w.fail("no service is forgotten", "%s is forgotten though it is in the configuration", l.name)
	}
	l.forgotten()
}

func (w *world) checkService(s *service, l *truth) {
	m, name := &s.Machine, l.name
	if !w.run {
		w.checkReload(s)
	}
	up := m.State == Running || m.State == Starting || m.State == Waiting || m.State == Backoff
	if up && !l.wantUp && s.toStop == "" {
		w.fail("what is asked to stop stops", "%s was asked to stop, and is %s", name, m.State)
	}
	w.checkProcesses(s, l)
	if s.armed && (!m.State.Settled() || w.set.shut) {
		w.fail("a first connection is waited for at rest", "%s is %s and armed", name, m.State)
	}
	looks := m.State == Starting && m.phase == probing || m.State == Running && (m.spec.Health != nil || m.spec.Lazy() && m.spec.IdleStop > 0)
	if looked := w.loop.lookers[s.index] != nil; looked != looks {
		w.fail("who is to be looked at is", "%s is %s (%s) and looked at: %v", name, m.State, phaseNames[m.phase], looked)
	}
	watched := w.loop.watchers[s.index] != nil
	if busy := m.State == Starting || m.State == Running; watched && m.State.Settled() || busy && watched != (m.spec.Watch != nil) {
		w.fail("what is to be watched is", "%s is %s, and its files are watched: %v", name, m.State, watched)
	}
	w.checkDeadlines(s)
	if (m.State == Backoff || m.State == Waiting) && s.toStop != "" {
		w.fail("what is asked to stop stops", "%s was asked to stop, and is still in %s", name, m.State)
	}
	if m.State == Waiting && len(s.blockers()) == 0 && len(w.set.queue) == 0 {
		w.fail("nobody waits for nothing", "%s waits for nothing", name)
	}
	for _, n := range s.needs {
		if n.With && n.was && !n.met() && (m.State == Starting || m.State == Running) && s.toStop == "" && s.newer == nil && !w.set.shut {
			w.fail("what goes with another stops with it", "%s is %s though %s, which it goes with, is %s", name, m.State, n.spec.Name, n.State)
		}
	}
}

// checkProcesses holds what a machine thinks against what there is.
func (w *world) checkProcesses(s *service, l *truth) {
	m := &s.Machine
	if l.main != nil && w.kernel.find(l.main.pid) != l.main && !l.main.awaited {
		if m.PID == l.main.pid && !w.loop.lingering(s.index) {
			w.fail("every end is heard", "%s thinks that pid %d lives", l.name, m.PID-simSelf)
		}
		l.main = nil
	}
	if m.PID != 0 && l.main == nil && !w.loop.lingering(s.index) {
		w.fail("every end is heard", "%s thinks that pid %d lives", l.name, m.PID-simSelf)
	}
	if !m.State.Settled() || m.stuck || m.forking || m.hook.on() {
		return
	}
	for _, p := range w.kernel.table {
		if p.alive() && p.service == l.name && p.inScope() && !p.doomed() {
			w.fail("no process is forgotten", "%s is %s, and %s lives", l.name, m.State, p)
		}
	}
}

// checkDeadlines: what waits has one, unless it waits for another; what does not
// wait has none.
func (w *world) checkDeadlines(s *service) {
	m, name := &s.Machine, s.spec.Name
	none := m.Due.IsZero()
	switch {
	case none && m.hook.on() && !m.State.Settled():
		w.fail("each wait has an end", "%s runs %s without a deadline", name, m.hook.moment)
	case none && m.State == Stopping && !m.forking:
		w.fail("each wait has an end", "%s is stopping without a deadline", name)
	case none && m.State == Backoff:
		w.fail("each wait has an end", "%s is in backoff without a deadline", name)
	}
	idle := m.State.Settled() || m.State == Waiting || m.State == Starting && m.phase == executing ||
		m.State == Running && m.spec.RunTimeout == 0 && m.clocks.every == 0
	if idle && !none {
		w.fail("idle means no timers", "%s is %s and has a timer", name, m.State)
	}
}

// checkReload: what a reload has under way comes to its end.
func (w *world) checkReload(s *service) {
	name := s.spec.Name
	if last := w.spec(name); (last == nil) != s.leaves {
		w.fail("a reload is taken over", "%s leaves: %v, but it is in the configuration: %v", name, s.leaves, last != nil)
	} else if last != nil {
		if keys, _ := config.Changes(s.newest(), last); len(keys) > 0 {
			w.fail("a reload is taken over", "%s has, and will have, an old %v", name, keys)
		}
	}
	switch busy := s.hasProcess() || !s.State.Settled() && s.toStop != ""; {
	case (s.newer != nil || s.leaves || s.again) && !slices.Contains(w.set.changing, s):
		w.fail("a reload comes to its end", "%s is in a reload, and nobody will look after it", name)
	case busy:
	case s.newer != nil || s.leaves:
		w.fail("a reload comes to its end", "%s (%s) has no process, and still its old configuration", name, s.State)
	case s.again:
		if w.set.walk++; !w.set.changesBelow(s) {
			w.fail("a reload comes to its end", "%s (%s) is to start again, and does not", name, s.State)
		}
	}
}

// checkAtRest is what holds when the owner has nothing more to do.
func (w *world) checkAtRest() {
	at, due := w.loop.set.NextDue()
	if due && !at.After(w.now()) {
		w.fail("each deadline is kept", "what was due %s ago has not been done", w.now().Sub(at))
	}
	if !due && w.loop.timer.Stop() {
		w.fail("idle means no timers", "nothing is due, and the timer runs")
	}
	for _, c := range w.clients {
		if !c.answered && w.loop.set == w.set && c.met(w.set) {
			w.fail("every request is answered", "who waits for %s (up: %v) has not been told", c.name, c.up)
		}
	}
	for _, p := range w.kernel.table {
		if i := w.set.Index(p.service); i >= 0 && p.alive() && p.role == roleLook && !p.doomed() && w.loop.looking[i] == nil {
			w.fail("no process is forgotten", "%s lives, though nothing looks at %s any more", p, p.service)
		}
	}
	for _, p := range w.looks {
		if len(p.over) == 0 && w.loop.looking[p.service] != p {
			w.fail("every request is answered", "a command that looks at %s has no result", p.spec.Name)
		}
	}
}

// checkRunOver: the loop thinks that nothing is left to do.
func (w *world) checkRunOver() {
	if at, due := w.set.NextDue(); due && w.set.shut {
		w.fail("idle means no timers", "all is over, but something is due in %s", at.Sub(w.now()))
	}
	for _, c := range w.clients {
		if !c.answered && c.met(w.set) {
			w.fail("every request is answered", "who waits for %s (up: %v) has not been told", c.name, c.up)
		}
	}
}

// checkEnd is what holds when supervise has ended.
func (w *world) checkEnd() {
	if w.streams != 0 && !w.passed {
		w.fail("what a start opened is released once", "%d streams are still open", w.streams)
	}
	for _, p := range w.kernel.table {
		if p.alive() && w.kernel.adopts && !p.doomed() && !(w.run && p.service == "") {
			w.fail("no process is forgotten", "supervise has ended, and %s lives", p)
		}
	}
}
