package main

import (
	"fmt"
	"time"
)

// partTime is how long harm is done before each rest.
const partTime = 30 * time.Second

// parts is in how many parts it is done in so much time.
func parts(t time.Duration) int { return min(max(int(t/partTime), 2), 20) }

// trend is how memory goes on after it has come to what it needs: over the second half
// of the rests.
type trend struct {
	Rests int
	Over  time.Duration
	Rise  int // KB in that time, by the straight line that is nearest to them (least squares)
	Most  int // up to which it counts as flat
}

// fewest is how many rests there have to be in the second half. With fewer, one that is
// off by a little makes any trend.
const fewest = 4

// trendOf allows a tenth of the memory: what is free, and where it is, differs by that
// from rest to rest.
func trendOf(rests []measures) trend {
	half := rests[len(rests)/2:]
	n := float64(len(half))
	var at, kb, product, square float64
	for _, m := range half {
		at, kb = at+m.At.Seconds()/n, kb+float64(m.AnonKB)/n
	}
	for _, m := range half {
		d := m.At.Seconds() - at
		product, square = product+d*float64(m.AnonKB), square+d*d
	}
	over := half[len(half)-1].At - half[0].At
	t := trend{Rests: len(half), Over: over, Most: int(kb) / 10}
	if square > 0 {
		t.Rise = int(product / square * over.Seconds())
	}
	return t
}

func (t trend) String() string {
	if t.Rests < fewest {
		return fmt.Sprintf("%d rests are too few to say whether memory is flat: CHAOSTIME=3m has enough", t.Rests)
	}
	verdict := "flat"
	if t.grows() {
		verdict = "not flat"
	}
	return fmt.Sprintf("anonymous memory over the last %d rests, %s: %+d KB by the straight line through them, of %d that are allowed: %s",
		t.Rests, t.Over.Round(time.Second), t.Rise, t.Most, verdict)
}

func (t trend) grows() bool { return t.Rests >= fewest && t.Rise > t.Most }

// grown says what has grown. (Descriptors are as before at each rest, or there is none.)
func grown(rests []measures) (wrong []string) {
	const threads, memory = 8, 4 << 10 // the runtime's own moods
	middle, end := rests[len(rests)/2], rests[len(rests)-1]
	if end.Threads > middle.Threads+threads {
		wrong = append(wrong, fmt.Sprintf("threads have grown from %d to %d", middle.Threads, end.Threads))
	}
	if t := trendOf(rests); t.grows() {
		wrong = append(wrong, t.String())
	} else if end.AnonKB > middle.AnonKB*3/2+memory {
		wrong = append(wrong, fmt.Sprintf("memory has grown from %d to %d KB", middle.AnonKB, end.AnonKB))
	}
	return wrong
}
