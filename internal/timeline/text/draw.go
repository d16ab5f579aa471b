package text

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"supervise/internal/event"
	"supervise/internal/timeline"
)

// stroke is how a state is drawn on a lane.
type stroke struct {
	line, ascii string
	style       style
	word        string
}

func strokeOf(s timeline.State) stroke {
	switch s {
	case timeline.Running:
		return stroke{"┃", "|", green, "runs"}
	case timeline.Starting:
		return stroke{"╎", "'", yellow, "starts"}
	case timeline.Stopping:
		return stroke{"╏", "!", yellow, "stops"}
	case timeline.Held:
		return stroke{"▒", "#", yellow, "is held"}
	case timeline.Backoff:
		return stroke{"┊", ":", dim, "backoff"}
	case timeline.Waiting:
		return stroke{"┊", ":", dim, "waits"}
	}
	return stroke{"┆", ".", dim, ""}
}

// state gives the stroke of a lane at a moment; false: there is nothing on it.
func (p *panel) state(lane int, at time.Duration) (stroke, bool) {
	if l := p.Lanes[lane]; l.Kind == timeline.Sender {
		span, ok := p.used[lane]
		return strokeOf(timeline.Seen), ok && span[0] <= at && at <= span[1]
	}
	bars := p.bars[lane]
	// Bars of a lane are in order of their begin; a held one lies over another.
	n := sort.Search(len(bars), func(i int) bool { return bars[i].From > at })
	for i := n - 1; i >= max(n-3, 0); i-- {
		if b := bars[i]; at <= b.To {
			if p.Lanes[lane].Kind == timeline.Supervise {
				return stroke{"│", "|", plain, ""}, true
			}
			return strokeOf(b.State), true
		}
	}
	return stroke{}, false
}

// lifelines draws the lanes as they are at a moment.
func (p *panel) lifelines(at time.Duration) (cells []cell) {
	for _, lane := range p.lanes {
		if s, ok := p.state(lane, at); ok {
			cells = put(cells, p.column[lane], pick(p.look.ASCII, s.ascii, s.line), s.style)
		}
	}
	return cells
}

// row draws one row, and gives how many lines it took.
func (p *panel) row(b *strings.Builder, r row) int {
	cells := p.lifelines(r.until())
	note, s := r.note, plain
	if r.times > 1 {
		note = strings.TrimPrefix(fmt.Sprintf("%s, %d times", note, r.times), ", ")
	}
	column := p.column[max(r.lane, 0)]
	if len(r.arrows) > 0 {
		column = 0
		for _, a := range r.arrows {
			column = max(column, p.column[a.From], p.column[a.To])
		}
		cells = p.arrows(cells, r.arrows)
		s = dim
		if p.merged {
			if from := p.Lanes[r.arrows[0].From]; from.Kind == timeline.Sender {
				note = strings.TrimPrefix(note+", from "+from.Label(), ", ")
			}
		}
	} else {
		glyph, ascii := glyphOf(r)
		if r.bad {
			s = red
		}
		cells = put(cells, column, pick(p.look.ASCII, ascii, glyph), s)
	}
	return p.noted(b, r.at, cells, column, note, s)
}

// glyphOf is the sign on the lane for what is noted.
func glyphOf(r row) (glyph, ascii string) {
	switch {
	case r.event == event.ProcessExited && strings.HasPrefix(r.note, "exited 0 "), r.event == event.SuperviseEnded:
		return "■", "="
	case r.event == event.ProcessExited, r.event == event.StartFailed, r.event == event.ServiceFailed, r.event == event.OrphanReaped:
		return "✖", "x"
	case r.bad:
		return "▲", "^"
	}
	return "◆", "*"
}

