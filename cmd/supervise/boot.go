package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/event"
	"supervise/internal/visible"
)

// boot tells how the start of supervise went.
func (f *clientFlags) boot(cmd *cobra.Command, a asker) error {
	var b api.Boot
	_, raw, err := a.ask(cmd.Context(), "GET", "/v1/boot", nil, &b)
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(cmd, raw)
	} else {
		err = printed(fmt.Fprint(cmd.OutOrStdout(), bootText(&b, screenOf(cmd.OutOrStdout()))))
	}
	if err == nil && b.Missing > 0 {
		err = exit{status: exitNotDone}
	}
	return err
}

// The bars of the table: a service waits for others, its process is being made
// (or start.before runs), it is getting ready.
const (
	barWaiting   = "·"
	barPreparing = "▒"
	barReadying  = "█"
)

// bootText shows a start: a line that sums it up, and a table in which each
// service has a bar. The longest bar is as long as the start took.
func bootText(b *api.Boot, look screen) string {
	if len(b.Services) == 0 {
		return "nothing was to be started when supervise began\n"
	}
	rows := [][]string{{"", "NAME", "WAITED", "PROCESS", "READY"}}
	for i := range b.Services {
		rows = append(rows, bootRow(&b.Services[i]))
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for c := range r {
			width[c] = max(width[c], utf8.RuneCountInString(r[c]))
		}
	}
	width[0] = 1 // also when nothing is on the critical path
	room := 40
	if look.terminal {
		width[1] = min(width[1], max(look.columns/4, 8))
		width[2] = min(width[2], max(look.columns/4, 8))
		room = look.columns
		for _, w := range width {
			room -= w + 2
		}
		room = max(room-1, 6)
	}
	text := summary(b) + "\n"
	for i, r := range rows {
		line := ""
		for c := range r {
			line += fmt.Sprintf("%-*s  ", width[c], cut(r[c], width[c]))
		}
		switch {
		case i == 0:
			line = look.paint(bold, line+fmt.Sprintf("0s%*s", room-2, roughly(b.Took)))
		case !b.Services[i-1].Up:
			s := &b.Services[i-1]
			line = look.paint(red, line+cut(visible.Text(s.State+bracketed(s.Why)), room))
		case b.Services[i-1].Critical:
			line += look.paint(yellow, bar(&b.Services[i-1], b.Took, room))
		default:
			line += look.paint(green, bar(&b.Services[i-1], b.Took, room))
		}
		text += strings.TrimRight(line, " ") + "\n"
	}
	return text
}

// summary tells how long it took, and what would have had to be quicker.
func summary(b *api.Boot) string {
	up := len(b.Services) - b.Missing
	text := fmt.Sprintf("%d of %d services are up, the last after %s", up, len(b.Services), roughly(b.Took))
	if up == 0 {
		text = fmt.Sprintf("none of %d services is up", len(b.Services))
	}
	var path []api.BootStep
	for _, s := range b.Services {
		if s.Critical {
			path = append(path, s)
		}
	}
	// What goes first has waited least.
	slices.SortStableFunc(path, func(x, y api.BootStep) int {
		return compareSeconds(x.Waited, y.Waited)
	})
	var parts []string
	for _, s := range path {
		parts = append(parts, visible.Text(s.Name)+" "+roughly(s.Share))
	}
	if len(parts) > 0 {
		sum := 0.0
		for _, s := range path {
			sum += s.Share
		}
		text += fmt.Sprintf("\ncritical path (*): %s = %s", strings.Join(parts, " + "), roughly(sum))
	}
	return text
}

func compareSeconds(x, y *float64) int {
	switch {
	case x == nil || y == nil || *x == *y:
		return 0
	case *x < *y:
		return -1
	}
	return 1
}

func bootRow(s *api.BootStep) []string {
	mark := ""
	if s.Critical {
		mark = "*"
	}
	part := func(seconds *float64) string {
		if seconds == nil {
			return "-"
		}
		return roughly(*seconds)
	}
	waited := "-"
	if s.Waited != nil && s.For != "" {
		waited = roughly(*s.Waited) + " for " + s.For
	}
	return []string{mark, visible.Text(s.Name), visible.Text(waited), part(s.Prepared), part(s.Readied)}
}

// bar draws the parts of a service's start; whole seconds fill the room.
func bar(s *api.BootStep, whole float64, room int) string {
	if whole <= 0 {
		return barReadying
	}
	at, end := 0.0, 0
	draw := func(what string, seconds *float64) string {
		if seconds == nil {
			return ""
		}
		at += *seconds
		from := end
		end = max(end, min(int(math.Round(at/whole*float64(room))), room))
		return strings.Repeat(what, end-from)
	}
	text := draw(barWaiting, s.Waited) + draw(barPreparing, s.Prepared) + draw(barReadying, s.Readied)
	if !strings.HasSuffix(text, barReadying) { // too short to be seen
		runes := []rune(text)
		text = string(runes[:min(len(runes), room-1)]) + barReadying
	}
	return text
}

func roughly(seconds float64) string {
	return event.Roughly(time.Duration(seconds * float64(time.Second))).String()
}
