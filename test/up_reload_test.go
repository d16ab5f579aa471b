package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"supervise/internal/api"
)

// reload asks for a reload, which must be answered with a status.
func (a *asked) reload(status int, query ...string) (answer api.Reload) {
	a.t.Helper()
	got, err := a.call("POST", "/v1/reload", &answer, query...)
	if err != nil || got != status {
		a.t.Fatalf("reload %q: status %d, %v, want %d: %+v\n%s", query, got, err, status, answer, a.told())
	}
	return answer
}

// takesOver reloads, and expects these changes: "web: restart (command)".
func (a *asked) takesOver(kept int, want ...string) api.Reload {
	a.t.Helper()
	answer := a.reload(200)
	a.wants(answer, kept, want...)
	return answer
}

func (a *asked) wants(answer api.Reload, kept int, want ...string) {
	a.t.Helper()
	var got []string
	for _, c := range answer.Changes {
		text := c.Name + ": " + c.Action
		if len(c.Keys) > 0 {
			text += " (" + strings.Join(c.Keys, ", ") + ")"
		}
		got = append(got, text)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || answer.Kept != kept {
		a.t.Fatalf("got %q and %d kept, want %q and %d\n%s", got, answer.Kept, want, kept, a.told())
	}
}

// waits waits for services to be ready, stopped or done.
func (a *asked) waits(what string, names ...string) {
	a.t.Helper()
	query := []string{"for=" + what}
	for _, n := range names {
		query = append(query, "name="+n)
	}
	a.do("GET", "/v1/wait", nil, query...)
}

// pids of those that run.
func (a *asked) pids() map[string]int {
	a.t.Helper()
	all := map[string]int{}
	for name, s := range a.services() {
		if s.PID != 0 {
			all[name] = s.PID
		}
	}
	return all
}

// seqOf gives the numbers of the events of a name and service so far.
func (u *upSession) seqOf(name, service string) (all []uint64) {
	for _, e := range u.all(name, service) {
		all = append(all, e.Seq)
	}
	return all
}

// sleeper is a service that sleeps; more is further keys.
func sleeper(name string, seconds int, more ...string) string {
	return fmt.Sprintf("[services.%s]\ncommand = ['sleep', '%d']\n%s\n", name, seconds, strings.Join(more, "\n"))
}

func TestReloadRestartsWhatHasChangedAndNothingElse(t *testing.T) {
	t.Parallel()
	old := sleeper("db", 1000) + sleeper("web", 1000, "needs = ['db']") + sleeper("old", 1000) + sleeper("other", 1000)
	a := upAsked(t, upPlan{config: old})
	a.waits("ready", "*")
	before := a.pids()

	a.write("supervise.toml", "# moved\n\n"+sleeper("other", 1000)+sleeper("db", 1001)+sleeper("web", 1001, "needs = ['db']", "critical = true")+sleeper("new", 1000, "needs = ['web']"))
	plan := a.reload(200, "dry_run=1")
	a.wants(plan, 1, "db: restart (command)", "web: restart (command, critical)", "new: add", "old: remove")
	if !plan.DryRun || !sameMap(a.pids(), before) {
		t.Fatalf("a dry run changed something: %v, before %v\n%s", a.pids(), before, a.told())
	}
	a.none("config.reloading", "")
	a.none("config.reloaded", "")

	a.takesOver(1, "db: restart (command)", "web: restart (command, critical)", "new: add", "old: remove")
	a.waits("ready", "new")
	a.until("service.stopped", "old")
	after := a.services()
	if _, there := after["old"]; there {
		t.Errorf("old is still there: %+v", after["old"])
	}
	if after["other"].PID != before["other"] {
		t.Errorf("other had pid %d and has %d", before["other"], after["other"].PID)
	}
	for _, name := range []string{"db", "web"} {
		if s := after[name]; s.PID == before[name] || s.Command[1] != "1001" || s.State != "running" || s.Restarts != 0 {
			t.Errorf("%s: %+v, had pid %d", name, s, before[name])
		}
	}
	a.until("service.running", "new") // so all before is told
	// In the order of needs: web stops before db, and starts after it.
	if web, db := a.seqOf("service.stopped", "web"), a.seqOf("service.stopping", "db"); len(web) != 1 || len(db) != 1 || web[0] > db[0] {
		t.Errorf("db stops %v, web has stopped %v\n%s", db, web, a.told())
	}
	if web, db := a.seqOf("service.starting", "web"), a.seqOf("service.running", "db"); len(web) != 2 || len(db) != 2 || db[1] > web[1] {
		t.Errorf("web starts %v, db runs %v\n%s", web, db, a.told())
	}
	why := a.until("config.reloaded", "").Why
	if want := "1 added (new), 2 restarted (db: command; web: command, critical), 1 removed (old), 1 kept"; why != want {
		t.Errorf("got %q, want %q", why, want)
	}
	a.takesOver(4)
	if why := a.until("config.reloaded", "").Why; why != "nothing has changed" {
		t.Errorf("got %q", why)
	}
	a.stop()
}

func sameMap(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestReloadOfSomethingInvalidChangesNothing(t *testing.T) {
	t.Parallel()
	good := sleeper("web", 1000) + sleeper("db", 1000)
	a := upAsked(t, upPlan{config: good})
	a.waits("ready", "*")
	before := a.pids()
	path := filepath.Join(a.dir, "supervise.toml")
	for name, c := range map[string]struct {
		spoil  func()
		errors []string
	}{
		"several mistakes": {func() {
			a.write("supervise.toml", sleeper("web", 1001, "restrat.when = 'never'", "nice = 'much'")+sleeper("db", 1001, "needs = ['webb']"))
		}, []string{"did you mean restart?", "nice", "webb"}},
		"half-written": {func() { a.write("supervise.toml", good[:len(good)-8]) }, []string{"not valid TOML"}},
		"empty":        {func() { a.write("supervise.toml", "") }, []string{"there are no services in it"}},
		"gone":         {func() { _ = os.Remove(path) }, []string{"cannot be read: no such file"}},
		"a circle": {func() {
			a.write("supervise.toml", sleeper("web", 1, "needs = ['db']")+sleeper("db", 1, "needs = ['web']"))
		}, []string{"web"}},
		"no such file":   {func() { a.write("supervise.toml", "[services.web]\ncommand = ['./nothing']\n") }, []string{"does not exist"}},
		"all others may": {func() { a.write("supervise.toml", good); _ = os.Chmod(path, 0o666) }, []string{"can be written by everybody"}},
	} {
		if name == "all others may" && os.Geteuid() != 0 {
			continue
		}
		c.spoil()
		for _, dry := range []string{"dry_run=1", "dry_run=0"} {
			answer := a.reload(422, dry)
			if len(answer.Errors) != len(c.errors) {
				t.Fatalf("%s: got %q, want %d errors", name, answer.Errors, len(c.errors))
			}
			for i, part := range c.errors {
				if !slices.ContainsFunc(answer.Errors, func(e string) bool { return strings.Contains(e, part) }) {
					t.Errorf("%s: error %d: %q is not in %q", name, i, part, answer.Errors)
				}
			}
		}
		rejected := a.until("config.rejected", "")
		if !strings.Contains(rejected.Message, "nothing has changed") || len(c.errors) > 1 && !strings.Contains(rejected.Why, fmt.Sprintf("and %d more", len(c.errors)-1)) {
			t.Errorf("%s: %q", name, rejected.Message)
		}
	}
	a.none("config.reloaded", "")
	if now := a.pids(); !sameMap(now, before) {
		t.Errorf("pids were %v and are %v", before, now)
	}
	_ = os.Remove(path)
	a.write("supervise.toml", good)
	a.takesOver(2)
	a.stop()
}

// By HUP, nobody is there to get the answer: the errors go where those of a
// start go.
func TestReloadByHup(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + sleeper("db", 1000)})
	a.waits("ready", "*")
	db := a.pids()["db"]
	a.write("supervise.toml", sleeper("web", 1001)+sleeper("db", 1000))
	a.signal(syscall.SIGHUP)
	a.until("config.reloaded", "")
	a.until("service.stopped", "web")
	a.waits("ready", "web")
	if now := a.services(); now["db"].PID != db || now["web"].Command[1] != "1001" {
		t.Errorf("got %+v", now)
	}
	a.write("supervise.toml", sleeper("web", 1001, "nicee = 1")+sleeper("db", 1000, "nicer = 1"))
	for range 2 { // the first is over when the second begins
		a.signal(syscall.SIGHUP)
		a.until("config.rejected", "")
	}
	a.stop()
	if said := a.stderr.String(); !strings.Contains(said, "services.web.nicee: no such key") || !strings.Contains(said, "services.db.nicer: no such key") {
		t.Errorf("it did not say all that is wrong: %q", said)
	}
}

