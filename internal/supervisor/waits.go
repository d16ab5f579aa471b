package supervisor

import (
	"context"
	"fmt"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/watch"
)

// What is waited for on behalf of services beside their own words: a first
// connection, the end of all connections, a change of a file.

// connected says that somebody waits at a socket of a lazy service.
type connected struct{ service *config.Service }

func (c connected) handle(l *Loop) {
	if i := l.set.Index(c.service.Name); i >= 0 {
		l.set.Connected(i, time.Now())
	}
}

// arm waits for the first connection to a service.
func (l *Loop) arm(service int, spec *config.Service) {
	if l.Sockets == nil {
		return
	}
	if err := l.Sockets.Arm(spec.Name, func() { l.Send(connected{spec}) }); err != nil {
		l.tell(service, event.Event{Name: event.StartFailed, Why: "waiting for its first connection: " + err.Error()})
	}
}

// idleLooks is in how many parts the time without a connection is looked at.
const idleLooks = 4

// lookIdle looks from time to time whether a lazy service has connections.
func (l *Loop) lookIdle(k *looker, spec *config.Service) {
	idle, err := untilIdle(k.ctx, spec.IdleStop, func() (int, error) { return l.Sockets.Connections(spec.Name) })
	switch {
	case err != nil:
		l.Send(idleUnknown{k, err})
	case idle:
		l.Send(unused{k, fmt.Sprintf("no connection for %s", spec.IdleStop)})
	}
}

// untilIdle counts until there was no connection for so long. It gives up at
// the first error, and says false when ctx ends.
func untilIdle(ctx context.Context, stop time.Duration, count func() (int, error)) (bool, error) {
	ticker := time.NewTicker(max(stop/idleLooks, 10*time.Millisecond))
	defer ticker.Stop()
	for without := 0; without <= idleLooks; without++ { // the first look may come just after the last client
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false, nil
		}
		n, err := count()
		if err != nil {
			return false, err
		}
		if n > 0 {
			without = -1
		}
	}
	return true, nil
}

// idleUnknown says that the connections of a service cannot be counted.
type idleUnknown struct {
	looker *looker
	err    error
}

func (u idleUnknown) handle(l *Loop) {
	if service := u.looker.service; l.lookers[service] == u.looker {
		l.tell(service, event.Event{Name: event.IdleUnknown, Why: u.err.Error() + "; until its next start idle_stop does not stop it"})
	}
}

// unused says that a service has had no connection for its idle_stop.
type unused struct {
	looker *looker
	why    string
}

func (u unused) handle(l *Loop) {
	if l.lookers[u.looker.service] == u.looker {
		l.set.Unused(u.looker.service, u.why, time.Now())
	}
}

// watchFiles begins to watch the files of a service. left, if not nil, is
// what a watcher before has left: what has changed since counts too.
func (l *Loop) watchFiles(service int, spec *config.Service, left *watch.Left) {
	watching := &watching{service: service, spec: spec, before: left}
	l.watchers[service] = watching
	l.beside.watch(watching)
}

// goWatch has a goroutine watch.
func (l *Loop) goWatch(watching *watching) {
	// Nobody who is told may be waited for; and it takes as long as there are
	// directories.
	changed := func(path string) { l.sendLater(changedFile{watching, path}) }
	failed := func(err error) { l.sendLater(notWatched{watching, err, false}) }
	go func() {
		w, err := watch.New(watching.spec.Watch, changed, failed)
		if err != nil {
			l.sendLater(notWatched{watching, err, true})
			return
		}
		// Told before the watcher counts as made: until then nobody may end it, and
		// forget what was before it.
		if watching.before != nil {
			if path := watching.before.Changed(watching.spec.Watch); path != "" {
				changed(path)
			}
		}
		l.Send(watched{watching, w})
	}()
}

// watching is that the files of a service are watched.
type watching struct {
	service int
	spec    *config.Service
	before  *watch.Left    // nil: nobody has watched them before
	watcher *watch.Watcher // nil: it is still being made
}

// watched says that a watcher is made.
type watched struct {
	*watching
	made *watch.Watcher
}

func (w watched) handle(l *Loop) {
	if l.watchers[w.service] != w.watching { // too late
		_ = w.made.Close()
		return
	}
	w.watcher = w.made
}

// unwatchFiles ends that. Close waits for a goroutine, which waits for nobody.
func (l *Loop) unwatchFiles(service int) {
	if w := l.watchers[service]; w != nil && w.watcher != nil {
		_ = w.watcher.Close()
	}
	delete(l.watchers, service)
	delete(l.quieted, service)
}

// changedFile says that a watched file has changed.
type changedFile struct {
	*watching
	path string
}

func (c changedFile) handle(l *Loop) {
	if l.watchers[c.service] != c.watching && l.quieted[c.service] != c.watching {
		return
	}
	why := c.path + " has changed"
	if c.spec.Watch.Action == config.WatchRestart {
		l.set.Changed(c.service, why, time.Now())
		return
	}
	if m := l.set.Machine(c.service); m.PID != 0 && m.State != Stopping {
		l.sendMain(c.service, SendMain{Signal: c.spec.Watch.Signal, Why: why})
	}
}

// notWatched says that something cannot be watched.
type notWatched struct {
	*watching
	err     error
	nothing bool // is watched, nor will it be
}

func (n notWatched) handle(l *Loop) {
	if l.watchers[n.service] == n.watching {
		if n.nothing {
			delete(l.watchers, n.service)
		}
		l.tell(n.service, event.Event{Name: event.WatchFailed, Why: n.err.Error()})
	}
}
