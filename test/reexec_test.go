package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"supervise/internal/api"
	"supervise/internal/handover"
	"supervise/internal/leader"
)

// playCounter writes lines "1", "2", and so on, each in two halves, until TERM, and then
// "last" with the number of the last one.
func playCounter() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	pace := time.NewTicker(200 * time.Microsecond)
	for n, end := 0, time.After(probeLife); ; n++ {
		select {
		case <-stop:
			fmt.Println("last", n)
			return
		case <-end:
			os.Exit(99)
		case <-pace.C:
			fmt.Print("line ")
			fmt.Println(n + 1)
		}
	}
}

// reexec has another binary take over; "": the same.
func (a *asked) reexec(path string) (answer api.Reexec) {
	a.t.Helper()
	var query []string
	if path != "" {
		query = append(query, "binary="+path)
	}
	a.do("POST", "/v1/reexec", &answer, query...)
	return answer
}

// counted says what is wrong with the lines of a counter; "": nothing.
func counted(lines []string) string {
	for i, line := range lines {
		if i == len(lines)-1 {
			if line != fmt.Sprintf("last %d", i) {
				return fmt.Sprintf("after %d lines the counter says %q", i, line)
			}
		} else if line != fmt.Sprintf("line %d", i+1) {
			return fmt.Sprintf("line %d is %q", i+1, line)
		}
	}
	if len(lines) == 0 {
		return "no line came"
	}
	return ""
}

// hammer connects to an address again and again until the test says so, has one question
// answered each time, and counts how often that was.
func hammer(t testing.TB, wait *sync.WaitGroup, over *atomic.Bool, address, question string, well func(answer string) bool) *atomic.Int64 {
	n := new(atomic.Int64)
	wait.Go(func() {
		for !over.Load() {
			c, err := net.Dial("unix", address)
			if err != nil {
				t.Errorf("connection %d to %s: %v", n.Load()+1, filepath.Base(address), err)
				return
			}
			_ = c.SetDeadline(time.Now().Add(upDeadline))
			fmt.Fprint(c, question)
			answer, err := bufio.NewReader(c).ReadString('\n')
			c.Close()
			if err != nil || !well(answer) {
				t.Errorf("connection %d to %s: answer %q, %v", n.Load()+1, filepath.Base(address), answer, err)
				return
			}
			n.Add(1)
		}
	})
	return n
}

// reexecConfig has what an upgrade must not touch.
func reexecConfig(dir string) string {
	return `
[services.console]
command = ["` + program("counter") + `"]
pdeathsig = "KILL"
[services.file]
command = ["` + program("counter") + `"]
pdeathsig = "KILL"
log = { to = "file", path = "` + dir + `/file.log" }
[services.web]
command = ["` + program("served") + `"]
pdeathsig = "KILL"
[[services.web.sockets]]
listen = "unix://` + dir + `/web"
[services.said]
command = ["` + program("speaker") + `", "main", "READY=1\nSTATUS=all is well"]
ready.kind = "notify"
`
}

