// Package policy decides what follows when a program has ended: whether it
// runs again, after which delay, and when to give up.
//
// Everything here is pure. Times and randomness come in as values, so that the
// schedule that `supervise policy` prints, the one that the tests sweep and the
// one that services live by are the same code.
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
type Restart struct {
	When       When
	Backoff    Backoff
	ResetAfter time.Duration // up this long, and the next end counts as the first; 0: never
	Limit      int           // more than this many starts within Within: give up; 0: never
	Within     time.Duration // 0: since somebody asked for the service
	Success    Success
}

// History is what the policy remembers of a service's runs.
type History struct {
	InARow int         // restarts since the last long run, or since it was asked for
	Starts []time.Time // the newest starts, as many as Limit needs
	Total  int         // starts since it was asked for
}

// Started adds a start to the history.
func (r Restart) Started(h History, at time.Time) History {
	h.Total++
	if r.Limit > 0 {
		keep := h.Starts[max(0, len(h.Starts)-r.Limit+1):]
		h.Starts = append(slices.Clip(slices.Clone(keep)), at)
	}
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

// Decision is a verdict with its delay and its reason.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration // with Again: from the end of the run
	Nth     int           // with Again: the number of the restart, in a row, from 1
	Why     string        // with GivenUp: "6 starts within 1m0s, the limit is 5"
}

// Decide says what follows when a run that began at started ended at ended.
// A run that was never started has started == ended. luck is as in
// [Backoff.Delay].
func (r Restart) Decide(h History, e Exit, started, ended time.Time, luck float64) (Decision, History) {
	if r.When == Never || r.When == OnFailure && r.Success.Holds(e) {
		return Decision{Verdict: Done}, h
	}
	if r.ResetAfter > 0 && ended.Sub(started) >= r.ResetAfter {
		h.InARow = 0
	}
	delay := r.Backoff.Delay(h.InARow, luck)
	if n := r.startsBefore(h, ended.Add(delay)) + 1; r.Limit > 0 && n > r.Limit {
		return Decision{Verdict: GivenUp, Why: r.limitText(n)}, h
	}
	h.InARow++
	return Decision{Verdict: Again, Delay: delay, Nth: h.InARow}, h
}

// startsBefore counts the starts that share the window with a start at next.
func (r Restart) startsBefore(h History, next time.Time) int {
	if r.Within == 0 {
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
	if r.Within == 0 {
		return fmt.Sprintf("started %d times, the limit is %d", n-1, r.Limit)
	}
	return fmt.Sprintf("this would be start %d within %s, the limit is %d", n, r.Within, r.Limit)
}
