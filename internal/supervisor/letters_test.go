package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/runit"
	"supervise/internal/signals"
)

// runitPair is a service directory as package config reads it: s, and s/log.
func runitPair() []config.Service {
	s := config.Defaults(config.Daemon)
	s.Name, s.Template, s.Autostart = "s", "s", true
	s.Restart = policy.Runit()
	s.Stop = config.Stop{Scope: config.Main, Ladder: []config.Rung{{Signal: signals.TERM}}, Shutdown: config.Defaults(config.Daemon).Stop.Ladder}
	log := s
	log.Name, log.Template = "s/log", "s/log"
	log.Runit = &config.Runit{Path: "/sv/s/log", Writer: "s"}
	s.Runit = &config.Runit{Path: "/sv/s", Scripts: true, Reader: "s/log"}
	s.After = []string{"s/log"}
	s.StartBefore = &config.Hook{Command: []string{"control/u", ""}, Timeout: config.ScriptTimeout, Runit: true}
	s.StopAfter = &config.Hook{Command: []string{"./finish"}, Runit: true}
	return []config.Service{s, log}
}

// runitWorld is a service with its log, whose scripts are there or not.
type runitWorld struct {
	set     *Set
	now     time.Time
	pid     int
	scripts string // the letters of those in control/, and f for finish
	did     []string
	fail    func(string, ...any)

	procs [2]runitProcess
}

type runitProcess struct {
	forking, alive, hook, hookForking bool
	started, over                     time.Time
	owes, killed                      bool // owes: a finish is to follow the run
	fed                               bool // the log: its input has not ended
}

func newRunitWorld(scripts string, fail func(string, ...any)) *runitWorld {
	w := &runitWorld{now: zero, pid: 100, scripts: scripts, fail: fail}
	w.set = NewSet(runitPair(), 1, w.now)
	w.set.Stay(false)
	w.procs[0].fed, w.procs[1].fed = true, true
	w.set.Begin(nil, w.now)
	w.carryOut()
	return w
}

func (w *runitWorld) note(i int, what string) {
	if i == 1 {
		what = "log " + what
	}
	w.did = append(w.did, what)
}

// carryOut does what the set decided, and checks that it may.
func (w *runitWorld) carryOut() {
	for out := w.set.Outputs(); len(out) > 0; out = w.set.Outputs() {
		for _, o := range out {
			if o.Service < 0 {
				continue
			}
			p := &w.procs[o.Service]
			switch a := o.Action.(type) {
			case Spawn:
				if p.alive || p.forking || p.hook || p.hookForking {
					w.fail("%s is started while an instance lives: %+v", o.Spec.Name, *p)
				}
				if !p.started.IsZero() && w.now.Before(o.Spec.Restart.Earliest(p.started, p.over)) {
					w.fail("%s is started %s after it was over, and had begun only %s before", o.Spec.Name, w.now.Sub(p.over), p.over.Sub(p.started))
				}
				p.forking = true
			case RunHook:
				if p.hook || p.hookForking {
					w.fail("%v runs beside another script", a.Hook.Command)
				}
				letter := strings.TrimPrefix(a.Hook.Command[0], "control/")
				if a.Moment == AfterStop {
					letter = "f"
					if p.alive || !p.owes {
						w.fail("a finish that is not due: %+v", *p)
					}
					p.owes = false
				}
				if !strings.Contains(w.scripts, letter) {
					w.set.Apply(o.Service, HookMissing{}, w.now)
					continue
				}
				w.note(o.Service, a.Hook.Command[0])
				p.hookForking = true
			case KillHook:
				w.note(o.Service, "kill script")
				p.killed = true
			case Send:
				w.note(o.Service, a.Signal.String())
				p.killed = p.killed || a.Signal == signals.KILL
			case SendMain:
				if !p.alive {
					w.fail("%s to a process that is not there", a.Signal)
				}
				w.note(o.Service, a.Signal.String())
				p.killed = p.killed || a.Signal == signals.KILL
			case EndInput:
				if o.Service != 1 || w.procs[0].alive && !w.set.Machine(0).stuck {
					w.fail("the input of %s ends while the service writes", o.Spec.Name)
				}
				w.note(o.Service, "end of input")
				p.fed = false
			case Forget:
				if p.alive || p.forking || p.hook {
					w.fail("%s is forgotten while it lives", o.Spec.Name)
				}
				w.note(o.Service, "gone")
			}
		}
	}
	for _, i := range w.set.Touched() {
		w.checkStatus(i)
	}
}

