package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// upTouch makes the file that a script waits for with [upAwait].
func (u *upSession) touch(name string) {
	u.t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), nil, 0o666); err != nil {
		u.t.Fatal(err)
	}
}

// upAwait is shell for: wait until there is a file.
func upAwait(name string) string { return "until [ -e " + name + " ]; do sleep 0.02; done; " }

// upKill signals a process of the test's own services.
func upKill(t testing.TB, pid int, s syscall.Signal) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("pid %d", pid)
	}
	if err := unix.Kill(pid, s); err != nil {
		t.Fatalf("sending %v to %d: %v", s, pid, err)
	}
}

// refused waits for a datagram that is refused with part in the reason.
func (u *upSession) refused(service, part string) upEvent {
	u.t.Helper()
	return u.find("notify.refused", service, part, func(e upEvent) bool { return strings.Contains(e.Message, part) })
}

// says waits for what a service says.
func (u *upSession) says(service, text string) upEvent {
	u.t.Helper()
	return u.find("service.says", service, text, func(e upEvent) bool { return e.Message == "says: "+text })
}

// inOrder expects that the events came in this order.
func inOrder(t testing.TB, events ...upEvent) {
	t.Helper()
	for i := 1; i < len(events); i++ {
		if events[i-1].Seq >= events[i].Seq {
			t.Errorf("%s of %s (%s) came after %s of %s (%s)", events[i-1].Event, events[i-1].Service, events[i-1].Message,
				events[i].Event, events[i].Service, events[i].Message)
		}
	}
}

// A service is ready when it says so, and not before; what it says of itself
// is told.
func TestUpReadyBySystemdNotify(t *testing.T) {
	t.Parallel()
	for name, launch := range map[string]string{"root": "", "another user": "user = \"nobody\"\n", "umask": "umask = '077'\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upRoot(t)
			u := upConfig(t, `
[services.db]
command = "`+upAwait("go")+`systemd-notify --ready --status='at work'; echo said; `+upAwait("again")+`systemd-notify RELOADING=1; systemd-notify --ready; systemd-notify --no-block STOPPING=1; echo ready; exec sleep 1000"
shell = true
ready.kind = "notify"
`+launch+`
[services.web]
command = "`+upPause+`"
shell = true
needs = ["db"]
`)
			started := u.until("service.started", "db")
			u.until("service.waiting", "web")
			u.none("service.running", "db")
			u.touch("go")
			inOrder(t, started, u.says("db", "at work"), u.until("service.running", "db"), u.until("service.starting", "web"))
			u.line("db", "said") // systemd-notify waits for its barrier
			u.touch("again")
			inOrder(t, u.says("db", "it is reloading"), u.says("db", "it is done with reloading"), u.says("db", "it is stopping"))
			u.line("db", "ready")
			u.none("notify.refused", "db")
			u.stop()
		})
	}
}

func TestUpReadyByGoSystemd(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.main]
command = ["`+program("speaker")+`", "main", "READY=1\nSTATUS=by itself"]
ready.kind = "notify"
[services.helper]
command = "`+program("speaker")+` say READY=1 'STATUS=by another'; `+upPause+`"
shell = true
ready.kind = "notify"
`)
	for service, text := range map[string]string{"main": "by itself", "helper": "by another"} {
		u.says(service, text)
		u.until("service.running", service)
	}
	u.stop()
}

// Where no directory can be made for them, sockets are abstract.
func TestUpNotifyAbstract(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := upStart(t, upPlan{
		config: `
