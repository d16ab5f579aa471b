package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

const alarm = signals.Signal(unix.SIGALRM)

func TestTimeoutEndsTheRun(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.supervise("--timeout", limit.String(), "--", program("probe"), "main", "TERM=0")
		s.probe("main")
		v.exits(124) // whatever the program says
		if text := v.text(v.stderr); text != "supervise: timeout: ran longer than "+limit.String()+"\n" {
			t.Errorf("supervise tells %q", text)
		}
	})
}

func TestTimeoutKillsAProgramThatGoesOn(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.superviseVerbosely("--timeout", limit.String(), "--timeout-signal", "ALRM", "--stop-timeout", limit.String(),
			"--", program("probe"), "main")
		main := s.probe("main")
		main.hears(alarm)
		main.hears(signals.TERM)
		main.heardOnly()
		v.exits(124)
		all := events(v.text(v.stderr))
		var steps []string
		for _, e := range named(all, "stop.escalated") {
			steps = append(steps, e.Why+" "+e.Signal)
		}
		if got, want := strings.Join(steps, "; "), fmt.Sprintf("still there %[1]s after ALRM TERM; still there %[1]s after TERM KILL", limit); got != want {
			t.Errorf("the stop was: %s\nwant: %s", got, want)
		}
		if end := named(all, "process.exited"); len(end) != 1 || end[0].Exit.Signal != "KILL" || end[0].Exit.Missed != "ran longer than "+limit.String() {
			t.Errorf("the program's end: %+v", end)
		}
	})
}

func TestTimeoutOfOneSignalIsNotSentTwice(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.supervise("--timeout", limit.String(), "--stop-timeout", limit.String(), "--", program("probe"), "main")
		main := s.probe("main")
		main.hears(signals.TERM)
		main.heardOnly() // KILL tells nothing
		v.exits(124)
	})
}

func TestProgramThatIsInTimeIsNotTimedOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--timeout", "1h", "--", program("probe"), "main", "ALRM=0")
	s.probe("main")
	v.kill(alarm)
	v.exits(0)
}

func TestTimeoutCountsForEachRun(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.superviseVerbosely("--timeout", limit.String(), "--retries", "1", "--backoff", "1ms..1ms", "--", program("probe"), "main", "TERM=0")
		first := s.probe("main")
		first.hears(signals.TERM)
		second := s.probe("main")
		second.hears(signals.TERM)
		v.exits(124)
		if e := named(events(v.text(v.stderr)), "run.timed_out"); len(e) != 2 {
			t.Errorf("%d runs took too long, want 2", len(e))
		}
	})
}

func TestRetriesStopAtSuccess(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--retries", "5", "--backoff", "1ms..2ms", "--", program("probe"), "main")
	s.probe("main").say("exit 3")
	s.probe("main").say("exit 4")
	s.probe("main").say("exit 0")
	v.exits(0)
	lines := strings.Split(strings.TrimSpace(v.text(v.stderr)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "supervise: backoff: exited 3 after ") ||
		!strings.Contains(lines[0], ", restart 1 in a row in ") ||
		!strings.HasPrefix(lines[1], "supervise: backoff: exited 4 after ") || !strings.Contains(lines[1], ", restart 2 in a row in ") {
		t.Errorf("supervise tells %q", lines)
	}
}

func TestRetriesAreCounted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--retries", "3", "--backoff", "1ms..8ms", "--jitter", "0", "--factor", "2", "--", program("probe"), "main")
	for n := range 4 {
		s.probe("main").say("exit %d", 10+n)
	}
	v.exits(13) // the last
	all := events(v.text(v.stderr))
	if n := len(named(all, "service.started")); n != 4 {
		t.Errorf("%d starts, want 4: one and 3 retries", n)
	}
	var delays []time.Duration
	for _, e := range named(all, "backoff.scheduled") {
		delays = append(delays, time.Duration(e.DelayNS))
	}
	// A delay counts from the end of the run, of which the loop hears a little later.
	for n, most := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond} {
		if len(delays) != 3 || delays[n] > most {
			t.Fatalf("delays %v, want at most 1, 2 and 4 ms", delays)
		}
	}
	if failed := named(all, "service.failed"); len(failed) != 1 || failed[0].Why != "exited 13: started 4 times, the limit is 4" {
		t.Errorf("supervise tells of the failure: %+v", failed)
	}
}

func TestProgramThatCannotStartIsRetried(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--retries", "2", "--backoff", "1ms..1ms", "--", s.path("missing"))
	v.exits(127)
	if n := len(named(events(v.text(v.stderr)), "start.failed")); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
}

func TestStopDuringBackoffEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, sig := range []signals.Signal{signals.TERM, signals.INT, signals.QUIT, signals.HUP} {
		s := newStage(t)
		v := s.superviseVerbosely("--retries", "5", "--backoff", "1h..1h", "--", program("probe"), "main")
		s.probe("main").say("exit 21")
		v.event("backoff.scheduled")
		v.kill(sig)
		v.exits(21) // how the last run ended
		if n := len(named(events(v.text(v.stderr)), "service.starting")); n != 1 {
			t.Errorf("%d starts with %s during the first backoff, want 1", n, sig)
		}
	}
}

func TestOtherSignalsDuringBackoffAreDropped(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.superviseVerbosely("--retries", "5", "--backoff", "1h..1h", "--", program("probe"), "main")
	s.probe("main").say("exit 21")
	v.event("backoff.scheduled")
	v.kill(signals.Signal(unix.SIGUSR1))
	if e := v.event("signal.dropped"); e.Signal != "USR1" || e.Why != "it came between two runs" {
		t.Errorf("supervise tells that %s was dropped: %s", e.Signal, e.Why)
	}
	v.runs()
	v.kill(signals.TERM)
	v.exits(21)
}

func TestProgramThatWasInterruptedIsNotRetried(t *testing.T) {
	t.Parallel()
	for _, sig := range []signals.Signal{signals.INT, signals.QUIT, signals.TERM} {
		s := newStage(t)
		v := s.superviseVerbosely("--retries", "5", "--backoff", "1ms..1ms", "--", program("probe"), "main", sig.String()+"=1")
		s.probe("main")
		v.kill(sig)
		v.exits(1)
		if n := len(named(events(v.text(v.stderr)), "service.starting")); n != 1 {
			t.Errorf("%d starts with %s, want 1", n, sig)
		}
	}
}

// No run of a program may meet the rest of the one before.
func TestRestIsGoneBeforeTheNextRun(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		s := newStage(t)
		v := s.supervise("--retries", "1", "--backoff", "1ms..1ms", "--stop-timeout", limit.String(), "--", program("probe"), "main")
		first := s.probe("main")
		first.say("spawn rest")
		rest := s.probe("rest")
		first.say("exit 1")
		rest.hears(signals.TERM)
		rest.heardOnly()
		second := s.probe("main")
		second.say("exit 0")
		v.exits(0)
	})
}

func TestRemapExit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--remap-exit", "143:0,7:8", "--", "sleep", "100")
	awaitHandlers(t, v.pid())
	v.kill(signals.TERM)
	v.exits(0)
	s.supervise("--remap-exit", "143:0", "--remap-exit", "7:8", "--", "sh", "-c", "exit 7").exits(8)
	s.supervise("--remap-exit", "124:1", "--timeout", "1ms", "--", "sleep", "100").exits(1)
	cmd := s.command(binary, "--", "sh", "-c", "exit 7")
	cmd.Env = append(os.Environ(), "SUPERVISE_REMAP_EXIT=7:9")
	s.start(cmd).exits(9)
}