func (w *runitWorld) checkStatus(i int) {
	st, p := w.set.Runit(i), w.procs[i]
	if (st.State == runit.Run) != p.alive {
		w.fail("the status says %s, pid %d, of %+v", st.State, st.PID, p)
	}
	if st.State == runit.Down && st.PID != 0 || st.Termed && !p.alive {
		w.fail("the status says %s", st.Stat())
	}
}

// apply gives an input, and does what comes of it.
func (w *runitWorld) apply(i int, in Input) {
	w.set.Apply(i, in, w.now)
	w.carryOut()
}

// goOn lets a process or a script of a service do what comes next.
func (w *runitWorld) goOn(i int, e policy.Exit) {
	p := &w.procs[i]
	switch {
	case p.forking:
		w.pid++
		p.forking, p.alive, p.owes, p.killed = false, true, i == 0, false
		p.started = w.now
		w.apply(i, Forked{PID: w.pid})
	case p.hookForking:
		w.pid++
		p.hookForking, p.hook = false, true
		w.apply(i, HookForked{PID: w.pid})
	case p.hook:
		p.hook = false
		if !p.alive {
			p.over = w.now
		}
		w.apply(i, HookExited{Exit: e, Luck: 0.5})
	case p.alive:
		p.alive, p.over = false, w.now
		w.apply(i, Exited{Exit: e, Remains: p.hook, Untouched: true, Luck: 0.5})
	}
}

func (w *runitWorld) letter(i int, letters string) {
	for _, c := range []byte(letters) {
		if w.set.services[i] == nil {
			return
		}
		w.set.Letter(i, c, w.now)
		w.carryOut()
	}
}

func (w *runitWorld) advance(d time.Duration) {
	for until := w.now.Add(d); ; {
		at, due := w.set.NextDue()
		if !due || at.After(until) {
			w.now = until
			return
		}
		w.now = at
		w.set.Tick(w.now)
		w.carryOut()
	}
}

// up brings both up, a minute ago.
func (w *runitWorld) up() *runitWorld {
	w.goOn(1, policy.Exit{})
	w.goOn(0, policy.Exit{})
	w.advance(time.Minute)
	w.did = nil
	return w
}

var killed = policy.Exit{Signal: signals.TERM}

