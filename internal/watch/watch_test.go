package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a directory in which tests change files.
type site struct {
	*testing.T
	dir string
}

func newSite(t *testing.T) site {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return site{t, dir}
}

func (s site) path(name string) string { return filepath.Join(s.dir, name) }

func (s site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s site) mkdir(name string)       { s.Helper(); s.must(os.MkdirAll(s.path(name), 0o755)) }
func (s site) remove(name string)      { s.Helper(); s.must(os.RemoveAll(s.path(name))) }
func (s site) rename(from, to string)  { s.Helper(); s.must(os.Rename(s.path(from), s.path(to))) }
func (s site) symlink(to, name string) { s.Helper(); s.must(os.Symlink(to, s.path(name))) }
func (s site) write(name, text string) {
	s.Helper()
	s.must(os.WriteFile(s.path(name), []byte(text), 0o644))
}
func (s site) touch(name string) {
	s.Helper()
	s.must(os.Chtimes(s.path(name), time.Now(), time.Now()))
}
func (s site) saveAtomically(name string) {
	s.write(name+".tmp123", "new")
	s.rename(name+".tmp123", name)
}

// eye is a tree over the real inotify, without the debounce, so that each
// change can be told from the next.
type eye struct {
	site
	*tree
	notify *fsnotify.Watcher
	marks  int
}

func (s site) watch(ignore []string, names ...string) *eye {
	s.Helper()
	notify, err := fsnotify.NewWatcher()
	s.must(err)
	s.Cleanup(func() { notify.Close() })
	s.mkdir("marks")
	w := &config.Watch{Ignore: ignore}
	for _, name := range names {
		w.Paths = append(w.Paths, s.path(name))
	}
	w.Paths = append(w.Paths, s.path("marks"))
	e := &eye{site: s, tree: newTree(notify, w), notify: notify}
	s.must(e.refresh())
	return e
}

// seen gives what has been seen so far, as paths in the site, each once. Events
// come in the order in which things happened, so all of it is there when a mark
// is seen that was made now.
func (e *eye) seen() string {
	e.Helper()
	e.marks++
	mark := fmt.Sprintf("marks/%d", e.marks)
	e.write(mark, "")
	var out []string
	deadline := time.After(90 * time.Second)
	for {
		select {
		case event := <-e.notify.Events:
			changed, err := e.event(event)
			e.must(err)
			name, _ := filepath.Rel(e.dir, changed)
			switch {
			case name == mark:
				return strings.Join(out, " ")
			case changed != "" && !strings.HasPrefix(name, "marks/") && !slices.Contains(out, name):
				out = append(out, name)
			}
		case err := <-e.notify.Errors:
			e.Fatal(err)
		case <-deadline:
			e.Fatalf("%s was not seen; before it: %q", mark, out)
		}
	}
}

func (e *eye) wants(want string) {
	e.Helper()
	if got := e.seen(); got != want {
		e.Errorf("seen %q, want %q", got, want)
	}
}

func TestChangesInADirectory(t *testing.T) {
	s := newSite(t)
	s.mkdir("src/a/b")
	s.write("src/a/b/old", "1")
	e := s.watch(nil, "src")
	e.wants("")
	s.write("src/a/b/old", "2")
	e.wants("src/a/b/old")
	s.touch("src/a/b/old")
	e.wants("src/a/b/old")
	s.write("src/new", "")
	e.wants("src/new")
	s.saveAtomically("src/new")
	e.wants("src/new.tmp123 src/new")
	s.remove("src/new")
	e.wants("src/new")
	s.write("beside", "")
	e.wants("")
	if _, err := os.ReadFile(s.path("src/a/b/old")); err != nil {
		t.Fatal(err)
	}
	e.wants("") // to read is no change
}

