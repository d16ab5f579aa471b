package logs

import (
	"bytes"
	"time"

	"supervise/internal/event"
	"supervise/internal/visible"
)

// Text is the format for people: time, name, and what was written or happened.
// It is used by one goroutine at a time.
type Text struct {
	width   int               // of the column for names
	colours map[string]string // of each service; nil: no colour at all

	// What stood before the last line, since the next one is mostly of the same
	// service and second.
	last       []byte
	lastName   string
	lastSecond int64
}

// NewText makes the format for the named services. With colour each has one of
// its own, and our own lines are dim.
func NewText(names []string, colour bool) *Text {
	t := &Text{width: len(own)}
	for _, name := range names {
		t.width = max(t.width, len(name))
	}
	if colour {
		t.colours = map[string]string{}
		for i, name := range names {
			t.colours[name] = palette[i%len(palette)]
		}
	}
	return t
}

// own is the name before our own lines.
const own = "supervise"

// palette is those of the 16 that can be read on black and on white.
var palette = []string{"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[93m", "\x1b[92m", "\x1b[95m", "\x1b[94m"}

const (
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	normal = "\x1b[0m"
)

// Event appends an event.
func (t *Text) Event(to []byte, e *event.Event) []byte {
	if e.Name == event.ServiceOutput {
		return t.Line(to, e.Service, e.Time, []byte(e.Text()), false)
	}
	style := dim
	if e.Name.Severe() {
		style = red
	}
	to = t.head(to, own, e.Time, dim, '*')
	to = t.paint(to, style)
	if e.Service != "" {
		to = append(append(to, e.Service...), ": "...)
	}
	to = append(to, visible.Text(e.Text())...) // a process may have any name
	return append(t.paint(to, normal), '\n')
}

// Line appends a line of output, its bytes unchanged.
func (t *Text) Line(to []byte, service string, at time.Time, line []byte, part bool) []byte {
	if part { // it belongs to the line before
		to = t.head(to, service, at, t.colours[service], '+')
	} else {
		if second := at.Unix(); len(t.last) == 0 || second != t.lastSecond || service != t.lastName {
			t.last = t.head(t.last[:0], service, at, t.colours[service], '|')
			t.lastName, t.lastSecond = service, second
		}
		to = append(to, t.last...)
	}
	return append(append(to, line...), '\n')
}

// Screen is Text for a terminal: of a line of output only text, tabs and colours
// get there. A service may neither move the cursor, and so write our own lines,
// nor change the terminal.
type Screen struct{ *Text }

// Line appends a line of output, safe to show.
func (s Screen) Line(to []byte, service string, at time.Time, line []byte, part bool) []byte {
	return s.Text.Line(to, service, at, []byte(visible.Line(string(line))), part)
}

// head appends "15:04:05 name | ".
func (t *Text) head(to []byte, name string, at time.Time, colour string, mark byte) []byte {
	to = t.paint(to, colour)
	to = at.AppendFormat(to, "15:04:05 ")
	to = append(to, name...)
	to = append(to, bytes.Repeat([]byte{' '}, max(t.width-len(name), 0))...)
	to = append(to, ' ', mark)
	to = t.paint(to, normal)
	return append(to, ' ')
}

func (t *Text) paint(to []byte, code string) []byte {
	if t.colours == nil {
		return to
	}
	return append(to, code...)
}

// Bare is the format for one program, where there is nothing to tell apart:
// what happened, behind our own name.
type Bare struct{}

// Event appends an event.
func (Bare) Event(to []byte, e *event.Event) []byte {
	return append(append(append(append(to, own...), ": "...), visible.Text(e.Text())...), '\n')
}

// Line appends a line of output as it is.
func (Bare) Line(to []byte, _ string, _ time.Time, line []byte, _ bool) []byte {
	return append(append(to, line...), '\n')
}
