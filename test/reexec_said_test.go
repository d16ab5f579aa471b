package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/api"
)

// upgraded has the binary take over once more, and expects that no service has ended
// over it.
func (a *asked) upgraded() {
	a.t.Helper()
	ended := len(a.all("process.exited", "*"))
	a.reexec("")
	for _, e := range a.all("process.exited", "*")[ended:] {
		a.t.Errorf("%s ended during an upgrade: %s", e.Service, e.Message)
	}
}

// stored names what a service has left with supervise.
func (a *asked) stored(service string) []string {
	a.t.Helper()
	var s api.Service
	a.do("GET", "/v1/services/"+service, &s)
	return s.Stored
}

// holdFIFO makes a named pipe, and has it open as somebody who writes to it.
func holdFIFO(t testing.TB, path string) *os.File {
	t.Helper()
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // which waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// What is stored is the same open file afterwards, in its order and under its name; that
// the other end of one hangs up is still noticed, unless nobody wanted to know.
func TestStoredDescriptorsOutliveAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	speaker := program("speaker")
	var hangs, kept *os.File
	a := upAsked(t, upPlan{files: map[string]string{"numbers": "one\ntwo\nthree\n"}, config: `
[services.a]
command = ["` + speaker + `", "given", "/bin/sh", "-c", '''
if [ ! -e ran ]; then
	exec 8<numbers
	` + speaker + ` store numbers '&8' ''
	` + speaker + ` store hangs hangs ''
	` + speaker + ` store kept kept FDPOLL=0
	exec 3<&8 8<&-
	: >ran
fi
read -r number <&3
echo "number=$number"
` + speaker + ` say READY=1
exec sleep 1000
''']
ready.kind = "notify"
stop.ladder = [{ signal = "KILL", wait = "60s" }]
`, prepare: func(cmd *exec.Cmd) {
		hangs, kept = holdFIFO(t, filepath.Join(cmd.Dir, "hangs")), holdFIFO(t, filepath.Join(cmd.Dir, "kept"))
	}})
	run := func(number string, given ...string) {
		t.Helper()
		if got := a.value("a", "number"); got != number {
			t.Errorf("of the open file %q is read, want %q", got, number)
		}
		a.until("service.running", "a")
		var got []string
		for _, line := range a.output("a") {
			if name, ok := strings.CutPrefix(line, "given="); ok {
				got = append(got, strings.Join(strings.Fields(name)[:3], " "))
			}
		}
		if i := slices.Index(got, "0 in all"); i >= 0 {
			got = got[i+1:]
		}
		if !slices.Equal(got[max(0, len(got)-len(given)):], given) {
			t.Errorf("given: %q, want %q", got, given)
		}
	}
	run("one")
	a.upgraded()
	if got, want := a.stored("a"), []string{"numbers", "hangs", "kept"}; !slices.Equal(got, want) {
		t.Errorf("stored: %q, want %q", got, want)
	}
	a.do("POST", "/v1/restart", nil, "name=a")
	run("two", "3 numbers file", "4 hangs file", "5 kept file", "3 in all")
	a.upgraded()
	hangs.Close()
	kept.Close()
	eventually(t, "the one that hung up is dropped", func() bool { return slices.Equal(a.stored("a"), []string{"numbers", "kept"}) })
	a.upgraded()
	a.do("POST", "/v1/restart", nil, "name=a")
	run("three", "3 numbers file", "4 kept file", "2 in all")
	a.stop()
}

// Services that are starting go on to: who says so after the upgrade is ready, by
// whichever way, and who does not by the time that it had in all has failed.
func TestServicesBecomeReadyAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	speaker := program("speaker")
	const half = 600 << 10 // of what may be written without a newline, and more
	a := upAsked(t, upPlan{config: fmt.Sprintf(`
[defaults]
shell = true
start.timeout = "0s"
restart.when = "never"
[services.notify]
command = "%[1]s say STATUS=soon; echo half; %[2]s %[1]s say READY=1; exec sleep 1000"
ready.kind = "notify"
[services.fd]
command = "printf half >&3; echo half; %[2]s echo other half >&3; exec sleep 1000"
ready.kind = "fd"
[services.closes]
command = "printf half >&3; echo half; %[2]s exec 3>&-; exec sleep 1000"
ready.kind = "fd"
[services.endless]
command = "head -c %[3]d /dev/zero >&3; echo half; %[2]s head -c %[3]d /dev/zero >&3; exec sleep 1000"
ready.kind = "fd"
[services.line]
command = "printf 'half of a '; touch written; %[2]s echo line; exec sleep 1000"
ready = { kind = "log", pattern = "^half of a line$" }
log.to = "file"
[services.console]
command = "printf 'half of a '; touch printed; %[2]s echo line; exec sleep 1000"
ready = { kind = "log", pattern = "^half of a line$" }
[services.needs]
command = "exec sleep 1000"
needs = ["notify", "fd", "line", "console"]
[services.late]
command = "exec sleep 1000"
ready.kind = "notify"
start.timeout = "4s"
`, speaker, upAwait("go"), half)})
	for _, name := range []string{"notify", "fd", "closes", "endless"} {
		a.line(name, "half")
	}
	upFile(t, filepath.Join(a.dir, "written"))
	upFile(t, filepath.Join(a.dir, "printed"))
	late := a.until("service.started", "late")
	for range 2 {
		a.upgraded()
	}
	for name, s := range a.services() {
		if s.Ready {
			t.Errorf("%s is ready before it said so", name)
		}
	}
	a.touch("go")
	for _, name := range []string{"notify", "fd", "line", "console", "needs"} {
		a.until("service.running", name)
	}
	a.refused("closes", "it closed the descriptor without writing a newline")
	if e := a.refused("endless", "and no newline"); !strings.Contains(e.Message, "wrote 1") {
		t.Errorf("%s", e.Message)
	}
	failed := a.until("start.timed_out", "late")
	if took := failed.MonoNS - late.MonoNS; took < 3.9e9 {
		t.Errorf("it had %.3f s to become ready, not 4", float64(took)/1e9)
	}
	a.none("service.running", "closes")
	a.none("service.running", "endless")
}

// A watchdog goes on: with the pings of who pings, and without those of who does not.
func TestWatchdogsGoOnOverAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{config: `
[services.silent]
command = ["` + program("speaker") + `", "main", "READY=1"]
ready.kind = "notify"
watchdog = "3s"
restart.when = "never"
[services.pings]
command = ["` + program("speaker") + `", "ping"]
ready.kind = "notify"
watchdog = "30s"
`})
	ready := a.until("service.running", "silent")
	a.until("service.running", "pings")
	pid := a.services()["pings"].PID
	a.upgraded()
	if e := a.until("watchdog.missed", "silent"); e.MonoNS-ready.MonoNS < 2.9e9 {
		t.Errorf("missed after %.3f s, not 3", float64(e.MonoNS-ready.MonoNS)/1e9)
	}
	if is := a.services()["pings"]; is.PID != pid || is.State != "running" {
		t.Errorf("pings was %d and is %d, %s", pid, is.PID, is.State)
	}
	a.none("notify.refused", "pings")
}
