package main

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// chart is one picture: panels side by side, and the file that it goes into.
type chart struct {
	file, title, svg string
}

// panel shows how a figure grows with the number of services, both on logarithmic
// scales: a line with slope 1 costs the same for each service.
type panel struct {
	title string
	lines []line
}

type line struct {
	name   string
	points []point // in the order of x
}

type point struct{ x, y float64 }

// fleetCharts draws what the tables about fleets say; none with fewer than two sizes.
func fleetCharts(tables []*table, sizes []int) []chart {
	draw := func(file, title string, panels ...panel) (c []chart) {
		panels = slices.DeleteFunc(panels, func(p panel) bool { return len(p.lines) == 0 })
		if len(panels) > 0 {
			c = []chart{{file, title, drawSVG(title, panels)}}
		}
		return c
	}
	return append(
		draw("fleet-memory.svg", "Memory by number of services",
			panel{"PSS of all supervising processes, MB", fleetLines(tables, sizes, fleetMemory)}),
		draw("fleet-time.svg", "Start and stop by number of services",
			panel{"all run, ms", fleetLines(tables, sizes, allRun)}, panel{"all stopped, ms", fleetLines(tables, sizes, allStopped)})...)
}

// fleetLines gives a line for each peer that was measured at two sizes or more.
// Of ours one: the others would lie on it.
func fleetLines(tables []*table, sizes []int, metric string) (lines []line) {
	sizes = slices.Sorted(slices.Values(sizes))
	byName := map[string]int{}
	for _, size := range sizes {
		t := find(tables, fleetKey(size))
		if t == nil {
			continue
		}
		for _, row := range t.Rows {
			values := t.values(row, metric)
			if len(values) == 0 || ours(row) && row != superviseFleet {
				continue
			}
			name := row
			if ours(row) {
				name = superviseIs
			}
			at, known := byName[name]
			if !known {
				at = len(lines)
				byName[name] = at
				lines = append(lines, line{name: name})
			}
			if y := median(values); y > 0 {
				lines[at].points = append(lines[at].points, point{float64(size), y})
			}
		}
	}
	return slices.DeleteFunc(lines, func(l line) bool { return len(l.points) < 2 })
}

// Measures of a panel, in pixels.
const (
	panelWidth, panelHeight = 460.0, 340.0
	plotLeft, plotTop       = 64.0, 58.0
	plotWidth, plotHeight   = 300.0, 232.0
	labelHeight             = 15.0
	chartStyle              = `text{font:12px system-ui,sans-serif;fill:#374151}.h{font-size:14px;font-weight:600}.bg{fill:#fff}.grid{stroke:#e5e7eb}.l{fill:none;stroke-width:1.8}
.c0{color:#1d4ed8}.c1{color:#6b7280}.c2{color:#15803d}.c3{color:#c2410c}.c4{color:#7e22ce}.c5{color:#be185d}
.l,.d{stroke:currentColor}.d{fill:currentColor}.n{fill:currentColor;paint-order:stroke;stroke:#fff;stroke-width:4px}.l.c0{stroke-width:3.2}.n.c0{font-weight:700}.l.c1{stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){text{fill:#d1d5db}.bg{fill:#0d1117}.grid{stroke:#30363d}.n{fill:currentColor;stroke:#0d1117}
.c0{color:#79b8ff}.c1{color:#9ca3af}.c2{color:#4ade80}.c3{color:#fb923c}.c4{color:#c084fc}.c5{color:#f472b6}}`
)

// colours by name, so that a program looks the same in every chart.
var colours = map[string]int{superviseIs: 0, cFloor: 1, "dinit": 2, "runit": 3, "s6": 4, "supervisord": 5}

func drawSVG(title string, panels []panel) string {
	var b strings.Builder
	width := panelWidth * float64(len(panels))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img"><title>%s</title><style>%s</style><rect class="bg" width="100%%" height="100%%"/>`+"\n",
		width, panelHeight, width, panelHeight, html.EscapeString(title), chartStyle)
	fmt.Fprintf(&b, `<text class="h" x="16" y="24">%s</text>`+"\n", html.EscapeString(title))
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%g 0)">`+"\n", panelWidth*float64(i))
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p panel) draw(b *strings.Builder) {
	var xs, ys []float64
	for _, l := range p.lines {
		for _, at := range l.points {
			xs, ys = append(xs, at.x), append(ys, at.y)
		}
	}
	x, y := decades(xs), decades(ys)
	atX := func(v float64) float64 { return plotLeft + plotWidth*x.share(v) }
	atY := func(v float64) float64 { return plotTop + plotHeight*(1-y.share(v)) }

	fmt.Fprintf(b, `<text x="%g" y="%g">%s</text>`+"\n", plotLeft, plotTop-12, html.EscapeString(p.title))
	for v := range y.ticks() {
		fmt.Fprintf(b, `<path class="grid" d="M%g %.1fH%g"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`+"\n",
			plotLeft, atY(v), plotLeft+plotWidth, plotLeft-6, atY(v)+4, tick(v))
	}
	for v := range x.ticks() {
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %gV%g"/><text x="%.1f" y="%g" text-anchor="middle">%s</text>`+"\n",
			atX(v), plotTop, plotTop+plotHeight, atX(v), plotTop+plotHeight+18, tick(v))
	}
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle">services</text>`+"\n", plotLeft+plotWidth/2, plotTop+plotHeight+36)

	ends := map[float64][]float64{} // where lines end that end at one x
	for _, l := range p.lines {
		last := l.points[len(l.points)-1]
		ends[last.x] = append(ends[last.x], atY(last.y))
	}
	for x, at := range ends {
		ends[x] = apart(at, labelHeight)
	}
	for _, l := range p.lines {
		class := fmt.Sprintf("c%d", colours[l.name])
		var path strings.Builder
		for i, at := range l.points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], atX(at.x), atY(at.y))
		}
		fmt.Fprintf(b, `<path class="l %s" d="%s"/>`, class, path.String())
		for _, at := range l.points {
			fmt.Fprintf(b, `<circle class="d %s" cx="%.1f" cy="%.1f" r="2.5"/>`, class, atX(at.x), atY(at.y))
		}
		last := l.points[len(l.points)-1]
		fmt.Fprintf(b, `<text class="n %s" x="%.1f" y="%.1f">%s</text>`+"\n", class, atX(last.x)+8, ends[last.x][0]+4, html.EscapeString(l.name))
		ends[last.x] = ends[last.x][1:]
	}
}

// scale is a logarithmic axis between two powers of ten.
type scale struct{ low, high float64 }

// decades gives the powers of ten around all values.
func decades(values []float64) scale {
	s := scale{math.Floor(math.Log10(slices.Min(values))), math.Ceil(math.Log10(slices.Max(values)))}
	if s.high == s.low {
		s.high++
	}
	return s
}

// share is where a value lies on the axis, from 0 to 1.
func (s scale) share(v float64) float64 { return (math.Log10(v) - s.low) / (s.high - s.low) }

// ticks are the powers of ten on the axis.
func (s scale) ticks() func(func(float64) bool) {
	return func(yield func(float64) bool) {
		for e := s.low; e <= s.high && yield(math.Pow(10, e)); e++ {
		}
	}
}

func tick(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%g", v)
	}
	return thousands(int(v))
}

// apart moves places down until each is at least gap below the one above it.
func apart(places []float64, gap float64) []float64 {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	moved := slices.Clone(places)
	for n := 1; n < len(order); n++ {
		moved[order[n]] = max(moved[order[n]], moved[order[n-1]]+gap)
	}
	return moved
}
