package lab

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"supervise/internal/policy"
)

// The words of the plot.
var plot = struct{ attempts, marks, axis Words }{
	attempts: Words{"jitter %s: %d attempts, %d of %d clients served; up to %d came within 20 ms",
		"jitter %s: %d intentos, %d de %d clientes atendidos; hasta %d llegaron en 20 ms"},
	marks: Words{"▲ where `supervise policy --backoff %s..%s --jitter 0` puts them",
		"▲ donde los sitúa `supervise policy --backoff %s..%s --jitter 0`"},
	axis: Words{"seconds", "segundos"},
}

// attempt is one that a client of the herd made.
type attempt struct {
	client int
	at     float64 // seconds since the server went away
	ok     bool
}

// PlotHerd draws when the clients of lab 7 tried, once without jitter and once
// with it; and beneath the first when the policy of the same numbers would try.
func PlotHerd(r *Report, columns int, l Lang) (lines []string) {
	for _, jitter := range []float64{0, 0.5} {
		lines = append(lines, plotOne(r.attempts(jitter), jitter, columns, l)...)
	}
	return lines
}

// attempts reads the lines "@ JITTER CLIENT TIME ok|refused".
func (r *Report) attempts(jitter float64) (all []attempt) {
	for _, line := range r.Lines() {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] != "@" {
			continue
		}
		of, err1 := strconv.ParseFloat(f[1], 64)
		client, err2 := strconv.Atoi(f[2])
		at, err3 := strconv.ParseFloat(f[3], 64)
		if err1 == nil && err2 == nil && err3 == nil && of == jitter && at >= 0 {
			all = append(all, attempt{client, at, f[4] == "ok"})
		}
	}
	return all
}

const (
	plotHeight = 5    // lines
	plotTime   = 2.5  // seconds that are drawn
	crowd      = 0.02 // seconds within which attempts are as good as simultaneous
	margin     = 4
)

func plotOne(all []attempt, jitter float64, columns int, l Lang) (lines []string) {
	width := max(20, columns-margin-2)
	bars, crowds := make([]int, width), map[int]int{}
	clients, served := map[int]bool{}, 0
	for _, a := range all {
		clients[a.client] = true
		if a.ok {
			served++
		}
		if at := int(a.at / plotTime * float64(width)); at < width {
			bars[at]++
		}
		crowds[int(a.at/crowd)]++
	}
	worst := 0
	for _, n := range crowds {
		worst = max(worst, n)
	}
	j := strconv.FormatFloat(jitter, 'g', -1, 64)
	lines = append(lines, fmt.Sprintf(plot.attempts.In(l), decimal(j, l), len(all), served, len(clients), worst))
	full := len(clients) // a bar of all clients is as high as the plot
	for row := plotHeight - 1; row >= 0; row-- {
		label := ""
		if row == plotHeight-1 {
			label = strconv.Itoa(full)
		}
		line := []rune(fmt.Sprintf("%*s ", margin-1, label))
		for _, n := range bars {
			line = append(line, block(float64(n)/float64(max(full, 1))*plotHeight-float64(row)))
		}
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	lines = append(lines, plotAxis(width, l)...)
	if jitter == 0 { // with jitter there is soon no place where none could be
		lines = append(lines, strings.TrimRight(strings.Repeat(" ", margin)+string(marks(herd, width)), " "),
			strings.Repeat(" ", margin)+fmt.Sprintf(plot.marks.In(l), herd.Initial, herd.Max))
	}
	return append(lines, "")
}

// block is a character that is filled from below: 0 nothing, 1 all.
func block(share float64) rune {
	eighths := int(math.Ceil(share * 8))
	return []rune(" ▁▂▃▄▅▆▇█")[min(max(eighths, 0), 8)]
}

func plotAxis(width int, l Lang) []string {
	line, labels := []rune(strings.Repeat("─", width)), []rune(strings.Repeat(" ", width+1))
	for tenth := 0; tenth < int(plotTime*10); tenth += 5 {
		at := int(float64(tenth) / 10 / plotTime * float64(width))
		line[at] = '┬'
		copy(labels[at:], []rune(decimal(fmt.Sprintf("%.1f", float64(tenth)/10), l)))
	}
	unit := []rune(plot.axis.In(l))
	copy(labels[max(0, width-len(unit)):], unit)
	indent := strings.Repeat(" ", margin)
	return []string{indent + string(line), strings.TrimRight(indent+string(labels), " ")}
}

// marks puts the first attempt and the restarts of the policy under the axis.
func marks(b policy.Backoff, width int) []rune {
	line := []rune(strings.Repeat(" ", width))
	line[0] = '▲'
	for step := range (policy.Restart{When: policy.OnFailure, Backoff: b}).Schedule() {
		at := int(step.Latest.Seconds() / plotTime * float64(width))
		if at >= width {
			break
		}
		line[at] = '▲'
	}
	return line
}
