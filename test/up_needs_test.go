package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// upGate makes a service ready as soon as the test has opened the gate of that
// name, see [asked.open].
func upGate(name string) string {
	return "ready = { kind = 'file', path = 'gate." + name + "', interval = '10ms' }\n"
}

// open opens a gate.
func (u *upSession) open(name string) {
	u.t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, "gate."+name), nil, 0o644); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upSession) shut(name string) {
	u.t.Helper()
	if err := os.Remove(filepath.Join(u.dir, "gate."+name)); err != nil {
		u.t.Fatal(err)
	}
}

// inOrder waits until these events have come, each after the one before: "db
// running", "web starting".
func (u *upSession) inOrder(steps ...string) {
	u.t.Helper()
	u.when(fmt.Sprintf("in this order: %q", steps), func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		todo := steps
		for _, e := range u.events {
			if len(todo) > 0 && e.Event == "service."+strings.Split(todo[0], " ")[1] && e.Service == strings.Split(todo[0], " ")[0] {
				todo = todo[1:]
			}
		}
		return len(todo) == 0
	})
}

// last is the number of the last event so far. Lines of output have none.
func (u *upSession) last() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, e := range slices.Backward(u.events) {
		if e.Seq > 0 {
			return e.Seq
		}
	}
	return 0
}

func TestUpNeedsWaitsForReadyAndNotForRunning(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "sleep 60"
needs = ["db"]
[services.early]
command = "sleep 60"
needs = [{ service = "db", for = "started" }]
[services.db]
command = "sleep 60"
` + upGate("db")})
	u.until("service.running", "early") // while db is not ready
	all := u.services()
	if s := all["db"]; s.State != "starting" || s.Ready {
		t.Errorf("db is %s, ready %v", s.State, s.Ready)
	}
	if s := all["web"]; s.State != "waiting" || s.Why != "needs db" {
		t.Errorf("web is %s: %s", s.State, s.Why)
	}
	u.open("db")
	u.until("service.running", "web")
	u.stop()
	u.inOrder("early running", "db running", "web starting", "web stopped", "db stopping", "db stopped")
	u.inOrder("early stopped", "db stopping")
}

func TestUpNeedForDoneIsMetByTheEndOfAService(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.late]
command = "sleep 60"
needs = [{ service = "once", for = "done" }]
[services.once]
command = "while ! [ -e gate.once ]; do sleep 0.02; done"
shell = true
`})
	u.until("service.running", "once")
	if s := u.services()["late"]; s.State != "waiting" || s.Why != "needs once done" {
		t.Errorf("late is %s: %s", s.State, s.Why)
	}
	u.open("once")
	u.until("service.running", "late")
	u.stop()
	u.inOrder("once done", "late starting")
}

