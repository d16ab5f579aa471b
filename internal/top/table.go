package top

import (
	"fmt"
	"strings"

	"supervise/internal/api"
)

// column is a column of the table.
type column struct {
	title  string
	width  int
	left   bool // left-aligned, else right
	from   int  // shown on screens at least this wide
	sorted order
	value  func(*Model, *api.Service) string
}

const never order = -1 // a column that nothing is sorted by

var columns = []column{
	{"STATE", 10, true, 0, byState, func(m *Model, s *api.Service) string { return m.state(s.State) }},
	{"PID", 7, false, 48, never, func(_ *Model, s *api.Service) string { return orDash(s.PID != 0, itoa(s.PID)) }},
	{"UPTIME", 7, false, 36, byUptime, (*Model).uptime},
	{"CPU%", 6, false, 56, byCPU, (*Model).cpu},
	{"MEM", 5, false, 64, byMemory, func(_ *Model, s *api.Service) string {
		return orDash(s.Memory != nil && s.PID != 0, size(memory(s)))
	}},
	{"RST", 4, false, 70, byRestarts, func(_ *Model, s *api.Service) string { return itoa(s.Restarts) }},
	{"NEXT", 16, true, 78, never, (*Model).short},
}

func orDash(ok bool, text string) string {
	if !ok {
		return "-"
	}
	return text
}

func (m *Model) cpu(s *api.Service) string {
	u := m.usage[s.Name]
	return orDash(u.known && s.PID != 0, fmt.Sprintf("%.1f", u.percent))
}

// short is what comes next, for a narrow column.
func (m *Model) short(s *api.Service) string {
	next := m.next(s)
	if next == "" && unwellText(s) != "" {
		return "unwell"
	}
	for long, short := range map[string]string{"starts in ": "start in ", "given up in ": "give up in ", "times out in ": "timeout in "} {
		if rest, ok := strings.CutPrefix(next, long); ok {
			return short + rest
		}
	}
	return next
}

// table gives the head of the table and n rows.
func (m *Model) table(n int) []string {
	var shown []column
	room := m.width - 2
	for _, c := range columns {
		if m.width >= c.from {
			shown = append(shown, c)
			room -= c.width + 1
		}
	}
	name := max(8, room)
	if last := len(shown) - 1; shown[last].title == "NEXT" { // has what names leave
		extra := max(0, room-max(m.longest, 12))
		shown[last].width += extra
		name -= extra
	}
	head := "  " + m.fit("NAME"+m.arrow(byName), name)
	for _, c := range shown {
		title := c.title
		if c.sorted != never {
			title += m.arrow(c.sorted)
		}
		head += " " + m.align(c, title)
	}
	out := []string{m.paint(dim, m.cut(head, 0, m.width))}
	for at := m.first; at < min(m.first+n, len(m.rows)); at++ {
		out = append(out, m.row(&m.services[m.rows[at]], shown, name, at == m.cursor))
	}
	if len(m.rows) == 0 {
		switch {
		case m.filter != "":
			out = append(out, m.paint(dim, m.cut("  no service matches "+m.filter+"; Esc shows all", 0, m.width)))
		case m.connected:
			out = append(out, m.paint(dim, m.cut("  no services", 0, m.width)))
		}
	}
	for len(out) < n+1 {
		out = append(out, "")
	}
	return out[:n+1]
}

// arrow shows what the table is sorted by, and which way.
func (m *Model) arrow(o order) string {
	if m.order != o {
		return ""
	}
	if (o == byName || o == byState) != m.reversed {
		return m.rising
	}
	return m.falling
}

func (m *Model) row(s *api.Service, shown []column, name int, selected bool) string {
	text := "  "
	if selected {
		text = m.here + " "
	}
	text += m.fit(Clean(s.Name, false), name)
	for _, c := range shown {
		value := m.align(c, Clean(c.value(m, s), false))
		switch {
		case selected || !m.connected:
		case c.title == "STATE" && unwellText(s) != "":
			value = m.paint(yellow, value)
		case c.title == "STATE":
			value = m.paint(stateStyle(s.State), value)
		case c.title == "NEXT" || strings.TrimSpace(value) == "-":
			value = m.paint(dim, value)
		}
		text += " " + value
	}
	text = m.cut(text, 0, m.width)
	switch {
	case selected:
		return m.paint(reverse, text+strings.Repeat(" ", max(0, m.width-width(text))))
	case !m.connected: // what is shown is not known to be so still
		return m.paint(dim, text)
	}
	return text
}

func (m *Model) align(c column, text string) string {
	if c.left {
		return m.fit(text, c.width)
	}
	return m.right(text, c.width)
}
