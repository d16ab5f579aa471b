package top

import (
	"strings"

	"supervise/internal/api"
)

// keptLines is how far back one can scroll; that many are asked for at first.
const keptLines = 2000

// logs is the output of one service.
type logs struct {
	of        string
	following bool
	lines     []line
	back      int    // how many lines the view is above the end; 0: it follows
	right     int    // how many cells it is moved to the right
	stamps    bool   // with times
	waiting   string // why nothing more comes
}

// line is one of them, cleaned.
type line struct {
	stamp string
	text  string
}

func (l *logs) add(lines []api.Line, k look) {
	for _, v := range lines {
		var n line
		if v.Time != nil {
			n.stamp = v.Time.Local().Format("15:04:05 ")
		}
		switch {
		case v.Lost > 0:
			n.text = k.paint(dim, plural(v.Lost, "byte")+" lost: too much at once")
		case v.Part:
			n.text = k.paint(dim, k.more) + Clean(v.Line, k.colour)
		default:
			n.text = Clean(v.Line, k.colour)
		}
		l.lines = append(l.lines, n)
		if l.back > 0 {
			l.back++
		}
	}
	if over := len(l.lines) - keptLines; over > keptLines/4 { // not with each line
		l.lines = append([]line(nil), l.lines[over:]...)
	}
	l.move(0, 1)
}

// move scrolls up by n lines, where height of them are shown.
func (l *logs) move(n, height int) {
	l.back = max(0, min(l.back+n, len(l.lines)-height))
}

// view gives n lines of the width w.
func (l *logs) view(k look, n, w int) []string {
	l.move(0, n)
	end := len(l.lines) - l.back
	var out []string
	for _, v := range l.lines[max(0, end-n):end] {
		text := v.text
		if l.stamps && v.stamp != "" && w > 30 {
			text = k.paint(dim, v.stamp) + k.cut(text, l.right, w-len(v.stamp))
		} else {
			text = k.cut(text, l.right, w)
		}
		out = append(out, text)
	}
	if len(out) < n && (l.waiting != "" || len(l.lines) == 0) {
		why := l.waiting
		if why == "" && l.of != "" {
			why = "no output yet"
		}
		out = append(out, k.paint(dim, k.cut(Clean(why, false), 0, w)))
	}
	return append(out, make([]string, n-len(out))...)
}

// where says in a word or two what part of the output is seen.
func (l *logs) where() string {
	switch {
	case l.back > 0:
		return plural(l.back, "line") + " back"
	case l.waiting != "":
		return "not following"
	}
	return "following"
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strings.Join([]string{itoa(n), what}, " ")
}
