package top

import (
	"strings"

	"supervise/internal/fullscreen"
	"supervise/internal/signals"
)

// key does what a key means where it was pressed.
func (m *Model) key(k fullscreen.Key) []Command {
	m.note = note{}
	switch k {
	case "ctrl+c":
		return []Command{Quit{}}
	case "ctrl+z":
		return []Command{Suspend{}}
	case "ctrl+l":
		return []Command{Redraw{}}
	}
	switch m.over {
	case overFilter:
		return m.keyInFilter(k)
	case overConfirm:
		m.over = overNothing
		if k == "y" || k == "Y" {
			return m.ask(m.asking)
		}
		m.say(true, "not done")
		return nil
	case overPicker:
		return m.keyInPicker(k)
	case overHelp:
		return m.keyInHelp(k)
	}
	if m.full {
		if done := m.keyInLogs(k); done {
			return nil
		}
	} else if done, commands := m.keyInTable(k); done {
		return commands
	}
	return m.keyAnywhere(k)
}

// keyInTable moves in the table and arranges it.
func (m *Model) keyInTable(k fullscreen.Key) (done bool, commands []Command) {
	page := max(1, m.layout().table-1)
	switch k {
	case "up", "k":
		m.moveTo(m.cursor - 1)
	case "down", "j":
		m.moveTo(m.cursor + 1)
	case "pgup":
		m.moveTo(m.cursor - page)
	case "pgdown", "space":
		m.moveTo(m.cursor + page)
	case "home", "g":
		m.moveTo(0)
	case "end", "G":
		m.moveTo(len(m.rows) - 1)
	case "u":
		m.logs.move(max(1, m.layout().logs/2), m.layout().logs)
	case "d":
		m.logs.move(-max(1, m.layout().logs/2), m.layout().logs)
	case "enter", "l":
		m.full = m.selected != ""
	case "o":
		m.order = (m.order + 1) % orders
		m.arrange()
	case "O":
		m.reversed = !m.reversed
		m.arrange()
	case "/":
		m.over, m.typing = overFilter, m.filter
	case "esc":
		m.filter = ""
		m.arrange()
	case "q":
		return true, []Command{Quit{}}
	default:
		return false, nil
	}
	return true, m.follow(m.selected)
}

// keyInLogs moves in the logs.
func (m *Model) keyInLogs(k fullscreen.Key) (done bool) {
	page := max(1, m.layout().logs)
	switch k {
	case "up", "k":
		m.logs.move(1, page)
	case "down", "j":
		m.logs.move(-1, page)
	case "pgup", "u":
		m.logs.move(page-1, page)
	case "pgdown", "space", "d":
		m.logs.move(1-page, page)
	case "home", "g":
		m.logs.move(keptLines*2, page)
	case "end", "G", "f":
		m.logs.move(-m.logs.back, page)
	case "esc", "enter", "l", "q":
		m.full = false
		m.scrollToCursor()
	default:
		return false
	}
	return true
}

// keyAnywhere asks for something, or shows something else.
func (m *Model) keyAnywhere(k fullscreen.Key) []Command {
	switch k {
	case "left":
		m.logs.right = max(0, m.logs.right-8)
	case "right":
		m.logs.right += 8
	case "t":
		m.logs.stamps = !m.logs.stamps
	case "?":
		m.over, m.scroll = overHelp, 0
	case "R":
		return m.ask(Ask{Verb: "plan"})
	case "s":
		return m.askSelected("start")
	case "x":
		return m.askSelected("stop")
	case "r":
		return m.askSelected("restart")
	case "K":
		if m.selected != "" {
			m.over, m.picker = overPicker, picker{name: m.selected}
		}
	}
	return nil
}

// askSelected asks for something for the selected service; what takes away
// something that runs needs a y.
func (m *Model) askSelected(verb string) []Command {
	s := m.service()
	if s == nil {
		return nil
	}
	a := Ask{Verb: verb, Name: s.Name}
	if verb != "start" && s.PID != 0 && m.connected {
		m.over, m.asking, m.why = overConfirm, a, verb+" "+s.Name
		return nil
	}
	return m.ask(a)
}

func (m *Model) ask(a Ask) []Command {
	if !m.connected {
		m.say(false, "there is no connection to supervise; nothing was asked for")
		return nil
	}
	for _, p := range m.pending {
		if p.Ask == a {
			m.say(true, "%s is under way", a.doing())
			return nil
		}
	}
	m.pending = append(m.pending, pending{a, m.now})
	return []Command{a}
}

func (m *Model) keyInFilter(k fullscreen.Key) []Command {
	switch k {
	case "esc":
		m.over, m.filter = overNothing, ""
	case "enter", "tab":
		m.over = overNothing
	case "up", "down", "pgup", "pgdown":
		_, commands := m.keyInTable(k)
		return commands
	case "backspace":
		if m.typing == "" {
			m.over = overNothing
		}
		m.filter = shorter(m.typing)
	default:
		if k.Rune() == 0 {
			return nil
		}
		m.filter = m.typing + string(k.Rune())
	}
	m.typing = m.filter
	m.arrange()
	return m.follow(m.selected)
}

func shorter(s string) string {
	r := []rune(s)
	return string(r[:max(0, len(r)-1)])
}

func (m *Model) keyInPicker(k fullscreen.Key) []Command {
	p := &m.picker
	columns := pickerColumns(m.width)
	switch k {
	case "esc":
		m.over = overNothing
	case "left":
		p.at--
	case "right":
		p.at++
	case "up":
		p.at -= columns
	case "down":
		p.at += columns
	case "pgup", "home":
		p.at = 0
	case "pgdown", "end":
		p.at = len(p.matches())
	case "tab":
		p.aim = (p.aim + 1) % len(aims)
	case "shift+tab":
		p.aim = (p.aim + len(aims) - 1) % len(aims)
	case "backspace":
		p.filter, p.at = shorter(p.filter), 0
	case "enter":
		sig, ok := p.chosen()
		if !ok {
			return nil
		}
		m.over = overNothing
		a := Ask{"signal", p.name, sig, aims[p.aim]}
		if sig == signals.KILL && m.connected {
			m.over, m.asking, m.why = overConfirm, a, "send KILL to "+aimWords[a.Aim]+" of "+a.Name
			return nil
		}
		return m.ask(a)
	default:
		if r := k.Rune(); r > ' ' {
			p.filter, p.at = p.filter+strings.ToUpper(string(r)), 0
		}
	}
	p.at = max(0, min(p.at, len(p.matches())-1))
	return nil
}

func (m *Model) keyInHelp(k fullscreen.Key) []Command {
	switch k {
	case "up", "k":
		m.scroll--
	case "down", "j":
		m.scroll++
	case "pgup":
		m.scroll -= m.height - 3
	case "pgdown", "space":
		m.scroll += m.height - 3
	default:
		m.over = overNothing
	}
	m.scroll = max(0, min(m.scroll, len(help)-(m.height-3)))
	return nil
}

// paste is typed where something is typed, and nothing elsewhere: nobody means
// to paste commands.
func (m *Model) paste(text string) {
	switch m.over {
	case overFilter:
		m.filter += text
		m.typing = m.filter
		m.arrange()
	case overPicker:
		m.picker.filter, m.picker.at = m.picker.filter+strings.ToUpper(strings.TrimSpace(text)), 0
	}
}
