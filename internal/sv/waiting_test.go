package sv

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"supervise/internal/runit"
)

var sent = time.Unix(1_800_000_000, 300_000_000)

func at(ms int) time.Time { return sent.Add(time.Duration(ms) * time.Millisecond) }

// The statuses of a service, as seen by who sent something at [sent].
func up(pid int, since time.Time) runit.Status {
	return runit.Status{State: runit.Run, Want: runit.WantUp, PID: pid, Since: since}
}

var (
	before = sent.Add(-time.Hour)
	ran    = up(7, before)
	down   = runit.Status{State: runit.Down, Want: runit.WantDown, Since: sent}
	failed = runit.Status{State: runit.Down, Want: runit.WantUp, Since: sent}
)

func TestConditions(t *testing.T) {
	termed, paused, once, finishing := ran, ran, ran, ran
	termed.Termed, paused.Paused, once.Want, finishing.State = true, true, runit.WantDown, runit.Finish
	again := up(8, sent)
	for _, x := range []struct {
		letters     string
		status      runit.Status
		met, script bool
	}{
		{"u", ran, true, true}, {"u", failed, false, false}, {"u", finishing, false, false}, {"u", paused, true, true}, {"u", once, true, true},
		{"d", down, true, false}, {"d", failed, true, false}, {"d", ran, false, false}, {"d", finishing, false, false},
		{"t", ran, false, false}, {"t", again, true, true}, {"t", termed, false, false}, {"t", down, true, false}, {"t", failed, false, false},
		{"k", ran, false, false}, {"k", again, true, true}, {"k", down, true, false},
		{"o", once, true, false}, {"o", ran, false, false}, {"o", down, true, false},
		{"o", runit.Status{Want: runit.WantDown, Since: before}, false, false},
		{"p", ran, false, false}, {"p", paused, true, false}, {"p", down, true, false},
		{"c", ran, true, false}, {"c", paused, false, false}, {"c", down, true, false},
		{"tc", again, true, true}, {"tcu", again, true, true}, {"tcu", down, false, false}, {"tc", down, true, false},
		{"C", ran, true, true}, {"C", failed, true, false}, {"C", finishing, true, true},
		{"x", down, false, false}, {"h", ran, true, false}, {"1", down, true, false},
	} {
		if met, script := (condition{x.letters, sent}).met(x.status); met != x.met || met && script != x.script {
			t.Errorf("%s of %+v: %t, script %t; want %t, %t", x.letters, x.status, met, script, x.met, x.script)
		}
	}
}

// By the second, as sv does: in the second of the order counts as after it.
func TestTimesAreComparedBySecond(t *testing.T) {
	for since, want := range map[time.Duration]bool{0: true, -300 * time.Millisecond: true, -301 * time.Millisecond: false} {
		if met, _ := (condition{"t", sent}).met(up(7, sent.Add(since))); met != want {
			t.Errorf("started %v from the order: %t", since, met)
		}
	}
}

func TestGiven(t *testing.T) {
	onceTermed := down
	onceTermed.Termed = true
	for _, x := range []struct {
		letters string
		status  runit.Status
		want    bool
	}{
		{"u", ran, true}, {"u", down, false}, {"d", ran, false}, {"d", down, false}, {"d", onceTermed, true}, {"tcu", ran, false}, {"x", down, false}, {"o", down, false},
	} {
		if got := given(x.letters, x.status); got != x.want {
			t.Errorf("%s to %+v: %t", x.letters, x.status, got)
		}
	}
}

// step is one call and its answer.
type step struct {
	ms     int
	status *runit.Status // or else the script says
	yes    bool
	next   next
	until  int // ms
}

