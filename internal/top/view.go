package top

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// layout is how many lines each part of the screen has.
type layout struct {
	summary int // the states, below the first line
	table   int // rows, without their head
	detail  int // about the selected service, without the rule above
	logs    int
}

// layout shares the lines out. The first, the head of the table and the two at
// the bottom are always there.
func (m *Model) layout() (l layout) {
	left := m.height - 3
	if m.height >= 14 {
		l.summary = 1
		left--
	}
	if m.full {
		l.detail = min(1, m.height/10)
		l.logs = max(0, left-1-l.detail)
		return l
	}
	left-- // the table's head
	if m.height < 14 {
		l.table = max(0, left)
		return l
	}
	l.detail = 1
	if m.height >= 30 {
		l.detail = 2
	}
	left -= 1 + l.detail
	l.table = max(3, min(len(m.rows), left*3/5))
	l.logs = left - l.table
	return l
}

// View gives the lines of the screen, each no wider than it.
func (m *Model) View() []string {
	l := m.layout()
	out := []string{m.title()}
	if l.summary > 0 {
		out = append(out, m.summary())
	}
	room := max(0, m.height-2-len(out))
	switch {
	case m.over == overHelp:
		out = append(out, m.help(room)...)
	case m.over == overPicker && (l.logs < 8 || m.full):
		out = append(out, m.picker.view(m.look, room, m.width)...)
	case m.full:
		out = append(out, m.about(l.detail)...)
		out = append(out, m.logs.view(m.look, l.logs, m.width)...)
	default:
		out = append(out, m.table(l.table)...)
		switch {
		case m.over == overPicker:
			out = append(out, m.ruler(m.paint(bold, m.selected), "", m.width))
			out = append(out, m.picker.view(m.look, l.detail+l.logs, m.width)...)
		case l.logs > 0:
			out = append(out, m.about(l.detail)...)
			out = append(out, m.logs.view(m.look, l.logs, m.width)...)
		}
	}
	for len(out) < m.height-2 {
		out = append(out, "")
	}
	out = append(out[:max(0, m.height-2)], m.status(), m.keysLine())
	return out[max(0, len(out)-m.height):]
}

// title is about supervise itself.
func (m *Model) title() string {
	config := m.info.Config
	if base := filepath.Base(config); base == "supervise.toml" || base == "services" || base == "Procfile" {
		config = filepath.Join(filepath.Base(filepath.Dir(config)), base)
	} else {
		config = base
	}
	left := m.paint(bold, " supervise") + "  " + Clean(config, false)
	right := ""
	switch {
	case !m.connected && !m.lost.Retry.IsZero():
		right = m.paint(alarm, "  connection lost ")
	case m.info.Stopping:
		right = m.paint(yellow, "  shutting down ")
	case m.connected:
		right = "up " + span(m.now.Sub(m.info.Since)) + " "
		if m.width >= 60 {
			right = "pid " + itoa(m.info.PID) + "  " + right
		}
		right = m.paint(dim, "  "+right)
	}
	return m.line(left, right, m.width)
}

// summary counts the states.
func (m *Model) summary() string {
	counts := map[string]int{}
	for i := range m.services {
		counts[m.services[i].State]++
	}
	long := " " + plural(len(m.services), "service")
	short := long
	for _, s := range stateOrder {
		if n := counts[s]; n > 0 {
			long += "  " + m.paint(stateStyle(s), fmt.Sprintf("%s %d %s", m.states[s], n, s))
			short += "  " + m.paint(stateStyle(s), fmt.Sprintf("%s %d", m.states[s], n))
		}
	}
	left := long
	if width(strip(long)) > m.width {
		left = short
	}
	right := ""
	if m.info.Orphans > 0 {
		right = m.paint(dim, "  "+plural(m.info.Orphans, "orphan")+" reaped ")
	}
	if width(strip(left+right)) > m.width {
		right = ""
	}
	return m.line(left, right, m.width)
}

// about is the rule above the logs and what there is to say of their service.
func (m *Model) about(detail int) []string {
	s := m.service()
	if s == nil {
		return append([]string{m.ruler("", "", m.width)}, make([]string, detail)...)
	}
	title := m.paint(bold, Clean(s.Name, false)) + "  " + m.paint(stateStyle(s.State), m.state(s.State))
	out := []string{m.ruler(title, m.logs.where(), m.width)}
	text := m.detail(s)
	for i := range detail {
		w := m.width - 2
		if i < detail-1 && width(text) > w { // the last line takes the rest
			at := strings.LastIndexByte(strings.TrimRight(m.cut(text, 0, w), m.more), ' ')
			if at > 0 {
				out = append(out, "  "+text[:at])
				text = text[at+1:]
				continue
			}
		}
		out = append(out, m.cut("  "+text, 0, m.width-1))
		text = ""
	}
	return out
}

// status is the line for what happens and what is asked.
func (m *Model) status() string {
	text := ""
	switch {
	case m.over == overConfirm:
		text = m.paint(alarm, " "+m.why+"?") + "  y yes, any other key no"
		if width(strip(text)) > m.width {
			text = m.line(m.paint(alarm, " "+m.why), m.paint(alarm, "? y/n"), m.width)
		}
	case m.over == overFilter:
		text = " /" + m.filter + m.caret
	case !m.connected && !m.lost.Retry.IsZero():
		text = " connection lost, trying again"
		if left := m.lost.Retry.Sub(m.now); left >= time.Second {
			text += " in " + span(left)
		}
		text = m.paint(alarm, text) + "  " + m.paint(dim, Clean(m.lost.Why, false))
	case m.note.text != "" && m.note.bad:
		text = m.paint(alarm, " "+m.note.text)
	case len(m.pending) > 0:
		p := m.pending[len(m.pending)-1]
		text = " " + Clean(m.progress(p), false)
		if n := len(m.pending) - 1; n > 0 {
			text += fmt.Sprintf(" (and %d more)", n)
		}
		text = m.paint(yellow, text)
	case m.note.text != "":
		text = " " + m.note.text
	case m.filter != "":
		text = m.paint(dim, fmt.Sprintf(" %d of %d: /%s, Esc shows all", len(m.rows), len(m.services), m.filter))
	case m.layout().logs == 0 && m.service() != nil: // it has no other place
		text = m.paint(dim, " "+m.detail(m.service()))
	}
	return m.cut(text, 0, m.width)
}
