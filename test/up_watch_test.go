package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// change writes a file as an editor does: another takes its place.
func (u *upSession) change(name, text string) {
	u.t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.WriteFile(path+"~", []byte(text), 0o644); err != nil {
		u.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upSession) mkdir(name string) {
	u.t.Helper()
	if err := os.MkdirAll(filepath.Join(u.dir, name), 0o755); err != nil {
		u.t.Fatal(err)
	}
}

// watches waits until supervise watches a directory: nothing that happens
// before is a change.
func (u *upSession) watches(name string) {
	u.t.Helper()
	st, err := os.Stat(filepath.Join(u.dir, name))
	if err != nil {
		u.t.Fatal(err)
	}
	inode := fmt.Sprintf(" ino:%x ", inodeOf(st))
	eventually(u.t, "it watches "+name, func() bool { return strings.Contains(inotifies(u.t, u.pid()), inode) })
}

// watchesNothing waits until it does not watch any more.
func (u *upSession) watchesNothing() {
	u.t.Helper()
	eventually(u.t, "it watches nothing", func() bool { return inotifies(u.t, u.pid()) == "" })
}

// inotifies is what a process has the kernel watch (proc_pid_fdinfo(5)).
func inotifies(t testing.TB, pid int) string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range list {
		text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "inotify ") {
				all.WriteString(line)
			}
		}
	}
	return all.String()
}

const watched = `
[services.web]
command = "sleep 60"
[services.web.watch]
paths = ["src"]
ignore = ["*.log"]
debounce = "100ms"
`

func TestUpAChangeRestarts(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: watched, files: map[string]string{"src/a": "1", "src/deep/b": "1"}})
	u.until("service.running", "web")
	u.watches("src/deep")
	change := func(what, path string) {
		t.Helper()
		s := u.until("service.stopping", "web")
		if want := filepath.Join(u.dir, path) + " has changed"; s.Why != want {
			t.Errorf("%s: it stops because %q, want %q", what, s.Why, want)
		}
		u.until("service.running", "web")
	}
	u.change("src/a", "2")
	change("a file that is replaced", "src/a")

	// supervise is to see them at once, however long we take.
	stopProcess(t, u.pid())
	for i := range 50 {
		u.change("src/deep/b", fmt.Sprint(i))
	}
	u.signal(syscall.SIGCONT)
	change("a burst", "src/deep/b")

	u.mkdir("src/new")
	change("a new directory", "src/new")
	u.watches("src/new")
	u.change("src/new/c", "1")
	change("a file in it", "src/new/c")

	u.change("src/x.log", "1")
	u.mkdir("src/.git")
	u.change("src/a", "3") // and what is ignored comes before it
	change("a file after others that are ignored", "src/a")
	if n := len(u.all("service.stopping", "web")); n != 5 {
		t.Errorf("%d restarts, want 5", n)
	}
	u.stop()
}

func TestUpAChangeSignals(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "trap 'echo again' HUP; ` + upPause + `"
shell = true
[services.web.watch]
paths = ["conf"]
debounce = "50ms"
action = "HUP"
`, files: map[string]string{"conf": "1"}})
	u.line("web", "ready")
	u.watches(".")
	u.change("conf", "2")
	u.line("web", "again")
	u.none("service.stopping", "web")
	u.stop()
}

func TestUpWatchesAPathThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: watched})
	u.until("service.running", "web")
	u.watches(".")
	u.mkdir("src")
	u.until("service.stopping", "web")
	u.until("service.running", "web")
	u.stop()
	for _, part := range []string{"supervise: warning: supervise.toml:5:", "services.web.watch.paths", "src", "is not there now"} {
		if said := u.stderr.String(); !strings.Contains(said, part) {
			t.Errorf("the warning lacks %q: %s", part, said)
		}
	}
}

func TestUpWatchesDuringBackoffAndNotWhenItIsStopped(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "[ -e src/ok ] && exec sleep 60; exit 1"
shell = true
restart = { initial = "1h", max = "1h" }
[services.web.watch]
paths = ["src"]
debounce = "20ms"
[services.other]
command = "sleep 60"
`, files: map[string]string{"src/a": ""}})
	u.until("backoff.scheduled", "web")
	u.watches("src")
	u.change("src/ok", "") // restarts it long before its time
	u.until("service.started", "web")
	u.until("service.started", "web")
	u.do("POST", "/v1/stop", nil, "name=web")
	u.watchesNothing()
	u.change("src/a", "2")
	u.do("POST", "/v1/start", nil, "name=web")
	u.watches("src")
	u.do("POST", "/v1/stop", nil, "name=web")
	u.watchesNothing()
	if n := len(u.all("service.starting", "web")); n != 3 {
		t.Errorf("%d starts, want 3", n)
	}
	u.stop()
}

