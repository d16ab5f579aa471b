package test

import (
	"strings"
	"testing"
	"time"

	"supervise/internal/signals"
)

func TestWaitForAllEndsWithTheLastDescendant(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--wait-for-all", "--", program("probe"), "main")
	main := s.probe("main")
	main.say("escape orphan")
	orphan := s.probe("orphan")
	main.say("exit 3")
	main.ends()
	eventually(t, "the program was reaped", func() bool { return stateOf(main.outer) == "" })
	v.kill(signals.HUP) // is for the program, which is gone
	v.eventWhere("signal.dropped", func(e told) bool { return e.Signal == "HUP" })
	orphan.lives()
	orphan.heardNothing()
	v.runs()
	orphan.say("exit 0")
	v.exits(3)
}

func TestTermEndsTheWaitForAll(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		for _, sig := range []signals.Signal{signals.TERM, signals.INT} {
			s := newStage(t)
			v := s.superviseVerbosely("--wait-for-all", "--stop-timeout", limit.String(), "--", program("probe"), "main")
			main := s.probe("main")
			main.say("escape orphan")
			orphan := s.probe("orphan")
			main.say("exit 3")
			main.ends()
			eventually(t, "the program was reaped", func() bool { return stateOf(main.outer) == "" })
			v.kill(sig)
			orphan.hears(signals.TERM)
			if e := v.event("stop.escalated"); e.Signal != "KILL" {
				t.Errorf("%s is next, want KILL", e.Signal)
			}
			orphan.ends()
			v.exits(3)
		}
	})
}

func TestTimeoutIsThatOfAll(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.superviseVerbosely("--wait-for-all", "--timeout", (2 * limit).String(), "--", program("probe"), "main")
		main := s.probe("main")
		main.say("escape orphan TERM=0")
		orphan := s.probe("orphan")
		main.say("exit 3")
		orphan.hears(signals.TERM)
		v.exits(124)
	})
}

func TestWhatHoldsUpAStopIsTold(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--stop-timeout", "1h", "--", program("probe"), "main")
	main := s.probe("main")
	v.kill(signals.TERM)
	main.hears(signals.TERM)
	eventually(t, "it is told", func() bool { return v.stderr.String() != "" })
	want := "supervise: still waiting: pid " + itoa(main.PID) + " (probe) catches TERM and has not ended; KILL in "
	if got := v.stderr.String(); !strings.HasPrefix(got, want) {
		t.Errorf("supervise tells %q, want %q", got, want)
	}
	main.say("exit 4")
	v.exits(4)
}
