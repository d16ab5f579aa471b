package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/procfs"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// What becomes of signals, told as "seq signal pid became after".
func TestOutcomesOfSignals(t *testing.T) {
	zero := time.Unix(1000, 0)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	send := func(seq uint64, s signals.Signal, pid int, ms int) func(*outcomes) {
		return func(o *outcomes) {
			o.sent(sentTo{seq: seq, service: "web", signal: s, pid: pid, child: pid < 100, at: at(ms)})
		}
	}
	end := func(pid int, x policy.Exit, ms int) func(*outcomes) {
		return func(o *outcomes) { o.ended(pid, x, at(ms)) }
	}
	held := func(pid int, b event.Became, by signals.Signal, ms int) func(*outcomes) {
		return func(o *outcomes) { o.held(pid, b, by, at(ms)) }
	}
	over := func(ms int) func(*outcomes) { return func(o *outcomes) { o.end(at(ms)) } }
	const usr1 = signals.Signal(10)
	for name, c := range map[string]struct {
		steps []func(*outcomes)
		want  string
	}{
		"a signal that ends": {[]func(*outcomes){send(1, signals.TERM, 41, 0), end(41, policy.Exit{Signal: signals.TERM}, 5)}, "1 TERM 41 ended 5ms killed by TERM"},
		"one that is ignored, then KILL": {
			[]func(*outcomes){send(1, signals.TERM, 41, 0), send(2, signals.KILL, 41, 1000), end(41, policy.Exit{Signal: signals.KILL}, 1002)},
			"1 TERM 41 ended 1.002s killed by KILL; 2 KILL 41 ended 2ms killed by KILL"},
		"another process ends": {[]func(*outcomes){send(1, signals.TERM, 41, 0), end(42, policy.Exit{}, 5), over(9)}, "1 TERM 41 nothing 9ms"},
		"a stop answers the signal that stopped, and no other": {
			[]func(*outcomes){send(1, usr1, 41, 0), send(2, signals.TSTP, 41, 1), held(41, event.Stopped, signals.TSTP, 3), send(3, signals.CONT, 41, 5), held(41, event.Continued, signals.CONT, 6), over(10)},
			"2 TSTP 41 stopped 2ms; 3 CONT 41 continued 1ms; 1 USR1 41 nothing 10ms"},
		"whose end we are not told of":    {[]func(*outcomes){send(1, signals.TERM, 141, 0), over(7)}, "1 TERM 141 unseen 7ms"},
		"one that becomes our child":      {[]func(*outcomes){send(1, signals.TERM, 141, 0), end(141, policy.Exit{Code: 3}, 7)}, "1 TERM 141 ended 7ms exited 3"},
		"a service that starts anew":      {[]func(*outcomes){send(1, signals.TERM, 141, 0), func(o *outcomes) { o.renewed("web", 42, at(4)) }, over(9)}, "1 TERM 141 unseen 4ms"},
		"a pid that comes again":          {[]func(*outcomes){send(1, signals.TERM, 141, 0), func(o *outcomes) { o.renewed("db", 141, at(4)) }, end(141, policy.Exit{}, 9)}, "1 TERM 141 unseen 4ms"},
		"another service that starts":     {[]func(*outcomes){send(1, signals.TERM, 41, 0), func(o *outcomes) { o.renewed("db", 42, at(4)) }, over(9)}, "1 TERM 41 nothing 9ms"},
		"nobody was sent anything":        {[]func(*outcomes){end(41, policy.Exit{}, 5), held(41, event.Stopped, signals.STOP, 3), over(9)}, ""},
		"two processes, in order of pids": {[]func(*outcomes){send(1, signals.TERM, 42, 0), send(1, signals.TERM, 41, 0), over(2)}, "1 TERM 41 nothing 2ms; 1 TERM 42 nothing 2ms"},
	} {
		o := newOutcomes()
		for _, step := range c.steps {
			step(&o)
		}
		var got []string
		for _, e := range o.take() {
			text := fmt.Sprintf("%d %s %d %s %s", e.Of, e.Signal, e.PID, e.Became, e.After)
			if e.Exit != nil {
				text += " " + e.Exit.String()
			}
			if e.Name != event.SignalOutcome || e.Service != "web" {
				t.Errorf("%s: %+v", name, e)
			}
			got = append(got, text)
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
		if len(o.take()) != 0 || len(o.waiting) != 0 && !strings.Contains(c.want, "nothing") {
			t.Errorf("%s: something is left: %v", name, o.waiting)
		}
	}
}

func TestSignalsWithoutAnAnswerAreBounded(t *testing.T) {
	o := newOutcomes()
	for n := range 1000 {
		o.sent(sentTo{seq: uint64(n), signal: signals.HUP, pid: 41, child: true})
	}
	if told := o.take(); len(o.waiting[41]) != mostWaiting || len(told) != 1000-mostWaiting || told[0].Became != event.Nothing {
		t.Errorf("%d wait, %d told", len(o.waiting[41]), len(told))
	}
}

func TestDispositionsAsTheyAreTold(t *testing.T) {
	set := func(s ...signals.Signal) (bits procfs.Signals) {
		for _, s := range s {
			bits |= 1 << (s - 1)
		}
		return bits
	}
	for _, c := range []struct {
		d    procfs.Status
		err  error
		want event.Disposition
	}{
		{procfs.Status{}, nil, event.Default},
		{procfs.Status{Caught: set(signals.TERM)}, nil, event.Caught},
		{procfs.Status{Ignored: set(signals.TERM)}, nil, event.Ignored},
		{procfs.Status{Blocked: set(signals.TERM), Caught: set(signals.TERM)}, nil, event.Blocked},
		{procfs.Status{Caught: set(signals.HUP), Blocked: set(signals.INT)}, nil, event.Default},
		{procfs.Status{}, errors.New("no /proc"), event.Unknown},
	} {
		if got := arranged(&c.d, c.err, signals.TERM); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.d, got, c.want)
		}
	}
}