func TestDirectoriesComeAndGo(t *testing.T) {
	s := newSite(t)
	s.mkdir("src")
	e := s.watch(nil, "src")
	s.mkdir("src/x/y/z")
	e.seen()
	s.write("src/x/y/z/file", "")
	e.wants("src/x/y/z/file")
	s.rename("src/x", "src/moved")
	e.wants("src/x src/moved")
	s.write("src/moved/y/z/file", "2")
	e.wants("src/moved/y/z/file") // and not by its old name
	s.rename("src/moved", "away")
	e.wants("src/moved")
	s.write("away/y/z/file", "3")
	e.wants("")
	if len(e.dirs) != 2 || len(e.notify.WatchList()) != 2 {
		t.Errorf("still watched: %v, %v", e.dirs, e.notify.WatchList())
	}
	s.rename("away", "src/back")
	e.wants("src/back")
	s.write("src/back/y/z/file", "4")
	e.wants("src/back/y/z/file")
	s.remove("src/back")
	e.seen()
	if len(e.dirs) != 2 || len(e.notify.WatchList()) != 2 {
		t.Errorf("still watched: %v, %v", e.dirs, e.notify.WatchList())
	}
}

func TestAWatchedFileIsReplaced(t *testing.T) {
	s := newSite(t)
	s.mkdir("etc")
	s.write("etc/conf", "1")
	e := s.watch(nil, "etc/conf")
	for range 3 {
		s.saveAtomically("etc/conf")
		e.wants("etc/conf")
		s.write("etc/conf", "in place")
		e.wants("etc/conf")
		// vim: the old one becomes the backup
		s.rename("etc/conf", "etc/conf~")
		s.write("etc/conf", "new")
		s.remove("etc/conf~")
		e.wants("etc/conf")
	}
	s.write("etc/other", "")
	e.wants("")
	s.remove("etc")
	e.wants("etc/conf")
	s.mkdir("etc")
	e.wants("")
	s.write("etc/conf", "again")
	e.wants("etc/conf")
	s.write("etc/conf", "and again")
	e.wants("etc/conf")
}

func TestWhatIsNotThereIsWatchedOnceItIs(t *testing.T) {
	s := newSite(t)
	e := s.watch(nil, "build/out/js", "conf")
	s.write("conf", "")
	e.wants("conf")
	s.mkdir("build")
	e.wants("")
	s.mkdir("build/out")
	e.wants("")
	s.write("build/beside", "")
	e.wants("")
	s.mkdir("build/out/js/deep")
	if got := e.seen(); !strings.HasPrefix(got, "build/out/js") {
		t.Errorf("seen %q", got)
	}
	s.write("build/out/js/deep/x", "")
	e.wants("build/out/js/deep/x")
	for range 3 { // a build that begins with rm -r
		s.remove("build")
		if got := e.seen(); !strings.Contains(got, "build/out/js") {
			t.Errorf("seen %q", got)
		}
		s.mkdir("build/out/js")
		e.wants("build/out/js")
		s.write("build/out/js/x", "")
		e.wants("build/out/js/x")
	}
	s.mkdir("new")
	s.write("new/y", "")
	s.rename("build/out/js", "old")
	s.rename("new", "build/out/js")
	e.wants("build/out/js")
	s.write("build/out/js/y", "")
	e.wants("build/out/js/y")
	s.write("old/x", "2")
	e.wants("")
}

// One of two watched paths lies in the other, and is not there yet.
func TestWatchedPathsInEachOther(t *testing.T) {
	for _, names := range [][]string{{"src", "src/gen/out"}, {"src/gen/out", "src"}} {
		s := newSite(t)
		s.mkdir("src")
		e := s.watch(nil, names...)
		s.mkdir("src/gen")
		e.wants("src/gen")
		s.write("src/gen/x", "")
		e.wants("src/gen/x")
	}
}

