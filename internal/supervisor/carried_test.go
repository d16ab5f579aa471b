package supervisor

import (
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/watch"
)

// watchingLoop is a loop whose one service runs, and has its files watched.
func watchingLoop(t *testing.T) (*Loop, *watching) {
	t.Helper()
	w, _ := realWorld(t, nil)
	spec := script("web", "")
	spec.Watch = &config.Watch{Paths: []string{t.TempDir()}, Debounce: time.Hour, Action: config.WatchRestart}
	l := NewLoop(w, []config.Service{spec}, 1)
	t.Cleanup(l.Close)
	l.set.Begin(nil, time.Now())
	l.set.Apply(0, Forked{PID: 1 << 30, At: time.Now()}, time.Now())
	if s := l.set.Machine(0).State; s != Running {
		t.Fatalf("it is %s", s)
	}
	return l, &watching{service: 0, spec: l.set.Spec(0)}
}

// A watcher is ended for an upgrade when it has just told of a change: what it leaves says
// nothing of that.
func TestAChangeThatIsToldWhenWatchesEndCounts(t *testing.T) {
	l, w := watchingLoop(t)
	made, err := watch.New(w.spec.Watch, func(string) {}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	w.watcher, l.watchers[0] = made, w
	l.Quieten()
	l.watchers[0] = &watching{service: 0, spec: w.spec}
	changedFile{w, "it"}.handle(l)
	if s := l.set.Machine(0).State; s != Stopping {
		t.Errorf("it is %s", s)
	}
}

func TestAChangeToldByAWatchThatIsGivenUpDoesNotCount(t *testing.T) {
	l, w := watchingLoop(t)
	l.watchers[0], l.quieted[0] = &watching{service: 0, spec: w.spec}, w
	l.unwatchFiles(0)
	changedFile{w, "it"}.handle(l)
	if s := l.set.Machine(0).State; s != Running {
		t.Errorf("it is %s", s)
	}
}

// Another upgrade waits until a watcher is made. What has changed before it was is known
// by then, or it would be forgotten.
func TestAWatchIsMadeWhenWhatWasBeforeItIsTold(t *testing.T) {
	l, w := watchingLoop(t)
	w.before = &watch.Left{Since: time.Now().Add(-time.Hour)}
	l.watchers[0] = w
	for range cap(l.inbox) { // so that nothing comes in
		l.Send(childChanged{})
	}
	l.goWatch(w)
	for end := time.Now().Add(30 * time.Second); l.onTheirWay.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is told before it is made")
		}
	}
	for {
		if m, made := (<-l.inbox).(watched); made {
			_ = m.made.Close()
			return
		}
	}
}

// What could not be watched is tried again. That there is nothing to go by is no change.
func TestFilesThatWereNotWatchedHaveNotChanged(t *testing.T) {
	l, _ := watchingLoop(t)
	var begun []*watching
	l.beside.watch = func(w *watching) { begun = append(begun, w) }
	l.Quieten()
	l.Resume()
	if len(begun) != 1 || begun[0].before != nil {
		t.Errorf("%+v", begun)
	}
}
