package test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// killed is the exit status for what KILL ended.
const killed = 128 + int(signals.KILL)

func TestStopIsTermThenKill(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.superviseVerbosely("--stop-timeout", limit.String(), "--", program("probe"), "main")
		main := s.probe("main")
		v.kill(signals.TERM)
		main.hears(signals.TERM)
		if e := v.event("stop.escalated"); e.Signal != "KILL" || e.Why != "still there "+limit.String()+" after TERM" {
			t.Errorf("supervise tells of %s, %s", e.Signal, e.Why)
		}
		v.exits(killed)
		main.heardOnly()
	})
}

func TestProgramThatEndsAtTermGivesItsStatus(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--", program("probe"), "main", "TERM=42")
	s.probe("main")
	v.kill(signals.TERM)
	v.exits(42)
	if text := v.text(v.stderr); text != "" {
		t.Errorf("without -v supervise tells %q, want nothing", text)
	}
}

func TestSecondTermIsPassedOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--stop-signal", "USR1", "--stop-timeout", "1h", "--", program("probe"), "main")
	main := s.probe("main")
	v.kill(signals.TERM)
	main.hears(signals.Signal(unix.SIGUSR1)) // the first step of the stop
	v.kill(signals.TERM)
	main.hears(signals.TERM)
	main.say("exit 4")
	v.exits(4)
	main.heardOnly()
}

func TestStopSignalTakesTheFirstStep(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--stop-signal", "SIGQUIT", "--", program("probe"), "main", "QUIT=3")
	s.probe("main")
	v.kill(signals.TERM)
	v.exits(3)
}

func TestStopSignalKillNeedsNoSecondStep(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--stop-signal", "KILL", "--", program("probe"), "main")
	s.probe("main")
	v.kill(signals.TERM)
	v.exits(killed)
}

func TestStopTimeoutZeroNeverKills(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--stop-timeout", "0", "--", program("probe"), "main")
	main := s.probe("main")
	v.kill(signals.TERM)
	main.hears(signals.TERM)
	main.lives()
	main.say("exit 0")
	v.exits(0)
	if e := named(events(v.text(v.stderr)), "stop.escalated"); len(e) > 0 {
		t.Errorf("supervise tells of %+v", e)
	}
}

func TestStopWakesAStoppedProgram(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--single-child=false", "--single-child", "--subreaper"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			v := s.superviseVerbosely(flag, "--stop-timeout", "1h", "--", program("probe"), "main", "TERM=6")
			main := s.probe("main")
			main.say("stop")
			v.event("process.stopped")
			v.kill(signals.TERM)
			v.exits(6)
			for _, r := range main.ends() { // TERM and CONT; at TERM it ends
				if r.Signal != signals.TERM && r.Signal != signals.CONT {
					t.Errorf("the program gets %s", r.Signal)
				}
			}
		})
	}
}

func TestInterruptBeginsNoStop(t *testing.T) {
	t.Parallel()
	for _, sig := range []signals.Signal{signals.INT, signals.QUIT, signals.HUP} {
		s := newStage(t)
		v := s.superviseVerbosely("--stop-timeout", "1ns", "--", program("probe"), "main")
		main := s.probe("main")
		v.kill(sig)
		main.hears(sig)
		main.lives()
		main.say("exit 8")
		v.exits(8)
		for _, e := range events(v.text(v.stderr)) {
			switch e.Event {
			case "shutdown.begun", "service.stopping", "stop.escalated":
				t.Errorf("after %s supervise tells of %s", sig, e.Event)
			}
		}
	}
}

// What the program leaves in its group is stopped when it has ended.
func TestRestOfTheGroupIsStopped(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.superviseVerbosely("--stop-timeout", limit.String(), "--", program("probe"), "main")
		main := s.probe("main")
		main.say("spawn obeys TERM=0")
		main.say("spawn resists")
		obeys, resists := s.probe("obeys"), s.probe("resists")
		main.say("escape daemon")
		daemon := s.probe("daemon")

		main.say("exit 9")
		obeys.hears(signals.TERM)
		obeys.heardOnly()
		if r := resists.hears(signals.TERM); r.From != v.pid() {
			t.Errorf("TERM came from %d, want %d, supervise", r.From, v.pid())
		}
		if e := v.event("stop.escalated"); e.Signal != "KILL" {
			t.Errorf("the next step is %s, want KILL", e.Signal)
		}
		resists.heardOnly()
		v.exits(9)
		daemon.heardNothing() // outside the group
		daemon.lives()
	})
}

func TestSubreaperStopsWhatLeftTheGroup(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.superviseVerbosely("--subreaper", "--stop-timeout", limit.String(), "--", program("probe"), "main")
		main := s.probe("main")
		main.say("escape parent")
		parent := s.probe("parent")
		parent.say("spawn obeys TERM=0")
		obeys := s.probe("obeys")
		parent.say("escape resists")
		resists := s.probe("resists")
		parent.say("escape stopped TERM=0")
		stopped := s.probe("stopped")
		parent.say("exit 1") // its children are orphans now, in other sessions
		parent.ends()
		stopped.stops()
		for _, p := range []*probe{obeys, resists, stopped} {
			eventually(t, p.Name+" is adopted", func() bool { return statusField(t, p.PID, "PPid") == itoa(v.pid()) })
		}
		// As long as the program lives, they are none of a signal's business.
		v.kill(signals.HUP)
		main.hears(signals.HUP)

		main.say("exit 11")
		obeys.hears(signals.TERM)
		obeys.heardOnly()
		stopped.heard(signals.TERM)
		resists.hears(signals.TERM)
		resists.heardOnly()
		v.exits(11)
		if reaped := named(events(v.text(v.stderr)), "orphan.reaped"); len(reaped) != 3 {
			t.Errorf("supervise tells of %d reaped orphans, want 3: %+v", len(reaped), reaped)
		}
	})
}

func TestInterruptHurriesTheStopOfTheRest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--stop-timeout", "1h", "--", program("probe"), "main")
	main := s.probe("main")
	main.say("spawn resists")
	resists := s.probe("resists")
	main.say("exit 2")
	resists.hears(signals.TERM)
	v.kill(signals.INT)
	resists.heardOnly()
	v.exits(2)
}
