package test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sick is a service whose health is a file, and what is said of it. It is well
// until it is there to hear of it.
func sick(action string) string {
	return `
[services.a]
command = "trap 'echo USR1' USR1; trap 'echo TERM; exit 0' TERM; echo up; : > up; while :; do sleep 0.05; done"
shell = true
restart = { when = "on-failure", initial = "0s" }
[services.a.health]
kind = "exec"
command = ["sh", "-c", "test -e up || exit 0; echo looked >> looks; test -e well || { echo no such luck; exit 4; }"]
delay = "0s"
interval = "50ms"
failures = 3
successes = 2
action = "` + action + `"
`
}

// looks counts the looks at a service's health.
func (u *upSession) looks() int {
	b, _ := upRead(u, "looks")
	return strings.Count(b, "looked")
}

func TestUpHealthReports(t *testing.T) {
	t.Parallel()
	u := upConfig(t, sick("report"))
	u.line("a", "up")
	if e := u.until("health.lost", "a"); !strings.Contains(e.Message, "exited 4: no such luck") {
		t.Error(e.Message)
	}
	if n := u.looks(); n < 3 {
		t.Errorf("it was unhealthy after %d looks", n)
	}
	u.touch("well")
	u.until("health.regained", "a")
	u.none("service.stopping", "a")
	u.stop()
}

func TestUpHealthSignals(t *testing.T) {
	t.Parallel()
	u := upConfig(t, sick("USR1"))
	u.until("health.lost", "a")
	u.line("a", "USR1")
	if e := u.until("signal.sent", "a"); e.Signal != "USR1" || !strings.Contains(e.Message, "unhealthy") {
		t.Errorf("%+v", e)
	}
	n := u.looks()
	u.eventually("looked at it on", func() bool { return u.looks() > n+5 })
	if sent := u.signalsSent("a"); len(sent) != 1 {
		t.Errorf("it was sent %v", sent)
	}
	u.stop()
}

// What is sick has failed, however well it ends, and is restarted.
func TestUpHealthRestarts(t *testing.T) {
	t.Parallel()
	u := upConfig(t, sick("restart"))
	u.until("health.lost", "a")
	u.line("a", "TERM")
	if x := u.until("process.exited", "a").Exit; !strings.Contains(x.Missed, "unhealthy: exited 4: no such luck") || x.Code != 0 {
		t.Errorf("%+v", x)
	}
	u.until("backoff.scheduled", "a")
	u.touch("well")
	u.until("service.starting", "a")
	u.until("service.starting", "a")
	u.stop()
}

// The looks end with the service, and with them what they have started.
func TestUpHealthEndsWithTheService(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upStart(t, upPlan{config: head + `
[services.a]
command = "` + upAwait("end") + `exit 0"
shell = true
restart.when = "never"
[services.a.health]
kind = "exec"
command = ["sh", "-c", "echo looked >> looks; trap '' TERM; sleep 1005 & setsid sleep 1006 & sleep 1007"]
delay = "0s"
interval = "20ms"
timeout = "60s"
[services.other]
command = ["sleep", "100"]
`})
		u.eventually("looked at", func() bool { return u.looks() == 1 })
		u.touch("end")
		u.until("service.done", "a")
		u.gone("100\x35", "100\x36", "100\x37")
		n := u.looks()
		time.Sleep(200 * time.Millisecond) // ten intervals
		if now := u.looks(); now != n {
			t.Errorf("looked %d times more at what has ended", now-n)
		}
		u.stop()
	})
}

// A shutdown that is done at once leaves no command that looks.
func TestUpHealthCommandAtTheEnd(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upConfig(t, head+`
[services.a]
command = ["sleep", "100"]
[services.a.health]
kind = "exec"
command = ["sh", "-c", "echo looked >> looks; setsid sleep 1008; sleep 1009"]
delay = "0s"
timeout = "60s"
`)
		u.eventually("looked at", func() bool { return u.looks() == 1 })
		u.signal(unix.SIGTERM)
		u.ends(0)
	})
}

// A reload changes how a service is looked at, and leaves it running.
func TestUpHealthReload(t *testing.T) {
	t.Parallel()
	config := sick("report")
	a := upAsked(t, upPlan{config: config})
	pid := a.until("service.started", "a").PID
	a.until("health.lost", "a")
	a.write("supervise.toml", strings.Replace(config, "echo no such luck; exit 4", "echo another; exit 5", 1))
	a.takesOver(0, "a: update (health)")
	// What the old looks found is forgotten.
	if e := a.until("health.lost", "a"); !strings.Contains(e.Message, "exited 5: another") {
		t.Error(e.Message)
	}
	a.write("supervise.toml", config[:strings.Index(config, "[services.a.health]")])
	a.takesOver(0, "a: update (health)")
	n := a.looks()
	time.Sleep(200 * time.Millisecond)
	if now := a.looks(); now > n+1 { // one may have been under way
		t.Errorf("looked %d times more", now-n)
	}
	if now := a.pids()["a"]; now != pid {
		t.Errorf("%d is %d now", pid, now)
	}
	a.none("service.stopping", "a")
	a.stop()
}
