package policy

import (
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// first gives the first n steps at most.
func first(n int, steps iter.Seq[Step]) (out []Step) {
	for s := range steps {
		if out = append(out, s); len(out) == n {
			break
		}
	}
	return out
}

func TestScheduleOfTheDefault(t *testing.T) {
	const ms = time.Millisecond
	want := []Step{
		{N: 1, Least: 90 * ms, Nominal: 100 * ms, Most: 110 * ms, Earliest: 90 * ms, Latest: 110 * ms, GivesUp: No},
		{N: 2, Least: 180 * ms, Nominal: 200 * ms, Most: 220 * ms, Earliest: 270 * ms, Latest: 330 * ms, GivesUp: No},
		{N: 3, Least: 360 * ms, Nominal: 400 * ms, Most: 440 * ms, Earliest: 630 * ms, Latest: 770 * ms, GivesUp: No},
	}
	if diff := cmp.Diff(want, first(3, Default().Schedule())); diff != "" {
		t.Error(diff)
	}
}

func TestScheduleEndsWhereTheLimitGivesUp(t *testing.T) {
	r := Default()
	r.Limit, r.Within = 3, 0
	got := first(10, r.Schedule())
	want := Step{
		N: 3, Earliest: 270 * time.Millisecond, Latest: 330 * time.Millisecond,
		GivesUp: Surely, Why: "started 3 times, the limit is 3",
	}
	if len(got) != 3 || got[2] != want {
		t.Errorf("%+v", got)
	}
}

// Three starts within 10 s: with delays of 4 s the third restart comes after
// 8 s when jitter is unkind, and after 12 s when it is kind.
func TestScheduleSaysWhereJitterDecidesOnTheLimit(t *testing.T) {
	r := Restart{When: Always, Limit: 2, Within: 10 * time.Second}
	r.Backoff = Backoff{Delays: []time.Duration{5 * time.Second}, Jitter: 0.2}
	got := first(4, r.Schedule())
	for i, want := range []Step{
		{N: 1, GivesUp: No, Earliest: 4 * time.Second, Latest: 6 * time.Second},
		{N: 2, GivesUp: Perhaps, Earliest: 8 * time.Second, Latest: 12 * time.Second, Why: "this would be start 3 within 10s, the limit is 2"},
		{N: 3, GivesUp: Perhaps, Earliest: 12 * time.Second, Latest: 18 * time.Second},
	} {
		want.Least, want.Nominal, want.Most = 4*time.Second, 5*time.Second, 6*time.Second
		if got[i] != want {
			t.Errorf("step %d:\n%+v, want\n%+v", i+1, got[i], want)
		}
	}
}

func TestScheduleOfAPolicyThatNeverRestartsIsEmpty(t *testing.T) {
	if got := first(1, Restart{When: Never}.Schedule()); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestScheduleTakesNoSuccessForTheFailure(t *testing.T) {
	r := Default()
	r.Success.Codes = []int{0, 1, 127}
	if got := first(1, r.Schedule()); len(got) != 1 {
		t.Error("no restart of a program that fails")
	}
}

func TestScheduleOfEndlessDelaysDoesNotOverflow(t *testing.T) {
	r := Restart{When: Always, Backoff: Backoff{Initial: forever, Jitter: 1}}
	for _, s := range first(5, r.Schedule()) {
		if s.Latest != forever || s.Earliest != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// What a service lives through, with any jitter, is within what was said.
func TestAnyLifeIsWithinTheSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := windows(t)
		now, h := noon, r.Started(History{}, noon)
		for _, step := range first(30, r.Schedule()) {
			var d Decision
			d, h = r.Decide(h, failure, now, now, rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "luck"))
			if d.Verdict == GivenUp {
				if step.GivesUp == No || now.Sub(noon) > step.Latest {
					t.Fatalf("gave up after %s, not foreseen by %+v", now.Sub(noon), step)
				}
				return
			}
			now = now.Add(d.Delay)
			h = r.Started(h, now)
			age := now.Sub(noon)
			if step.GivesUp == Surely || d.Delay < step.Least || d.Delay > step.Most || age < step.Earliest || age > step.Latest {
				t.Fatalf("restart after %s, at %s, not foreseen by %+v", d.Delay, age, step)
			}
		}
	})
}
