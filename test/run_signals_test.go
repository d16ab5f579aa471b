package test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// catchable is the signals that supervise passes on.
func catchable() []signals.Signal { return slices.Collect(signals.Catchable()) }

// passable is the same without TERM, which begins a stop.
func passable() []signals.Signal {
	return slices.DeleteFunc(catchable(), func(s signals.Signal) bool { return s == signals.TERM })
}

func TestEverySignalReachesTheProgramAsItself(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--single-child=false", "--single-child"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			v := s.superviseVerbosely(flag, "--stop-timeout", "0", "--", program("probe"), "main")
			main := s.probe("main")
			all := catchable()
			if len(all) != 54 {
				t.Fatalf("%d signals can be caught, want 54", len(all))
			}
			for _, sig := range all {
				v.kill(sig)
				r := main.hears(sig)
				if r.Origin != "kill" || r.From != v.pid() || r.UID != os.Getuid() {
					t.Errorf("%s came to the program by %s from %d, uid %d; want kill from %d, supervise", sig, r.Origin, r.From, r.UID, v.pid())
				}
				e := v.event("signal.received")
				if e.Signal != sig.String() || e.Signo != int(sig) || e.From == nil ||
					e.From.PID != os.Getpid() || e.From.UID != os.Getuid() || e.From.By != "kill" || e.From.Name != commandName(t) {
					t.Errorf("of %s supervise tells %+v from %+v; want it from this test", sig, e, e.From)
				}
				to := fmt.Sprintf("group %d", main.PID)
				if flag == "--single-child" {
					to = fmt.Sprintf("process %d", main.PID)
				}
				// The end of a stop by TERM: its first rung goes to the tree.
				if e := v.event("signal.sent"); e.Signal != sig.String() || e.To != to {
					t.Errorf("supervise tells that it sent %s to %q, want %s to %q", e.Signal, e.To, sig, to)
				}
			}
			main.say("exit 7")
			v.exits(7)
			main.heardOnly()
		})
	}
}

// heardOnly says that nothing came but what was asked for, now that it has ended.
func (p *probe) heardOnly() {
	p.t.Helper()
	if more := p.ends(); len(more) > 0 {
		p.t.Errorf("probe %s also tells %+v", p.Name, more)
	}
}

func commandName(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:len(b)-1])
}

// Standard signals coalesce on their way; real-time ones are counted.
func TestEveryRealTimeSignalOfManyArrives(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--", program("probe"), "main")
	main := s.probe("main")
	const many = 300 // on a single pending queue; ulimit -i allows for more
	for range many {
		v.kill(signals.RTMIN + 7)
	}
	for range many {
		main.hears(signals.RTMIN + 7)
	}
	main.say("exit 0")
	v.exits(0)
	main.heardOnly()
}

func TestSignalReachesTheGroup(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--", program("probe"), "main")
	main := s.probe("main")
	main.say("spawn worker")
	worker := s.probe("worker")
	main.say("escape daemon")
	daemon := s.probe("daemon")
	if worker.PGID != main.PID || main.PGID != main.PID {
		t.Fatalf("main leads group %d, worker is in %d; want %d", main.PGID, worker.PGID, main.PID)
	}
	for _, sig := range passable() {
		v.kill(sig)
		main.hears(sig)
		if r := worker.hears(sig); r.From != v.pid() {
			t.Errorf("%s came to the worker from %d, want %d, supervise", sig, r.From, v.pid())
		}
	}
	daemon.heardNothing() // it left the group, and nobody asked for a subreaper
	worker.say("exit 0")
	worker.ends()
	main.say("exit 0")
	v.exits(0)
	daemon.lives()
}

func TestSingleChildIsSignalledAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--single-child", "--", program("probe"), "main", "TERM=5")
	main := s.probe("main")
	main.say("spawn worker")
	worker := s.probe("worker")
	for _, sig := range passable() {
		v.kill(sig)
		main.hears(sig)
	}
	v.kill(signals.TERM)
	v.exits(5)
	worker.heardNothing()
	worker.lives() // and is not stopped either
}

