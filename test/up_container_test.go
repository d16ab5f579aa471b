package test

import (
	"strings"
	"syscall"
	"testing"
)

// upContainer starts `supervise up` as PID 1 of a PID namespace of its own.
func upContainer(t testing.TB, config string) *upSession {
	t.Helper()
	upRoot(t)
	return upStart(t, upPlan{config: config, inside: &upInside{NewPIDs: true}})
}

func TestUpAsPID1StopsServicesInOrderThenTheRest(t *testing.T) {
	t.Parallel()
	for way, head := range map[string]string{"cgroup": "", "proc": "[supervisor]\ncgroup = false\n"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			u := upContainer(t, head+`
[services.db]
command = "trap 'sleep 0.2; exit 0' TERM; `+upPause+`"
shell = true
[services.web]
shell = true
needs = ["db"]
stop.scope = "process"
command = '''`+upEscape+`
trap 'exit 0' TERM
away away
(setsid sh -c 'trap "" TERM; echo stubborn=$$; sleep 60; exit' &)
`+upPause+`'''
`)
			if pid := u.until("supervise.started", "").PID; pid != 1 {
				t.Fatalf("supervise is process %d", pid)
			}
			u.line("db", "ready")
			u.number("web", "stubborn")
			u.line("web", "ready")
			u.signal(syscall.SIGTERM)
			// What belongs to no service gets TERM, and KILL after some seconds.
			u.until("stop.escalated", "others")
			u.ends(0)
			if f := u.until("signal.received", "").From; f == nil || f.PID != 0 {
				t.Errorf("the sender, who is outside, is told as %+v", f)
			}
			web, db := u.until("service.stopped", "web").Seq, u.until("service.stopping", "db").Seq
			if db < web {
				t.Error("db is stopped before web is gone")
			}
			if others, db := u.until("service.stopping", "others").Seq, u.until("service.stopped", "db").Seq; others < db {
				t.Error("what belongs to no service is stopped before the services are")
			}
			u.none("stop.abandoned", "*")
		})
	}
}

func TestUpAsPID1ReapsOrphans(t *testing.T) {
	t.Parallel()
	u := upContainer(t, `
[services.a]
shell = true
command = '''
for i in 1 2 3 4 5 6 7 8; do (setsid sh -c "exit $i" &); done
echo done
`+upPause+`'''
`)
	u.line("a", "done")
	codes := map[int]bool{}
	u.when("eight orphans are reaped", func() bool {
		for _, e := range u.all("orphan.reaped", "") {
			codes[e.Exit.Code] = true
		}
		delete(codes, 0)
		return len(codes) == 8
	})
	u.stop()
}

func TestUpAsPID1EndsTheContainerWithACriticalService(t *testing.T) {
	t.Parallel()
	u := upContainer(t, `
[services.main]
command = "exit 42"
shell = true
critical = true
restart.when = "never"
needs = ["side"]
[services.side]
command = "sleep 60"
`)
	u.ends(42)
	u.until("service.stopped", "side")
}

func TestUpAsPID1IgnoresWhatNobodyForwards(t *testing.T) {
	t.Parallel()
	u := upContainer(t, "[services.a]\ncommand = 'sleep 60'\n")
	u.until("service.running", "a")
	u.signal(syscall.SIGHUP)
	u.until("config.reloaded", "")
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGALRM, 34, 64} {
		u.signal(s)
		u.until("signal.dropped", "")
	}
	u.signal(37) // RTMIN+3, as systemd-nspawn sends it
	u.ends(0)
	if why := u.until("shutdown.begun", "").Why; !strings.Contains(why, "RTMIN+3") {
		t.Errorf("the reason is %q", why)
	}
}