func TestHupGoesToWhoForwardsItAndReloadsNothing(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000, "signals = { forward = ['HUP'], map = { HUP = 'WINCH' } }")})
	a.waits("ready", "web")
	a.signal(syscall.SIGHUP)
	if e := a.until("signal.sent", "web"); e.Was != "HUP" {
		t.Errorf("got %+v", e)
	}
	a.none("config.reloading", "")
	a.takesOver(1) // asked for otherwise it works
	a.stop()
}

func TestHupsInAStormMakeFewReloads(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000)})
	a.waits("ready", "web")
	before := a.pids()
	a.write("supervise.toml", sleeper("web", 1000)+sleeper("new", 1000))
	const storm = 200
	for range storm {
		a.signal(syscall.SIGHUP)
	}
	a.waits("ready", "web")
	a.until("config.reloaded", "")
	a.until("service.running", "new")
	a.reload(200, "dry_run=1") // after what was under way
	if n := len(a.all("config.reloaded", "")); n > storm/2 {
		t.Errorf("%d HUPs made %d reloads", storm, n)
	}
	if len(a.all("service.running", "new")) != 1 || a.pids()["web"] != before["web"] {
		t.Errorf("the storm started or restarted something\n%s", a.told())
	}
	a.stop()
}

func TestReloadIsRefusedDuringTheShutdown(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: `
[services.web]
command = "trap 'echo asked; until rm go; do sleep 0.02; done 2>/dev/null; exit 0' TERM; sh -c 'echo ready; exec sleep 1000' & wait"
shell = true
stop.ladder = [{ signal = "TERM", wait = 0 }]
`})
	a.line("web", "ready")
	a.signal(syscall.SIGTERM)
	a.line("web", "asked")
	a.write("supervise.toml", sleeper("web", 1)+sleeper("new", 1))
	for _, dry := range []string{"dry_run=1", "dry_run=0"} {
		var answer api.Reload
		if status, err := a.call("POST", "/v1/reload", &answer, dry); status != 409 || err == nil || err.Error() != "supervise is shutting down" {
			t.Errorf("%s: got %d, %v", dry, status, err)
		}
	}
	a.signal(syscall.SIGHUP)
	if e := a.until("signal.dropped", ""); e.Signal != "HUP" || e.Why != "supervise is shutting down" {
		t.Errorf("got %+v", e)
	}
	a.none("config.reloading", "")
	a.none("service.starting", "new")
	a.write("go", "") // on with its stop
	a.ends(0)
}

