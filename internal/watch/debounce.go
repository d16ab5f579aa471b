package watch

import "time"

// The longest time that changes which never pause are kept back, as those of a
// log file that lies among the sources: so many debounce times, and not less
// than two seconds, in which a compiler or a checkout is done.
const (
	patience      = 10
	leastPatience = 2 * time.Second
)

// debounce makes one change of those that follow each other closely.
type debounce struct {
	wait    time.Duration
	longest time.Duration
	timer   *time.Timer
	first   time.Time // of the changes that are kept back
	path    string    // likewise; "" when there is none
}

func newDebounce(wait time.Duration) *debounce {
	d := &debounce{wait: wait, longest: max(patience*wait, leastPatience), timer: time.NewTimer(time.Hour)}
	d.timer.Stop()
	return d
}

// change keeps a change back until it is quiet.
func (d *debounce) change(path string) {
	now := time.Now()
	if d.path == "" {
		d.path, d.first = path, now
	}
	d.timer.Reset(min(d.wait, d.first.Add(d.longest).Sub(now)))
}

// quiet is ready when it is time to tell.
func (d *debounce) quiet() <-chan time.Time { return d.timer.C }

// settle gives the first of the changes, and forgets them.
func (d *debounce) settle() string {
	path := d.path
	d.path = ""
	return path
}

func (d *debounce) stop() { d.timer.Stop() }
