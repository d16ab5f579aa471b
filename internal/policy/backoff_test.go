package policy

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDelaysGrowByTheFormulaUpToMax(t *testing.T) {
	b := Default().Backoff
	want := []time.Duration{
		100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
		1600 * time.Millisecond, 3200 * time.Millisecond, 6400 * time.Millisecond, 12800 * time.Millisecond,
		25600 * time.Millisecond, 30 * time.Second, 30 * time.Second,
	}
	for n, d := range want {
		if got := b.Nominal(n); got != d {
			t.Errorf("restart %d: %s, want %s", n, got, d)
		}
	}
}

func TestNominalAtTheEdges(t *testing.T) {
	const s = time.Second
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		what string
		b    Backoff
		n    int
		want time.Duration
	}{
		{"the zero backoff restarts at once", Backoff{}, 5, 0},
		{"an initial of 0 stays 0", Backoff{Factor: 2, Max: s}, 1000, 0},
		{"0 times infinity is 0 too", Backoff{Factor: inf, Max: s}, 3, 0},
		{"a negative initial is 0", Backoff{Initial: -s, Factor: 2, Max: s}, 3, 0},
		{"a huge n meets max", Backoff{Initial: 1, Factor: 1.5, Max: s}, math.MaxInt, s},
		{"a negative n is the first", Backoff{Initial: s, Factor: 2, Max: 9 * s}, -7, s},
		{"no max grows without end", Backoff{Initial: s, Factor: 2}, 3, 8 * s},
		{"and never overflows", Backoff{Initial: s, Factor: 2}, 90, forever},
		{"a negative max is none", Backoff{Initial: s, Factor: 2, Max: -1}, 3, 8 * s},
		{"initial beyond max is max", Backoff{Initial: 9 * s, Factor: 2, Max: s}, 0, s},
		{"a factor left out is 1", Backoff{Initial: s, Max: 9 * s}, 4, s},
		{"a factor below 1 never shrinks a delay", Backoff{Initial: s, Factor: 0.5, Max: 9 * s}, 4, s},
		{"a negative factor is 1", Backoff{Initial: s, Factor: -2, Max: 9 * s}, 3, s},
		{"a factor that is no number is 1", Backoff{Initial: s, Factor: nan, Max: 9 * s}, 3, s},
		{"an infinite factor jumps to max", Backoff{Initial: s, Factor: inf, Max: 9 * s}, 1, 9 * s},
		{"but begins with initial", Backoff{Initial: s, Factor: inf, Max: 9 * s}, 0, s},
		{"factor 1 is exact for long delays", Backoff{Initial: forever - 1, Factor: 1}, 12, forever - 1},
		{"a list in place of the formula", Backoff{Initial: s, Factor: 2, Delays: []time.Duration{3 * s, s}}, 1, s},
		{"its last one repeats", Backoff{Delays: []time.Duration{3 * s, s}}, 1000, s},
		{"max does not cut a list", Backoff{Max: s, Delays: []time.Duration{5 * s}}, 0, 5 * s},
		{"a negative delay in a list is 0", Backoff{Delays: []time.Duration{-s}}, 0, 0},
		{"a list with a negative n", Backoff{Delays: []time.Duration{3 * s, s}}, -1, 3 * s},
	} {
		if got := c.b.Nominal(c.n); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestBoundsAtTheEdges(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		what        string
		b           Backoff
		n           int
		least, most time.Duration
	}{
		{"jitter goes both ways", Backoff{Initial: 10 * s, Factor: 2, Max: 30 * s, Jitter: 0.1}, 0, 9 * s, 11 * s},
		{"never past max", Backoff{Initial: 10 * s, Factor: 2, Max: 30 * s, Jitter: 0.1}, 9, 27 * s, 30 * s},
		{"just below max", Backoff{Initial: 28 * s, Factor: 1, Max: 30 * s, Jitter: 0.5}, 0, 14 * s, 30 * s},
		{"a list knows no max", Backoff{Max: s, Jitter: 0.5, Delays: []time.Duration{4 * s}}, 0, 2 * s, 6 * s},
		{"no jitter", Backoff{Initial: s, Max: 30 * s}, 0, s, s},
		{"full jitter begins at 0", Backoff{Initial: s, Max: 30 * s, Jitter: 1}, 0, 0, 2 * s},
		{"more than all of it is all of it", Backoff{Initial: s, Max: 30 * s, Jitter: 7}, 0, 0, 2 * s},
		{"less than none is none", Backoff{Initial: s, Max: 30 * s, Jitter: -1}, 0, s, s},
		{"no number is none", Backoff{Initial: s, Max: 30 * s, Jitter: math.NaN()}, 0, s, s},
		{"the longest delay does not overflow", Backoff{Initial: forever, Jitter: 1}, 0, 0, forever},
	} {
		if least, most := c.b.Bounds(c.n); least != c.least || most != c.most {
			t.Errorf("%s: %s..%s, want %s..%s", c.what, least, most, c.least, c.most)
		}
	}
}