func TestUpTellsWhyANeedHasFailedAndGoesOnWhenItIsStarted(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "sleep 60"
needs = ["db"]
[services.other]
command = "sleep 60"
[services.db]
command = "[ -e gate.db ] && exec sleep 60; exit 3"
shell = true
restart = { limit = 1, within = "1m", initial = "10ms" }
` + upGate("db")})
	u.when("web waits for what has failed", func() bool {
		return strings.Contains(u.services()["web"].Why, "failed")
	})
	web := u.services()["web"]
	if !strings.HasPrefix(web.Why, "needs db, which is failed (ended before it was ready, exited 3: ") {
		t.Errorf("web waits: %s", web.Why)
	}
	if want := "starts after db, which nobody starts: supervise start db"; web.Next != want {
		t.Errorf("next of web is %q, want %q", web.Next, want)
	}
	u.open("db")
	u.do("POST", "/v1/start", nil, "name=db")
	u.until("service.running", "web")
	u.stop()
}

func TestUpADiamondStartsAndStopsSideBySide(t *testing.T) {
	t.Parallel()
	// Each of the two in the middle becomes ready, and stops, only when both are
	// at it.
	middle := func(name string) string {
		return "[services." + name + "]\nshell = true\nneeds = ['db']\ncommand = '''\n" + upMeet +
			"trap 'meet stop 2; exit 0' TERM\nmeet start 2\n: > gate." + name + "\n" + upPause + "'''\n" + upGate(name) +
			"stop.ladder = [{ signal = 'TERM', wait = '40s' }, { signal = 'KILL', wait = '5s' }]\n"
	}
	u := upConfig(t, "[services.top]\ncommand = 'sleep 60'\nneeds = ['left', 'right']\n"+middle("left")+middle("right")+
		"[services.db]\ncommand = 'sleep 60'\n")
	u.until("service.running", "top")
	u.stop()
	u.none("stop.escalated", "*")
	for _, m := range []string{"left", "right"} {
		u.inOrder("db running", m+" starting", m+" running", "top starting", "top stopped", m+" stopping", m+" stopped", "db stopping")
	}
	u.inOrder("left starting", "right running")
	u.inOrder("right starting", "left running")
	u.inOrder("left stopping", "right stopped")
	u.inOrder("right stopping", "left stopped")
}

func TestUpWhatNeedsACrashedServiceStaysUnlessItGoesWithIt(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.stays]
command = "sleep 60"
needs = ["db"]
[services.goes]
command = "sleep 60"
needs = [{ service = "db", with = true }]
[services.db]
command = "sleep 60"
restart.initial = "10ms"
` + upGate("db")})
	u.open("db")
	u.until("service.running", "goes")
	u.until("service.running", "stays")
	stays := u.services()["stays"].PID
	u.shut("db")
	u.do("POST", "/v1/signal", nil, "name=db", "signal=KILL")
	u.until("service.stopping", "goes")
	u.until("service.running", "db") // the first run
	u.until("service.started", "db")
	u.until("service.started", "db")
	u.when("goes waits", func() bool { return u.services()["goes"].State == "waiting" })
	if s := u.services()["stays"]; s.PID != stays || s.State != "running" {
		t.Errorf("stays is %s with pid %d, was %d", s.State, s.PID, stays)
	}
	u.open("db")
	u.until("service.running", "goes")
	u.inOrder("db running", "goes running", "goes stopping", "db running", "goes starting", "goes running")
	u.none("service.stopping", "stays")
	u.stop()
}

func TestUpWhatGoesWithAnUnhealthyServiceRestartsAfterIt(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.goes]
command = "sleep 60"
needs = [{ service = "db", with = true }]
[services.db]
command = ": > gate.db; exec sleep 60"
shell = true
restart.initial = "10ms"
health = { interval = "20ms", delay = "20ms", failures = 2 }
` + upGate("db")})
	u.until("service.running", "goes")
	u.shut("db")
	if lost := u.until("health.lost", "db"); !strings.Contains(lost.Why, "gate.db") {
		t.Errorf("health lost: %s", lost.Why)
	}
	stopping := u.until("service.stopping", "goes")
	if want := "db, which it goes with, is not there"; stopping.Why != want {
		t.Errorf("goes stops because %q, want %q", stopping.Why, want)
	}
	u.until("service.running", "goes")
	u.inOrder("db stopping", "goes stopping", "db running", "goes starting", "goes running")
	u.stop()
}

func TestUpARestartTakesAChainThatGoesWithItAlong(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.c]
command = "trap 'sleep 0.1; exit 0' TERM; ` + upPause + `"
shell = true
needs = [{ service = "b", with = true }]
[services.b]
command = "trap 'sleep 0.1; exit 0' TERM; ` + upPause + `"
shell = true
needs = [{ service = "a", with = true }]
[services.a]
command = "sleep 60"
[services.other]
command = "sleep 60"
needs = ["a"]
`})
	u.line("c", "ready")
	u.until("service.running", "other")
	u.do("POST", "/v1/restart", nil, "name=a")
	u.waits("ready", "a", "b", "c")
	u.inOrder("c running", "c stopping", "b stopping", "a stopping", "a starting", "b starting", "c starting", "c running")
	u.none("service.stopping", "other")
	for _, s := range []string{"a", "b", "c"} {
		if n := len(u.all("service.started", s)); n != 2 {
			t.Errorf("%s was started %d times", s, n)
		}
	}
	// Not before the one that goes with it has gone.
	for _, p := range [][2]string{{"c", "b"}, {"b", "a"}} {
		if gone, next := u.all("process.exited", p[0]), u.all("service.stopping", p[1]); next[0].Seq < gone[0].Seq {
			t.Errorf("%s is stopped while %s still works", p[1], p[0])
		}
	}
	u.stop()
}

