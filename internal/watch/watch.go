// Package watch tells when files change.
//
// # What it promises
//
// A path that is watched may be a file, a directory with all that is below it,
// or nothing yet: then it is watched as soon as it is there. Directories that
// come are watched, those that go are not any more, and a path that is removed
// or replaced (as editors do when they save) is watched on. Whether a file was
// written, made, removed, renamed or touched makes no difference.
//
// Changes that follow each other closely are told once, when it has been quiet
// for the debounce time; a stream that never pauses is told of now and then all
// the same. When the kernel could not keep up and lost events, that is told as a
// change, since it was one.
//
// It waits in the kernel (inotify(7)): while nothing changes, nothing runs.
//
// # What it never does
//
// It follows no symbolic links, but for a watched path that is one itself, so it
// goes in no circles. It does not see what others change on a network file
// system: the kernel does not.
package watch

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// Watcher watches until it is closed.
type Watcher struct {
	left  Left
	close func() error
	done  chan struct{}
	ended chan struct{}
	once  sync.Once
}

// New begins to watch. changed is given one of the paths that have changed;
// failed is told of what could not be watched later on, while all else is
// watched as before. Both are called from one goroutine of the watcher, and
// neither may call Close.
//
// The error says what could not be watched, and what to do about it.
func New(w *config.Watch, changed func(path string), failed func(error)) (*Watcher, error) {
	began := fileTime()
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching files: %w", explain(err))
	}
	t := newTree(notify, w)
	if err := t.refresh(); err != nil {
		notify.Close()
		return nil, err
	}
	out := &Watcher{left: Left{Since: began}, close: notify.Close, done: make(chan struct{}), ended: make(chan struct{})}
	go out.run(t, notify.Events, notify.Errors, newDebounce(w.Debounce), changed, failed)
	return out, nil
}

// Left is what a watcher that was closed leaves for another to go on with, see
// [Left.Changed].
type Left struct {
	Since  time.Time // of the last change that was told, or when it began
	Untold string    // one of the paths that have changed since; "": it has seen none
	Ended  time.Time // until when it has seen all that changed; zero: not known
}

// Left gives it after Close.
func (w *Watcher) Left() Left { return w.left }

// Close ends it; when it returns, nothing is told any more.
func (w *Watcher) Close() error {
	var err error
	w.once.Do(func() {
		close(w.done)
		err = w.close()
		<-w.ended
	})
	return err
}

// run is the one goroutine that touches the tree and the debounce.
func (w *Watcher) run(t *tree, events <-chan fsnotify.Event, errs <-chan error, d *debounce, changed func(string), failed func(error)) {
	defer close(w.ended)
	defer d.stop()
	defer func() { w.left.Untold, w.left.Ended = d.path, time.Now() }()
	for {
		select {
		case <-w.done:
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			path, err := t.event(e)
			if err != nil {
				failed(err)
			}
			if path != "" {
				d.change(path)
			}
		case err, ok := <-errs:
			switch {
			case !ok:
				return
			case errors.Is(err, fsnotify.ErrEventOverflow):
				if err := t.rescan(); err != nil {
					failed(err)
				}
				d.change(t.roots[0])
			default:
				failed(fmt.Errorf("watching files: %w", err))
			}
		case <-d.quiet():
			w.left.Since = fileTime()
			changed(d.settle())
		}
	}
}

// explain says what to do about the limits of inotify(7).
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("all %s inotify watches of this user are in use; leave large directories out with ignore, or raise fs.inotify.max_user_watches with sysctl", limit("max_user_watches"))
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("all %s inotify instances of this user are in use, or all our descriptors; raise fs.inotify.max_user_instances with sysctl", limit("max_user_instances"))
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w; if it need not be watched, leave it out with ignore", bare(err))
	}
	return err
}

func limit(name string) string {
	value, err := os.ReadFile("/proc/sys/fs/inotify/" + name)
	if err != nil {
		return "the"
	}
	return strings.TrimSpace(string(value))
}