func TestSignalIsTranslated(t *testing.T) {
	t.Parallel()
	for _, given := range []struct{ name, env, want string }{
		{name: "by flags"},
		{name: "by the environment", env: "SUPERVISE_MAP=USR1:RTMIN+3,SIGUSR2:1,30:0,HUP:drop"},
	} {
		t.Run(given.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			flags := []string{"--map", "USR1:RTMIN+3", "--map", "SIGUSR2:1,30:0", "--map=HUP:drop"}
			if given.env != "" {
				flags = nil
			}
			cmd := s.command(binary, slices.Concat(verbose, flags, []string{"--", program("probe"), "main"})...)
			cmd.Env = append(cmd.Env, given.env)
			v := s.start(cmd)
			main := s.probe("main")
			v.kill(signals.Signal(unix.SIGUSR1))
			main.hears(signals.RTMIN + 3)
			if e := v.event("signal.sent"); e.Signal != "RTMIN+3" || e.Was != "USR1" {
				t.Errorf("supervise tells of %s for %q, want RTMIN+3 for USR1", e.Signal, e.Was)
			}
			v.kill(signals.Signal(unix.SIGUSR2))
			main.hears(signals.HUP)
			for _, dropped := range []signals.Signal{signals.HUP, signals.Signal(unix.SIGPWR)} {
				v.kill(dropped)
				if e := v.event("signal.dropped"); e.Signal != dropped.String() || e.Why != "by --map" {
					t.Errorf("supervise tells that %s was dropped: %s; want %s: by --map", e.Signal, e.Why, dropped)
				}
			}
			main.say("exit 0")
			v.exits(0)
			main.heardOnly()
		})
	}
}

func TestTermThatIsTranslatedStillBeginsAStop(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.supervise("--map", "TERM:QUIT", "--stop-timeout", limit.String(), "--", program("probe"), "main")
		main := s.probe("main")
		v.kill(signals.TERM)
		main.hears(signals.QUIT)
		v.exits(128 + 9) // it goes on, and is killed
		main.heardOnly()
	})
}

func TestTermThatIsDroppedBeginsNoStop(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--map", "TERM:0", "--stop-timeout", "1ns", "--", program("probe"), "main")
	main := s.probe("main")
	v.kill(signals.TERM)
	v.event("signal.dropped")
	main.lives()
	main.say("exit 3")
	v.exits(3)
	if begun := named(events(v.text(v.stderr)), "shutdown.begun"); len(begun) > 0 {
		t.Errorf("a stop began: %+v", begun)
	}
}

// A signal can come at any moment before the program is there: it then waits
// for the program. The trace file is a FIFO here, which holds supervise up
// after it has taken over its signals and before it starts anything.
func TestSignalsBeforeTheProgramWaitForIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fifo := s.path("trace")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The program starts with these blocked, so that they stay pending where
	// they can be counted; else it would have to be quick to catch them.
	early := []signals.Signal{signals.Signal(unix.SIGUSR1), signals.Signal(unix.SIGUSR2), signals.Signal(unix.SIGALRM),
		signals.PIPE, signals.WINCH, signals.RTMIN + 1, signals.RTMIN + 5, signals.RTMAX}
	names := ""
	for _, sig := range early {
		names += "," + sig.String()
	}
	v := s.start(s.command(program("masked"), names[1:], binary, "--trace", fifo, "--", "sleep", "100"))
	awaitHandlers(t, v.pid())
	for _, sig := range early {
		v.kill(sig)
	}
	trace := s.follow(fifo)
	started := trace.event("service.started")
	for range early {
		trace.event("signal.sent")
	}
	var want uint64
	for _, sig := range early {
		want |= 1 << (sig - 1)
	}
	if got := statusMask(t, started.PID, "ShdPnd"); got != want {
		t.Errorf("pending in the program: %#x, want %#x", got, want)
	}
	v.kill(signals.TERM)
	v.exits(128 + 15)
}

func TestTermBeforeTheProgramEndsIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fifo := s.path("trace")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	v := s.supervise("--trace", fifo, "--", "sleep", "100")
	awaitHandlers(t, v.pid())
	v.kill(signals.TERM)
	s.follow(fifo)
	v.exits(128 + 15)
}

// Whenever TERM comes, supervise ends and leaves nothing. Before supervise has
// come to take over its signals it just dies.
func TestTermAtAnyMomentLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for n := range 60 {
		v := s.supervise("--", "sleep", "100")
		for range n * 2000 { // a moment later each time; how long does not matter
			_ = os.Getppid()
		}
		v.kill(signals.TERM)
		if status := v.wait(); status != 128+15 && status != -15 {
			t.Errorf("supervise ends with %d, want %d, or death by TERM", status, 128+15)
		}
		v.text(v.stdout) // ends when nobody has it any more
	}
}

// awaitHandlers waits until a supervise has taken over its signals.
func awaitHandlers(t testing.TB, pid int) {
	t.Helper()
	var want uint64
	for _, sig := range catchable() {
		want |= 1 << (sig - 1)
	}
	eventually(t, "handlers for all signals", func() bool { return statusMask(t, pid, "SigCgt")&want == want })
}

// statusMask reads a set of signals from /proc/PID/status.
func statusMask(t testing.TB, pid int, field string) uint64 {
	t.Helper()
	set, err := strconv.ParseUint(statusField(t, pid, field), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