func TestReloadOfADirectory(t *testing.T) {
	t.Parallel()
	const sleep = "command = ['sleep', '1000']\n"
	a := upAsked(t, upPlan{path: "services", files: map[string]string{
		"services/supervise.toml": "[defaults]\nenv = { A = '1' }\n",
		"services/web.toml":       sleep,
		"services/own.toml":       sleep + "env = { A = 'own' }\n",
		"services/old.toml":       sleep,
	}})
	a.waits("ready", "*")
	before := a.pids()
	// Of the services, one has its own word on what changes in the defaults.
	a.write("services/supervise.toml", "[defaults]\nenv = { A = '2' }\nstop.ladder = [{ signal = 'TERM', wait = '9s' }]\n")
	if err := os.Rename(filepath.Join(a.dir, "services/old.toml"), filepath.Join(a.dir, "services/renamed.toml")); err != nil {
		t.Fatal(err)
	}
	a.takesOver(0, "web: restart (env, stop.ladder)", "own: update (stop.ladder)", "old: remove", "renamed: add")
	a.until("service.stopped", "old")
	a.waits("ready", "web", "own", "renamed")
	after := a.pids()
	if after["own"] != before["own"] || after["web"] == before["web"] || after["renamed"] == 0 || after["old"] != 0 {
		t.Errorf("pids were %v and are %v", before, after)
	}
	a.stop()
}

func TestReloadOfAProcfile(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{path: "Procfile", files: map[string]string{"Procfile": "web: exec sleep 1000\nworker: exec sleep 1000\n", ".env": "A=1\n"}})
	a.waits("ready", "*")
	before := a.pids()
	a.write(".env", "A=2\n") // read at each start; that it has changed is no change of the configuration
	a.takesOver(2)
	a.write("Procfile", "web: exec sleep 1000\nworker: exec sleep 1001\nclock: exec sleep 1000\n")
	a.takesOver(1, "worker: restart (command)", "clock: add")
	a.waits("ready", "*")
	if after := a.pids(); after["web"] != before["web"] || after["worker"] == before["worker"] {
		t.Errorf("pids were %v and are %v", before, after)
	}
	a.stop()
}

