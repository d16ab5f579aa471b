package sv

import (
	"time"

	"supervise/internal/runit"
)

// waiter is a service that is waited for.
type waiter struct {
	name    string
	waiting waiting
	status  runit.Status // what was seen last
	until   time.Time    // look then, or kill the script
	script  *check       // runs
	changed bool         // something has changed since we looked
	done    bool
	ok      int // the descriptor of supervise/ok, or -1
}

// await waits until each service has an answer.
func (c *client) await(waiters []*waiter) {
	c.watcher.open(waiters)
	defer c.watcher.close()
	for _, w := range waiters {
		if w.done = !c.within(w.name, func() { c.watcher.add(w) }); !w.done {
			c.look(w) // after that, so that nothing is missed
		}
	}
	for {
		var next time.Time
		waits := false
		for _, w := range waiters {
			if !w.done && (!waits || w.until.Before(next)) {
				next, waits = w.until, true
			}
		}
		if !waits {
			return
		}
		c.watcher.wait(waiters, next)
		now := time.Now()
		for _, w := range waiters {
			switch {
			case w.done:
			case w.script != nil:
				c.hear(w, now)
			case w.changed || !now.Before(w.until):
				c.look(w)
			}
		}
	}
}

// look looks at the status of a service.
func (c *client) look(w *waiter) {
	w.changed, w.done = false, true // unless it is to go on
	c.within(w.name, func() {
		c.watcher.hold(w)
		s, err := runit.ReadStatus(".")
		if !c.fine(w.name, err) {
			return
		}
		w.status = s
		now := time.Now()
		n, until := w.waiting.saw(s, now)
		if n == script {
			if w.script = startCheck(w.name, c.watcher.wake); w.script.running() {
				w.done, w.until = false, until
				return
			}
			n, until = w.waiting.answered(w.script.passed(), now)
			w.script = nil
		}
		c.follow(w, n, until)
	})
	if w.done {
		c.watcher.drop(w)
	}
}

// hear takes the answer of the script, or ends it when its time is up.
func (c *client) hear(w *waiter, now time.Time) {
	if w.script.running() {
		if !now.Before(w.until) {
			w.script.kill()
			w.until = now.Add(time.Hour) // its end is certain, and wakes us
		}
		return
	}
	n, until := w.waiting.answered(w.script.passed(), now)
	w.script, w.done = nil, true
	c.within(w.name, func() { c.follow(w, n, until) })
	switch {
	case w.done:
		c.watcher.drop(w)
	case w.changed:
		c.look(w)
	}
}

// follow does what is next, in the directory of the service.
func (c *client) follow(w *waiter, n next, until time.Time) {
	switch n {
	case watch:
		w.done, w.until = false, until
	case succeed:
		line, _ := c.described(w.name, w.name, w.status, time.Now())
		say("ok: " + line + "\n")
	case giveUp:
		c.giveUp(w)
	}
}

// giveUp says that the time is up, and how things are now.
func (c *client) giveUp(w *waiter) {
	prefix := "timeout: "
	if c.kill {
		prefix = "kill: "
	}
	s, err := runit.ReadStatus(".")
	if err != nil {
		say(prefix)
		c.fine(w.name, err)
		say("\n")
	} else {
		line, _ := c.described(w.name, w.name, s, time.Now())
		c.failures++
		say(prefix + line + "\n")
	}
	if c.kill {
		c.tell(w.name, "k")
	}
}
