package sv

import (
	"time"

	"supervise/internal/runit"
)

// waiting is how one service is waited for. It is told what the status is each
// time that somebody looked, and says what to do next; it has no clock.
//
// The answer is the one that sv of runit would give, which looks every 420 ms,
// and it never comes later. That decides three times here: the deadline is sv's
// first look after the limit; a process that has just come up is given
// a moment to fail; and a script that says no is asked again by sv's next look at
// the latest.
type waiting struct {
	condition
	deadline time.Time
	blind    bool // nothing tells of changes

	looked bool
	pid    int       // the process that is as was wanted, 0: none is,
	settle time.Time // and when that counts
	tries  int       // of the script, in vain
	again  time.Time // the next one; zero: none is due
}

// period is the time between two looks of sv: the usleep in its main.
const period = 420 * time.Millisecond

// moment is how long a process that has just been started must stay to count as
// started. A shell script that fails at once is gone in less; sv, which looks later, mostly
// sees that it is down. Who waits doesn't notice so short a time.
const moment = 20 * time.Millisecond

// next is what to do about a service.
type next int

const (
	watch   next = iota // look again at a change, and at a time
	script              // ask ./check, and kill it at a time
	succeed             // it has taken effect
	giveUp              // it has not, in time
)

func newWaiting(letters string, sent time.Time, limit time.Duration) waiting {
	looks := max(1, (limit+period-1)/period)
	return waiting{condition: condition{letters, sent}, deadline: sent.Add(looks * period)}
}

// saw takes a status. until goes with watch and script.
func (w *waiting) saw(s runit.Status, now time.Time) (n next, until time.Time) {
	first := !w.looked
	w.looked, w.again = true, time.Time{}
	met, ask := w.met(s)
	switch {
	case !met:
		w.pid = 0
		return w.rest(now)
	case s.PID == w.pid:
	case first || w.blind || !now.Before(w.deadline): // sv looks as well
		w.pid, w.settle = s.PID, now
	default:
		w.pid, w.settle = s.PID, earlier(now.Add(moment), w.tick(now.Add(-1)))
	}
	switch {
	case w.starts() && s.PID != 0 && now.Before(w.settle):
		return w.rest(now)
	case ask:
		// One that is not done at the deadline may take as long again: sv would wait for ever.
		return script, later(w.deadline, now).Add(w.deadline.Sub(w.sent))
	}
	return succeed, time.Time{}
}

// answered takes what the script says.
func (w *waiting) answered(yes bool, now time.Time) (n next, until time.Time) {
	if yes {
		return succeed, time.Time{}
	}
	w.again = earlier(now.Add(period/16<<min(w.tries, 4)), w.tick(now))
	w.tries++
	return w.rest(now)
}

// rest waits for the first of all that may be due.
func (w *waiting) rest(now time.Time) (next, time.Time) {
	if !now.Before(w.deadline) {
		return giveUp, time.Time{}
	}
	until := w.deadline
	if !w.again.IsZero() {
		until = earlier(until, w.again)
	}
	if w.pid != 0 && w.settle.After(now) {
		until = earlier(until, w.settle)
	}
	if w.blind {
		until = earlier(until, w.tick(now))
	}
	return watch, until
}

// tick is sv's next look.
func (w *waiting) tick(now time.Time) time.Time {
	return w.sent.Add((now.Sub(w.sent)/period + 1) * period)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
