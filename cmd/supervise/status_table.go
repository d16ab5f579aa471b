package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"supervise/internal/api"
	"supervise/internal/visible"
)

// table shows services, one in each line. Where lines are as long as a terminal
// is wide, the reason is what is cut.
func table(all []api.Service, look screen) string {
	rows := [][]string{{"NAME", "STATE", "PID", "UPTIME", "RESTARTS", "WHY"}}
	for i := range all {
		rows = append(rows, row(&all[i]))
	}
	const why = 5
	var width [why]int
	for _, r := range rows {
		for c := range why {
			width[c] = max(width[c], utf8.RuneCountInString(r[c]))
		}
	}
	if look.terminal {
		width[0] = min(width[0], max(look.columns/3, 8))
	}
	left := look.columns
	for _, w := range width {
		left -= w + 2
	}
	var b strings.Builder
	for i, r := range rows {
		reason := r[why]
		if look.terminal {
			reason = cut(reason, left)
			if i > 0 {
				reason = reasonWithin(&all[i-1], left)
			}
		}
		line := fmt.Sprintf("%-*s  %s  %*s  %*s  %*s  %s", width[0], cut(r[0], width[0]), "%", width[2], r[2], width[3], r[3], width[4], r[4], reason)
		state := fmt.Sprintf("%-*s", width[1], r[1])
		head, tail, _ := strings.Cut(line, "%")
		switch {
		case i == 0:
			line = look.paint(bold, strings.TrimRight(head+state+tail, " "))
		case colourOf(&all[i-1]) == red: // what has failed stands out as a whole
			line = look.paint(red, strings.TrimRight(head+state+tail, " "))
		default:
			line = strings.TrimRight(head+look.paint(colourOf(&all[i-1]), state)+tail, " ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func row(s *api.Service) []string {
	pid, uptime := "-", "-"
	if s.PID != 0 {
		pid, uptime = strconv.Itoa(s.PID), lasting(s.Uptime)
	}
	return []string{visible.Text(s.Name), visible.Text(s.State), pid, uptime, strconv.Itoa(s.Restarts), reason(s)}
}

// reason is why a service is as it is, and what comes next.
func reason(s *api.Service) string {
	why, next := reasons(s)
	if why != "" && next != "" {
		why += "; "
	}
	return why + next
}

// reasonWithin is reason in so many characters. What comes next is kept whole
// where that leaves something of the why.
func reasonWithin(s *api.Service, most int) string {
	why, next := reasons(s)
	length := utf8.RuneCountInString
	if why == "" || next == "" || length(why)+2+length(next) <= most || most-length(next)-2 < 8 {
		return cut(reason(s), most)
	}
	return cut(why, most-length(next)-2) + "; " + next
}

func reasons(s *api.Service) (why, next string) {
	switch why = s.Why; {
	case s.Blocked != "":
		why = s.Blocked
	case s.Step != "":
		why = s.Step
	case unwell(s):
		why = s.Health
	case why == "" && s.About != "":
		why = s.About
	case why == "" && s.Says != "":
		why = "says: " + s.Says
	}
	return visible.Text(why), visible.Text(s.Next)
}

// colourOf is the colour of a state.
func colourOf(s *api.Service) string {
	switch s.State {
	case "running":
		if unwell(s) {
			return yellow
		}
		return green
	case "failed", "backoff":
		return red
	case "waiting", "starting", "stopping":
		return yellow
	}
	return dim
}

// lasting writes seconds in at most six characters: "12s", "3m05s", "2h07m",
// "12d03h".
func lasting(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d < 1000*day:
		return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}
