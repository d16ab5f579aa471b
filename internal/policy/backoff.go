package policy

import (
	"math"
	"time"
)

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
