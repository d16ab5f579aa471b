package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sleepers is a fleet's table with one figure in each given cell.
func sleepers(size int, figures map[string]map[string]float64) *table {
	t := newTable(fleetKey(size), "Fleet", []string{cFloor, superviseFleet, "dinit", "runit"},
		metric{Name: allRun, Unit: "ms"}, metric{Name: fleetMemory, Unit: "MB"}, metric{Name: wakeUps})
	for row, cells := range figures {
		for column, value := range cells {
			t.add(row, column, value)
		}
	}
	return t
}

func TestGoalsAreHeldAgainstTheRowThatTheyName(t *testing.T) {
	fleet := sleepers(1000, map[string]map[string]float64{
		superviseFleet: {allRun: 650, fleetMemory: 12.5, wakeUps: 0},
		cFloor:         {allRun: 500},
		"runit":        {fleetMemory: 96},
	})
	base := goal{about: "start", table: fleet.Key, row: superviseFleet, metric: allRun, sense: atMost}
	with := func(change func(*goal)) goal { g := base; change(&g); return g }
	for name, c := range map[string]struct {
		goal goal
		want verdict
	}{
		"just met": {
			with(func(g *goal) { g.against, g.factor = cFloor, 1.3 }),
			verdict{"start", "at most 1.3 of C floor", "650 ms to 500 ms: 1.30", met},
		},
		"missed": {
			with(func(g *goal) { g.against, g.factor = cFloor, 1.29 }),
			verdict{"start", "at most 1.29 of C floor", "650 ms to 500 ms: 1.30", notMet},
		},
		"a distance": {
			with(func(g *goal) { g.against, g.factor, g.more = cFloor, 1, 200 }),
			verdict{"start", "at most C floor + 200 ms", "650 ms to 500 ms: +150", met},
		},
		"the other is missing": {
			with(func(g *goal) { g.against, g.factor = "dinit", 0.9 }),
			verdict{"start", "at most 0.9 of dinit", "650 ms, nothing of dinit", notMeasured},
		},
		"ours is missing": {
			with(func(g *goal) { g.row = "supervise" }),
			verdict{"start", "at most 0 ms", "nothing of supervise", notMeasured},
		},
		"absolute": {
			with(func(g *goal) { g.metric, g.more = fleetMemory, 14 }),
			verdict{"start", "at most 14 MB", "12.5 MB", met},
		},
		"nothing at all": {
			with(func(g *goal) { g.metric = wakeUps }),
			verdict{"start", "at most 0", "0", met},
		},
		"a share": {
			with(func(g *goal) { g.metric, g.against, g.factor = fleetMemory, "runit", 1.0/8 }),
			verdict{"start", "at most 0.125 of runit", "12.5 MB to 96 MB: 0.13", notMet},
		},
		"more is better": {
			with(func(g *goal) { g.against, g.factor, g.sense = cFloor, 1.3, moreThan }),
			verdict{"start", "more than 1.3 of C floor", "650 ms to 500 ms: 1.30", notMet},
		},
	} {
		got := judge([]goal{c.goal}, []*table{fleet})
		if diff := cmp.Diff([]verdict{c.want}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A goal about a table, row or column that no measure has would never be judged.
func TestEveryGoalIsAboutACellThatIsMeasured(t *testing.T) {
	dir := t.TempDir()
	b := &bench{options: options{supervise: filepath.Join(dir, "supervise"), sizes: []int{10, 100, 1000, 10000}, amounts: full}, scratch: dir, tools: toolbox{dir}}
	b.outcome.Machine.Versions = map[string]string{}
	b.wrappers, b.peers = knownWrappers(b), knownPeers(b)
	var tables []*table
	for _, m := range measures {
		_, t := m.prepare(b)
		tables = append(tables, t...)
	}
	rows := map[string][]string{}
	for _, v := range tables {
		rows[v.Key] = append(rows[v.Key], v.Rows...)
	}
	// The rows of logs are those that are installed; the Go floor is built in a run.
	rows["logs 1"] = []string{superviseIs, catAlone, "supervisord", "s6-log"}
	rows["memory"] = append(rows["memory"], goFloor)
	for _, g := range knownGoals(b.sizes) {
		table := find(tables, g.table)
		if table == nil {
			t.Errorf("%s: no table has the key %q", g.about, g.table)
			continue
		}
		if !slices.ContainsFunc(table.Metrics, func(m metric) bool { return m.Name == g.metric }) {
			t.Errorf("%s: %q has no column %q", g.about, g.table, g.metric)
		}
		for _, row := range []string{g.row, g.against} {
			if row != "" && !slices.Contains(rows[g.table], row) {
				t.Errorf("%s: %q has no row %q", g.about, g.table, row)
			}
		}
	}
	keys := map[string]bool{}
	for _, table := range tables {
		if keys[table.Key] {
			t.Errorf("two tables have the key %q", table.Key)
		}
		keys[table.Key] = true
	}
}

func TestGoalsOfWhatWasNotAskedForAreLeftOut(t *testing.T) {
	if got := judge(knownGoals(nil), nil); got != nil {
		t.Errorf("judged without a table: %v", got)
	}
}

func TestNumbersHaveCommas(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 32768: "32,768", 1000000: "1,000,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}
