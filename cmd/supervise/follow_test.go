package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/api"
)

// What was seen before a follower was hung up on, and comes again, is left out; what is
// new is not, also when it was read in the same moment.
func TestLinesSeenComeOnce(t *testing.T) {
	base := time.Now()
	line := func(service, text string, seconds float64) api.Line {
		at := base.Add(time.Duration(seconds * float64(time.Second)))
		return api.Line{Service: service, Line: text, Time: &at}
	}
	part := func(service, text string, seconds float64) api.Line {
		l := line(service, text, seconds)
		l.Part = true
		return l
	}
	lost := func(service string) api.Line { return api.Line{Service: service, Lost: 7} }
	for _, c := range []struct {
		what          string
		before, after []api.Line
		since         float64
		want          []string // of after; "!" before the first where some are missing
	}{
		{"new lines", []api.Line{line("a", "1", 1)}, []api.Line{line("a", "1", 1), line("a", "2", 2), line("a", "3", 2)}, 0, []string{"2", "3"}},
		{"of the same moment", []api.Line{line("a", "1", 1), line("a", "2", 1)}, []api.Line{line("a", "0", 0.5), line("a", "1", 1), line("a", "2", 1), line("a", "3", 1)}, 0, []string{"3"}},
		{"pieces count with their line", []api.Line{line("a", "1", 1), part("a", "1'", 2)}, []api.Line{part("a", "0'", 0.5), line("a", "1", 1), part("a", "1'", 3), part("a", `1"`, 4), line("a", "2", 5)},
			0, []string{`1"`, "2"}},
		{"nothing of it is kept", []api.Line{line("a", "1", 1)}, []api.Line{line("a", "9", 9), line("a", "10", 10)}, 0, []string{"!9", "10"}},
		{"one of another", []api.Line{line("a", "1", 1)}, []api.Line{line("b", "first", 1), line("a", "1", 1)}, 0, []string{"first"}},
		{"quiet for long", []api.Line{line("quiet", "1", -500), line("a", "1", 100)}, []api.Line{line("quiet", "2", 99), line("a", "1", 100)}, 40, []string{"2"}},
		{"an early line", []api.Line{line("a", "1", -30)}, []api.Line{line("a", "1", -30), line("a", "2", 2)}, -30, []string{"2"}},
		{"the last of what was before", []api.Line{line("a", "9", -3), line("a", "10", -3)}, []api.Line{line("a", "8", -3), line("a", "9", -3), line("a", "10", -3), line("a", "11", 2)}, -3, []string{"11"}},
		{"what was lost is told", []api.Line{line("a", "1", 1)}, []api.Line{lost("a"), line("a", "1", 1)}, 0, []string{""}},
	} {
		s := newLinesSeen()
		s.begun = base
		for i := range c.before {
			if fresh, gap := s.take(&c.before[i]); !fresh || gap {
				t.Errorf("%s: %q: fresh %t, gap %t", c.what, c.before[i].Line, fresh, gap)
			}
		}
		for round := range 2 { // and once more: what came the first time is not new then
			if got := s.resume().Sub(base).Seconds(); round == 0 && got != c.since {
				t.Errorf("%s: it goes on at %v s, want %v", c.what, got, c.since)
			}
			var got []string
			for i := range c.after {
				if fresh, gap := s.take(&c.after[i]); fresh && gap {
					got = append(got, "!"+c.after[i].Line)
				} else if fresh {
					got = append(got, c.after[i].Line)
				}
			}
			want := c.want
			if round == 1 && c.after[0].Lost == 0 {
				want = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", c.what, diff)
			}
		}
	}
}