// A change while a service is being stopped by hand does not bring it back.
func TestUpAChangeDuringAStopRestartsNothing(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: `
[services.web]
command = "trap 'echo told; while ! [ -e end ]; do sleep 0.02; done; exit 0' TERM; ` + upPause + `"
shell = true
stop.ladder = [{ signal = "TERM", wait = "40s" }, { signal = "KILL", wait = "5s" }]
[services.web.watch]
paths = ["src"]
debounce = "20ms"
[services.quick]
command = "sleep 60"
watch = { paths = ["src"], debounce = "20ms" }
`, files: map[string]string{"src/a": ""}})
	u.line("web", "ready")
	u.until("service.running", "quick")
	u.watches("src")
	u.do("POST", "/v1/stop", nil, "name=web", "wait=0")
	u.line("web", "told")
	u.change("src/a", "2")
	u.until("service.stopping", "quick") // which saw the same change
	u.until("service.running", "quick")
	u.change("src/a", "3") // the first was seen by web, too, before this one is
	u.until("service.stopping", "quick")
	u.open("end")
	if err := os.Rename(filepath.Join(u.dir, "gate.end"), filepath.Join(u.dir, "end")); err != nil {
		t.Fatal(err)
	}
	u.waits("stopped", "web")
	if n := len(u.all("service.starting", "web")); n != 1 {
		t.Errorf("%d starts, want 1\n%s", n, u.told())
	}
	u.stop()
}

func TestUpAReloadChangesWhatIsWatched(t *testing.T) {
	t.Parallel()
	u := upAsked(t, upPlan{config: watched, files: map[string]string{"src/a": "", "lib/a": ""}})
	u.until("service.running", "web")
	u.watches("src")
	pid := u.services()["web"].PID
	u.write("supervise.toml", strings.Replace(watched, `"src"`, `"lib"`, 1))
	u.takesOver(0, "web: update (watch)")
	u.watches("lib")
	if s := u.services()["web"]; s.PID != pid {
		t.Error("it was restarted for that")
	}
	u.change("src/a", "2")
	u.change("lib/a", "2")
	if s := u.until("service.stopping", "web"); !strings.HasSuffix(s.Why, "/lib/a has changed") {
		t.Errorf("it stops because %q", s.Why)
	}
	u.until("service.running", "web")
	u.write("supervise.toml", "[services.web]\ncommand = 'sleep 60'\n")
	u.takesOver(0, "web: update (watch)")
	u.watchesNothing()
	u.stop()
}

// With no inotify watches left, which a user namespace has limits of its own
// for, supervise says so and runs the service all the same.
func TestUpSaysThatNothingMoreCanBeWatched(t *testing.T) {
	t.Parallel()
	if err := exec.Command("unshare", "--user", "--map-root-user", "sh", "-c", "echo 1 > /proc/sys/user/max_inotify_watches").Run(); err != nil {
		upNeeds(t, "user namespaces with limits of their own", err)
	}
	u := upStart(t, upPlan{config: watched, files: map[string]string{"src/a": "", "src/b/c": "", "src/d/e": ""}, prepare: func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 1 > /proc/sys/user/max_inotify_watches; exec "$@"`, "sh"}, append([]string{binary}, cmd.Args[1:]...)...)
		path, err := exec.LookPath("unshare")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = path
	}})
	e := u.until("watch.failed", "web")
	for _, part := range []string{"inotify watches of this user are in use", "leave large directories out with ignore", "max_user_watches"} {
		if !strings.Contains(e.Why, part) {
			t.Errorf("it says %q, without %q", e.Why, part)
		}
	}
	u.until("service.running", "web")
	u.stop()
}

func inodeOf(st os.FileInfo) uint64 { return st.Sys().(*syscall.Stat_t).Ino }