func TestWaiting(t *testing.T) {
	again, other := up(8, sent), up(9, sent)
	for _, x := range []struct {
		name, letters string
		limit         time.Duration
		blind         bool
		steps         []step
	}{
		{"what is so at once is answered at once", "d", 7 * time.Second, false, []step{{0, &down, false, succeed, 0}}},
		{"an old process is asked at once", "u", 7 * time.Second, false, []step{{0, &ran, false, script, 14280}}},
		{"the deadline is sv's look after the limit", "d", 7 * time.Second, false, []step{{0, &ran, false, watch, 7140}, {7140, &ran, false, giveUp, 0}}},
		{"a limit of 0 is one look of sv's", "d", 0, false, []step{{0, &ran, false, watch, 420}, {420, &ran, false, giveUp, 0}}},
		{"what is so at the deadline is in time", "d", 0, false, []step{{0, &ran, false, watch, 420}, {420, &down, false, succeed, 0}}},
		{"a process that stays for a moment", "u", time.Second, false, []step{
			{0, &failed, false, watch, 1260}, {5, &again, false, watch, 25}, {25, &again, false, script, 2520}, {30, nil, true, succeed, 0}}},
		{"one that does not", "u", time.Second, false, []step{
			{0, &failed, false, watch, 1260}, {5, &again, false, watch, 25}, {9, &failed, false, watch, 1260},
			{1000, &other, false, watch, 1020}, {1010, &failed, false, watch, 1260}, {1260, &failed, false, giveUp, 0}}},
		{"another process begins its moment anew", "u", time.Second, false, []step{
			{0, &failed, false, watch, 1260}, {5, &again, false, watch, 25}, {15, &other, false, watch, 35}, {35, &other, false, script, 2520}}},
		{"but no later than sv's look", "u", time.Second, false, []step{
			{0, &failed, false, watch, 1260}, {415, &again, false, watch, 420}, {420, &again, false, script, 2520}}},
		{"a script that says no is asked again, sooner first", "u", time.Second, false, []step{
			{0, &ran, false, script, 2520}, {1, nil, false, watch, 27}, {27, &ran, false, script, 2520}, {28, nil, false, watch, 80}, {80, &ran, false, script, 2520},
			{81, nil, false, watch, 186}, {186, &ran, false, script, 2520}, {187, nil, false, watch, 397}, {397, &ran, false, script, 2520}, {398, nil, false, watch, 420},
			{420, &ran, false, script, 2520}, {421, nil, false, watch, 840}, {840, &ran, false, script, 2520}, {841, nil, false, watch, 1260},
			{1260, &ran, false, script, 2520}, {1261, nil, false, giveUp, 0}}},
		{"a script that takes long", "u", time.Second, false, []step{{0, &ran, false, script, 2520}, {2000, nil, true, succeed, 0}}},
		{"a script that takes too long", "u", time.Second, false, []step{{0, &ran, false, script, 2520}, {2520, nil, false, giveUp, 0}}},
		{"blind it looks as often as sv", "u", time.Second, true, []step{
			{0, &failed, false, watch, 420}, {420, &failed, false, watch, 840}, {840, &again, false, script, 2520}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWaiting(x.letters, sent, x.limit)
			w.blind = x.blind
			for _, s := range x.steps {
				var n next
				var until time.Time
				if s.status != nil {
					n, until = w.saw(*s.status, at(s.ms))
				} else {
					n, until = w.answered(s.yes, at(s.ms))
				}
				ms := 0
				if n == watch || n == script {
					ms = int(until.Sub(sent) / time.Millisecond)
				}
				if n != s.next || ms != s.until {
					t.Fatalf("at %d ms: %d until %d, want %d until %d", s.ms, n, ms, s.next, s.until)
				}
			}
		})
	}
}

// history is what a service does, and when its script agrees.
type history struct {
	changes []change // the first at 0
	agrees  int      // the script, from then on; ms
}

type change struct {
	ms     int
	status runit.Status
}

func (h history) at(ms int) (s runit.Status) {
	for _, c := range h.changes {
		if c.ms <= ms {
			s = c.status
		}
	}
	return s
}

// verdict is an answer: when, and whether it has taken effect.
type verdict struct {
	ms int
	ok bool
}

