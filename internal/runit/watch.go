package runit

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long is waited after a change for what belongs to it: a directory
// that is copied is there before the run in it.
const settle = 100 * time.Millisecond

// Watch calls changed when something comes or goes in a directory, once for what
// changes together, until it is closed. A symbolic link as the directory may be set
// to another, as runsvchdir(8) does. since is when the directory was read: what has
// changed after that is told too. failed is told what ends the watch.
func Watch(dir string, since time.Time, changed func(), failed func(error)) (end func(), err error) {
	w, err := watchOnce(dir)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer func() { w.Close() }()
		var quiet <-chan time.Time
		if info, err := os.Stat(dir); err == nil && !info.ModTime().Before(since) {
			quiet = time.After(settle)
		}
		for {
			select {
			case <-done:
				return
			case e, ok := <-w.Events:
				if ok && quiet == nil && concerns(e, dir) {
					quiet = time.After(settle)
				}
				if !ok {
					return
				}
			case err, ok := <-w.Errors:
				if !ok {
					return
				}
				if err == fsnotify.ErrEventOverflow {
					quiet = time.After(settle)
				} else {
					failed(err)
				}
			case <-quiet:
				quiet = nil
				if again, err := watchOnce(dir); err == nil { // the link may lead elsewhere now
					w.Close()
					w = again
				}
				changed()
			}
		}
	}()
	return func() { close(done) }, nil
}

// watchOnce watches a directory; where it is a symbolic link, that too, by way of
// the directory in which it stands.
func watchOnce(dir string) (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", dir, err)
	}
	err = w.Add(dir)
	if info, statErr := os.Lstat(dir); err == nil && statErr == nil && info.Mode()&os.ModeSymlink != 0 {
		err = w.Add(filepath.Dir(dir))
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("watching %s: %w", dir, err)
	}
	return w, nil
}

// concerns says whether an event is about what is in the directory, or about the
// link that leads to it.
func concerns(e fsnotify.Event, dir string) bool {
	if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Remove) && !e.Has(fsnotify.Rename) {
		return false
	}
	return e.Name == dir || filepath.Dir(e.Name) == dir
}