func TestUpgradesInARowUnderLoad(t *testing.T) {
	dependOnSources(t)
	const upgrades = 10
	dir := shortDir(t)
	a := upAsked(t, upPlan{config: reexecConfig(dir)})
	for _, name := range []string{"console", "file", "web", "said"} {
		a.until("service.running", name)
	}
	a.line("console", "line 100")
	before := a.services()

	var wait sync.WaitGroup
	var over atomic.Bool
	pid := fmt.Sprint(before["web"].PID)
	served := hammer(t, &wait, &over, dir+"/web", "question\n", func(s string) bool { return strings.HasPrefix(s, pid+" ") && strings.HasSuffix(s, " question\n") })
	asked := hammer(t, &wait, &over, a.client.Socket(), "GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n", func(s string) bool { return s == "HTTP/1.1 200 OK\r\n" })
	longest := 0.0
	for n := 1; n <= upgrades && !t.Failed(); n++ {
		answer := a.reexec("")
		longest = max(longest, answer.Paused)
		if info := a.info(); info.Replaced != n || answer.PID != a.pid() {
			t.Fatalf("after upgrade %d: %+v, %+v", n, answer, info)
		}
	}
	over.Store(true)
	wait.Wait()
	t.Logf("%d connections to the service, %d to the control socket, the longest pause %.0f ms", served.Load(), asked.Load(), 1000*longest)

	after := a.services()
	for name, was := range before {
		is := after[name]
		if is.PID != was.PID || is.Started.Sub(*was.Started).Abs() > time.Second || is.Uptime < was.Uptime || is.Restarts != 0 || is.State != "running" {
			t.Errorf("%s was %+v\nand is %+v", name, was, is)
		}
	}
	if after["said"].Says != "all is well" {
		t.Errorf("said says %q", after["said"].Says)
	}
	a.do("POST", "/v1/stop", nil, "name=console", "name=file")
	a.line("console", "last ")
	if wrong := counted(a.output("console")); wrong != "" {
		t.Error("console:", wrong)
	}
	text, err := os.ReadFile(dir + "/file.log")
	if err != nil {
		t.Fatal(err)
	}
	if wrong := counted(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")); wrong != "" {
		t.Error("file:", wrong)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := uint64(0)
	for _, e := range a.events {
		if e.Seq != 0 && e.Seq != last+1 {
			t.Errorf("event %d follows event %d", e.Seq, last)
		}
		last = max(last, e.Seq)
	}
}

func TestWhatIsUnderWayGoesOnOverAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{config: `
[services.crash]
command = "exit 3"
shell = true
restart = { delays = ["4s"], jitter = 0 }
[services.stubborn]
command = "trap '' TERM; echo ready; while :; do sleep 60 & wait $!; done"
shell = true
stop.ladder = [{ signal = "TERM", wait = "3s" }, { signal = "KILL", wait = "30s" }]
[services.after]
command = ["` + program("counter") + `"]
start.before = ["sh", "-c", "echo begins; sleep 3; echo over"]
`})
	backoff := a.until("backoff.scheduled", "crash")
	a.line("stubborn", "ready")
	a.line("after", "begins")
	a.do("POST", "/v1/stop", nil, "name=stubborn", "wait=0")
	a.until("service.stopping", "stubborn")
	for range 3 {
		a.reexec("")
	}
	again := func(e upEvent) bool { return e.Seq > backoff.Seq }
	due := backoff.MonoNS + backoff.DelayNS - int64(a.sinceTheEnd(backoff)) // it counts from the end
	if e := a.find("service.starting", "crash", "again", again); e.MonoNS < due {
		t.Errorf("it started %s after it was scheduled, not %s", time.Duration(e.MonoNS-backoff.MonoNS), time.Duration(backoff.DelayNS))
	}
	if e := a.until("stop.escalated", "stubborn"); e.Signal != "KILL" {
		t.Errorf("escalated to %s", e.Signal)
	}
	if e := a.until("process.exited", "stubborn"); e.Exit == nil || e.Exit.Signal != "KILL" {
		t.Errorf("%+v", e.Exit)
	}
	a.until("service.stopped", "stubborn")
	a.line("after", "over")
	a.line("after", "line 1")
	a.none("hook.failed", "after")
}

func TestABinaryThatCannotTakeOverLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{config: `
[services.count]
command = ["` + program("counter") + `"]
pdeathsig = "KILL"
`, files: map[string]string{
		"fails":  "#!/bin/sh\nexit 1\n",
		"says":   "#!/bin/sh\necho 'supervise: the state is of version 1, and this supervise takes over version 7 only' >&2; exit 1\n",
		"true":   "#!/bin/sh\n",
		"lies":   "#!/bin/sh\n[ \"$1\" = reexec-rehearsal ] && echo 'supervise v9 takes over state 2'\n",
		"loader": "#!/no/such/interpreter\n",
		"plain":  "no program",
	}})
	a.line("count", "line 10")
	was := a.services()["count"]
	dir, err := filepath.EvalSymlinks(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"missing": "there is no " + dir + "/missing",
		".":       "is no file",
		"plain":   "is not executable; chmod +x makes it so",
		"text":    "exec format error",
		"loader":  "the file is there, but not its interpreter",
		"fails":   "it exited 1 and said nothing; is it a supervise?",
		"true":    "it exited 0 and said nothing",
		"says":    "it exited 1 and said: the state is of version 1, and this supervise takes over version 7 only",
		"lies":    "it exited 0 and said: supervise v9 takes over state 2",
	} {
		status, err := a.call("POST", "/v1/reexec", nil, "binary="+filepath.Join(dir, name))
		if status != 422 || err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "; nothing has changed") {
			t.Errorf("%s: %d %v, want %q", name, status, err, want)
		}
		if e := a.until("supervise.stays", ""); !strings.Contains(e.Message, "supervise is not replaced: ") {
			t.Errorf("%s: %q", name, e.Message)
		}
	}
	is := a.services()["count"]
	if is.PID != was.PID || is.State != "running" || a.info().Replaced != 0 {
		t.Errorf("it was %+v\nand is %+v", was, is)
	}
	a.reexec("")
	a.do("POST", "/v1/stop", nil, "name=count")
	a.line("count", "last ")
	if wrong := counted(a.output("count")); wrong != "" {
		t.Error(wrong)
	}
}

// A turncoat has to exec on the first thread.
func init() {
	if filepath.Base(os.Args[0]) == "turncoat" {
		leader.Hold()
	}
}

// playTurncoat passes its rehearsal, as a supervise, and then cannot go on.
func playTurncoat() {
	if len(os.Args) > 1 && os.Args[1] == "reexec-rehearsal" {
		die(syscall.Exec(os.Getenv("TURNCOAT"), os.Args, os.Environ()))
	}
	fd, _, err := handover.Given()
	if err != nil {
		die(err)
	}
	h, err := handover.Read(fd, &struct{}{})
	die(handover.Back(fd, h, append([]string{"supervise"}, os.Args[1:]...), err))
}

func TestABinaryThatFailsAfterTheExecPutsTheOldOneBack(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{env: []string{"TURNCOAT=" + binary}, config: `
[services.count]
command = ["` + program("counter") + `"]
pdeathsig = "KILL"
`, files: map[string]string{"turncoat": "#!/bin/sh\nexec " + program("turncoat") + " \"$@\"\n"}})
	a.line("count", "line 10")
	was := a.services()["count"]
	for range 2 {
		status, err := a.call("POST", "/v1/reexec", nil, "binary="+filepath.Join(a.dir, "turncoat"))
		if status != 422 || err == nil || !strings.Contains(err.Error(), "which this version does not know") || !strings.HasSuffix(err.Error(), "; the one before goes on") {
			t.Fatalf("%d, %v", status, err)
		}
	}
	a.until("supervise.replacing", "")
	a.until("supervise.stays", "")
	if is := a.services()["count"]; is.PID != was.PID || a.info().Replaced != 0 {
		t.Errorf("it was %+v\nand is %+v", was, is)
	}
	a.reexec("")
	a.do("POST", "/v1/stop", nil, "name=count")
	a.line("count", "last ")
	if wrong := counted(a.output("count")); wrong != "" {
		t.Error(wrong)
	}
}

func TestSignalsThatComeDuringAnUpgradeAreNotLost(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{config: `
[services.deaf]
command = "trap '' HUP; echo ready; ` + upPause + `"
shell = true
signals.forward = ["HUP"]
pdeathsig = "KILL"
`})
	a.line("deaf", "ready")
	var wait sync.WaitGroup
	var over atomic.Bool
	sent := 0
	// Real-time signals are queued, so each has to come; of the others several may
	// become one, but any of them would end who has no handler for it.
	const queued = syscall.Signal(39) // RTMIN+5
	wait.Go(func() {
		for ; !over.Load() && sent < 1000; sent++ {
			for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGABRT, 34, syscall.SIGUSR1, queued} {
				if err := syscall.Kill(a.pid(), sig); err != nil {
					t.Errorf("signal %d: %v", sig, err)
					return
				}
			}
			time.Sleep(time.Millisecond) // a bound for the storm
		}
	})
	for range 3 {
		a.reexec("")
	}
	over.Store(true)
	wait.Wait()
	a.when("each of the queued signals was received", func() bool {
		n := 0
		for _, e := range a.all("signal.received", "") {
			if e.Signal == "RTMIN+5" {
				n++
			}
		}
		return n == sent
	})
	for _, e := range a.all("signal.received", "") {
		if e.From == nil || e.From.PID != os.Getpid() {
			t.Fatalf("%s came from %+v", e.Signal, e.From)
		}
	}
}