// polled is the answer of sv, whose looks and scripts take no time here.
func (h history) polled(c condition, limit time.Duration) verdict {
	for ms := 0; ; ms += int(period / time.Millisecond) {
		met, script := c.met(h.at(ms))
		if met && (!script || ms >= h.agrees) {
			return verdict{ms, true}
		}
		if at(ms).Sub(sent) >= limit && ms > 0 {
			return verdict{ms, false}
		}
	}
}

// told is ours, with a look at each change, or blind without.
func (h history) told(t *rapid.T, c condition, limit time.Duration, blind bool) verdict {
	w := newWaiting(c.letters, sent, limit)
	w.blind = blind
	ms := 0
	for looks := 0; ; looks++ {
		if looks > 10_000 {
			t.Fatal("it looks again and again")
		}
		n, until := w.saw(h.at(ms), at(ms))
		if n == script {
			n, until = w.answered(ms >= h.agrees, at(ms))
		}
		switch n {
		case succeed:
			return verdict{ms, true}
		case giveUp:
			return verdict{ms, false}
		}
		next := int(until.Sub(sent) / time.Millisecond)
		if !blind {
			for _, c := range h.changes {
				if c.ms > ms {
					next = min(next, c.ms)
					break
				}
			}
		}
		if next <= ms {
			next = ms + 1 // a look comes a little later than it is due
		}
		ms = next
	}
}

func drawHistory(t *rapid.T) history {
	h := history{agrees: rapid.SampledFrom([]int{0, 0, 1, 100, 421, 1000, 5000}).Draw(t, "agrees")}
	ms := 0
	for range rapid.IntRange(1, 8).Draw(t, "changes") {
		h.changes = append(h.changes, change{ms, runit.Status{
			State:  rapid.SampledFrom([]runit.State{runit.Down, runit.Run, runit.Run, runit.Finish}).Draw(t, "state"),
			Want:   rapid.SampledFrom([]runit.Want{runit.WantUp, runit.WantDown}).Draw(t, "want"),
			Paused: rapid.Bool().Draw(t, "paused"), Termed: rapid.Bool().Draw(t, "termed"),
			PID:   rapid.SampledFrom([]int{0, 5, 6, 7}).Draw(t, "pid"),
			Since: sent.Add(time.Duration(rapid.IntRange(-2, 1).Draw(t, "since")) * time.Second),
		}})
		ms += rapid.OneOf(rapid.IntRange(1, 30), rapid.IntRange(1, 900)).Draw(t, "after")
	}
	return h
}

// Whatever happens: where sv says that it has taken effect, we do so too, and no
// later; its timeout is ours, to the millisecond, unless we saw in between what it
// did not look at. Blind, we are sv but for the tries of the script that come sooner.
func TestNeverLaterThanSv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		limit := time.Duration(rapid.IntRange(0, 3).Draw(t, "limit")) * time.Second
		c := condition{rapid.SampledFrom([]string{"u", "d", "t", "k", "o", "p", "c", "tc", "tcu", "C", "x", "h"}).Draw(t, "letters"), sent}
		blind := rapid.Bool().Draw(t, "blind")
		theirs, ours := h.polled(c, limit), h.told(t, c, limit, blind)
		account := func() string {
			return fmt.Sprintf("%s, limit %v, blind %t: sv %+v, we %+v", c.letters, limit, blind, theirs, ours)
		}
		if ours.ms > theirs.ms {
			t.Fatalf("later: %s", account())
		}
		if theirs.ok && !ours.ok || ours.ms == theirs.ms && ours.ok != theirs.ok {
			t.Fatalf("another answer: %s", account())
		}
		if !ours.ok && ours.ms != theirs.ms {
			t.Fatalf("another deadline: %s", account())
		}
		if met, script := c.met(h.at(ours.ms)); ours.ok && (!met || script && ours.ms < h.agrees) {
			t.Fatalf("it is not so: %s", account())
		}
		// Nothing changed any more after our answer: sv comes to the same.
		if ours.ok && h.changes[len(h.changes)-1].ms <= ours.ms && !theirs.ok {
			t.Fatalf("the same end, another answer: %s", account())
		}
	})
}