func TestIgnoredDirectoriesAreNotWatched(t *testing.T) {
	s := newSite(t)
	s.mkdir("src/.git/objects")
	s.mkdir("src/web/dist")
	s.mkdir("src/dist")
	e := s.watch([]string{".git", "*.swp", "web/dist", "4913"}, "src")
	s.write("src/.git/objects/x", "")
	s.write("src/web/dist/x", "")
	s.write("src/.x.swp", "")
	s.write("src/web/4913", "")
	s.remove("src/web/4913")
	s.mkdir("src/web/.git/y")
	e.wants("")
	s.write("src/dist/x", "")
	e.wants("src/dist/x")
	if len(e.dirs) != 4 {
		t.Errorf("watched: %v", e.dirs)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	s := newSite(t)
	s.mkdir("src/a")
	s.mkdir("elsewhere")
	s.symlink("..", "src/a/up")
	s.symlink("../elsewhere", "src/link")
	s.symlink("src", "alias")
	s.symlink("nowhere", "src/dangling")
	e := s.watch(nil, "alias") // but this one is, as it was asked for
	s.write("elsewhere/x", "")
	e.wants("")
	s.write("src/a/x", "")
	e.wants("alias/a/x")
	s.symlink("../../elsewhere", "src/a/link")
	e.wants("alias/a/link")
	s.write("elsewhere/x", "2")
	e.wants("")
}

func TestNamesAreIgnored(t *testing.T) {
	patterns := []string{".git", "*.log", "web/dist", "a/*/c", "[x"}
	for path, want := range map[string]bool{
		".git": true, "x/.git/config": true, "x.log": true, "d/x.log/y": true, "web/dist": true, "web/dist/app.js": true, "a/b/c/d": true,
		"git": false, ".gitignore": false, "x.logs": false, "dist": false, "x/web/dist": false, "a/b/b/c": false, "web": false, "[x": false,
	} {
		if got := ignored(patterns, path); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}

func TestChangesThatFollowEachOtherAreTakenForOne(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name    string
		wait    time.Duration
		changes []time.Duration
		told    string // when, and of which change
	}{
		{"one", 200 * ms, []time.Duration{0}, "200ms:0"},
		{"a burst", 200 * ms, []time.Duration{0, 1 * ms, 150 * ms, 340 * ms}, "540ms:0"},
		{"two", 200 * ms, []time.Duration{0, 201 * ms}, "200ms:0 401ms:1"},
		{"at once", 0, []time.Duration{0, 10 * ms}, "0s:0 10ms:1"},
		{"long", time.Minute, []time.Duration{0, time.Second}, "1m1s:0"},
	} {
		t.Run(c.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { told(t, c.wait, c.changes, c.told) }) })
	}
}

// A change every 130 ms for 5 seconds, with 200 ms of debounce.
func TestAStreamOfChangesIsToldOfNowAndThen(t *testing.T) {
	var stream []time.Duration
	for at := time.Duration(0); at <= 5*time.Second; at += 130 * time.Millisecond {
		stream = append(stream, at+time.Millisecond)
	}
	synctest.Test(t, func(t *testing.T) { told(t, 200*time.Millisecond, stream, "2.001s:0 4.081s:16 5.141s:32") })
}

// told lets changes happen at their times and holds what is told against want.
func told(t *testing.T, wait time.Duration, changes []time.Duration, want string) {
	start, d := time.Now(), newDebounce(wait)
	defer d.stop()
	var got []string
	next, end := 0, time.After(time.Hour)
	for {
		change := (<-chan time.Time)(nil)
		if next < len(changes) {
			change = time.After(changes[next] - time.Since(start))
		}
		select {
		case <-change:
			d.change(fmt.Sprint(next))
			next++
			synctest.Wait()
		case <-d.quiet():
			got = append(got, fmt.Sprintf("%s:%s", time.Since(start), d.settle()))
		case <-end:
			if got := strings.Join(got, " "); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
			return
		}
	}
}

// full is a kernel without watches to spare after some.
type full struct{ left int }

func (f *full) Add(string) error {
	if f.left--; f.left < 0 {
		return unix.ENOSPC
	}
	return nil
}
func (f *full) Remove(string) error { f.left++; return nil }

func TestTheLimitOfWatchesIsExplained(t *testing.T) {
	s := newSite(t)
	s.mkdir("src/a/b")
	w := &config.Watch{Paths: []string{s.path("src")}}
	err := newTree(&full{left: 2}, w).refresh()
	if err == nil || !strings.Contains(err.Error(), s.path("src/a/b")) || !strings.Contains(err.Error(), "fs.inotify.max_user_watches") {
		t.Errorf("%v", err)
	}
	tr := newTree(&full{left: 3}, w)
	s.must(tr.refresh())
	s.mkdir("src/c")
	changed, err := tr.event(fsnotify.Event{Name: s.path("src/c"), Op: fsnotify.Create})
	if changed != s.path("src/c") || err == nil || !strings.Contains(err.Error(), "max_user_watches") {
		t.Errorf("%q, %v", changed, err)
	}
}

