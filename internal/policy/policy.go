// Package policy decides what follows when a program has ended: whether it
// runs again, after which delay, and when to give up.
//
// Everything here is pure. Times and randomness come in as values, so that the
// schedule that `supervise policy` prints, the one that the tests sweep and the
// one that services live by are the same code: [Restart.Decide] and
// [Restart.Started]; [Restart.Schedule] only calls them.
package policy

import (
	"fmt"
	"slices"
	"time"
)

// When says which ends are followed by a restart.
type When string

// The values of `when`.
const (
	Always    When = "always"
	OnFailure When = "on-failure"
	Never     When = "never"
)

// Restart is the restart policy of one service.
//
// A When that is none of the three values never restarts: of the mistakes that
// can be made with it, that one is seen at once and does no harm.
type Restart struct {
	When       When
	Backoff    Backoff
	ResetAfter time.Duration // up this long, and the next end counts as the first; 0: never
	Limit      int           // more than this many starts within Within: give up; 0: never
	Within     time.Duration // 0: since somebody asked for the service
	Success    Success
	Pace       time.Duration // a run that took less is followed by a pause as long as this; see [Restart.Earliest]
}

// Default is the policy of a service that says nothing about it.
func Default() Restart {
	return Restart{
		When: OnFailure,
		Backoff: Backoff{
			Initial: 100 * time.Millisecond, // soon enough that nobody waits for a crash that was an accident
			Factor:  2,
			Max:     30 * time.Second, // a program that waits for something is back within half a minute of it
			Jitter:  0.1,
		},
		ResetAfter: 10 * time.Second,
		Within:     time.Minute,
		Success:    Success{Codes: []int{0}},
	}
}

// Runit is the policy of runsv(8): it restarts always, and at once, but a run that
// took less than a second is followed by a pause of one.
func Runit() Restart {
	return Restart{When: Always, Success: Success{Codes: []int{0}}, Pace: time.Second}
}

// Earliest is when the next start may be, after a run that began at started, and
// which was over at over, with all that followed it. Whatever asks for the start,
// Pace is kept: runsv.c counts from the start of the run to the end of its finish,
// and then sleeps a whole second.
func (r Restart) Earliest(started, over time.Time) time.Time {
	if over.Sub(started) < r.Pace {
		return over.Add(r.Pace)
	}
	return over
}

// History is what the policy remembers of a service's runs. The zero History
// belongs to a service that somebody has just asked for.
type History struct {
	InARow int         // restarts since the last long run, or since it was asked for
	Starts []time.Time // the newest starts, as many as Limit needs
	Total  int         // starts since it was asked for
}

// Started adds a start, or an attempt at one, to the history. The history that
// came in stays as it was.
func (r Restart) Started(h History, at time.Time) History {
	h.Total++
	if r.Limit <= 0 || r.Within <= 0 {
		h.Starts = nil // nobody asks for them
		return h
	}
	old := h.Starts[max(0, len(h.Starts)-r.Limit+1):]
	for len(old) > 0 && at.Sub(old[0]) >= r.Within {
		old = old[1:]
	}
	h.Starts = append(slices.Clip(slices.Clone(old)), at)
	return h
}

// Verdict is what follows the end of a run.
type Verdict int

// The verdicts.
const (
	Again   Verdict = iota // start again after the delay
	Done                   // ended, and not to run again
	GivenUp                // would run again, but has failed too often
)

func (v Verdict) String() string {
	switch v {
	case Again:
		return "again"
	case Done:
		return "done"
	case GivenUp:
		return "given up"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Decision is a verdict with its delay and its reason.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration // with Again: from the end of the run
	Nth     int           // with Again: the number of the restart, in a row, from 1
	Why     string        // with GivenUp: "this would be start 6 within 1m0s, the limit is 5"
}

// Decide says what follows when a run that began at started ended at ended.
// A run that was never started has started == ended. luck is as in
// [Backoff.Delay].
//
// The limit is asked about the moment at which the next start would be: a
// service gives up when it fails, not a whole delay later.
func (r Restart) Decide(h History, e Exit, started, ended time.Time, luck float64) (Decision, History) {
	if !r.restarts(e) {
		return Decision{Verdict: Done}, h
	}
	if r.ResetAfter > 0 && ended.Sub(started) >= r.ResetAfter {
		h.InARow = 0
	}
	delay := max(r.Backoff.Delay(h.InARow, luck), r.Earliest(started, ended).Sub(ended))
	if n := r.startsBefore(h, ended.Add(delay)) + 1; r.Limit > 0 && n > r.Limit {
		return Decision{Verdict: GivenUp, Why: r.limitText(n)}, h
	}
	h.InARow++
	return Decision{Verdict: Again, Delay: delay, Nth: h.InARow}, h
}

// restarts says whether an end like e is followed by a restart at all.
func (r Restart) restarts(e Exit) bool {
	switch r.When {
	case Always:
		return true
	case OnFailure:
		return !r.Success.Holds(e)
	}
	return false
}

// startsBefore counts the starts that share the window with a start at next.
// The window is open at its old end: with a minute, a start exactly one minute
// before next is out of it.
func (r Restart) startsBefore(h History, next time.Time) int {
	if r.Within <= 0 {
		return h.Total
	}
	n := 0
	for _, s := range h.Starts {
		if next.Sub(s) < r.Within {
			n++
		}
	}
	return n
}

func (r Restart) limitText(n int) string {
	if r.Within <= 0 && n == 2 {
		return fmt.Sprintf("started once, the limit is %d", r.Limit)
	}
	if r.Within <= 0 {
		return fmt.Sprintf("started %d times, the limit is %d", n-1, r.Limit)
	}
	return fmt.Sprintf("this would be start %d within %s, the limit is %d", n, r.Within, r.Limit)
}