// noted writes a row with a note beside a column: on its right, or if there is
// more room, on its left.
func (p *panel) noted(b *strings.Builder, at time.Duration, cells []cell, column int, note string, s style) int {
	right, left := p.look.Width-column-3, column-timeWidth-1
	if note == "" {
		p.line(b, when(at), cells)
		return 1
	}
	if displaywidth.String(note) > right && right < 20 && left > right {
		lines := wrap(note, left-1)
		for n, part := range lines {
			if n > 0 {
				cells = p.lifelines(at)
			}
			p.line(b, stamp(at, n), put(cells, column-1-displaywidth.String(part)-1, " "+part+" ", s))
		}
		return len(lines)
	}
	lines := wrap(note, max(right, 8))
	for n, part := range lines {
		if n > 0 {
			cells = p.lifelines(at)
		}
		p.line(b, stamp(at, n), put(cells, column+2, part+pad(cells, column+2+displaywidth.String(part)), s))
	}
	return len(lines)
}

// pad is a space where a lane would else touch the end of a note.
func pad(cells []cell, at int) string {
	if at < len(cells) && cells[at].text != " " {
		return " "
	}
	return ""
}

func stamp(at time.Duration, line int) string {
	if line > 0 {
		return ""
	}
	return when(at)
}

// arrows draws signals over the lanes, which come from one lane or go on from
// where the first has gone.
func (p *panel) arrows(cells []cell, all []timeline.Arrow) []cell {
	dash, right, left := pick(p.look.ASCII, "-", "─"), pick(p.look.ASCII, ">", "▶"), pick(p.look.ASCII, "<", "◀")
	begun := map[int]bool{}
	labelled := map[[2]int]bool{}
	for _, a := range all {
		from, to := p.column[a.From], p.column[a.To]
		if from == to {
			continue
		}
		s := cyan
		if a.Failed != "" {
			s = red
		}
		low, high := min(from, to), max(from, to)
		for x := low + 1; x < high; x++ {
			if x < len(cells) && cells[x].text != " " && cells[x].style != s { // a lane on the way
				continue
			}
			if x < len(cells) && cells[x] != (cell{" ", plain}) {
				continue // the label or the head of another one
			}
			cells = put(cells, x, dash, s)
		}
		if from < to {
			cells = put(cells, to-1, right, s)
		} else {
			cells = put(cells, to+1, left, s)
		}
		if !begun[from] {
			begun[from] = true
			cells = put(cells, from, p.origin(a), bold)
		}
		name := a.Signal
		// The label stands before the first lane on the way.
		end := high
		for _, lane := range p.lanes {
			if c := p.column[lane]; c > low && c < end {
				end = c
			}
		}
		if from > to {
			end = high
			for _, lane := range p.lanes {
				if c := p.column[lane]; c < high && c > low {
					low = c
				}
			}
		}
		if key := [2]int{low, end}; !labelled[key] {
			labelled[key] = true
			room := end - low - 2
			name = cut(name, room)
			if displaywidth.String(name)+4 <= room {
				name = " " + name + " "
			}
			cells = put(cells, low+1+(room-displaywidth.String(name))/2, name, bold)
		}
	}
	return cells
}

func (p *panel) origin(a timeline.Arrow) string {
	if p.Lanes[a.From].Kind == timeline.Supervise {
		return pick(p.look.ASCII, "+", "├")
	}
	return pick(p.look.ASCII, "o", "●")
}

// legend explains what was drawn, in one line.
func legend(t *timeline.Timeline, look Look) string {
	seen := map[timeline.State]bool{}
	for _, b := range t.Bars {
		seen[b.State] = true
	}
	var parts []string
	for _, s := range []timeline.State{timeline.Starting, timeline.Running, timeline.Stopping, timeline.Held, timeline.Backoff} {
		if k := strokeOf(s); seen[s] {
			parts = append(parts, pick(look.ASCII, k.ascii, k.line)+" "+k.word)
		}
	}
	parts = append(parts, pick(look.ASCII, "= x", "■ ✖")+" ended", pick(look.ASCII, "o-->", "●─▶")+" signal")
	for _, a := range t.Arrows {
		if a.Disposition != "" {
			parts = append(parts, fmt.Sprintf("behind it: what the receiver does with it (%s, %s, ...)", event.Default, event.Caught))
			break
		}
	}
	var b strings.Builder
	for _, line := range wrap(strings.Join(parts, pick(look.ASCII, " | ", " · ")), look.Width) {
		if look.Colour {
			line = "\x1b[2m" + line + "\x1b[m"
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