// What letters come to, in the order of runsv.c.
func TestLetters(t *testing.T) {
	for _, c := range []struct {
		name, scripts string
		play          func(w *runitWorld)
		did, stat     string
	}{
		{"d", "", func(w *runitWorld) { w.letter(0, "d") }, "TERM, CONT", "run, got TERM, want down"},
		{"d, and again", "", func(w *runitWorld) { w.letter(0, "dd") }, "TERM, CONT, TERM, CONT", "run, got TERM, want down"},
		{"d and u", "", func(w *runitWorld) { w.letter(0, "du") }, "TERM, CONT", "run, got TERM"},
		{"d, it ends", "f", func(w *runitWorld) { w.letter(0, "d"); w.goOn(0, killed); w.goOn(0, killed) }, "TERM, CONT, ./finish", "finish, want down"},
		{"d, finish is over", "f", func(w *runitWorld) {
			w.letter(0, "d")
			for range 3 {
				w.goOn(0, policy.Exit{})
			}
		}, "TERM, CONT, ./finish", "down"},
		{"t", "", func(w *runitWorld) { w.letter(0, "t") }, "TERM", "run, got TERM"},
		{"t after o", "", func(w *runitWorld) { w.letter(0, "ot") }, "TERM, CONT", "run, got TERM, want down"},
		{"signals", "", func(w *runitWorld) { w.letter(0, "ahiq12k") }, "ALRM, HUP, INT, QUIT, USR1, USR2, KILL", "run"},
		{"pause", "", func(w *runitWorld) { w.letter(0, "p") }, "STOP", "run, paused"},
		{"pause and go on", "", func(w *runitWorld) { w.letter(0, "pc") }, "STOP, CONT", "run"},
		{"pause and d", "", func(w *runitWorld) { w.letter(0, "pd") }, "STOP, TERM, CONT", "run, paused, got TERM, want down"},
		{"control/h in place of HUP", "h", func(w *runitWorld) { w.letter(0, "h"); w.goOn(0, killed); w.goOn(0, policy.Exit{}) }, "control/h", "run"},
		{"control/h fails", "h", func(w *runitWorld) { w.letter(0, "h"); w.goOn(0, killed); w.goOn(0, policy.Exit{Code: 1}) }, "control/h, HUP", "run"},
		{"letters wait for a script", "h", func(w *runitWorld) { w.letter(0, "h1d") }, "control/h", "run"},
		{"and are obeyed after it", "h", func(w *runitWorld) { w.letter(0, "h1d"); w.goOn(0, killed); w.goOn(0, policy.Exit{}) }, "control/h, USR1, TERM, CONT", "run, got TERM, want down"},
		{"a script takes too long", "h", func(w *runitWorld) {
			w.letter(0, "h")
			w.goOn(0, killed)
			w.advance(config.ScriptTimeout)
			w.goOn(0, policy.Exit{Signal: signals.KILL})
		}, "control/h, kill script, HUP", "run"},
		{"control/t and control/d", "td", func(w *runitWorld) {
			w.letter(0, "d")
			for range 4 {
				w.goOn(0, policy.Exit{})
			}
		}, "control/t, CONT, control/d", "run, want down"},
		{"control/t, and it ends meanwhile", "tf", func(w *runitWorld) {
			w.letter(0, "d")
			w.goOn(0, policy.Exit{})
			w.procs[0].alive, w.procs[0].over = false, w.now
			w.apply(0, Exited{Exit: killed, Remains: true, Untouched: true})
			w.goOn(0, policy.Exit{})
		}, "control/t, ./finish", "finish, want down"},
		{"control/x", "x", func(w *runitWorld) { w.letter(0, "x") }, "TERM, CONT, control/x", "run, got TERM, want exit"},
		{"x", "", func(w *runitWorld) { w.letter(0, "x"); w.goOn(0, killed); w.goOn(1, killed) }, "TERM, CONT, log end of input, gone, log gone", ""},
		{"x and u", "", func(w *runitWorld) { w.letter(0, "xu") }, "TERM, CONT", "run, got TERM"},
		{"x and d", "", func(w *runitWorld) { w.letter(0, "xd") }, "TERM, CONT, TERM, CONT", "run, got TERM, want down"},
		{"x, and k while it finishes", "f", func(w *runitWorld) {
			w.letter(0, "x")
			w.goOn(0, killed)
			w.goOn(0, killed)
			w.letter(0, "k")
		}, "TERM, CONT, ./finish, kill script", "finish, want exit"},
		{"x to the log is nothing", "", func(w *runitWorld) { w.letter(1, "x") }, "", "run"},
		{"log d", "", func(w *runitWorld) { w.letter(1, "d"); w.goOn(1, killed) }, "log TERM, log CONT", "run"},
		{"letters to what is down", "t", func(w *runitWorld) {
			w.letter(0, "d")
			w.goOn(0, killed)
			w.goOn(0, killed)
			w.goOn(0, killed)
			w.letter(0, "tk1p")
		}, "control/t, TERM, CONT", "down, paused"},
		{"o when down", "", func(w *runitWorld) {
			w.letter(0, "d")
			w.goOn(0, killed)
			w.letter(0, "o")
			w.goOn(0, killed)
			w.goOn(0, killed)
		}, "TERM, CONT", "down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRunitWorld(c.scripts, t.Fatalf).up()
			c.play(w)
			if got := strings.Join(w.did, ", "); got != c.did {
				t.Errorf("did %q, want %q", got, c.did)
			}
			if c.stat == "" {
				return
			}
			st := w.set.Runit(0)
			if got := strings.TrimSuffix(st.Stat(), "\n"); got != c.stat {
				t.Errorf("stat %q, want %q", got, c.stat)
			}
		})
	}
}

