package test

import (
	"strings"
	"testing"
)

func TestUpTaskThatTakesTooLongIsEndedAndTriedAgain(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "sleep 60"
needs = ["migrate"]
[services.migrate]
command = "echo x >> tries; [ $(wc -l < tries) -ge 3 ] || exec sleep 60"
shell = true
kind = "task"
timeout = "300ms"
restart = { when = "on-failure", initial = "10ms" }
needs = ["db"]
[services.db]
command = "sleep 60"
` + upGate("db")})
	u.until("service.waiting", "migrate")
	u.none("service.starting", "migrate")
	u.open("db")
	u.until("service.running", "web")
	u.inOrder("db running", "migrate starting", "migrate starting", "migrate starting", "migrate done", "web starting")
	// A slow machine may need more of them until one is in time.
	if n, runs := len(u.all("run.timed_out", "migrate")), len(u.all("service.started", "migrate")); n != runs-1 || n < 2 {
		t.Errorf("%d of %d runs timed out, want all but the last, and 2 at least", n, runs)
	}
	u.stop()
}

func TestUpTaskThatUsesUpItsTriesBlocksWhatNeedsIt(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "sleep 60"
needs = ["migrate"]
[services.migrate]
command = "echo x >> tries; exit 4"
shell = true
kind = "task"
restart = { when = "on-failure", initial = "10ms", limit = 3, within = "1m" }
[services.other]
command = "sleep 60"
`})
	u.until("service.failed", "migrate")
	if n := len(u.all("service.started", "migrate")); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
	web := u.services()["web"]
	if web.State != "waiting" || !strings.HasPrefix(web.Why, "needs migrate, which is failed (exited 4: ") {
		t.Errorf("web is %s: %s", web.State, web.Why)
	}
	if want := "starts after migrate, which nobody starts: supervise start migrate"; web.Next != want {
		t.Errorf("next of web: %q, want %q", web.Next, want)
	}
	u.stop()
	u.none("service.starting", "web")
}

func TestUpTaskIsRunByNameAgainAndAgain(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.backup]
command = "echo run >> runs; echo run $(wc -l < runs); [ $(wc -l < runs) -ne 2 ]"
shell = true
kind = "task"
autostart = false
needs = ["db"]
[services.db]
command = "sleep 60"
autostart = false
[services.other]
command = "sleep 60"
`})
	u.until("service.running", "other")
	if s := u.services()["backup"]; s.State != "stopped" {
		t.Errorf("backup is %s before anybody asked for it", s.State)
	}
	u.none("service.starting", "backup")
	u.do("POST", "/v1/start", nil, "name=backup")
	u.waits("done", "backup")
	if s := u.services()["db"]; s.State != "running" {
		t.Errorf("db, which backup needs, is %s", s.State)
	}
	// The second run fails, and whoever asked for it is told.
	if status, err := u.call("POST", "/v1/start", nil, "name=backup"); err != nil || status < 400 {
		if status, err = u.call("GET", "/v1/wait", nil, "name=backup", "for=done"); err != nil || status < 400 {
			t.Errorf("a run that fails is answered with %d, %v", status, err)
		}
	}
	if s := u.services()["backup"]; s.State != "failed" || s.Why != "exited 1" {
		t.Errorf("backup is %s: %s", s.State, s.Why)
	}
	u.do("POST", "/v1/start", nil, "name=backup")
	u.waits("done", "backup")
	u.line("backup", "run 3")
	u.stop()
}

func TestUpHooksOfATask(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.migrate]
command = "echo main >> order"
shell = true
kind = "task"
start.before = ["sh", "-c", "echo before >> order; [ -e ready ] || { : > ready; exit 1; }"]
stop.after = ["sh", "-c", "echo after >> order"]
restart = { when = "on-failure", initial = "10ms" }
[services.web]
command = "cat order; exec sleep 60"
shell = true
needs = ["migrate"]
`})
	u.until("hook.failed", "migrate")
	u.line("web", "main")
	u.line("web", "after")
	u.line("web", "after")
	u.stop()
	if got := strings.Join(u.output("web"), " "); got != "before after before main after" {
		t.Errorf("it went %s", got)
	}
}
