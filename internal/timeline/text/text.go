// Package text draws a timeline for a terminal: lanes from left to right, time
// from top to bottom, a row for what happens at one moment.
//
//	           bash          supervise         sh
//	           9138            9120          service
//	0.801s      ●──── WINCH ───▶├──── WINCH ───▶┃ default
//	1.240s      ●──── TERM ────▶│               ┃
//	1.241s                      ├──── TERM ────▶╏ ignored
//	2.240s                      ├──── KILL ────▶╏ default
//	2.306s                      │               ✖ killed by KILL after 2.4s
//
// What does not fit beside each other is drawn in several panels; a history that
// is too long is shown by its beginning and its end.
package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"supervise/internal/timeline"
)

// Look is how it is drawn.
type Look struct {
	Width  int  // columns; at least 40 are used
	Colour bool // with the colours of the terminal
	ASCII  bool // without line drawing characters
	All    bool // every row, however many
}

const (
	timeWidth  = 11 // columns for the time, on the left
	leastLane  = 9  // columns from one lane to the next
	mostLane   = 20
	mostRows   = 240                   // beyond, the middle is left out
	headerEach = 48                    // rows after which the names are repeated
	leastGap   = 50 * time.Millisecond // a pause of that length gets a row, unless the whole is long
)

// Write draws a timeline.
func Write(out io.Writer, t *timeline.Timeline, look Look) error {
	look.Width = max(look.Width, 40)
	all := rows(t)
	panels := panels(t, look.Width)
	var b strings.Builder
	for i, lanes := range panels {
		if i > 0 {
			b.WriteByte('\n')
		}
		newPanel(t, lanes, look).draw(&b, all)
	}
	b.WriteByte('\n')
	b.WriteString(legend(t, look))
	for _, line := range t.Summary {
		for n, part := range wrap(line, look.Width-2) {
			lead := "  "
			if n == 0 {
				lead = pick(look.ASCII, "- ", "• ")
			}
			b.WriteString(lead + part + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// panels distributes the lanes. Senders and supervise are in each; if all senders
// do not fit, they share the first column.
func panels(t *timeline.Timeline, width int) (all [][]int) {
	var head, rest []int
	for i, l := range t.Lanes {
		if l.Kind == timeline.Sender || l.Kind == timeline.Supervise {
			head = append(head, i)
		} else {
			rest = append(rest, i)
		}
	}
	room := (width - timeWidth) / leastLane
	if len(head) > 2 && len(head)+len(rest) > room {
		head = []int{0, head[len(head)-1]} // the first one stands for all senders
	}
	each := max(room-len(head), 1)
	for len(rest) > each {
		all = append(all, append(head[:len(head):len(head)], rest[:each]...))
		rest = rest[each:]
	}
	return append(all, append(head[:len(head):len(head)], rest...))
}

// style of a cell.
type style string

const (
	plain  style = ""
	dim    style = "2"
	bold   style = "1"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

type cell struct {
	text  string // one character, or "" behind a wide one
	style style
}

// panel is some lanes beside each other.
type panel struct {
	*timeline.Timeline
	look   Look
	lanes  []int
	column map[int]int // lane -> where its line is
	each   int         // columns from lane to lane
	merged bool        // the first lane stands for all senders
	bars   map[int][]timeline.Bar
	used   map[int][2]time.Duration // of senders: from the first to the last arrow
}

func newPanel(t *timeline.Timeline, lanes []int, look Look) *panel {
	p := &panel{Timeline: t, look: look, lanes: lanes, column: map[int]int{}, bars: map[int][]timeline.Bar{}, used: map[int][2]time.Duration{}}
	p.each = min(max((look.Width-timeWidth-16)/max(len(lanes), 1), leastLane), mostLane)
	senders := 0
	for i, l := range t.Lanes {
		if l.Kind == timeline.Sender {
			senders++
			p.column[i] = timeWidth + p.each/2 // if it is not one of lanes
		}
	}
	p.merged = senders > 1 && t.Lanes[lanes[0]].Kind == timeline.Sender && (len(lanes) < 2 || t.Lanes[lanes[1]].Kind != timeline.Sender)
	for i, lane := range lanes {
		p.column[lane] = timeWidth + p.each/2 + i*p.each
	}
	for _, b := range t.Bars {
		p.bars[b.Lane] = append(p.bars[b.Lane], b)
	}
	for _, a := range t.Arrows {
		from := a.From
		if p.merged && t.Lanes[from].Kind == timeline.Sender {
			from = lanes[0]
		}
		span, ok := p.used[from]
		if !ok {
			span[0] = a.At
		}
		span[1] = a.At
		p.used[from] = span
	}
	return p
}

// shown gives the rows that touch a lane of this panel.
func (p *panel) shown(all []row) (some []row) {
	for _, r := range all {
		if len(r.arrows) == 0 {
			if _, ok := p.column[r.lane]; ok {
				some = append(some, r)
			}
			continue
		}
		var in []timeline.Arrow
		for _, a := range r.arrows {
			_, from := p.column[a.From]
			_, to := p.column[a.To]
			if from && to {
				in = append(in, a)
			}
		}
		if len(in) > 0 {
			if len(in) < len(r.arrows) {
				r.note = remark(in)
			}
			r.arrows = in
			some = append(some, r)
		}
	}
	return some
}

func (p *panel) draw(b *strings.Builder, all []row) {
	all = p.shown(all)
	p.header(b)
	gap := max(leastGap, p.Length/16)
	left := 0
	if len(all) > mostRows && !p.look.All {
		left = len(all) - mostRows
	}
	lines := 0
	for i := 0; i < len(all); i++ {
		if left > 0 && i == mostRows/2 {
			p.text(b, fmt.Sprintf("... %d rows are left out here; --all shows them, --html FILE makes them a page", left), dim)
			i += left
			left = 0
		}
		if i > 0 && all[i].at-all[i-1].until() >= gap {
			p.line(b, pick(p.look.ASCII, ":", "⋮"), p.lifelines((all[i].at+all[i-1].until())/2))
			lines++
		}
		lines += p.row(b, all[i])
		if lines > headerEach && i < len(all)-1 {
			p.header(b)
			lines = 0
		}
	}
}

func (p *panel) text(b *strings.Builder, text string, s style) {
	b.WriteString(p.paint(strings.Repeat(" ", timeWidth)+text, s) + "\n")
}

// header names the lanes, in two lines.
func (p *panel) header(b *strings.Builder) {
	var names, below []cell
	for _, lane := range p.lanes {
		l := p.Lanes[lane]
		name, under := l.Name, ""
		switch {
		case l.Kind == timeline.Sender && p.merged:
			name = "senders"
		case l.PID != 0:
			under = fmt.Sprint(l.PID)
		}
		names = p.centre(names, lane, name, bold)
		below = p.centre(below, lane, under, dim)
	}
	p.line(b, "", names)
	p.line(b, "", below)
}

func (p *panel) centre(line []cell, lane int, text string, s style) []cell {
	text = cut(text, p.each-1)
	return put(line, max(p.column[lane]-displaywidth.String(text)/2, timeWidth), text, s)
}

// line writes cells behind the time.
func (p *panel) line(b *strings.Builder, at string, cells []cell) {
	cells = put(cells, max(timeWidth-2-displaywidth.String(at), 0), at, dim)
	end := len(cells)
	for end > 0 && (cells[end-1].text == " " || cells[end-1].text == "") {
		end--
	}
	var last style
	for i, c := range cells {
		if i >= end {
			break
		}
		if p.look.Colour && c.style != last {
			if last != plain {
				b.WriteString("\x1b[m")
			}
			if c.style != plain {
				b.WriteString("\x1b[" + string(c.style) + "m")
			}
			last = c.style
		}
		b.WriteString(c.text)
	}
	if last != plain {
		b.WriteString("\x1b[m")
	}
	b.WriteByte('\n')
}

func (p *panel) paint(text string, s style) string {
	if !p.look.Colour || s == plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[m"
}

// put writes text over cells, which grow as needed.
func put(cells []cell, at int, text string, s style) []cell {
	for _, r := range text {
		w := displaywidth.Rune(r)
		if w == 0 {
			continue
		}
		for len(cells) < at+w {
			cells = append(cells, cell{" ", plain})
		}
		cells[at] = cell{string(r), s}
		for i := 1; i < w; i++ {
			cells[at+i] = cell{"", s}
		}
		at += w
	}
	return cells
}

// cut shortens text to a width.
func cut(text string, width int) string {
	if displaywidth.String(text) <= width {
		return text
	}
	w := 0
	for i, r := range text {
		if w += displaywidth.Rune(r); w > width-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// wrap breaks text between words; a word that is too long is broken itself.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		for displaywidth.String(word) > width {
			part := strings.TrimSuffix(cut(word, width), "…")
			if line != "" {
				lines = append(lines, line)
				line = ""
			}
			if part == "" {
				break
			}
			lines = append(lines, part)
			word = word[len(part):]
		}
		switch {
		case line == "":
			line = word
		case displaywidth.String(line)+1+displaywidth.String(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func pick(ascii bool, a, b string) string {
	if ascii {
		return a
	}
	return b
}

// when writes a time since the start.
func when(d time.Duration) string {
	if d < 10_000*time.Second {
		return fmt.Sprintf("%.3fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
