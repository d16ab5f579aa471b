package supervisor

import (
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// programLoop is a loop over one program that is restarted, whose start is under
// way. No process is ever made.
func programLoop(t *testing.T) (*Loop, *Program) {
	t.Helper()
	p := &Program{}
	w, _ := realWorld(t, nil)
	w.Signals, w.Adopts = p, false
	spec := script("x", "")
	spec.Restart.Backoff = policy.Backoff{Initial: time.Minute, Factor: 1, Max: time.Minute}
	spec.Restart.When, spec.RunTimeout, spec.TimeoutSignal = policy.OnFailure, time.Minute, signals.TERM
	l := NewLoop(w, []config.Service{spec}, 1)
	t.Cleanup(l.Close)
	l.set.Begin(nil, time.Now())
	l.trees[program] = l.Tree(&spec)
	return l, p
}

// Whoever wants supervise to end does not want another run, whatever the program
// is at in that moment.
func TestNoRunFollowsATERM(t *testing.T) {
	failed := Exited{Exit: policy.Exit{Code: 1}, Remains: true}
	for name, c := range map[string]struct{ before, after []Input }{
		"while it is being started":           {nil, []Input{NotForked{Status: 125, Err: "no more processes"}}},
		"while what it left is being stopped": {[]Input{Forked{PID: 1 << 23}, failed}, []Input{Emptied{}}},
		"while it is stopped for its timeout": {[]Input{Forked{PID: 1 << 23}, Failing{Why: "test"}}, []Input{Exited{Exit: policy.Exit{Code: 1}}}},
		"before it is to be started again":    {[]Input{NotForked{Status: 125}}, nil},
	} {
		for _, s := range []signals.Signal{signals.TERM, signals.INT, signals.QUIT} {
			l, p := programLoop(t)
			for _, in := range c.before {
				l.set.Apply(program, in, time.Now())
			}
			p.Received(l, signals.Received{Signal: s})
			for _, in := range c.after {
				l.set.Apply(program, in, time.Now())
			}
			if m := l.set.Machine(program); !m.State.Settled() {
				t.Errorf("%s %s: it is %s, due %s", s, name, m.State, m.Due)
			}
		}
	}
}

// As long as a program lives that survives KILL, nobody else is signalled: that
// comes when all else is over.
func TestRestAfterAProgram(t *testing.T) {
	l, p := programLoop(t)
	ladder := l.set.Spec(program).Stop.Ladder
	l.set.Apply(program, Forked{PID: 1 << 23}, time.Now())
	l.set.Shutdown("test", 0, time.Now())
	for range ladder {
		at, _ := l.set.NextDue()
		l.set.Tick(at)
	}
	if got := p.Rest(l); len(got) != 1 || got[0].Signal != signals.KILL {
		t.Errorf("it survives KILL: %v", got)
	}
	l.set.Apply(program, Exited{}, time.Now())
	if got := p.Rest(l); got != nil {
		t.Errorf("it has ended: %v", got)
	}
	l, p = programLoop(t)
	l.set.Apply(program, NotForked{Status: 127, Err: "not found"}, time.Now())
	if got := p.Rest(l); len(got) != len(ladder) {
		t.Errorf("it could not be started: %v", got)
	}
}
