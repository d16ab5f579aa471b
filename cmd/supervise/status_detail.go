package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"supervise/internal/api"
	"supervise/internal/event"
	"supervise/internal/visible"
)

// detail tells all there is to say of one service.
func detail(s *api.Service, look screen) string {
	var b strings.Builder
	line := func(key, text string) {
		if text == "" {
			return
		}
		text = visible.Text(text)
		if look.terminal {
			text = cut(text, look.columns-12)
		}
		fmt.Fprintf(&b, "  %-9s %s\n", key, text)
	}
	ready := ""
	if s.State == "running" && !s.Ready {
		ready = ", not ready"
	}
	since := fmt.Sprintf("since %s (%s)", clock(s.Since), lasting(time.Since(s.Since).Seconds()))
	fmt.Fprintf(&b, "%s: %s%s, %s\n", look.paint(bold, visible.Text(s.Name)), look.paint(colourOf(s), visible.Text(s.State)), ready, since)
	line("why", s.Why)
	line("step", s.Step)
	line("next", s.Next)
	line("blocked", s.Blocked)
	line("health", s.Health)
	line("about", s.About)
	line("says", s.Says)
	if s.PID != 0 {
		line("pid", fmt.Sprint(s.PID))
		line("uptime", lasting(s.Uptime))
	}
	line("restarts", fmt.Sprint(s.Restarts))
	if x := s.LastExit; x != nil {
		line("last exit", fmt.Sprintf("%s after %s, %s", x.Text, event.Roughly(time.Duration(x.Up*float64(time.Second))), clock(x.At)))
	}
	kind := s.Kind
	if !s.Autostart {
		kind += ", not started by itself"
	}
	line("kind", kind)
	line("ready by", s.ReadyBy)
	line("sockets", socketsText(s))
	line("stored", strings.Join(s.Stored, ", "))
	line("needs", strings.Join(s.Needs, ", "))
	line("log", s.Log)
	line("command", words(s.Command))
	if len(s.Processes) > 0 {
		if s.CPU != nil && s.Memory != nil {
			line("processes", fmt.Sprintf("%d, CPU %s, memory %s", len(s.Processes), cpu(*s.CPU), bytesText(*s.Memory)))
		}
		b.WriteString(processTree(s.Processes, look))
	}
	return b.String()
}

// socketsText lists the sockets of a service, with how many connections there are
// to them.
func socketsText(s *api.Service) string {
	text := strings.Join(s.Sockets, ", ")
	switch {
	case s.Connections == nil:
	case *s.Connections == 1:
		text += " (1 connection)"
	default:
		text += fmt.Sprintf(" (%d connections)", *s.Connections)
	}
	return text
}

// processTree draws processes below their parents, the main process first.
func processTree(all []api.Process, look screen) string {
	slices.SortStableFunc(all, func(a, b api.Process) int {
		if a.Main != b.Main {
			return map[bool]int{true: -1, false: 1}[a.Main]
		}
		return a.PID - b.PID
	})
	var rows []treeRow
	drawn := map[int]bool{}
	var draw func(p *api.Process, first, rest string)
	draw = func(p *api.Process, first, rest string) {
		if drawn[p.PID] { // parents are read one after the other: a circle is possible
			return
		}
		drawn[p.PID] = true
		rows = append(rows, treeRow{first, p})
		var children []*api.Process
		for i := range all {
			if all[i].PPID == p.PID && !drawn[all[i].PID] {
				children = append(children, &all[i])
			}
		}
		for i, c := range children {
			if i == len(children)-1 {
				draw(c, rest+"└─ ", rest+"   ")
			} else {
				draw(c, rest+"├─ ", rest+"│  ")
			}
		}
	}
	present := map[int]bool{}
	for i := range all {
		present[all[i].PID] = true
	}
	for i := range all {
		if !present[all[i].PPID] {
			draw(&all[i], "", "")
		}
	}
	for i := range all { // what is left is in a circle
		draw(&all[i], "", "")
	}
	return drawRows(rows, look)
}

// treeRow is one process behind the lines that lead to it.
type treeRow struct {
	lines   string
	process *api.Process
}

func drawRows(rows []treeRow, look screen) string {
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.lines)+len(fmt.Sprint(r.process.PID)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "    %s\n", look.paint(bold, fmt.Sprintf("%-*s  %8s  %8s  %s", width, "PID", "CPU", "MEMORY", "COMMAND")))
	for _, r := range rows {
		p := r.process
		name := p.Command
		if name == "" {
			name = p.Name
		}
		name = visible.Text(name)
		switch p.State {
		case "Z":
			name = visible.Text(p.Name) + " (zombie)"
		case "T", "t":
			name += " (stopped)"
		case "D":
			name += " (waits in the kernel)"
		}
		if look.terminal {
			name = cut(name, max(look.columns-width-26, 8))
		}
		fmt.Fprintf(&b, "    %-*s  %8s  %8s  %s\n", width, fmt.Sprintf("%s%d", r.lines, p.PID), cpu(p.CPU), bytesText(p.Memory), name)
	}
	return b.String()
}

// clock writes a time of today without its date.
func clock(t time.Time) string {
	t = t.Local()
	if now := time.Now(); t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// cpu writes processor time: "0.03s", "3m05s".
func cpu(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.2fs", seconds)
	}
	return lasting(seconds)
}

// bytesText writes a number of bytes as people read it, in powers of 1024.
func bytesText(n uint64) string {
	const units = "KMGT"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n) / 1024
	unit := 0
	for v >= 1023.95 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, units[unit])
}

// words joins the words of a command as a shell would read them.
func words(command []string) string {
	quoted := make([]string, len(command))
	for i, w := range command {
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$`|&;<>()*?[]{}~#!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}
