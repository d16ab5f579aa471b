package config

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func stop(waits ...time.Duration) Stop {
	s := Stop{}
	for _, w := range waits {
		s.Ladder = append(s.Ladder, Rung{Signal: 15, Wait: w})
	}
	return s
}

func TestOrderGivesWaves(t *testing.T) {
	services := []Service{
		{Name: "web", Needs: []Need{{Name: "db", For: NeedReady}}, After: []string{"cache", "elsewhere"}},
		{Name: "db"},
		{Name: "cache", After: []string{"db"}},
		{Name: "alone"},
	}
	want := [][]string{{"db", "alone"}, {"cache"}, {"web"}}
	if diff := cmp.Diff(want, Order(services)); diff != "" {
		t.Errorf("Order (-want +got):\n%s", diff)
	}
}

func TestNeededFollowsNeedsButNotAfter(t *testing.T) {
	services := []Service{
		{Name: "cache"},
		{Name: "db"},
		{Name: "log"},
		{Name: "web", Needs: []Need{{Name: "db", For: NeedReady}}, After: []string{"cache"}, Autostart: true},
	}
	names := func(list []Service) (out []string) {
		for _, s := range list {
			out = append(out, s.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"db", "web"}, names(Needed(services, nil))); diff != "" {
		t.Errorf("Needed of none (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"log"}, names(Needed(services, []string{"log"}))); diff != "" {
		t.Errorf("Needed of log (-want +got):\n%s", diff)
	}
}

func TestMatchTakesTemplatesForAllInstances(t *testing.T) {
	services := []Service{{Name: "db", Template: "db"}, {Name: "web@1", Template: "web"}, {Name: "web@2", Template: "web"}}
	for name, want := range map[string][]string{"db": {"db"}, "web": {"web@1", "web@2"}, "web@2": {"web@2"}, "web@3": nil} {
		if got := Match(services, name); !slices.Equal(got, want) {
			t.Errorf("Match(%s) = %v, want %v", name, got, want)
		}
	}
}

func TestWorstCaseStopIsTheLongestPath(t *testing.T) {
	services := []Service{
		{Name: "db", Stop: stop(10*time.Second, 5*time.Second)},
		{Name: "cache", Stop: stop(time.Second)},
		{Name: "web", Needs: []Need{{Name: "db", For: NeedReady}}, After: []string{"cache"}, Stop: stop(2 * time.Second)},
		{Name: "proxy", Needs: []Need{{Name: "cache", For: NeedReady}}, Stop: stop(3 * time.Second)},
		{Name: "alone", Stop: stop(16 * time.Second)},
	}
	want := StopTime{Longest: 17 * time.Second, Path: []string{"web", "db"}}
	if diff := cmp.Diff(want, WorstCaseStop(services)); diff != "" {
		t.Errorf("WorstCaseStop (-want +got):\n%s", diff)
	}
	services[3].Stop = stop(time.Second, 0)
	if got := WorstCaseStop(services).Unbounded; !slices.Equal(got, []string{"proxy"}) {
		t.Errorf("Unbounded = %v, want proxy, whose last rung waits without end", got)
	}
}

// TestOrderOfAnyGraph draws graphs without circles and checks that each
// service stands in the first wave after all that it waits for, and that no
// chain of stops is longer than the worst case.
func TestOrderOfAnyGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var services []Service
		for i := range rapid.IntRange(1, 12).Draw(t, "services") {
			s := Service{Name: fmt.Sprint(i), Stop: stop(time.Duration(rapid.IntRange(0, 9).Draw(t, "wait")))}
			for j := range i {
				switch rapid.IntRange(0, 4).Draw(t, "edge") {
				case 0:
					s.Needs = append(s.Needs, Need{Name: fmt.Sprint(j), For: NeedReady})
				case 1:
					s.After = append(s.After, fmt.Sprint(j))
				}
			}
			services = append(services, s)
		}
		wave := map[string]int{}
		for i, names := range Order(services) {
			for _, name := range names {
				wave[name] = i
			}
		}
		worst := WorstCaseStop(services)
		ends := map[string]time.Duration{}
		for i := len(services) - 1; i >= 0; i-- { // those that wait come later
			s := services[i]
			ends[s.Name] += s.Stop.Longest()
			first := 0
			for _, name := range waitsFor(s) {
				first = max(first, wave[name]+1)
				ends[name] = max(ends[name], ends[s.Name])
			}
			if wave[s.Name] != first {
				t.Fatalf("%s is in wave %d, could be in %d", s.Name, wave[s.Name], first)
			}
			if ends[s.Name] > worst.Longest {
				t.Fatalf("%s is stopped after %d, the worst case is %d", s.Name, ends[s.Name], worst.Longest)
			}
		}
		var sum time.Duration
		byName := index(services)
		for _, name := range worst.Path {
			sum += byName[name].Stop.Longest()
		}
		if sum != worst.Longest {
			t.Fatalf("the path %v takes %d, not %d", worst.Path, sum, worst.Longest)
		}
	})
}

func TestFindCycles(t *testing.T) {
	for _, test := range []struct {
		name  string
		graph map[string][]string
		want  [][]string
	}{
		{"none", map[string][]string{"a": {"b", "c"}, "b": {"c"}}, nil},
		{"two", map[string][]string{"b": {"a"}, "a": {"b"}}, [][]string{{"a", "b", "a"}}},
		{"apart", map[string][]string{"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, [][]string{{"a", "b", "a"}, {"c", "d", "c"}}},
		{"behind a tail", map[string][]string{"a": {"c"}, "c": {"d"}, "d": {"b"}, "b": {"c"}}, [][]string{{"b", "c", "d", "b"}}},
		{"sharing a name", map[string][]string{"a": {"b", "c"}, "b": {"a"}, "c": {"a"}}, [][]string{{"a", "b", "a"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, findCycles(test.graph)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
