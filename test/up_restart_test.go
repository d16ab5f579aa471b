package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// upStamped fails at once and tells when each run begins and ends, in
// nanoseconds. Between the two lies more than the delay: the end of the one
// process and the start of the next.
const upStamped = `
command = 'echo "begin=$(date +%%s%%N)"; echo "end=$(date +%%s%%N)"; exit 1'
shell = true
`

// gaps gives the times between an end and the next begin, of the first n
// restarts, as the service itself saw them.
func (u *upSession) gaps(service string, n int) []time.Duration {
	u.t.Helper()
	var gaps []time.Duration
	u.number(service, "begin")
	for range n {
		end := u.number(service, "end")
		gaps = append(gaps, time.Duration(u.number(service, "begin")-end))
	}
	return gaps
}

// sinceTheEnd is the longest time that can have gone by between the end of a run
// and the telling of the delay that counts from it.
func (u *upSession) sinceTheEnd(backoff upEvent) time.Duration {
	var starting, exited upEvent
	for _, e := range u.all("service.starting", backoff.Service) {
		if e.Seq < backoff.Seq {
			starting = e
		}
	}
	for _, e := range u.all("process.exited", backoff.Service) {
		if e.Seq < backoff.Seq {
			exited = e
		}
	}
	return time.Duration(backoff.MonoNS - starting.MonoNS - exited.UpNS)
}

func TestUpNeverRestartsBeforeItsDelay(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.formula]
`+upStamped+`
restart = { initial = "100ms", factor = 2, max = "300ms", jitter = 0 }
[services.delays]
`+upStamped+`
restart = { delays = ["50ms", "0s", "200ms"], jitter = 0 }
[services.jitter]
`+upStamped+`
restart = { initial = "200ms", factor = 1, jitter = 0.5 }
`)
	for service, want := range map[string][]time.Duration{
		"formula": {100e6, 200e6, 300e6, 300e6},
		"delays":  {50e6, 0, 200e6, 200e6},
		"jitter":  {100e6, 100e6, 100e6},
	} {
		for i, gap := range u.gaps(service, len(want)) {
			if gap < want[i] {
				t.Errorf("%s: restart %d came after %v, its delay is at least %v", service, i+1, gap, want[i])
			}
		}
	}
	told := u.all("backoff.scheduled", "formula")
	for i, want := range []time.Duration{100e6, 200e6, 300e6, 300e6} {
		if got := time.Duration(told[i].DelayNS); got > want || got < want-u.sinceTheEnd(told[i]) {
			t.Errorf("the delay of restart %d is told as %v, want %v", i+1, got, want)
		}
	}
	u.stop()
}

func TestUpCountsAnewAfterALongRun(t *testing.T) {
	t.Parallel()
	// Two short runs, a long one, and again short ones.
	u := upConfig(t, `
[services.a]
command = '''
runs=$(cat runs 2>/dev/null || echo 1); echo $((runs + 1)) > runs
[ $runs != 3 ] || sleep 1
exit 1'''
shell = true
[services.a.restart]
delays = ["1ms", "2ms", "3ms", "4ms", "5ms", "6ms"]
jitter = 0
reset_after = "900ms"
`)
	var nth, want []string
	row := 0
	for range 6 {
		_, text, _ := strings.Cut(u.until("backoff.scheduled", "a").Why, ", restart ")
		nth = append(nth, text[:1])
		// On a busy machine a short run may be a long one.
		if up := u.until("process.exited", "a").UpNS; time.Duration(up) >= 900*time.Millisecond {
			row = 0
		}
		row++
		want = append(want, fmt.Sprint(row))
	}
	if !slices.Equal(nth, want) || want[2] != "1" {
		t.Errorf("the restarts in a row are numbered %v, want %v", nth, want)
	}
	u.stop()
}

func TestUpGivesUpAtTheLimit(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.crashing]
command = "false"
restart = { initial = "1ms", limit = 3, within = "1m" }
[services.missing]
command = "true"
dir = "missing"
restart = { initial = "1ms", limit = 2, within = "1m" }
[services.other]
command = "sleep 60"
`)
	failed := u.until("service.failed", "crashing")
	if !strings.Contains(failed.Why, "this would be start 4 within 1m0s, the limit is 3") {
		t.Errorf("crashing %s", failed.Message)
	}
	u.until("service.failed", "missing")
	if n := len(u.all("service.starting", "crashing")); n != 3 {
		t.Errorf("%d starts of crashing, want 3", n)
	}
	if n := len(u.all("start.failed", "missing")); n != 2 {
		t.Errorf("%d attempts to start missing, want 2", n)
	}
	u.until("service.running", "other")
	u.stop()
	u.none("service.stopped", "crashing") // it had failed before
}