func TestUpAStopTakesWhatNeedsItAlongAndAStartBringsWhatItNeeds(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "sleep 60"
needs = ["app"]
[services.app]
command = "sleep 60"
needs = ["db"]
[services.db]
command = "sleep 60"
[services.other]
command = "sleep 60"
after = ["db"]
`})
	u.until("service.running", "web")
	u.until("service.running", "other")
	u.do("POST", "/v1/stop", nil, "name=db")
	u.inOrder("web running", "web stopping", "web stopped", "app stopping", "app stopped", "db stopping", "db stopped")
	u.none("service.stopping", "other")
	from := u.last()
	u.do("POST", "/v1/start", nil, "name=web")
	var order []string
	for _, e := range u.all("service.starting", "*") {
		if e.Seq > from {
			order = append(order, e.Service)
		}
	}
	if want := []string{"db", "app", "web"}; !slices.Equal(order, want) {
		t.Errorf("started %q, want %q", order, want)
	}
	u.stop()
}

func TestUpAReloadChangesHowANeedIsMeant(t *testing.T) {
	t.Parallel()
	config := func(need string) string {
		return "[services.web]\ncommand = 'sleep 60'\nneeds = [" + need + "]\n[services.db]\ncommand = 'sleep 60'\nrestart.initial = '10ms'\n" + upGate("db")
	}
	u := upAsked(t, upPlan{config: config("'db'")})
	u.until("service.waiting", "web")
	u.until("service.started", "db")
	u.write("supervise.toml", config("{ service = 'db', for = 'started' }"))
	u.takesOver(1, "web: update (needs)")
	u.until("service.running", "web") // db is not ready

	u.write("supervise.toml", config("{ service = 'db', with = true }"))
	u.takesOver(1, "web: update (needs)")
	u.open("db")
	u.until("service.running", "db")
	u.none("service.stopping", "web")
	u.do("POST", "/v1/signal", nil, "name=db", "signal=KILL")
	u.until("service.stopping", "web")
	u.until("service.running", "web")

	u.write("supervise.toml", config("'db'"))
	u.takesOver(1, "web: update (needs)")
	pid := u.services()["web"].PID
	u.do("POST", "/v1/restart", nil, "name=db")
	if s := u.services()["web"]; s.PID != pid {
		t.Errorf("web was restarted, though it does not go with db any more")
	}
	u.stop()
}

func TestUpNamesACycleBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	said := upRefused(t, upPlan{config: `
[services.a]
command = "touch started"
needs = ["b"]
[services.b]
command = "touch started"
after = ["c"]
[services.c]
command = "touch started"
needs = [{ service = "a", for = "started" }]
`}, 2)
	for _, part := range []string{"supervise.toml:", "a", "b", "c", "a -> b -> c -> a", "take one of the needs out"} {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q: %s", part, said)
		}
	}
}

func TestUpStartsAHundredThatWaitForEachOthersReadiness(t *testing.T) {
	t.Parallel()
	const n = 100
	var config strings.Builder
	for i := range n {
		name := fmt.Sprintf("s%02d", i)
		fmt.Fprintf(&config, "[services.%s]\nshell = true\ncommand = ': > gate.%s; exec sleep 60'\n%s", name, name, upGate(name))
		if i > 0 {
			fmt.Fprintf(&config, "needs = [{ service = 's%02d', with = true }]\n", i-1)
		}
	}
	u := upConfig(t, config.String())
	u.until("service.running", fmt.Sprintf("s%02d", n-1))
	u.signal(syscall.SIGTERM)
	u.ends(0)
	var up, down []string
	for i := range n {
		name := fmt.Sprintf("s%02d", i)
		up = append(up, name+" starting", name+" running")
		down = append([]string{name + " stopping", name + " stopped"}, down...)
	}
	u.inOrder(append(up, down...)...)
}