[services.a]
command = "echo address=$NOTIFY_SOCKET; systemd-notify --ready; ` + upPause + `"
shell = true
ready.kind = "notify"
`,
		env:     []string{"TMPDIR=/nowhere", "XDG_RUNTIME_DIR=/nowhere"},
		prepare: func(c *exec.Cmd) { c.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534} },
	})
	if a := u.value("a", "address"); !strings.HasPrefix(a, "@") {
		t.Errorf("the address is %s", a)
	}
	u.until("service.running", "a")
	u.stop()
}

// The main process of a daemon is the one that it says, and not the one that
// was started.
func TestUpMainPIDOfADaemon(t *testing.T) {
	t.Parallel()
	for _, parent := range []string{"leaves", "stays"} {
		for _, end := range []string{"stop", "death"} {
			t.Run(parent+" "+end, func(t *testing.T) {
				t.Parallel()
				upBothWays(t, func(t *testing.T, head string) {
					u := upConfig(t, head+`
[services.d]
command = ["`+program("speaker")+`", "daemon", "`+parent+`"]
ready.kind = "notify"
restart = { when = "on-failure", initial = "0s" }
`)
					first := u.until("service.started", "d").PID
					main := u.number("d", "daemon")
					if e := u.until("process.main", "d"); e.PID != main || !strings.Contains(e.Message, fmt.Sprint(first)) {
						t.Errorf("%+v, and the daemon is %d in place of %d", e, main, first)
					}
					u.until("service.running", "d")
					if parent == "leaves" {
						if e := u.until("process.exited", "d"); e.PID != first {
							t.Errorf("%+v, want the end of %d", e, first)
						}
					}
					if end == "stop" {
						u.signal(syscall.SIGTERM)
						u.line("d", "ended by TERM")
						u.ends(0)
						u.none("stop.escalated", "d")
						return
					}
					upKill(t, main, unix.SIGKILL)
					if parent == "leaves" {
						if x := u.until("process.exited", "d"); x.PID != main || x.Exit.Signal != "KILL" {
							t.Errorf("its end: %+v", x)
						}
					} else if e := u.until("process.exited", "d"); e.PID != main || !strings.Contains(e.Message, "exit status is not known") {
						t.Errorf("its end: %+v", e)
					}
					u.none("stop.escalated", "d")
					u.until("service.starting", "d")
					u.until("service.starting", "d") // it has failed, and is restarted
					u.until("service.running", "d")
					u.stop()
				})
			})
		}
	}
}

// What a program says last of all is heard before its end is.
func TestUpLastWords(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.a]
command = ["`+program("speaker")+`", "say", "READY=1", "STATUS=my last\nERRNO=2"]
ready.kind = "notify"
restart = { when = "always", initial = "0s", limit = 30, within = "10m" }
`)
	u.until("service.failed", "a")
	u.ends(1)
	u.none("notify.refused", "a")
	if n, runs := len(u.all("service.running", "a")), len(u.all("service.started", "a")); n != runs || runs != 30 {
		t.Errorf("it was ready in %d of %d runs", n, runs)
	}
	if got := len(u.all("service.says", "a")); got == 0 {
		t.Error("nothing was heard of it")
	}
}

// How long a start and a stop may take is the service's to say.
func TestUpExtendTimeout(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		timeout := 5 * limit
		u := upConfig(t, fmt.Sprintf(`
[services.slow]
command = """trap '' TERM; systemd-notify EXTEND_TIMEOUT_USEC=60000000; `+upAwait("go")+`systemd-notify --ready
`+upAwait("stop")+`systemd-notify EXTEND_TIMEOUT_USEC=60000000; touch asked; `+upAwait("end")+`echo ended by itself; exit 0"""
shell = true
ready.kind = "notify"
start.timeout = "%[1]s"
stop.ladder = [{ signal = "TERM", wait = "%[1]s" }, { signal = "KILL", wait = "20s" }]
[services.late]
command = "`+upPause+`"
shell = true
ready.kind = "notify"
start.timeout = "%[1]s"
restart.when = "never"
stop.ladder = [{ signal = "USR1", wait = "20s" }, { signal = "KILL", wait = "20s" }]
`, timeout))
		// One that says nothing shows when the time was over.
		if e := u.until("start.timed_out", "late"); !strings.Contains(e.Message, "not ready within "+timeout.String()) {
			t.Error(e.Message)
		}
		u.touch("go")
		u.until("service.running", "slow")
		u.until("service.failed", "late")
		u.signal(syscall.SIGTERM)
		u.until("service.stopping", "slow")
		u.touch("stop")
		u.until("signal.sent", "slow")
		upFile(t, filepath.Join(u.dir, "asked"))
		time.Sleep(timeout + timeout/4) // longer than the rung is without it
		u.touch("end")
		u.line("slow", "ended by itself")
		u.ends(0)
		u.none("stop.escalated", "slow")
		u.none("start.timed_out", "slow")
	})
}