func TestTheCommandUpgrades(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.count]
command = ["`+program("counter")+`"]
`)
	u.until("service.running", "count")
	link := filepath.Join(u.dir, "other")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	follower := u.client("events", "-f", "--json", "--event", "supervise.*")
	var seen syncBuffer
	follower.Stdout = &seen
	if err := start(follower); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = follower.Process.Kill()
		_ = follower.Wait()
	}()
	eventually(t, "somebody follows", func() bool { return seen.contains("supervise.started") })
	out := u.clientDoes("reexec", "--binary", "other")
	if want := "supervise: " + link + " now runs "; !strings.HasPrefix(out, want) || !strings.Contains(out, fmt.Sprintf(", pid %d, after a pause of ", u.pid())) {
		t.Errorf("%q, want %q", out, want)
	}
	if e := u.until("supervise.replacing", ""); !strings.Contains(e.Message, link) {
		t.Errorf("%q", e.Message)
	}
	u.until("supervise.replaced", "")
	eventually(t, "who follows goes on", func() bool { return seen.contains(`"supervise.replaced"`) })
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	_, errs, status := u.clientRuns("reexec")
	if status != 1 || errs != "supervise: there is no "+link+"; nothing has changed\n" {
		t.Errorf("%d %q", status, errs)
	}
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", u.pid())); err != nil || exe != binary {
		t.Errorf("it runs %s, %v", exe, err)
	}
	u.until("supervise.stays", "")
}

func TestUpgradesAsPID1(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	upRoot(t)
	for way, head := range map[string]string{"cgroup": "", "proc": "[supervisor]\ncgroup = false\n"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			a := upAsked(t, upPlan{inside: &upInside{NewPIDs: true}, config: head + `
[services.count]
command = ["` + program("counter") + `"]
pdeathsig = "KILL"
[services.family]
shell = true
command = '''` + upEscape + `
away away
echo ready; ` + upPause + `'''
`})
			a.line("count", "line 10")
			was := a.services()
			for range 5 {
				if answer := a.reexec(""); answer.PID != 1 {
					t.Fatalf("%+v", answer)
				}
			}
			is := a.services()
			if is["count"].PID != was["count"].PID || is["family"].PID != was["family"].PID {
				t.Errorf("%+v\nwere %+v", is, was)
			}
			a.do("POST", "/v1/stop", nil, "name=count")
			a.line("count", "last ")
			if wrong := counted(a.output("count")); wrong != "" {
				t.Error(wrong)
			}
			a.do("POST", "/v1/shutdown", nil)
			a.ends(0)
		})
	}
}

func TestAnUpgradeLeavesNoDescriptors(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	a := upAsked(t, upPlan{config: reexecConfig(shortDir(t))})
	for _, name := range []string{"console", "file", "web", "said"} {
		a.until("service.running", name)
	}
	a.reexec("")
	list := func() (all []string) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.pid()))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", a.pid(), e.Name()))
			if err == nil {
				to, _, _ = strings.Cut(to, ":[")
				all = append(all, to)
			}
		}
		slices.Sort(all)
		return all
	}
	first := list()
	for range 3 {
		a.reexec("")
	}
	// The connection of who asked last may not be closed yet.
	eventually(t, "as many descriptors as before", func() bool { return len(list()) <= len(first) })
}

// syncBuffer is written by one goroutine and read by another.
type syncBuffer struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) contains(part string) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return strings.Contains(b.text.String(), part)
}