func TestLuckPicksThePlaceBetweenTheBounds(t *testing.T) {
	b := Backoff{Initial: 10 * time.Second, Max: time.Minute, Jitter: 0.5}
	for luck, want := range map[float64]time.Duration{
		-1: 5 * time.Second, 0: 5 * time.Second, 0.25: 7500 * time.Millisecond, 0.5: 10 * time.Second,
		1: 15 * time.Second, 2: 15 * time.Second, math.Inf(-1): 5 * time.Second,
	} {
		if got := b.Delay(0, luck); got != want {
			t.Errorf("luck %g: %s, want %s", luck, got, want)
		}
	}
	if got := b.Delay(0, math.NaN()); got != 5*time.Second {
		t.Errorf("luck that is no number: %s, want the least", got)
	}
}

func TestDelaysStayWithinWhatMaxAndJitterAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, n := sensible(t), rapid.IntRange(0, 200).Draw(t, "n")
		d := b.Delay(n, rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "luck"))
		least, most := b.Bounds(n)
		if d < least || d > most {
			t.Fatalf("%s is not within %s..%s", d, least, most)
		}
		if len(b.Delays) == 0 && d > b.Max {
			t.Fatalf("%s is longer than max %s", d, b.Max)
		}
		nominal := float64(b.Nominal(n))
		if float64(d) < nominal*(1-b.Jitter)-1 || float64(d) > nominal*(1+b.Jitter)+1 {
			t.Fatalf("%s is farther than %g from %s", d, b.Jitter, time.Duration(nominal))
		}
	})
}

func TestDelaysNeverShrinkWithoutJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := sensible(t)
		b.Delays, b.Jitter = nil, 0
		last := time.Duration(-1)
		for n := range 60 {
			d := b.Delay(n, rapid.Float64Range(0, 1).Draw(t, "luck"))
			if d < last {
				t.Fatalf("restart %d after %s, the one before it after %s", n, d, last)
			}
			last = d
		}
	})
}

func TestSettledIsTheFirstRestartOfTheLastDelay(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		b    Backoff
		n    int
		want time.Duration
	}{
		{Default().Backoff, 9, 30 * s},
		{Backoff{}, 0, 0},
		{Backoff{Initial: s, Max: s}, 0, s},
		{Backoff{Initial: s, Factor: 1, Max: 9 * s}, 0, s},
		{Backoff{Initial: s, Factor: 2}, 34, forever},
		{Backoff{Delays: []time.Duration{s}}, 0, s},
		{Backoff{Delays: []time.Duration{5 * s, s, 5 * s, 5 * s, 5 * s}}, 2, 5 * s},
	} {
		if n, d := c.b.Settled(); n != c.n || d != c.want {
			t.Errorf("%+v: settles at %d with %s, want %d with %s", c.b, n, d, c.n, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := sensible(t)
		n, d := b.Settled()
		after := n + rapid.IntRange(0, 1000).Draw(t, "later")
		if b.Nominal(n) != d || b.Nominal(after) != d || n > 0 && b.Nominal(n-1) == d {
			t.Fatalf("does not settle at %d with %s", n, d)
		}
	})
}

// FuzzBackoff feeds numbers that no configuration lets through: nothing may
// panic, be negative, or pass a max.
func FuzzBackoff(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(anyNumberGivesADelay))
}

func TestAnyNumberGivesADelay(t *testing.T) { rapid.Check(t, anyNumberGivesADelay) }

func anyNumberGivesADelay(t *rapid.T) {
	b := any64(t)
	n := rapid.Int().Draw(t, "n")
	nominal, d := b.Nominal(n), b.Delay(n, rapid.Float64().Draw(t, "luck"))
	least, most := b.Bounds(n)
	if least < 0 || least > nominal || nominal > most || d < least || d > most {
		t.Fatalf("least %d, nominal %d, most %d, delay %d", least, nominal, most, d)
	}
	if len(b.Delays) == 0 && b.Max > 0 && most > b.Max {
		t.Fatalf("%d is longer than max %d", most, b.Max)
	}
}
