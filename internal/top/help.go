package top

import "strings"

// hint is a key in the last line.
type hint struct{ key, does string }

// keysLine names the keys that mean something now, as many as there is room for.
func (m *Model) keysLine() string {
	var hints, last []hint
	switch {
	case m.over == overPicker:
		hints = []hint{{"Enter", "send"}, {"Tab", "to whom"}, {"arrows", "choose"}, {"A-Z 0-9", "search"}}
		last = []hint{{"Esc", "back"}}
	case m.over == overFilter:
		hints = []hint{{"Enter", "keep"}, {"Esc", "show all"}}
	case m.over == overHelp:
		hints = []hint{{"any key", "back"}}
	case m.over == overConfirm:
		hints = []hint{{"y", "yes"}, {"n", "no"}}
	case m.full:
		hints = []hint{{"PgUp", "back"}, {"f", "follow"}, {"t", "times"}, {"s", "start"}, {"x", "stop"}, {"r", "restart"}, {"K", "signal"}}
		last = []hint{{"?", "help"}, {"Esc", "table"}}
	default:
		hints = []hint{{"s", "start"}, {"x", "stop"}, {"r", "restart"}, {"K", "signal"}, {"Enter", "logs"}, {"/", "filter"}, {"o", "sort"}, {"R", "reload"}}
		last = []hint{{"?", "help"}, {"q", "quit"}}
	}
	room := m.width - 1
	for _, h := range last {
		room -= len(h.key) + len(h.does) + 3
	}
	var b strings.Builder
	b.WriteByte(' ')
	for _, h := range hints {
		if room -= len(h.key) + len(h.does) + 3; room < -2 {
			break
		}
		m.writeHint(&b, h)
	}
	for _, h := range last {
		m.writeHint(&b, h)
	}
	return m.cut(strings.TrimSuffix(b.String(), "  "), 0, m.width)
}

func (m *Model) writeHint(b *strings.Builder, h hint) {
	b.WriteString(m.paint(bold, h.key) + " " + m.paint(dim, h.does) + "  ")
}

// help is the text of the help; docs/top.md has the same.
var help = []string{
	"Services",
	"  up down, j k      choose a service        PgUp PgDn, Home End, g G",
	"  /                 only those whose name or state has what is typed; Esc: all",
	"  o   O             sort by the next column; turn the order round",
	"",
	"Do",
	"  s   x   r         start, stop, restart the service",
	"  K                 send it a signal, chosen from a list",
	"  R                 read the configuration again; says first what would change",
	"",
	"Output",
	"  Enter, l          on the whole screen, and back",
	"  u   d             scroll up, down; on the whole screen arrows, PgUp, PgDn too",
	"  f, End            follow again (on the whole screen)",
	"  left right        move sideways in long lines",
	"  t                 with the time of each line",
	"",
	"  Ctrl-L  paint anew    Ctrl-Z  suspend    q, Ctrl-C  quit",
}

func (m *Model) help(n int) []string {
	var out []string
	for _, text := range help[min(m.scroll, len(help)-1):] {
		text = m.cut(text, 0, m.width-1)
		if text != "" && text[0] != ' ' {
			text = m.paint(bold, text)
		}
		out = append(out, " "+text)
	}
	return out[:min(n, len(out))]
}
