package supervisor

import (
	"fmt"
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// The configurations of the simulation.

// The ladders differ in each wait, so that one can tell which rung was waited for.
var simLadders = [][]config.Rung{
	{{Signal: signals.TERM, Wait: 10 * time.Second}, {Signal: signals.KILL, Wait: 5 * time.Second}},
	{{Signal: signals.QUIT, Wait: 3 * time.Second}, {Signal: signals.TERM, Wait: 4 * time.Second}, {Signal: signals.KILL, Wait: 2 * time.Second}},
	{{Signal: signals.KILL, Wait: 6 * time.Second}},
}

// invent adds a service to the specs, with relations to those before it.
func (w *world) invent(d *dice, name string) {
	s := *testSpec()
	s.Name, s.Template, s.Command = name, name, []string{string(roleMain)}
	s.Autostart = !d.one(6)
	s.Critical = d.one(40)
	s.Restart.When = pick(d, policy.Always, policy.OnFailure, policy.Never)
	s.Restart.Backoff.Jitter = float64(d.n(101)) / 100
	s.Restart.Limit, s.Restart.Within = d.n(6), d.seconds(0, 60)
	s.Stop.Scope = pick(d, config.Tree, config.Tree, config.Tree, config.Group, config.Process, config.Main)
	s.Stop.Ladder = pick(d, simLadders...)
	s.Forward = pick(d, nil, nil, []signals.Signal{usr1}, []signals.Signal{signals.HUP})
	if d.one(5) {
		s.Kind = config.Task
	}
	if d.one(5) {
		s.RunTimeout = d.seconds(1, 30)
	}
	s.StartBefore, s.StartAfter, s.StopBefore, s.StopAfter = inventHook(d), inventHook(d), inventHook(d), inventHook(d)
	inventWays(d, &s)
	for _, other := range w.specs {
		relate(d, &s, other.Name, 6)
	}
	w.specs = append(w.specs, s)
	if w.story != nil {
		w.tell("%s: %s, restart %s, scope %s, needs %v, after %v", s.Name, s.Kind, s.Restart.When, s.Stop.Scope, s.Needs, s.After)
	}
}

func inventHook(d *dice) *config.Hook {
	timeout := d.seconds(1, 20)
	if !d.one(6) {
		return nil
	}
	return &config.Hook{Command: []string{string(roleHook)}, Timeout: timeout}
}

// inventWays draws how a service becomes ready and stays well.
func inventWays(d *dice, s *config.Service) {
	ready, health, watchdog, lazy, watch := d.one(3), d.one(4), d.one(6), d.one(6), d.one(6)
	if s.Kind == config.Task {
		return
	}
	if ready {
		s.Ready, s.StartTimeout = &config.Probe{Kind: config.ProbeTCP}, d.seconds(0, 30)
	}
	if health {
		s.Health = &config.Health{Failures: d.n(3) + 1, Successes: 1, Signal: usr1,
			Action: pick(d, config.HealthRestart, config.HealthSignal, config.HealthReport)}
	}
	if watchdog {
		s.Watchdog = d.seconds(1, 20)
	}
	if lazy {
		s.Sockets = []config.Socket{{Lazy: true}}
		s.IdleStop = d.seconds(0, 10)
	}
	if watch {
		s.Watch = &config.Watch{Action: pick(d, config.WatchRestart, config.WatchSignal), Signal: usr1}
	}
}

// relate draws how s depends on another, in two of so many cases.
func relate(d *dice, s *config.Service, other string, of int) {
	condition, with := pick(d, config.NeedReady, config.NeedReady, config.NeedStarted, config.NeedDone), d.one(4)
	switch d.n(of) {
	case 0:
		s.Needs = append(s.Needs, config.Need{Name: other, For: condition, With: with})
	case 1:
		s.After = append(s.After, other)
	}
}

// programSpec is the one service of `run`.
func programSpec(d *dice, lone bool) config.Service {
	s := *testSpec()
	s.Command = []string{string(roleMain)}
	s.Restart.When = pick(d, policy.Never, policy.OnFailure)
	s.Restart.Limit, s.Restart.Within = d.n(4)+1, 0
	s.Stop.Ladder = pick(d, simLadders...)
	s.Stop.Scope = config.Group
	if lone {
		s.Stop.Scope = config.Process
	}
	if d.one(3) {
		s.RunTimeout = d.seconds(1, 30)
	}
	return s
}

// changed draws another configuration: some services change, some that nobody
// needs go, some come or come back.
func (w *world) drawReload(d *dice) {
	var specs []config.Service
	w.specs, specs = nil, slices.Clone(w.specs)
	needed := func(name string) bool {
		return slices.ContainsFunc(specs, func(s config.Service) bool {
			return slices.Contains(s.Needed(), name) || slices.Contains(s.After, name)
		})
	}
	for _, s := range specs {
		if drawChange(d, &s, w.now().Sub(w.began)); d.one(11) && !needed(s.Name) {
			continue
		}
		w.specs = append(w.specs, s)
	}
	if d.one(4) {
		w.turnRound(d)
	}
	if d.one(4) || len(w.specs) == 0 {
		name := fmt.Sprint("s", len(w.names))
		if gone := w.gone(); len(gone) > 0 && d.one(2) {
			name = gone[d.n(len(gone))]
			w.turned = w.now() // what is left of its old self may need what it had not needed
		} else {
			w.names = append(w.names, name)
		}
		w.invent(d, name)
	}
}

// drawChange changes one service, perhaps. What may not be changed without another
// process, or not at all, is in config/changes.go.
func drawChange(d *dice, s *config.Service, at time.Duration) {
	back, timeout := d.one(2), d.seconds(0, 30)
	switch d.n(11) {
	case 0:
		if s.Env = []string{fmt.Sprint("N=", at)}; back {
			s.Env = nil
		}
	case 1:
		s.Restart.Backoff.Max += time.Second
	case 2:
		s.After, s.Needs = s.Needed(), nil
	case 3:
		s.Autostart = !s.Autostart
	case 4:
		if s.Kind = config.Task; back {
			s.Kind = config.Daemon
		}
	case 5:
		s.RunTimeout = timeout
	case 6:
		s.Watch, s.Health = nil, nil
	case 7:
		s.StartBefore, s.StartAfter, s.StopBefore, s.StopAfter = nil, nil, nil, nil
	}
}

// gone lists the names that are in the configuration no more.
func (w *world) gone() (names []string) {
	for _, name := range w.names {
		if w.spec(name) == nil && w.truths[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// turnRound draws all relations anew, so that who needed another is now needed
// by it: old and new relations together are a cycle.
func (w *world) turnRound(d *dice) {
	w.turned = w.now()
	for i := range w.specs {
		s := &w.specs[i]
		s.Needs, s.After = nil, nil
		for _, other := range w.specs[i+1:] {
			relate(d, s, other.Name, 5)
		}
		w.tell("%s: now needs %v after %v", s.Name, s.Needs, s.After)
	}
	slices.Reverse(w.specs) // those that come later may need those before
}

// spec is what the last reload brought; nil: nothing of that name.
func (w *world) spec(name string) *config.Service {
	for i := range w.specs {
		if w.specs[i].Name == name {
			return &w.specs[i]
		}
	}
	return nil
}
