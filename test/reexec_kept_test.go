package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"supervise/internal/event"
	"supervise/internal/record"
	"supervise/internal/signals"
)

// A service keeps its terminal: what it writes there is read, with a line that was half
// written, it still is its terminal, and it still follows the size of ours.
func TestTerminalsOfServicesOutliveAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	const service = `
trap 'stty size' WINCH
printf 'half a '
touch written-$SUPERVISE_SERVICE
until [ -e go ]; do sleep 0.1 & wait $!; done
echo line
test -t 0 && test -t 1 && test -t 2 && echo all three
echo by its name >/dev/tty
while :; do sleep 0.1 & wait $!; done`
	s := newStage(t)
	config := s.file("supervise.toml", `
[defaults]
shell = true
pty = true
restart.when = "never"
[services.console]
command = '''`+service+`'''
[services.file]
command = '''`+service+`'''
log.to = "file"
`, 0o644)
	socket := filepath.Join(shortDir(t), "s")
	x, v := s.terminal(s.command(binary, "up", "-c", config, "--socket", socket))
	size := func(rows, columns uint16) {
		t.Helper()
		if err := pty.Setsize(x.master, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
			t.Fatal(err)
		}
	}
	file := func(want string) {
		t.Helper()
		eventually(t, "the file has "+want, func() bool {
			b, _ := os.ReadFile(s.path("log/file/current"))
			return strings.Contains(string(b), want)
		})
	}
	upFile(t, s.path("written-console"))
	upFile(t, s.path("written-file"))
	for range 2 {
		if out, err := s.command(binary, "reexec", "--socket", socket).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	size(33, 77)
	x.shows(`half a 33 77`)
	file("half a 33 77\n")
	s.file("go", "", 0o644)
	x.shows(`line\s(?s:.*)all three\s(?s:.*)by its name\s`)
	file("\nline\nall three\nby its name\n")
	size(44, 88)
	x.shows(`44 88`)
	file("44 88")
	v.kill(signals.TERM)
	v.exits(0)
}

// What changes is seen afterwards; what has changed just before, or while the files are
// not watched, is not lost; and that they are watched anew is no change.
func TestWatchesOfFilesOutliveAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{config: strings.Replace(watched, "100ms", "300ms", 1), files: map[string]string{"src/a": "0"},
		// The clock of files ticks each 10 ms: what is made within one counts as changed.
		prepare: func(*exec.Cmd) { time.Sleep(50 * time.Millisecond) }})
	a.until("service.running", "web")
	a.watches("src")
	// Another upgrade begins only when all of the one before is over.
	a.reexec("")
	a.reexec("")
	a.none("service.stopping", "web")
	a.watches("src")
	for when, upgrade := range map[string]func(change func()){
		"after an upgrade":         func(change func()) { change() },
		"just before two upgrades": func(change func()) { change(); a.reexec(""); a.reexec("") },
		"between two upgrades":     func(change func()) { a.reexec(""); change(); a.reexec("") },
	} {
		before := a.info().Seq
		upgrade(func() { a.change("src/a", when) })
		a.find("service.started", "web", when, func(e upEvent) bool { return e.Seq > before })
		a.find("service.running", "web", when, func(e upEvent) bool { return e.Seq > before })
		a.watches("src")
	}
}

func TestLazySocketsOutliveAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	dir := upDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	lazy := func(name, more string) string { return served(name, "unix://"+at(name), more) + "lazy = true\n" }
	config := lazy("first", "") + lazy("waits", "") + lazy("idle", "idle_stop = '200ms'")
	const meanwhile = 10
	for i := range meanwhile {
		config += lazy(fmt.Sprint("meanwhile", i), "")
	}
	a := upAsked(t, upPlan{config: config})
	held, err := net.Dial("unix", at("idle"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	idle, _, err := upSay(held)
	if err != nil {
		t.Fatal(err)
	}
	// Stopped by hand, it is not started by who waits.
	a.do("POST", "/v1/stop", nil, "name=waits")
	waits, err := net.Dial("unix", at("waits"))
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()

	var clients sync.WaitGroup
	clients.Go(func() {
		for i := range meanwhile {
			if _, _, err := upAsk("unix", at(fmt.Sprint("meanwhile", i))); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		}
	})
	for range 3 {
		a.reexec("")
	}
	clients.Wait()
	a.none("service.starting", "first")
	a.none("service.starting", "waits")
	if s := a.services()["first"]; s.State != "stopped" || !s.Armed {
		t.Errorf("first is %s, armed: %t", s.State, s.Armed)
	}
	if pid, _, err := upAsk("unix", at("first")); err != nil || pid != a.services()["first"].PID {
		t.Errorf("%d, %v", pid, err)
	}
	a.do("POST", "/v1/start", nil, "name=waits")
	if pid, _, err := upSay(waits); err != nil || pid != a.services()["waits"].PID {
		t.Errorf("who waited is served by %d, %v", pid, err)
	}

	upKeeps(t, held, idle, 500*time.Millisecond)
	a.none("service.stopping", "idle")
	held.Close()
	if e := a.until("service.stopping", "idle"); e.Why != "no connection for 200ms" {
		t.Errorf("it stops: %s", e.Why)
	}
	a.until("service.stopped", "idle")
	a.reexec("")
	if pid, _, err := upAsk("unix", at("idle")); err != nil || pid == idle {
		t.Errorf("the next is served by %d, %v", pid, err)
	}
	for i := range meanwhile {
		if n := len(a.all("service.started", fmt.Sprint("meanwhile", i))); n != 1 {
			t.Errorf("meanwhile%d was started %d times", i, n)
		}
	}
}

// The trace stays one file, in which each event is once; and what becomes of a signal is
// found out though the image of supervise that has sent it is gone.
func TestATraceGoesOnOverAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{flags: []string{"--verbose", "--log-format", "json", "--trace", "trace"}, config: `
[services.slow]
command = "trap '` + upAwait("go") + `exit 7' TERM; echo ready; while :; do sleep 0.1 & wait $!; done"
shell = true
stop.ladder = [{ signal = "TERM", wait = "10m" }]
`})
	a.whole = true
	a.line("slow", "ready")
	pid := a.services()["slow"].PID
	a.do("POST", "/v1/stop", nil, "name=slow", "wait=0")
	sent := a.until("signal.sent", "slow")
	for range 2 {
		a.reexec("")
	}
	a.touch("go")
	a.until("process.exited", "slow")
	a.stop()

	trace, err := record.Open(filepath.Join(a.dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[event.Name]int{}
	for i, e := range trace.Events {
		count[e.Name]++
		if e.Seq != uint64(i+1) {
			t.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
		if i > 0 && e.Mono < trace.Events[i-1].Mono {
			t.Errorf("event %d was before the one before it", e.Seq)
		}
		if e.Name == event.SignalOutcome && e.Of == sent.Seq && e.PID == pid {
			count["answered"]++
			if e.Became != event.Ended || e.Exit == nil || e.Exit.Code != 7 {
				t.Errorf("of TERM became %+v", e)
			}
		}
	}
	for name, want := range map[event.Name]int{event.SuperviseStarted: 1, event.SuperviseReplaced: 2, event.SuperviseEnded: 1, "answered": 1} {
		if count[name] != want {
			t.Errorf("the trace has %s %d times, want %d", name, count[name], want)
		}
	}
	if out, errs, status := a.clientRuns("trace", "--show", "trace"); status != 0 || !strings.Contains(out, "exited 7") || strings.Contains(out, "The trace has no end") {
		t.Errorf("%d\n%s%s", status, out, errs)
	}
}

// The parent is told once that all is up, when it is, and hears the watchdog after each
// upgrade: nobody knows how long ago the image before has fed it.
func TestTheParentIsToldOnOverAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	s := newSuperior(t, true).listen()
	config := func(seconds int) string {
		return sleeper("web", seconds) + `
[services.late]
command = "` + upAwait("go") + program("speaker") + ` main READY=1"
shell = true
ready.kind = "notify"
start.timeout = "0s"
`
	}
	a := upAsked(t, upPlan{config: config(1000), env: []string{"NOTIFY_SOCKET=" + s.name, "WATCHDOG_USEC=7200000000"}})
	a.until("service.started", "late")
	upgrade := func() {
		t.Helper()
		a.reexec("")
		s.until("WATCHDOG=1")
	}
	upgrade()
	upgrade()
	if n := s.count("READY=1"); n != 0 {
		t.Errorf("ready before late is: %q", s.all())
	}
	a.touch("go")
	if got := s.until("READY=1"); got != "READY=1\nSTATUS=2 of 2 running" {
		t.Errorf("%q", got)
	}
	upgrade()
	a.do("POST", "/v1/stop", nil, "name=web")
	s.until("STATUS=1 of 1 running") // and by then READY=1 would have come
	upgrade()
	if n := s.count("READY=1"); n != 1 {
		t.Errorf("%d times ready: %q", n, s.all())
	}
	a.write("supervise.toml", config(1001))
	a.signal(syscall.SIGHUP)
	s.until("RELOADING=1")
	s.until("READY=1")
	upgrade()
	a.stop()
	s.until("STOPPING=1")
	for text, want := range map[string]int{"READY=1": 2, "WATCHDOG=1": 5, "RELOADING=1": 1, "STOPPING=1": 1, "MAINPID": 0} {
		if n := s.count(text); n != want {
			t.Errorf("%d times %s, want %d: %q", n, text, want, s.all())
		}
	}
	s.allFrom(a.pid())
}

// Whoever asks for the metrics is answered, at the same address, and no counter goes back.
func TestMetricsGoOnOverAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	address := "127.0.0.1:" + upPort(t)
	a := upAsked(t, upPlan{config: fmt.Sprintf("[supervisor]\nmetrics = %q\n", address) + sleeper("web", 1000)})
	a.until("service.running", "web")
	counter := regexp.MustCompile(`(?m)^(\w+_total\S*|\w+_count\S*|supervise_start_time_seconds) (\S+)$`)
	client := &http.Client{Timeout: upDeadline, Transport: &http.Transport{DisableKeepAlives: true}}
	scrape := func() (map[string]float64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), upDeadline)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/metrics", nil)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		values := map[string]float64{}
		for _, m := range counter.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "_cpu_") { // which is of the processes that there are
				values[m[1]], _ = strconv.ParseFloat(m[2], 64)
			}
		}
		return values, err
	}
	before, err := scrape()
	if err != nil || before[`supervise_service_starts_total{service="web"}`] != 1 {
		t.Fatalf("%v, %v", before, err)
	}
	var wait sync.WaitGroup
	var over atomic.Bool
	scrapes := 0
	wait.Go(func() {
		for last := before; !over.Load(); scrapes++ {
			now, err := scrape()
			if err != nil {
				t.Errorf("scrape %d: %v", scrapes+1, err)
				return
			}
			for name, was := range last {
				// The start is reckoned from how long ago it was, by a clock that is put right.
				if is, there := now[name]; !there || is < was-0.5 {
					t.Errorf("scrape %d: %s was %v and is %v", scrapes+1, name, was, is)
				}
			}
			last = now
		}
	})
	for range 3 {
		a.do("POST", "/v1/restart", nil, "name=web")
		a.reexec("")
	}
	over.Store(true)
	wait.Wait()
	after, err := scrape()
	if err != nil || after[`supervise_service_starts_total{service="web"}`] != 4 || after[`supervise_service_exits_total{service="web",code="",signal="TERM"}`] != 3 {
		t.Errorf("%v, %v", after, err)
	}
	t.Logf("%d scrapes", scrapes)
}