func TestReloadOfInstances(t *testing.T) {
	t.Parallel()
	web := func(n int) string { return sleeper("web", 1000, fmt.Sprint("instances = ", n)) }
	a := upAsked(t, upPlan{config: web(2)})
	a.waits("ready", "*")
	before := a.pids()
	a.write("supervise.toml", web(4))
	a.takesOver(2, "web@3: add", "web@4: add")
	a.waits("ready", "*")
	four := a.pids()
	if len(four) != 4 || four["web@1"] != before["web@1"] || four["web@2"] != before["web@2"] {
		t.Errorf("pids were %v and are %v", before, four)
	}
	a.write("supervise.toml", web(1)) // is called web
	a.takesOver(0, "web@1: remove", "web@2: remove", "web@3: remove", "web@4: remove", "web: add")
	for i := range 4 {
		a.until("service.stopped", fmt.Sprint("web@", i+1))
	}
	a.waits("ready", "web")
	if now := a.pids(); len(now) != 1 || now["web"] == 0 {
		t.Errorf("pids are %v", now)
	}
	a.stop()
}

func TestReloadLeavesWhatWasStoppedByHand(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + sleeper("db", 1000)})
	a.waits("ready", "*")
	a.do("POST", "/v1/stop", nil, "name=web")
	a.write("supervise.toml", sleeper("web", 1001)+sleeper("db", 1000))
	a.takesOver(1, "web: update (command)")
	if s := a.services()["web"]; s.State != "stopped" {
		t.Errorf("web is %s", s.State)
	}
	a.do("POST", "/v1/start", nil, "name=web")
	if s := a.services()["web"]; s.Command[1] != "1001" {
		t.Errorf("web runs %v", s.Command)
	}
	a.stop()
}

func TestReloadStartsWhatFailedOrWaitsToBeRestarted(t *testing.T) {
	t.Parallel()
	bad := func(name string, more ...string) string {
		return fmt.Sprintf("[services.%s]\ncommand = ['false']\n%s\n", name, strings.Join(more, "\n"))
	}
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + bad("failed", "restart.limit = 1") + bad("backoff", "restart.initial = '1h'", "restart.max = '1h'") + bad("over", "restart.when = 'never'")})
	a.until("service.failed", "failed")
	a.until("backoff.scheduled", "backoff")
	a.until("service.done", "over")
	a.write("supervise.toml", sleeper("web", 1000)+sleeper("failed", 1000, "restart.limit = 1")+sleeper("backoff", 1000, "restart.initial = '1h'", "restart.max = '1h'")+sleeper("over", 1000, "restart.when = 'never'"))
	a.takesOver(1, "failed: start (command)", "backoff: restart (command)", "over: start (command)")
	a.waits("ready", "*")
	a.stop()
}

// A service that is being stopped when its configuration changes: whatever it
// was stopped for, it comes back with the new one, and never twice at once.
func TestReloadInTheMiddleOfAStop(t *testing.T) {
	t.Parallel()
	slow := func(word string) string {
		return fmt.Sprintf(`
[services.web]
command = "trap 'echo asked; until rm go; do sleep 0.02; done 2>/dev/null; exit 0' TERM; sh -c 'echo ready %s; exec sleep 1000' & wait"
shell = true
stop.ladder = [{ signal = "TERM", wait = "1m" }, { signal = "KILL", wait = "5s" }]
`, word)
	}
	a := upAsked(t, upPlan{config: slow("one")})
	a.line("web", "ready one")
	a.answers(202, "POST", "/v1/restart", "name=web", "wait=0")
	a.line("web", "asked")
	a.write("supervise.toml", slow("two"))
	a.takesOver(0, "web: restart (command)")
	a.write("supervise.toml", slow("three")) // and again, before the first has been carried out
	a.takesOver(0, "web: restart (command)")
	a.write("go", "") // on with its stop
	a.line("web", "ready three")
	if slices.ContainsFunc(a.output("web"), func(l string) bool { return l == "ready two" }) {
		t.Error("it started with a configuration that was replaced before")
	}
	// Stopped by hand it stays so, and the change back and forth is none.
	a.answers(202, "POST", "/v1/stop", "name=web", "wait=0")
	a.line("web", "asked")
	a.write("supervise.toml", slow("four"))
	a.takesOver(0, "web: update (command)")
	a.write("go", "") // on with its stop
	a.waits("stopped", "web")
	a.do("POST", "/v1/start", nil, "name=web")
	a.line("web", "ready four")
	a.signal(syscall.SIGTERM)
	a.line("web", "asked")
	a.write("go", "") // on with its stop
	a.ends(0)
}

