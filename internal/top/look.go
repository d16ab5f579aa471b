package top

import "strings"

// look is what may be used to show things.
type look struct {
	colour bool
	*glyphs
}

// glyphs are the characters that are not letters.
type glyphs struct {
	more    string // what was cut
	rule    string
	here    string // the selected row
	sep     string
	falling string // sorted from the greatest down
	rising  string
	caret   string // where one types
	states  map[string]string
}

var unicodeGlyphs = &glyphs{more: "…", rule: "─", here: "▸", sep: " · ", falling: "▾", rising: "▴", caret: "▏", states: map[string]string{
	"running": "●", "starting": "◐", "stopping": "◑", "waiting": "◌", "backoff": "↻", "failed": "✗", "done": "✓", "stopped": "○"}}

var asciiGlyphs = &glyphs{more: "~", rule: "-", here: ">", sep: ", ", falling: "v", rising: "^", caret: "_", states: map[string]string{
	"running": "*", "starting": "+", "stopping": "-", "waiting": ".", "backoff": "@", "failed": "!", "done": "=", "stopped": "o"}}

func newLook(colour, unicode bool) look {
	if unicode {
		return look{colour, unicodeGlyphs}
	}
	return look{colour, asciiGlyphs}
}

// style is an attribute or a colour, as SGR numbers it. Only the sixteen
// colours that a terminal's owner has chosen are used.
type style string

const (
	bold    style = "1"
	dim     style = "2"
	reverse style = "7"
	red     style = "31"
	green   style = "32"
	yellow  style = "33"
	cyan    style = "36"
	alarm   style = "1;31"
)

func stateStyle(state string) style {
	switch state {
	case "running":
		return green
	case "starting", "waiting":
		return cyan
	case "stopping", "backoff":
		return yellow
	case "failed":
		return red
	case "done", "stopped":
		return dim
	}
	return ""
}

// paint gives text a style. Without colours, bold, dim and reverse stay: they
// are none (https://no-color.org).
func (k look) paint(s style, text string) string {
	if text == "" || s == "" {
		return text
	}
	if !k.colour {
		switch s {
		case alarm:
			s = bold
		case red, green, yellow, cyan:
			return text
		}
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[m"
}

// state is a state with its sign.
func (k look) state(s string) string { return k.states[s] + " " + Clean(s, false) }

// line puts a text at the left and one at the right; the left gives way.
func (k look) line(left, right string, w int) string {
	room := w - width(strip(right))
	if room < 10 {
		return k.fit(left, w)
	}
	return k.fit(left, room) + right
}

// ruler is a horizontal line with a text in its left and one in its right.
func (k look) ruler(left, right string, w int) string {
	if right != "" {
		right = " " + right + " "
	}
	left = k.rule + " " + k.cut(left, 0, max(0, w-width(strip(right))-6)) + " "
	gap := max(0, w-width(strip(left))-width(strip(right))-1)
	return k.cut(left+k.paint(dim, strings.Repeat(k.rule, gap))+k.paint(dim, right)+k.paint(dim, k.rule), 0, w)
}