// upFile waits until a file is there.
func upFile(t testing.TB, path string) {
	t.Helper()
	for end := time.Now().Add(upDeadline); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestUpNotifyAccess(t *testing.T) {
	t.Parallel()
	speaker := program("speaker")
	u := upConfig(t, `
[services.a]
command = "`+speaker+` say READY=1 NOTIFYACCESS=main 'STATUS=from a helper'; exec `+speaker+` main 'STATUS=from the main one'"
shell = true
ready.kind = "notify"
`)
	u.until("service.running", "a")
	u.refused("a", "only the main process may send")
	u.says("a", "from the main one")
	u.stop()
	for _, e := range u.all("service.says", "a") {
		if strings.Contains(e.Message, "helper") {
			t.Error(e.Message)
		}
	}
}

// A watchdog that hears nothing has the service leave a trace and stops it; one
// that hears pings, by go-systemd, does not in as long a time.
func TestUpWatchdog(t *testing.T) {
	t.Parallel()
	inTime(t, func(t testing.TB, limit time.Duration) {
		speaker := program("speaker")
		watchdog := 3 * limit
		u := upConfig(t, fmt.Sprintf(`
[defaults]
stop.ladder = [{ signal = "TERM", wait = "%[1]s" }, { signal = "KILL", wait = "10s" }]
restart = { initial = "0s" }
[services.pings]
command = ["`+speaker+`", "ping"]
ready.kind = "notify"
watchdog = "%[2]s"
[services.silent]
command = "trap 'echo ABRT' ABRT; trap '' TERM; systemd-notify --ready; while :; do sleep 0.05; done"
shell = true
ready.kind = "notify"
watchdog = "%[2]s"
restart.when = "never"
[services.trigger]
command = "systemd-notify --ready; systemd-notify WATCHDOG=trigger; exec sleep 1000"
shell = true
ready.kind = "notify"
restart.when = "never"
[services.changes]
command = "systemd-notify --ready; systemd-notify WATCHDOG_USEC=500000; exec sleep 1000"
shell = true
watchdog = "1h"
restart.when = "never"
[services.none]
command = "systemd-notify --ready; systemd-notify WATCHDOG_USEC=0; echo off; exec sleep 1000"
shell = true
watchdog = "%[2]s"
restart.when = "never"
`, limit, watchdog))
		if every := u.value("pings", "every"); every != watchdog.String() { // of go-systemd, which minds WATCHDOG_PID
			t.Errorf("WATCHDOG_USEC is %s", every)
		}
		u.line("none", "off")
		if e := u.until("watchdog.missed", "silent"); !strings.Contains(e.Message, "no ping of its watchdog within "+watchdog.String()) {
			t.Error(e.Message)
		}
		u.line("silent", "ABRT")
		if x := u.until("process.exited", "silent"); x.Exit.Signal != "KILL" || !strings.Contains(x.Exit.Missed, "watchdog") {
			t.Errorf("%+v", x.Exit)
		}
		// A second KILL is for the sleep that the shell may just have forked.
		if got := u.signalsSent("silent"); !slices.Equal(slices.Compact(got), []string{"ABRT", "TERM", "KILL"}) {
			t.Errorf("silent was sent %v", got)
		}
		if e := u.until("watchdog.missed", "trigger"); !strings.Contains(e.Message, "WATCHDOG=trigger") {
			t.Error(e.Message)
		}
		if x := u.until("process.exited", "trigger").Exit; x.Signal != "ABRT" {
			t.Errorf("%+v", x)
		}
		if e := u.until("watchdog.missed", "changes"); !strings.Contains(e.Message, "within 500ms") {
			t.Error(e.Message)
		}
		u.until("process.exited", "changes")
		u.none("watchdog.missed", "pings")
		u.none("watchdog.missed", "none")
		u.signal(syscall.SIGTERM)
		u.ends(0)
	})
}

// What a service stores comes back at its next start, behind its sockets.
func TestUpStoredDescriptors(t *testing.T) {
	t.Parallel()
	speaker := program("speaker")
	u := upStart(t, upPlan{files: map[string]string{"one": "first", "two": "second", "three": "third"}, config: `
[services.a]
command = ["` + speaker + `", "given", "/bin/sh", "-c", '''
if [ ! -e ran ]; then
	` + speaker + ` store state one ''
	` + speaker + ` store other two FDPOLL=0
	` + speaker + ` store gone three ''
	` + speaker + ` say "$(printf 'FDSTOREREMOVE=1\nFDNAME=gone')"
	for i in $(seq 70); do ` + speaker + ` store more one ''; done
	touch ran
	exit 1
fi
systemd-notify --ready
exec sleep 100
''']
ready.kind = "notify"
restart = { initial = "0s", limit = 3, within = "10m" }
[[services.a.sockets]]
listen = "unix://web.sock"
name = "web"
`})
	u.line("a", "given=1 in all")
	u.until("service.running", "a")
	var given []string
	for _, line := range u.output("a") {
		if strings.HasPrefix(line, "given=") {
			given = append(given, strings.TrimSpace(line))
		}
	}
	want := []string{"given=3 web socket", "given=1 in all", "given=3 web socket", "given=4 state file first", "given=5 other file second"}
	if len(given) < len(want) || !slices.Equal(given[:len(want)], want) {
		t.Errorf("given: %q", given)
	}
	if last := given[len(given)-1]; last != "given=65 in all" { // a store of 64, and the socket
		t.Errorf("%q", last)
	}
	u.refused("a", "the service may store 64")
	u.stop()
}

// A Debian daemon that speaks sd_notify: ready by its own word, told of while it
// reloads, and what it answers before and after.
func TestUpHAProxy(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("haproxy")
	upNeeds(t, "haproxy", err)
	u := upStart(t, upPlan{
		config: `
[services.proxy]
command = ["haproxy", "-Ws", "-f", "haproxy.cfg"]
ready.kind = "notify"
stop.ladder = [{ signal = "USR1", wait = "20s" }, { signal = "KILL", wait = "5s" }]
[services.client]
command = ["curl", "-fsS", "--unix-socket", "haproxy.sock", "http://x/"]
kind = "task"
needs = ["proxy"]
`,
		files: map[string]string{"haproxy.cfg": `
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind unix@haproxy.sock
  http-request return status 200 content-type text/plain string "well\n"
`},
	})
	started := u.until("service.started", "proxy")
	u.line("client", "well")
	inOrder(t, started, u.until("service.running", "proxy"), u.until("service.starting", "client"))
	u.none("process.main", "proxy")                                                              // it says that it is who it is
	inOrder(t, u.says("proxy", "it is reloading"), u.says("proxy", "it is done with reloading")) // so it starts, too
	upKill(t, started.PID, unix.SIGUSR2)
	inOrder(t, u.says("proxy", "it is reloading"), u.says("proxy", "it is done with reloading"))
	u.signal(syscall.SIGTERM)
	u.ends(0)
	u.line("proxy", "All workers exited")
	u.none("notify.refused", "proxy")
}

// Nobody speaks for a service but itself, and a flood of words hurts nobody
// else.
func TestUpForgedNotifications(t *testing.T) {
	t.Parallel()
	upRoot(t)
	speaker := program("speaker")
	u := upStart(t, upPlan{config: `
[services.victim]
command = "echo address=$NOTIFY_SOCKET; exec sleep 1000"
shell = true
ready.kind = "notify"
start.timeout = "0s"
[services.other]
command = "` + upAwait("address") + speaker + ` forge $(cat address) 0 READY=1 stay"
shell = true
[services.garbage]
command = "` + speaker + ` garbage; exec sleep 1000"
shell = true
ready.kind = "notify"
[services.restarts]
command = "` + upAwait("flooding") + `exit 1"
shell = true
autostart = false
restart = { initial = "0s", jitter = 0.0, limit = 40, within = "10m" }
`, names: []string{"victim", "other", "garbage", "restarts"}})
	address := u.value("victim", "address")
	outside := exec.Command(speaker, "forge", address, "65534", "READY=1")
	if out, err := outside.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	u.find("notify.refused", "victim", "outside", func(e upEvent) bool {
		return strings.Contains(e.Message, "uid 65534") && strings.Contains(e.Message, fmt.Sprint(outside.Process.Pid))
	})
	if err := os.WriteFile(filepath.Join(u.dir, "address"), []byte(address), 0o644); err != nil {
		t.Fatal(err)
	}
	u.refused("victim", "(speaker, uid 0): not a process of this service")

	u.says("garbage", "after all that")
	for _, part := range []string{"4096", "NUL"} {
		u.refused("garbage", part)
	}
	before := upResident(t, u.pid())
	flood := exec.Command(speaker, "flood", "50000", "STATUS=flood")
	flood.Env = append(os.Environ(), "NOTIFY_SOCKET="+address)
	if err := upFork(flood.Start); err != nil {
		t.Fatal(err)
	}
	u.touch("flooding")
	if e := u.until("service.failed", "restarts"); !strings.Contains(e.Message, "40") {
		t.Errorf("restarts: %s", e.Message)
	}
	if err := flood.Wait(); err != nil {
		t.Fatal(err)
	}
	if grown := upResident(t, u.pid()) - before; grown > 20<<20 {
		t.Errorf("a flood took %d MiB", grown>>20)
	}
	if n := len(u.all("notify.refused", "victim")); n > 200 {
		t.Errorf("told %d times of what was refused", n)
	}
	u.none("service.running", "victim")
	u.signal(syscall.SIGTERM)
	u.ends(0)
}

// upResident is the resident memory of a process, in bytes.
func upResident(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// No descriptor is lost over many runs of services that speak in both ways.
func TestUpSpeakingLeaksNothing(t *testing.T) {
	t.Parallel()
	speaker := program("speaker")
	u := upStart(t, upPlan{files: map[string]string{"one": "first"}, config: `
[services.a]
command = "` + speaker + ` store one one ''; systemd-notify --ready FDSTOREREMOVE=1 FDNAME=one; exit 1"
shell = true
ready.kind = "notify"
restart = { initial = "0s", limit = 50, within = "10m" }
[services.b]
command = "echo >&3; exit 1"
shell = true
ready = { kind = "fd", fd = 3 }
restart = { initial = "0s", limit = 50, within = "10m" }
[services.stays]
command = ["sleep", "100"]
`})
	count := func() int {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", u.pid()))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	for range 5 {
		u.until("service.running", "a")
		u.until("service.running", "b")
	}
	early := count()
	u.until("service.failed", "a")
	u.until("service.failed", "b")
	late := count()
	t.Logf("%d descriptors after 5 runs, %d after 50", early, late)
	if late > early+3 {
		t.Errorf("%d descriptors after 5 runs, %d after 50", early, late)
	}
	u.signal(syscall.SIGTERM)
	u.ends(0)
}