// A run shorter than a second is followed by a pause of one, whoever asks for the
// start; a longer one by none.
func TestPaceOfRunit(t *testing.T) {
	w := newRunitWorld("f", t.Fatalf).up()
	w.goOn(0, killed)
	w.goOn(0, killed) // finish begins
	w.goOn(0, killed)
	if !w.procs[0].forking {
		t.Fatalf("after a long run it is not started at once: %s", w.set.Machine(0).State)
	}
	w.goOn(0, killed)
	w.advance(100 * time.Millisecond)
	w.letter(0, "d")
	w.goOn(0, killed)
	w.goOn(0, killed)
	w.advance(500 * time.Millisecond)
	w.goOn(0, killed) // its finish is over
	w.letter(0, "u")
	if st := w.set.Runit(0); w.procs[0].forking || st.Want != runit.WantUp {
		t.Errorf("started at once, or not wanted: %+v", st)
	}
	w.advance(999 * time.Millisecond)
	if w.procs[0].forking {
		t.Error("started too soon")
	}
	if w.advance(time.Millisecond); !w.procs[0].forking {
		t.Errorf("not started a second after its finish: %s", w.set.Machine(0).State)
	}
}

// Whatever happens: one instance and one script at a time, a finish after each run,
// the pace, the log after its service; what was wanted last is what the status says;
// and a shutdown ends, though nothing reacts to anything but KILL.
func TestRunitSimulation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newRunitWorld(rapid.SampledFrom([]string{"", "f", "u", "fu", "tdf", "tkpchux", "h1f"}).Draw(t, "scripts"), t.Fatalf)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "of")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2:
				w.goOn(i, policy.Exit{Code: rapid.IntRange(0, 1).Draw(t, "code")})
			case 3:
				w.advance(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			default:
				c := rapid.SampledFrom([]byte("udotkpcahiq12zudx")).Draw(t, "letter")
				t.Logf("%s: %c to %d", w.now.Sub(zero), c, i)
				before := len(w.did)
				w.letter(i, string(c))
				s := w.set.services[i]
				if s == nil || s.leaves || len(s.letters) > 0 {
					continue
				}
				want, known := map[byte]runit.Want{'u': runit.WantUp, 'd': runit.WantDown, 'o': runit.WantDown}[c]
				if got := w.set.Runit(i).Want; known && got != want {
					t.Fatalf("after %c the status wants %d; it is %s, %v", c, got, s.State, w.did[before:])
				}
			}
			if slices.Contains(w.did, "gone") {
				return // another letter x
			}
		}
		w.set.Shutdown("the end", 0, w.now)
		w.carryOut()
		for limit := w.now.Add(10 * time.Minute); ; {
			if _, done := w.set.Finished(); done {
				return
			}
			if w.now.After(limit) {
				t.Fatalf("the shutdown does not end: %s", fmt.Sprint(w.set.Machine(0).State, w.set.Machine(1).State))
			}
			for i := range w.procs {
				if p := w.procs[i]; p.forking || p.hookForking || (p.alive || p.hook) && p.killed {
					w.goOn(i, policy.Exit{Signal: signals.KILL})
				}
			}
			w.advance(time.Second)
		}
	})
}
