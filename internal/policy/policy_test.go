package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"supervise/internal/signals"
)

var noon = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

func TestWhenSaysWhichEndsAreFollowedByARestart(t *testing.T) {
	ok, failed, killed := Exit{}, Exit{Code: 1}, Exit{Signal: signals.KILL}
	for _, c := range []struct {
		when When
		e    Exit
		want Verdict
	}{
		{Always, ok, Again}, {Always, failed, Again}, {Always, killed, Again},
		{OnFailure, ok, Done}, {OnFailure, failed, Again}, {OnFailure, killed, Again},
		{OnFailure, Exit{NotRun: "no such file"}, Again}, {OnFailure, Exit{Missed: "too long"}, Again},
		{Never, ok, Done}, {Never, failed, Done}, {Never, killed, Done},
		{"", failed, Done}, {"allways", failed, Done},
	} {
		r := Default()
		r.When = c.when
		if d, _ := r.Decide(r.Started(History{}, noon), c.e, noon, noon, 0); d.Verdict != c.want {
			t.Errorf("%q after %q: %s, want %s", c.when, c.e, d.Verdict, c.want)
		}
	}
}

func TestALongRunResetsTheDelay(t *testing.T) {
	r := Default()
	r.Backoff.Jitter = 0
	h := History{InARow: 5, Total: 6}
	for _, c := range []struct {
		up    time.Duration
		delay time.Duration
		nth   int
	}{
		{-time.Hour, 3200 * time.Millisecond, 6}, // nothing that a clock does can reset
		{0, 3200 * time.Millisecond, 6},
		{10*time.Second - 1, 3200 * time.Millisecond, 6},
		{10 * time.Second, 100 * time.Millisecond, 1},
		{time.Hour, 100 * time.Millisecond, 1},
	} {
		d, after := r.Decide(h, Exit{Code: 1}, noon, noon.Add(c.up), 0)
		if d.Delay != c.delay || d.Nth != c.nth || after.InARow != c.nth {
			t.Errorf("up %s: delay %s, restart %d, remembered %d; want %s, %d", c.up, d.Delay, d.Nth, after.InARow, c.delay, c.nth)
		}
	}
	r.ResetAfter = 0
	if d, _ := r.Decide(h, Exit{Code: 1}, noon, noon.Add(1000*time.Hour), 0); d.Nth != 6 {
		t.Errorf("without reset_after a long run resets: restart %d, want 6", d.Nth)
	}
}

func TestLimitWithoutAWindowCountsAllStarts(t *testing.T) {
	r := Restart{When: OnFailure, Backoff: Backoff{Initial: time.Second}, ResetAfter: time.Minute, Limit: 3}
	var h History
	for start := 1; start <= 3; start++ {
		h = r.Started(h, noon)
		var d Decision
		d, h = r.Decide(h, Exit{Code: 1}, noon, noon.Add(time.Hour), 0) // long runs don't change the count
		if want := start == 3; (d.Verdict == GivenUp) != want {
			t.Fatalf("after start %d: %s", start, d.Verdict)
		}
		if start == 3 && d.Why != "started 3 times, the limit is 3" {
			t.Errorf("why: %q", d.Why)
		}
	}
}

func TestALimitOfOneAllowsOneStart(t *testing.T) {
	for _, within := range []time.Duration{0, time.Minute} {
		r := Restart{When: Always, Limit: 1, Within: within}
		d, _ := r.Decide(r.Started(History{}, noon), Exit{}, noon, noon, 0)
		if d.Verdict != GivenUp {
			t.Errorf("within %s: %s, want given up", within, d.Verdict)
		}
	}
}

// The window of a minute begins just after the moment one minute before.
func TestTheWindowIsOpenAtItsOldEnd(t *testing.T) {
	r := Restart{When: Always, Limit: 1, Within: time.Minute}
	for delay, want := range map[time.Duration]Verdict{
		time.Minute - 1: GivenUp, time.Minute: Again, time.Minute + 1: Again,
	} {
		r.Backoff = Backoff{Initial: delay}
		d, _ := r.Decide(r.Started(History{}, noon), Exit{}, noon, noon, 0)
		if d.Verdict != want {
			t.Errorf("a second start after %s: %s, want %s", delay, d.Verdict, want)
		}
		if d.Verdict == GivenUp && d.Why != "this would be start 2 within 1m0s, the limit is 1" {
			t.Errorf("why: %q", d.Why)
		}
	}
}

func TestStartedLeavesTheHistoryThatCameInAlone(t *testing.T) {
	r := Restart{Limit: 3, Within: time.Hour}
	h := r.Started(r.Started(History{}, noon), noon.Add(1))
	one, other := r.Started(h, noon.Add(2)), r.Started(h, noon.Add(3))
	if !one.Starts[2].Equal(noon.Add(2)) || !other.Starts[2].Equal(noon.Add(3)) || len(h.Starts) != 2 {
		t.Errorf("two histories that part share a start: %v and %v", one.Starts, other.Starts)
	}
}

func TestOnlyNeededStartsAreKept(t *testing.T) {
	for _, c := range []struct {
		limit  int
		within time.Duration
		want   int
	}{
		{0, time.Minute, 0}, // no limit
		{-1, time.Minute, 0},
		{5, 0, 0},            // Total is enough
		{5, time.Hour, 5},    // the newest of the limit
		{50, time.Minute, 6}, // those of the window: one every ten seconds
	} {
		r := Restart{Limit: c.limit, Within: c.within}
		var h History
		for i := range 100 {
			h = r.Started(h, noon.Add(time.Duration(i)*10*time.Second))
		}
		if len(h.Starts) != c.want || h.Total != 100 {
			t.Errorf("limit %d within %s: %d starts kept of %d, want %d of 100", c.limit, c.within, len(h.Starts), h.Total, c.want)
		}
	}
}

// The limit against a model that keeps every start there ever was and counts.
func TestTheLimitIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := windows(t)
		now, h := noon, History{}
		var all []time.Time
		for range 30 {
			h = r.Started(h, now)
			all = append(all, now)
			ended := now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "up")))
			luck := rapid.Float64Range(0, 1).Draw(t, "luck")

			nth := h.InARow
			if r.ResetAfter > 0 && ended.Sub(now) >= r.ResetAfter {
				nth = 0
			}
			next := ended.Add(r.Backoff.Delay(nth, luck))
			shared := slices.DeleteFunc(slices.Clone(all), func(s time.Time) bool {
				return r.Within > 0 && next.Sub(s) >= r.Within
			})
			tooMany := r.Limit > 0 && len(shared)+1 > r.Limit

			var d Decision
			d, h = r.Decide(h, Exit{Code: 1}, now, ended, luck)
			if (d.Verdict == GivenUp) != tooMany {
				t.Fatalf("%s; %d earlier starts in the window, the limit is %d", d.Verdict, len(shared), r.Limit)
			}
			if d.Verdict == GivenUp {
				return
			}
			if got := ended.Add(d.Delay); !got.Equal(next) || d.Nth != nth+1 {
				t.Fatalf("restart %d at %s, want %d at %s", d.Nth, got, nth+1, next)
			}
			now = next
		}
	})
}

func TestVerdictInWords(t *testing.T) {
	if got := fmt.Sprint(Again, Done, GivenUp, Verdict(9)); got != "again done given up Verdict(9)" {
		t.Error(got)
	}
}