func TestUpTellsSuccessFromFailure(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[defaults.restart]
initial = "1ms"
limit = 2

[services.zero]
command = "true"
[services.code]
command = "sh -c 'exit 7'"
restart.success = [0, 7]
[services.signal]
command = "sh -c 'kill -USR1 $$'"
restart.success = ["SIGUSR1"]
[services.number]
command = "sh -c 'kill -TERM $$'"
restart.success = [143]
[services.bad]
command = "sh -c 'exit 7'"
[services.unlisted]
command = "true"
restart.success = [7]
[services.always]
command = "true"
restart.when = "always"
[services.never]
command = "false"
restart.when = "never"
`)
	u.ends(1)
	for service, runs := range map[string]int{
		"zero": 1, "code": 1, "signal": 1, "number": 1, "bad": 2, "unlisted": 2, "always": 2, "never": 1,
	} {
		if got := len(u.all("process.exited", service)); got != runs {
			t.Errorf("%s ran %d times, want %d", service, got, runs)
		}
		end := "service.done"
		if runs > 1 {
			end = "service.failed"
		}
		u.until(end, service)
	}
}

func TestUpEndsWithACriticalService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		status int
	}{
		"done":     {"command = 'true'\n", 0},
		"status":   {"command = 'exit 9'\nshell = true\nrestart.when = 'never'\n", 9},
		"signal":   {"command = 'kill -KILL $$'\nshell = true\nrestart.when = 'never'\n", 137},
		"given up": {"command = 'exit 9'\nshell = true\nrestart = { limit = 2, initial = '1ms' }\n", 1},
		"task":     {"command = 'exit 9'\nshell = true\nkind = 'task'\n", 1},
		"no start": {"command = 'true'\ndir = 'missing'\nrestart.when = 'never'\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := upConfig(t, "[services.other]\ncommand = 'sleep 60'\n"+
				"[services.main]\ncritical = true\nneeds = ['other']\n"+c.config)
			u.ends(c.status)
			if why := u.until("shutdown.begun", "").Why; !strings.Contains(why, "main, which is critical") {
				t.Errorf("the reason is: %s", why)
			}
			u.until("service.stopped", "other")
		})
	}
}

func TestUpRunsATaskOnce(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[defaults.restart]
when = "always"
initial = "1ms"
[services.once]
command = "false"
kind = "task"
[services.again]
command = 'echo x >> runs; test $(wc -l < runs) = 3'
shell = true
kind = "task"
restart.when = "on-failure"
[services.last]
command = "true"
kind = "task"
needs = ["again"]
`)
	u.ends(1)
	if n := len(u.all("process.exited", "once")); n != 1 {
		t.Errorf("the task ran %d times", n)
	}
	if n := len(u.all("process.exited", "again")); n != 3 {
		t.Errorf("the task that is to be repeated ran %d times, want 3", n)
	}
	u.until("service.done", "last")
}

func TestUpEndsARunThatTakesTooLong(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		timeout := 3 * limit
		u := upConfig(t, fmt.Sprintf(`
[services.a]
command = "trap '' TERM; trap 'echo alarm' ALRM; %s; read x <&3; read x <&3"
shell = true
timeout = "%s"
timeout_signal = "ALRM"
stop.ladder = [{ signal = "TERM", wait = "%s" }, { signal = "KILL", wait = "20s" }]
restart = { initial = "1ms", limit = 2, within = "10m" }
`, upPause, timeout, limit))
		u.ends(1)
		var sent []string
		for _, e := range u.all("signal.sent", "a") {
			sent = append(sent, e.Signal)
		}
		if want := []string{"ALRM", "TERM", "KILL", "ALRM", "TERM", "KILL"}; !slices.Equal(sent, want) {
			t.Errorf("signals sent: %v, want %v", sent, want)
		}
		if x := u.until("process.exited", "a").Exit; x.Missed == "" || x.Signal != "KILL" {
			t.Errorf("the end of the first run: %+v", x)
		}
		if why := u.until("service.failed", "a").Why; !strings.Contains(why, "ran longer than "+timeout.String()) {
			t.Errorf("it failed: %s", why)
		}
	})
}
