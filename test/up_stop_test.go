package test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// signalsSent lists what a service was sent, in order.
func (u *upSession) signalsSent(service string) []string {
	var sent []string
	for _, e := range u.all("signal.sent", service) {
		sent = append(sent, e.Signal)
	}
	return sent
}

func TestUpClimbsTheLadder(t *testing.T) {
	t.Parallel()
	upBothWaysInTime(t, func(t testing.TB, head string, limit time.Duration) {
		u := upConfig(t, head+fmt.Sprintf(`
[services.plain]
command = "trap '' TERM; %[1]s"
shell = true
stop.ladder = [{ signal = "TERM", wait = "%[2]s" }, { signal = "KILL", wait = "20s" }]
[services.custom]
command = "trap 'echo INT' INT; trap 'echo RTMIN+2' 36; trap 'echo QUIT; exit 3' QUIT; %[1]s; read x <&3; read x <&3"
shell = true
[services.custom.stop]
ladder = [
  { signal = "INT", wait = "%[2]s" }, { signal = "RTMIN+2", wait = "%[2]s" },
  { signal = "QUIT", wait = "20s" }, { signal = "KILL", wait = "20s" },
]
`, upPause, limit))
		u.line("plain", "ready")
		u.line("custom", "ready")
		u.stop()
		if got, want := u.signalsSent("plain"), []string{"TERM", "KILL"}; !slices.Equal(got, want) {
			t.Errorf("plain was sent %v, want %v", got, want)
		}
		if e := u.until("stop.escalated", "plain"); !strings.Contains(e.Message, "still there "+limit.String()+" after TERM, so KILL is next") {
			t.Errorf("the escalation is told as %q", e.Message)
		}
		if x := u.until("process.exited", "plain").Exit; x.Signal != "KILL" {
			t.Errorf("plain ended: %+v", x)
		}
		if got, want := u.signalsSent("custom"), []string{"INT", "RTMIN+2", "QUIT"}; !slices.Equal(got, want) {
			t.Errorf("custom was sent %v, want %v", got, want)
		}
		for _, line := range []string{"INT", "RTMIN+2", "QUIT"} {
			u.line("custom", line)
		}
		if x := u.until("process.exited", "custom").Exit; x.Code != 3 {
			t.Errorf("custom ended: %+v", x)
		}
	})
}

func TestUpWaitsNoLongerThanNeeded(t *testing.T) {
	t.Parallel()
	// One that would wait for a day after TERM ends with its service.
	u := upConfig(t, `
[services.a]
command = "sleep 60"
stop.ladder = [{ signal = "TERM", wait = "24h" }, { signal = "KILL", wait = 0 }]
`)
	u.until("service.running", "a")
	u.stop()
	u.none("stop.escalated", "a")
}

func TestUpContinuesWhatIsStoppedToEndIt(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upConfig(t, head+`
[services.main]
command = "trap 'echo bye; exit' TERM; `+upPause+`"
shell = true
stop.ladder = [{ signal = "TERM", wait = "20s" }, { signal = "KILL", wait = "5s" }]
[services.child]
command = "setsid sleep 60 & echo child=$!; `+upPause+`"
shell = true
stop.ladder = [{ signal = "TERM", wait = "20s" }, { signal = "KILL", wait = "5s" }]
`)
		u.line("main", "ready")
		u.line("child", "ready")
		main := u.until("service.running", "main").PID
		child := u.number("child", "child")
		stopProcess(t, main)
		if e := u.until("process.stopped", "main"); e.Signal != "STOP" || e.PID != main {
			t.Errorf("it is told as %q", e.Message)
		}
		stopProcess(t, child)
		u.stop()
		u.line("main", "bye")
		u.none("stop.escalated", "*")
	})
}

func stopProcess(t testing.TB, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(upDeadline); ; time.Sleep(time.Millisecond) {
		if p, err := procfs.Stat(pid); err != nil || time.Now().After(end) {
			t.Fatalf("process %d does not stop: %v", pid, err)
		} else if p.Stopped() {
			return
		}
	}
}

// upEscape is shell functions for leaving one's service: `away NAME` starts a
// process with a session and a parent of its own, `clean NAME` one with an
// empty environment as well. Each tells its pid and goes on only when that
// process is there.
const upEscape = `
away() { mkfifo "$1.up"; (setsid sh -c "echo $1=\$\$ > $1.up; exec sleep 60" &); cat "$1.up"; }
clean() { mkfifo "$1.up"; (env -i "PATH=$PATH" setsid sh -c "echo $1=\$\$ > $1.up; exec sleep 60" &); cat "$1.up"; }
`

