package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"supervise/internal/policy"
)

// anyDelay says whether there is something to plot.
func anyDelay(steps []policy.Step) bool {
	return slices.ContainsFunc(steps, func(s policy.Step) bool { return s.Most > 0 })
}

// plotDelays draws one bar for each restart: solid up to the least delay, and
// shaded from there to the most that jitter can make of it.
func plotDelays(w io.Writer, steps []policy.Step, s screen) {
	const margin = 8                              // the number of the restart
	area := max(20, min(s.columns, 120)-margin-4) // the last label needs room to its right
	axis := axisOf(steps)
	legend := ""
	if !axis.exact {
		legend = "; █ up to the least, ░ to the most"
	}
	fmt.Fprintf(w, "restart  delay, %s scale%s\n", axis.kind, legend)
	for _, step := range steps {
		if step.GivesUp == policy.Surely {
			fmt.Fprintf(w, "%7d %s\n", step.N, s.paint(red, "gives up"))
			continue
		}
		solid, all := axis.cells(step.Least, area), axis.cells(step.Most, area)
		fmt.Fprintf(w, "%7d %s%s\n", step.N,
			s.paint(green, strings.Repeat("█", solid)), s.paint(yellow, strings.Repeat("░", all-solid)))
	}
	line, labels := axis.draw(area)
	fmt.Fprintf(w, "%*s%s\n%*s%s\n", margin, "", line, margin-2, "", labels)
}

// axis maps delays to places from 0 to 1.
type axis struct {
	kind  string // "linear" or "logarithmic"
	at    func(time.Duration) float64
	marks []time.Duration // the ticks
	exact bool            // no jitter to be seen
}

// axisOf chooses the scale: a logarithmic one when the delays differ so much
// that on a linear one the short ones would all look like nothing.
func axisOf(steps []policy.Step) axis {
	const much = 20
	var shortest, low, high time.Duration // the shortest nominal and least delay that is not 0, the longest
	exact := true
	for _, s := range steps {
		if s.Nominal > 0 && (shortest == 0 || s.Nominal < shortest) {
			shortest = s.Nominal
		}
		if s.Least > 0 && (low == 0 || s.Least < low) {
			low = s.Least
		}
		high = max(high, s.Most)
		exact = exact && s.Least == s.Most
	}
	if shortest == 0 || high/shortest < much {
		return linear(high, exact)
	}
	if low == 0 { // full jitter: bars begin with the shade
		low = shortest
	}
	return logarithmic(low, high, exact)
}

func linear(high time.Duration, exact bool) axis {
	a := axis{kind: "linear", exact: exact, at: func(d time.Duration) float64 { return float64(d) / float64(max(high, 1)) }}
	const most = 5 // ticks, or they get crowded
	_, rounds := tickTimes()
	step := time.Nanosecond
	for _, step = range rounds {
		if high/step <= most {
			break
		}
	}
	for mark := range min(high/step, most) + 1 {
		a.marks = append(a.marks, mark*step)
	}
	return a
}

// logarithmic begins at the last power of ten below low, so that the shortest
// bar can be seen.
func logarithmic(low, high time.Duration, exact bool) axis {
	decades, _ := tickTimes()
	begin := decades[0]
	for _, d := range decades {
		if d < low {
			begin = d
		}
	}
	a := axis{kind: "logarithmic", exact: exact, at: func(d time.Duration) float64 {
		return math.Log(float64(d)/float64(begin)) / math.Log(float64(high)/float64(begin))
	}}
	for _, d := range decades {
		if d >= begin && d <= high {
			a.marks = append(a.marks, d)
		}
	}
	return a
}

// cells is the length of a bar. What is not 0 can be seen.
func (a axis) cells(d time.Duration, area int) int {
	if d <= 0 {
		return 0
	}
	return max(1, min(area, int(math.Round(a.at(d)*float64(area)))))
}

// draw gives the line with its ticks, and their labels, which are set two
// places further left to be in the middle. A label that has no room is left out.
func (a axis) draw(area int) (line, labels string) {
	ticks := []rune(strings.Repeat("─", area+1))
	var b strings.Builder
	for _, mark := range a.marks {
		place := min(area, int(math.Round(a.at(mark)*float64(area))))
		ticks[place] = '┬'
		label := readable(mark)
		if gap := place + 2 - len(label)/2 - b.Len(); b.Len() == 0 || gap > 0 {
			b.WriteString(strings.Repeat(" ", max(0, gap)) + label)
		}
	}
	return string(ticks), b.String()
}

// tickTimes gives what people count times in: decades are the places of ticks
// on a logarithmic scale, rounds the distances between those on a linear one.
func tickTimes() (decades, rounds []time.Duration) {
	for d := time.Nanosecond; d <= 10*time.Second; d *= 10 {
		decades = append(decades, d)
		rounds = append(rounds, d, 2*d, 5*d)
	}
	rounds = append(rounds[:len(rounds)-1], 30*time.Second) // after 20 s
	for _, m := range []time.Duration{1, 2, 5, 10, 20, 30} {
		rounds = append(rounds, m*time.Minute)
	}
	decades = append(decades, time.Minute, 10*time.Minute)
	for h := time.Hour; h <= 100_000*time.Hour; h *= 10 { // more would not fit in a Duration
		decades = append(decades, h)
		rounds = append(rounds, h, 2*h, 5*h)
	}
	return decades, rounds
}
