package policy

import (
	"math"
	"time"
)

// Backoff gives the delay between the end of a run and the next start.
//
// Its methods answer for any values, those that a configuration would refuse
// included: a restart is never due in the past, and a mistake in a number
// never makes a delay of 0 out of one that grew.
type Backoff struct {
	Initial time.Duration   // delay before the first restart; 0: every restart is at once
	Factor  float64         // growth from each delay to the next; less than 1 counts as 1
	Max     time.Duration   // no delay of the formula is longer, jitter included; 0: no longest
	Jitter  float64         // 0..1, by what share a delay may be shorter or longer
	Delays  []time.Duration // in place of the formula; the last one repeats
}

// forever stands for a delay that is longer than a Duration can say.
const forever = time.Duration(math.MaxInt64)

// Nominal is the delay before restart n (from 0) without jitter:
// min(Max, Initial*Factor^n), or the n-th of Delays.
func (b Backoff) Nominal(n int) time.Duration {
	n = max(n, 0)
	if len(b.Delays) > 0 {
		return max(0, b.Delays[min(n, len(b.Delays)-1)])
	}
	if n == 0 || b.growth() == 1 || b.Initial <= 0 {
		return min(max(0, b.Initial), b.longest())
	}
	// A float holds the product for any n, if only as +Inf. The comparison
	// comes before the conversion, which would overflow.
	d := float64(b.Initial) * math.Pow(b.growth(), float64(n))
	if d >= float64(b.longest()) {
		return b.longest()
	}
	return time.Duration(d)
}

// Bounds gives the shortest and the longest delay that jitter can make of
// restart n.
func (b Backoff) Bounds(n int) (least, most time.Duration) {
	d := b.Nominal(n)
	share := b.share(d)
	least = d - share
	most = d + min(share, forever-d)
	if len(b.Delays) == 0 {
		most = min(most, b.longest())
	}
	return least, most
}

// Delay is the delay before restart n (from 0); luck, from 0 to 1, picks the
// place between the two [Backoff.Bounds].
func (b Backoff) Delay(n int, luck float64) time.Duration {
	least, most := b.Bounds(n)
	switch {
	case luck >= 1:
		return most
	case luck > 0: // no NaN comes here
		return least + min(time.Duration(luck*float64(most-least)), most-least)
	}
	return least
}

// Settled gives the first restart (from 0) from which on the nominal delay
// stays the same, and that delay. It is where the formula meets Max, or the
// last change in Delays.
func (b Backoff) Settled() (n int, d time.Duration) {
	if len(b.Delays) > 0 {
		n = len(b.Delays) - 1
		d = b.Nominal(n)
		for n > 0 && b.Nominal(n-1) == d {
			n--
		}
		return n, d
	}
	d = b.Nominal(math.MaxInt)
	// The formula never shrinks, so that the first n is found by halving.
	below, from := -1, math.MaxInt-1
	for from-below > 1 {
		middle := below + (from-below)/2
		if b.Nominal(middle) == d {
			from = middle
		} else {
			below = middle
		}
	}
	return from, d
}

// growth is Factor where it makes sense, else 1.
func (b Backoff) growth() float64 {
	if b.Factor > 1 { // false for NaN too
		return b.Factor
	}
	return 1
}

// longest is Max where there is one.
func (b Backoff) longest() time.Duration {
	if b.Max > 0 {
		return b.Max
	}
	return forever
}

// share is how far jitter may move a delay of d.
func (b Backoff) share(d time.Duration) time.Duration {
	switch {
	case b.Jitter >= 1:
		return d
	case b.Jitter > 0:
		return min(d, time.Duration(b.Jitter*float64(d)))
	}
	return 0
}
