package main

import (
	"fmt"
	"strconv"
	"strings"
)

// goal is what a figure of ours is to reach. Set against another row's figure,
// it holds whatever the machine; memory and counts have absolute goals too.
type goal struct {
	about  string
	table  string // its key
	row    string // ours
	metric string
	// The bound is factor times the figure of the row against, plus more. With
	// against = "" it is more alone.
	against string
	factor  float64
	more    float64
	sense   sense
}

// sense is on which side of the bound a figure has to lie.
type sense string

const (
	atMost   sense = "at most"
	atLeast  sense = "at least"
	moreThan sense = "more than"
)

func (s sense) holds(value, bound float64) bool {
	switch s {
	case atMost:
		return value <= bound
	case atLeast:
		return value >= bound
	default:
		return value > bound
	}
}

// verdict is what became of a goal.
type verdict struct {
	About string `json:"about"`
	Goal  string `json:"goal"`
	Got   string `json:"got"`
	Met   string `json:"met"` // one of the three below
}

const (
	met         = "met"
	notMet      = "not met"
	notMeasured = "not measured"
)

const superviseFleet = superviseIs + " (directory)" // the row of fleets that goals are about

// knownGoals are all goals; sizes are those of the fleets.
func knownGoals(sizes []int) (goals []goal) {
	for _, g := range []goal{
		{about: "start of 1,000", metric: allRun},
		{about: "stop of 1,000", metric: allStopped},
	} {
		g.table, g.row, g.sense = fleetKey(1000), superviseFleet, atMost
		g.against, g.factor = "dinit", 0.9
		goals = append(goals, g)
		g.against, g.factor = cFloor, 1.3
		goals = append(goals, g)
	}
	for _, most := range []struct {
		size int
		mb   float64
	}{{10, 8}, {100, 9}, {1000, 14}, {10000, 70}} {
		goals = append(goals, goal{about: "memory at " + thousands(most.size), table: fleetKey(most.size),
			row: superviseFleet, metric: fleetMemory, more: most.mb, sense: atMost})
	}
	goals = append(goals, goal{about: "memory at 1,000", table: fleetKey(1000), row: superviseFleet, metric: fleetMemory,
		against: "runit", factor: 1.0 / 8, sense: atMost})
	for _, size := range sizes {
		for _, metric := range []string{wakeUps, idleCPU} {
			goals = append(goals, goal{about: "idle at " + thousands(size) + ": " + metric, table: fleetKey(size),
				row: superviseFleet, metric: metric, sense: atMost})
		}
	}
	goals = append(goals,
		goal{about: "death to exec, initial = 0", table: "death", row: superviseFleet, metric: deathMedian, against: "dinit", factor: 1, sense: atMost},
		goal{about: "death to exec, initial = 0", table: "death", row: superviseFleet, metric: deathMedian, against: cFloor, factor: 1.3, sense: atMost},
		goal{about: "capture to a rotating file", table: "logs 1", row: superviseIs, metric: logRate, against: catAlone, factor: 0.7, sense: atLeast},
		goal{about: "capture to a rotating file", table: "logs 1", row: superviseIs, metric: logRate, against: "supervisord", factor: 1.2, sense: moreThan},
		goal{about: "capture to a rotating file", table: "logs 1", row: superviseIs, metric: logRate, against: "s6-log", factor: 4, sense: atLeast},
	)
	for _, metric := range []string{strayPlain, straySession} {
		goals = append(goals, goal{about: "left after stop: " + metric, table: "strays", row: superviseFleet, metric: metric, sense: atMost})
	}
	for _, row := range []string{superviseIs, superviseTini} {
		goals = append(goals,
			goal{about: row + ": memory, RSS", table: "memory", row: row, metric: "RSS", against: goFloor, factor: 1.5, sense: atMost},
			goal{about: row + ": start", table: "startup", row: row, metric: "run", against: "tini", factor: 1, more: 2, sense: atMost},
			goal{about: row + ": forwarding, median", table: "forward", row: row, metric: "median", against: "tini", factor: 2, sense: atMost},
			goal{about: row + ": forwarding, p99", table: "forward", row: row, metric: "p99", against: "tini", factor: 1, sense: atMost},
			goal{about: row + ": orphans in a stream", table: "orphans", row: row, metric: orphanStream, against: "tini", factor: 1, sense: atMost},
			goal{about: row + ": orphans at once", table: "orphans", row: row, metric: orphanBurst, against: "tini", factor: 1, sense: atMost},
		)
	}
	return goals
}

// judge holds the goals against what was measured. Goals whose table is missing
// are left out: nobody asked for them.
func judge(goals []goal, tables []*table) (verdicts []verdict) {
	for _, g := range goals {
		if t := find(tables, g.table); t != nil {
			verdicts = append(verdicts, g.judge(t))
		}
	}
	return verdicts
}

func (g goal) judge(t *table) verdict {
	unit := t.unit(g.metric)
	v := verdict{About: g.about, Goal: g.text(unit), Met: notMeasured}
	ours := t.values(g.row, g.metric)
	if len(ours) == 0 {
		v.Got = "nothing of " + g.row
		return v
	}
	value, bound := median(ours), g.more
	v.Got = figure(value, unit)
	if g.against != "" {
		theirs := t.values(g.against, g.metric)
		if len(theirs) == 0 {
			v.Got += ", nothing of " + g.against
			return v
		}
		other := median(theirs)
		bound += g.factor * other
		v.Got += " to " + figure(other, unit)
		switch {
		case g.more != 0:
			v.Got += fmt.Sprintf(": %+.3g", value-other)
		case other != 0:
			v.Got += fmt.Sprintf(": %.2f", value/other)
		}
	}
	v.Met = notMet
	if g.sense.holds(value, bound) {
		v.Met = met
	}
	return v
}

// text is the goal in words.
func (g goal) text(unit string) string {
	switch {
	case g.against == "":
		return fmt.Sprintf("%s %s", g.sense, figure(g.more, unit))
	case g.more != 0:
		return fmt.Sprintf("%s %s + %s", g.sense, g.against, figure(g.more, unit))
	default:
		return fmt.Sprintf("%s %s of %s", g.sense, strconv.FormatFloat(g.factor, 'g', 3, 64), g.against)
	}
}

// figure shows a value to three digits, larger ones to the unit.
func figure(value float64, unit string) string {
	text := strconv.FormatFloat(value, 'g', 3, 64)
	if value >= 100 {
		text = strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strings.TrimSpace(text + " " + unit)
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// goalTable shows verdicts as a grid.
func goalTable(verdicts []verdict) grid {
	g := grid{{"", "goal", "measured", ""}}
	for _, v := range verdicts {
		g = append(g, []string{v.About, v.Goal, v.Got, v.Met})
	}
	return g
}