// ear hears what a Watcher tells.
type ear struct {
	changed chan string
	failed  chan error
}

func newEar() ear { return ear{make(chan string, 100), make(chan error, 100)} }

func (e ear) next(t *testing.T) string {
	t.Helper()
	select {
	case path := <-e.changed:
		return path
	case err := <-e.failed:
		t.Fatal(err)
	case <-time.After(90 * time.Second):
		t.Fatal("nothing was told")
	}
	return ""
}

func TestWatcher(t *testing.T) {
	s := newSite(t)
	s.mkdir("src")
	e := newEar()
	w, err := New(&config.Watch{Paths: []string{s.path("src")}, Debounce: 10 * time.Millisecond}, func(p string) { e.changed <- p }, func(err error) { e.failed <- err })
	s.must(err)
	defer w.Close()
	s.write("src/a", "")
	if got := e.next(t); got != s.path("src/a") {
		t.Errorf("told of %s", got)
	}
	s.mkdir("src/b")
	for e.next(t) != s.path("src/b") { // what was late of src/a
	}
	s.must(w.Close())
	s.must(w.Close())
	s.write("src/a", "2")
	select {
	case got := <-e.changed:
		t.Errorf("told of %s after the end", got)
	default:
	}
}

// A storm while nobody reads: the kernel's queue overflows.
func TestAStormOfChangesIsToldOf(t *testing.T) {
	s := newSite(t)
	s.mkdir("src")
	notify, err := fsnotify.NewWatcher()
	s.must(err)
	tr := newTree(notify, &config.Watch{Paths: []string{s.path("src")}})
	s.must(tr.refresh())
	for range 10_000 { // four events each; the queue holds 16384 by default
		s.write("src/x", "1")
		s.remove("src/x")
	}
	s.mkdir("src/late")
	e := newEar()
	w := &Watcher{close: notify.Close, done: make(chan struct{}), ended: make(chan struct{})}
	go w.run(tr, notify.Events, notify.Errors, newDebounce(100*time.Millisecond), func(p string) { e.changed <- p }, func(err error) { e.failed <- err })
	defer w.Close()
	e.next(t)
	s.write("src/late/y", "")
	for e.next(t) != s.path("src/late/y") {
		s.touch("src/late/y") // it may have been taken for one with what came before
	}
}

// The kernel lost events: that is a change, and directories that came unseen
// are found.
func TestAnOverflowIsAChange(t *testing.T) {
	s := newSite(t)
	s.mkdir("src")
	tr := newTree(&full{left: 1000}, &config.Watch{Paths: []string{s.path("src")}})
	s.must(tr.refresh())
	s.mkdir("src/unseen")
	e, errs := newEar(), make(chan error)
	w := &Watcher{close: func() error { return nil }, done: make(chan struct{}), ended: make(chan struct{})}
	go w.run(tr, make(chan fsnotify.Event), errs, newDebounce(0), func(p string) { e.changed <- p }, func(err error) { e.failed <- err })
	errs <- fsnotify.ErrEventOverflow
	if got := e.next(t); got != s.path("src") {
		t.Errorf("told of %s", got)
	}
	errs <- errors.New("oh")
	select {
	case err := <-e.failed:
		if err.Error() != "watching files: oh" {
			t.Error(err)
		}
	case <-time.After(90 * time.Second):
		t.Error("the error was not told")
	}
	s.must(w.Close())
	if !tr.dirs[s.path("src/unseen")] {
		t.Errorf("watched: %v", tr.dirs)
	}
}

func TestWhatMayNotBeWatchedIsNamed(t *testing.T) {
	s := newSite(t)
	s.mkdir("src")
	err := newTree(refusing{}, &config.Watch{Paths: []string{s.path("src")}}).refresh()
	if want := "watching " + s.path("src") + ": permission denied; if it need not be watched, leave it out with ignore"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// refusing is a kernel that lets us read nothing.
type refusing struct{}

func (refusing) Add(string) error    { return unix.EACCES }
func (refusing) Remove(string) error { return nil }
