// Package policy decides what follows when a program has ended: whether it
// runs again, after which delay, and when to give up.
//
// Everything here is pure. Times and randomness come in as values, so that the
// schedule that `supervise policy` prints, the one that the tests sweep and the
// one that services live by are the same code.
package policy

import (
	"fmt"
	"math"
	"slices"
	"time"

	"supervise/internal/signals"
)

// When says which ends are followed by a restart.
type When string

// The values of `when`.
const (
	Always    When = "always"
	OnFailure When = "on-failure"
	Never     When = "never"
)

// Exit is how one run of a program ended.
type Exit struct {
	Code     int            // exit code, when it ended by itself
	Signal   signals.Signal // the signal that ended it, else 0
	Core     bool           // it left a core dump
	NotRun   string         // why it could not be started at all, else ""
	TimedOut string         // which deadline it missed (and was stopped for), else ""
}

// Status is the exit status as a shell gives it: the code, or 128 and the
// signal's number.
func (e Exit) Status() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// String tells the end in words: "exited 1", "killed by SEGV (core dumped)".
func (e Exit) String() string {
	var s string
	switch {
	case e.NotRun != "":
		return "could not start: " + e.NotRun
	case e.Signal != 0:
		s = "killed by " + e.Signal.String()
	default:
		s = fmt.Sprintf("exited %d", e.Code)
	}
	if e.Core {
		s += " (core dumped)"
	}
	if e.TimedOut != "" {
		s = e.TimedOut + ", " + s
	}
	return s
}

// Success is the set of ends that are no failure.
type Success struct {
	Codes   []int
	Signals []signals.Signal
}

// Holds says whether e is a success. A run that did not start or missed a
// deadline never is.
func (s Success) Holds(e Exit) bool {
	if e.NotRun != "" || e.TimedOut != "" {
		return false
	}
	if e.Signal != 0 {
		return slices.Contains(s.Signals, e.Signal) || slices.Contains(s.Codes, e.Status())
	}
	return slices.Contains(s.Codes, e.Code)
}

// Restart is the restart policy of one service.
type Restart struct {
	When       When
	Backoff    Backoff
	ResetAfter time.Duration // up this long, and the next end counts as the first; 0: never
	Limit      int           // more than this many starts within Within: give up; 0: never
	Within     time.Duration // 0: since somebody asked for the service
	Success    Success
}

// Backoff gives the delay between the end of a run and the next start.
type Backoff struct {
	Initial time.Duration   // delay before the first restart
	Factor  float64         // growth from each delay to the next, at least 1
	Max     time.Duration   // no delay is longer, jitter included
	Jitter  float64         // 0..1, by what share a delay may be shorter or longer
	Delays  []time.Duration // in place of the formula; the last one repeats
}

// Nominal is the delay before restart n (from 0) without jitter:
// min(Max, Initial*Factor^n), or the n-th of Delays.
func (b Backoff) Nominal(n int) time.Duration {
	if len(b.Delays) > 0 {
		return b.Delays[min(n, len(b.Delays)-1)]
	}
	// A float holds Factor^n of any n, if only as +Inf, which Max then cuts;
	// 0*Inf is the one way to NaN, and an Initial of 0 stays 0.
	d := float64(b.Initial) * math.Pow(b.Factor, float64(n))
	if b.Initial == 0 {
		return 0
	}
	if d >= float64(b.Max) {
		return b.Max
	}
	return time.Duration(d)
}

// Bounds gives the shortest and the longest delay that jitter can make of
// restart n.
func (b Backoff) Bounds(n int) (least, most time.Duration) {
	d := b.Nominal(n)
	share := time.Duration(b.Jitter * float64(d))
	least, most = d-share, d+share
	if len(b.Delays) == 0 {
		most = min(most, b.Max)
	}
	if most < d { // past the longest Duration
		most = d
	}
	return least, most
}

// Delay is the delay before restart n (from 0); luck, from 0 up to but not
// including 1, picks the place between the two [Backoff.Bounds].
func (b Backoff) Delay(n int, luck float64) time.Duration {
	least, most := b.Bounds(n)
	return least + time.Duration(luck*float64(most-least))
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