// answers is call that must be answered with a status.
func (a *asked) answers(want int, method, path string, query ...string) {
	a.t.Helper()
	if status, err := a.call(method, path, nil, query...); err != nil || status != want {
		a.t.Fatalf("%s %s %q: %d, %v\n%s", method, path, query, status, err, a.told())
	}
}

// Old and new needs together are a circle: each stops by the new ones.
func TestReloadThatTurnsNeedsRound(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("a", 1000) + sleeper("b", 1000, "needs = ['a']") + sleeper("c", 1000, "needs = ['b']")})
	a.waits("ready", "*")
	a.write("supervise.toml", sleeper("a", 1001, "needs = ['b']")+sleeper("b", 1001, "needs = ['c']")+sleeper("c", 1001))
	a.takesOver(0, "a: restart (command, needs)", "b: restart (command, needs)", "c: restart (command, needs)")
	a.waits("ready", "*")
	a.when("all of that is told", func() bool { return len(a.all("service.running", "*")) == 6 })
	for _, pair := range []string{"cb", "ba"} {
		first, then := pair[:1], pair[1:]
		runs, starts := a.seqOf("service.running", first), a.seqOf("service.starting", then)
		if len(runs) != 2 || len(starts) != 2 || runs[1] > starts[1] {
			t.Errorf("%s runs %v, %s starts %v\n%s", first, runs, then, starts, a.told())
		}
	}
	a.stop()
}

func TestReloadSaysWhatItDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000)})
	a.waits("ready", "*")
	a.write("supervise.toml", "[supervisor]\ncgroup = false\n"+sleeper("web", 1000, "user = 'nobody-of-that-name'"))
	for range 2 { // it stays true
		answer := a.reload(200, "dry_run=1")
		all := strings.Join(answer.Warnings, "\n")
		if len(answer.Warnings) != 2 || !strings.Contains(all, "supervisor.cgroup: is not what supervise was started with") || !strings.Contains(all, "there is no user called") {
			t.Errorf("got %q", answer.Warnings)
		}
	}
	a.write("supervise.toml", sleeper("web", 1000))
	if answer := a.takesOver(1); len(answer.Warnings) != 0 {
		t.Errorf("got %q", answer.Warnings)
	}
	a.stop()
}

func TestReloadsAtOnce(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + sleeper("db", 1000)})
	a.waits("ready", "*")
	db := a.pids()["db"]
	a.write("supervise.toml", sleeper("web", 1001)+sleeper("db", 1000))
	const n = 8
	changes := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var answer api.Reload
			if status, err := a.call("POST", "/v1/reload", &answer); err != nil || status != 200 {
				t.Errorf("got %d, %v", status, err)
			}
			changes[i] = len(answer.Changes)
		})
	}
	all.Wait()
	slices.Sort(changes)
	if changes[n-1] != 1 || changes[n-2] != 0 {
		t.Errorf("of %d reloads these made so many changes: %v", n, changes)
	}
	a.waits("ready", "*")
	if now := a.services(); now["db"].PID != db || now["web"].Command[1] != "1001" || len(a.all("service.running", "web")) > 2 {
		t.Errorf("got %+v\n%s", now, a.told())
	}
	a.stop()
}

// With names, `up` starts only these, and so does what a reload brings.
func TestReloadOfNamedServices(t *testing.T) {
	t.Parallel()
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + sleeper("other", 1000), names: []string{"web"}})
	a.waits("ready", "web")
	a.write("supervise.toml", sleeper("web", 1001)+sleeper("other", 1001)+sleeper("new", 1000))
	a.takesOver(0, "web: restart (command)", "other: update (command)", "new: add")
	a.until("service.stopped", "web")
	a.waits("ready", "web")
	for _, name := range []string{"other", "new"} {
		if s := a.services()[name]; s.State != "stopped" {
			t.Errorf("%s is %s", name, s.State)
		}
	}
	a.stop()
}

func TestReloadAmongAThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand processes")
	}
	const n = 1000
	text := func(changed int) string {
		var b strings.Builder
		for i := range n {
			if i == changed {
				b.WriteString(sleeper(fmt.Sprint("s", i), 1001))
			} else {
				b.WriteString(sleeper(fmt.Sprint("s", i), 1000))
			}
		}
		return b.String()
	}
	a := upAsked(t, upPlan{config: text(-1)})
	for some := n / 10; some <= n; some += n / 10 { // each tenth has its deadline
		a.when(fmt.Sprint(some, " run"), func() bool { return len(a.all("service.running", "*")) >= some })
	}
	a.write("supervise.toml", text(500))
	a.takesOver(n-1, "s500: restart (command)")
	a.when("it runs again", func() bool { return len(a.all("service.running", "s500")) == 2 })
	a.info()
	for _, name := range []string{"service.stopping", "process.exited", "service.stopped", "signal.sent"} {
		if all := a.all(name, "*"); len(all) != 1 || all[0].Service != "s500" {
			t.Errorf("%d times %s: %+v", len(all), name, all[:min(3, len(all))])
		}
	}
	a.stop()
}

// cgroupOf is where the cgroup of a process is.
func cgroupOf(t testing.TB, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return filepath.Join(cgroupMounts()[0], strings.TrimSpace(path))
		}
	}
	t.Fatalf("process %d is in no cgroup v2: %q", pid, text)
	return ""
}

func TestReloadKeepsTheCgroupsRight(t *testing.T) {
	t.Parallel()
	upNeeds(t, "a cgroup v2", upCgroup())
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + sleeper("old", 1000) + sleeper("scope", 1000)})
	a.waits("ready", "*")
	root := filepath.Dir(cgroupOf(t, a.pids()["web"]))
	a.write("supervise.toml", sleeper("web", 1001)+sleeper("renamed", 1000)+sleeper("scope", 1000, "stop.scope = 'process'"))
	a.takesOver(0, "web: restart (command)", "old: remove", "renamed: add", "scope: restart (stop.scope)")
	a.until("service.stopped", "old")
	a.until("service.stopped", "scope")
	a.until("service.stopped", "web")
	a.waits("ready", "web", "renamed", "scope")
	var groups []string
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			groups = append(groups, e.Name())
		}
	}
	if want := []string{"s.renamed", "s.web"}; !slices.Equal(groups, want) {
		t.Errorf("in %s are %q, want %q", root, groups, want)
	}
	if in := cgroupOf(t, a.pids()["scope"]); strings.HasPrefix(in, root+"/s.scope") {
		t.Errorf("scope is in %s", in)
	}
	a.stop()
	if _, err := os.Stat(root); err == nil {
		t.Errorf("%s is left", root)
	}
}

// A service that its stop does not end is not forgotten, and its name can come
// back only after it.
func TestReloadRemovesAndBringsBack(t *testing.T) {
	t.Parallel()
	slow := `
[services.slow]
command = "trap 'echo asked; until rm go; do sleep 0.02; done 2>/dev/null; exit 0' TERM; sh -c 'echo ready; exec sleep 1000' & wait"
shell = true
stop.ladder = [{ signal = "TERM", wait = "1m" }, { signal = "KILL", wait = "5s" }]
`
	a := upAsked(t, upPlan{config: sleeper("web", 1000) + slow})
	a.line("slow", "ready")
	a.write("supervise.toml", sleeper("web", 1000))
	a.takesOver(1, "slow: remove")
	a.line("slow", "asked")
	if s := a.services()["slow"]; s.State != "stopping" || !strings.Contains(s.Next, "then it is removed") {
		t.Errorf("got %+v", s)
	}
	a.write("supervise.toml", sleeper("web", 1000)+slow)
	a.takesOver(1, "slow: add")
	a.write("go", "") // on with its stop
	a.line("slow", "ready")
	a.until("service.started", "slow")
	a.until("service.started", "slow")
	if n := len(a.all("service.started", "slow")); n != 2 {
		t.Errorf("it ran %d times\n%s", n, a.told())
	}
	a.signal(syscall.SIGTERM)
	a.line("slow", "asked")
	a.write("go", "") // on with its stop
	a.ends(0)
}