// deaf wants every event, and drops it.
type deaf struct{}

func (deaf) Wants(event.Name) bool { return true }
func (deaf) Emit(event.Event)      {}

// Without a recorder, telling of a signal looks nothing up and allocates nothing.
func TestFollowingNoSignalsCostsNothing(t *testing.T) {
	l := &Loop{
		World: World{Sink: deaf{}, Host: tree.NewHost(nil)}, stamper: event.NewStamper(),
		set: NewSet([]config.Service{script("web", "true")}, 1, time.Now()),
	}
	if n := testing.AllocsPerRun(1000, func() {
		l.turn()
		l.sent(0, event.Event{Signal: signals.TERM, To: "group 41"}, nil)
	}); n != 0 || l.Host.Aiming != nil {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSent is what telling of a sent signal costs the owner: off, and on with one
// process that it goes to, whose disposition is known.
func BenchmarkSent(b *testing.B) {
	for name, record := range map[string]*recorder{"off": nil, "on": newRecorder()} {
		b.Run(name, func(b *testing.B) {
			l := &Loop{
				World: World{Sink: deaf{}, Host: tree.NewHost(nil)}, stamper: event.NewStamper(), recorder: record,
				set: NewSet([]config.Service{script("web", "true")}, 1, time.Now()), trees: make([]*tree.Tree, 1),
			}
			b.ReportAllocs()
			for b.Loop() {
				l.turn()
				if l.recorder != nil {
					l.recorder.aimed = append(l.recorder.aimed, aimed{signal: signals.TERM, target: event.Target{PID: 41}, child: true, at: time.Now()})
				}
				l.sent(0, event.Event{Signal: signals.TERM, To: "group 41"}, nil)
				if l.recorder != nil {
					l.recorder.outcomes.ended(41, policy.Exit{}, time.Now())
					l.tellOutcomes()
				}
			}
		})
	}
}

// BenchmarkAim is the look at one process before a signal goes out to it, after
// /proc/PID/stat was read, which has what is needed of all but real-time signals.
func BenchmarkAim(b *testing.B) {
	for _, s := range []signals.Signal{signals.TERM, signals.RTMIN} {
		b.Run(s.String(), func(b *testing.B) {
			r := newRecorder()
			for b.Loop() {
				self, err := procfs.Stat(os.Getpid())
				if err != nil {
					b.Fatal(err)
				}
				r.aimed = r.aimed[:0]
				r.aim(nil, s, []procfs.Process{self})
			}
		})
	}
}