func TestUpLeavesNoEscapeeBehind(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upConfig(t, head+`
[services.a]
shell = true
command = '''`+upEscape+`
(sleep 60 &)
away away
clean clean
echo ready
sleep 60'''
`)
		u.line("a", "ready")
		away, clean := u.number("a", "away"), u.number("a", "clean")
		upKillLater(t, clean)
		for _, pid := range []int{away, clean} {
			if !upAlive(pid) {
				t.Fatalf("process %d never was there", pid)
			}
		}
		u.stop()
		for _, pid := range []int{away, clean} {
			if upAlive(pid) {
				t.Errorf("process %d has escaped", pid)
			}
		}
	})
}

func TestUpTakesWhatAServiceLeavesUpItsLadder(t *testing.T) {
	t.Parallel()
	upBothWaysInTime(t, func(t testing.TB, head string, limit time.Duration) {
		// The main process ends at TERM, its daemon does not.
		u := upConfig(t, head+fmt.Sprintf(`
[services.a]
shell = true
command = '''
mkfifo up
(setsid sh -c "trap '' TERM; sh -c 'echo daemon=\$PPID > up; exec sleep 60'; exit" &)
cat up
exec sleep 60'''
stop.ladder = [{ signal = "TERM", wait = "%s" }, { signal = "KILL", wait = "20s" }]
`, limit))
		daemon := u.number("a", "daemon")
		u.stop()
		if upAlive(daemon) {
			t.Error("the daemon is still there")
		}
		exited, escalated, stopped := u.until("process.exited", "a").Seq, u.until("stop.escalated", "a").Seq, u.until("service.stopped", "a").Seq
		if exited > escalated || escalated > stopped {
			t.Errorf("exited %d, escalated %d, stopped %d", exited, escalated, stopped)
		}
		sent := u.all("signal.sent", "a")
		if last := sent[len(sent)-1]; last.Signal != "KILL" || last.To != "2 processes" {
			t.Errorf("the last signal is told as %q", last.Message)
		}
	})
}

func TestUpNeverRunsTwoOfAService(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		// Each run leaves processes and crashes. The next one looks for them.
		u := upConfig(t, head+`
[services.a]
shell = true
command = '''`+strings.ReplaceAll(upEscape, "mkfifo", "rm -f \"$1.up\"; mkfifo")+`
for pid in $(cat pids 2>/dev/null); do
	! kill -0 $pid || echo "not alone: $pid"
done
(sleep 60 &)
away away > out
(trap '' TERM; exec setsid sleep 60 & echo "stubborn=$!") >> out
sed 's/.*=//' out > pids
echo complete
kill -SEGV $$'''
restart = { initial = "0s", limit = 3 }
stop.ladder = [{ signal = "TERM", wait = "300ms" }, { signal = "KILL", wait = "10s" }]
`)
		u.until("service.failed", "a")
		u.ends(1)
		complete := 0
		for _, line := range u.output("a") {
			if strings.HasPrefix(line, "not alone") {
				t.Error(line)
			}
			if line == "complete" {
				complete++
			}
		}
		if complete != 3 {
			t.Errorf("%d runs, want 3\n%s", complete, u.told())
		}
		// The next start comes when the last process of the run before is gone.
		starts, sent := u.all("service.starting", "a"), u.all("stop.escalated", "a")
		if len(starts) != 3 || len(sent) != 3 {
			t.Fatalf("%d starts, %d escalations\n%s", len(starts), len(sent), u.told())
		}
		for i := range 2 {
			if starts[i+1].Seq < sent[i].Seq {
				t.Errorf("start %d came before the leftovers of run %d were killed", i+2, i+1)
			}
		}
	})
}

func TestUpSpeaksToNoMoreThanItsScope(t *testing.T) {
	t.Parallel()
	for scope, spared := range map[string][]string{
		"process": {"child", "away"},
		"group":   {"away"},
		"tree":    nil,
	} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			u := upConfig(t, fmt.Sprintf(`
[services.other]
command = "sleep 60"
[services.a]
shell = true
needs = ["other"]
command = '''
trap 'exit 0' TERM
sh -c 'trap "exit 5" TERM; echo child=$$; %[2]s' &
setsid sh -c 'trap "exit 5" TERM; echo away=$$; %[2]s' &
%[2]s'''
stop.scope = "%[1]s"
`, scope, upPause))
			u.line("a", "ready")
			u.line("a", "ready")
			u.line("a", "ready")
			pids := map[string]int{"child": u.number("a", "child"), "away": u.number("a", "away")}
			u.stop()
			stopped := u.until("service.stopped", "a").Seq
			for name, pid := range pids {
				// What the service's own stop spares, the end of supervise takes.
				// The others may have been reaped by the shell that started them.
				// "others" tells of what the end of supervise had to stop: a process
				// that is just ending has left its cgroup before it can be reaped.
				late := false
				rest := u.all("service.stopping", "others")
				for _, e := range u.all("orphan.reaped", "") {
					late = late || e.PID == pid && e.Seq > stopped && e.Exit.Code == 5 && len(rest) > 0 && e.Seq > rest[0].Seq
				}
				if late != slices.Contains(spared, name) {
					t.Errorf("%s ended after the stop of its service: %v\n%s", name, late, u.told())
				}
			}
		})
	}
}

