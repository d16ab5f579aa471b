package policy

import (
	"iter"
	"time"
)

// Step is one restart of a program that fails at once each time.
type Step struct {
	N int // the number of the restart, from 1

	// The delay before this restart. All are 0 where GivesUp is Surely: there
	// is no such restart.
	Least, Nominal, Most time.Duration

	// The time from the first failure to this restart with the shortest and
	// with the longest delays; where GivesUp is Surely, to the failure at which
	// the policy gives up.
	Earliest, Latest time.Duration

	GivesUp Certainty // whether the limit takes the place of this restart
	Why     string    // with GivesUp Surely, or for the first time Perhaps: as in [Decision]
}

// Certainty says whether something happens, when that hangs on jitter.
type Certainty string

// The certainties.
const (
	No      Certainty = "no"
	Perhaps Certainty = "perhaps" // with the shortest delays it does, with the longest it doesn't
	Surely  Certainty = "surely"
)

// failure is a run that could not have been shorter, and that no list of
// successes takes for one.
var failure = Exit{NotRun: "it fails at once"}

// Schedule gives the restarts of a program that fails at once each time it is
// started, until the policy gives up: without end where it never does.
//
// It lives through them twice, once with the shortest and once with the
// longest delays, and asks [Restart.Decide] each time, as a service does. A
// window holds the most starts with the shortest delays, so that these two
// lives enclose all others.
func (r Restart) Schedule() iter.Seq[Step] {
	return func(yield func(Step) bool) {
		quick, slow := r.newLife(0), r.newLife(1)
		for n := 1; ; n++ {
			step := Step{N: n, GivesUp: No}
			nth := slow.history.InARow
			quickly, slowly := quick.fail(), slow.fail()
			switch {
			case slowly.Verdict == Done: // this policy never restarts
				return
			case slowly.Verdict == GivenUp:
				step.GivesUp, step.Why = Surely, slowly.Why
			default:
				step.Least, step.Most = r.Backoff.Bounds(nth)
				step.Nominal = r.Backoff.Nominal(nth)
				step.Least, step.Nominal, step.Most = max(step.Least, r.Pace), max(step.Nominal, r.Pace), max(step.Most, r.Pace)
				if quickly.Verdict == GivenUp {
					step.GivesUp, step.Why = Perhaps, quickly.Why
				}
				quick.start(step.Least)
				slow.start(step.Most)
			}
			step.Earliest, step.Latest = quick.age(), slow.age()
			if !yield(step) || step.GivesUp == Surely {
				return
			}
		}
	}
}

// life is a service whose runs take no time and whose jitter always falls the
// same way.
type life struct {
	policy  Restart
	luck    float64
	history History
	now     time.Time
	over    bool // it has given up
}

// birth is the time of the first start and of the first failure. Which time it
// is makes no difference.
var birth = time.Unix(0, 0)

func (r Restart) newLife(luck float64) *life {
	return &life{policy: r, luck: luck, history: r.Started(History{}, birth), now: birth}
}

// fail ends the run that has just begun. A life that is over stays so.
func (l *life) fail() (d Decision) {
	if l.over {
		return Decision{Verdict: GivenUp}
	}
	d, l.history = l.policy.Decide(l.history, failure, l.now, l.now, l.luck)
	l.over = d.Verdict == GivenUp
	return d
}

// start begins the next run after the delay. Time passes for a life that is
// over too.
func (l *life) start(delay time.Duration) {
	l.now = l.now.Add(delay)
	if !l.over {
		l.history = l.policy.Started(l.history, l.now)
	}
}

// age is the time since the first failure, at most the longest Duration.
func (l *life) age() time.Duration { return l.now.Sub(birth) }