func TestUpGroupScopeCleansTheGroupBeforeARestart(t *testing.T) {
	t.Parallel()
	// The member's parent has left the group and lives on: nobody tells us of
	// the member's death.
	u := upConfig(t, `
[services.a]
shell = true
command = '''
mkfifo up
sh -c 'sleep 60 & echo member=$! > up; exec setsid sleep 60' &
cat up
rm up
exit 1'''
stop.scope = "group"
stop.ladder = [{ signal = "TERM", wait = "1s" }, { signal = "KILL", wait = "20s" }]
restart = { initial = "1ms", limit = 2 }
`)
	u.ends(1)
	if n := len(u.all("service.starting", "a")); n != 2 {
		t.Errorf("%d starts, want 2: %s", n, u.until("service.failed", "a").Message)
	}
}

func TestUpHurriesAtASecondInterrupt(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[defaults.stop]
ladder = [{ signal = "TERM", wait = "1h" }, { signal = "HUP", wait = "1h" }, { signal = "KILL", wait = "10s" }]
[services.db]
command = "trap '' TERM; `+upPause+`"
shell = true
[services.web]
command = "trap '' TERM; `+upPause+`"
shell = true
needs = ["db"]
`)
	u.line("db", "ready")
	u.line("web", "ready")
	u.signal(syscall.SIGINT)
	u.until("signal.sent", "web")
	u.signal(syscall.SIGTERM) // a second TERM changes nothing
	u.until("signal.received", "")
	u.until("signal.received", "")
	u.none("shutdown.hurried", "")
	u.hurry()
	u.ends(0)
	for service, want := range map[string][]string{"web": {"TERM", "KILL"}, "db": {"KILL"}} {
		if got := u.signalsSent(service); got[len(got)-1] != "KILL" || slices.Contains(got, "HUP") {
			t.Errorf("%s was sent %v, want %v", service, got, want)
		}
	}
}

func TestUpStopsDuringABackoff(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.a]
command = "false"
restart.delays = ["1h"]
[services.b]
command = "true"
needs = ["a"]
`)
	u.until("backoff.scheduled", "a")
	u.stop()
	u.until("service.stopped", "a")
	if n := len(u.all("service.starting", "a")); n != 1 {
		t.Errorf("%d starts, want 1", n)
	}
}

func TestUpDoesNotRestartDuringAShutdown(t *testing.T) {
	t.Parallel()
	// db crashes while it has to wait for web to stop.
	u := upConfig(t, `
[services.db]
command = "trap 'exit 1' USR1; `+upPause+`"
shell = true
restart.initial = "0s"
[services.web]
command = "trap 'read x < gate; exit 0' TERM; `+upPause+`"
shell = true
needs = ["db"]
`)
	u.line("db", "ready")
	u.line("web", "ready")
	makeFIFO(t, u.dir, "gate")
	u.signal(syscall.SIGTERM)
	u.until("signal.sent", "web")
	if err := unix.Kill(u.until("service.running", "db").PID, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	u.until("service.stopped", "db")
	openGate(t, u.dir, "gate")
	u.ends(0)
	if n := len(u.all("service.starting", "db")); n != 1 {
		t.Errorf("%d starts of db, want 1", n)
	}
}

func TestUpRemovesItsCgroups(t *testing.T) {
	t.Parallel()
	upNeeds(t, "a cgroup v2", upCgroup())
	u := upConfig(t, `
[services."a.b"]
command = "sleep 60"
[services.killed]
command = "trap '' TERM; `+upPause+`"
shell = true
stop.ladder = [{ signal = "TERM", wait = "100ms" }, { signal = "KILL", wait = "10s" }]
`)
	u.line("killed", "ready")
	u.until("service.running", "a.b")
	groups := upCgroupsOf(u.pid())
	if len(groups) != 3 {
		t.Errorf("the groups of two services are %v", groups)
	}
	u.stop()
	if groups := upCgroupsOf(u.pid()); len(groups) > 0 {
		t.Errorf("left behind: %v", groups)
	}
}
