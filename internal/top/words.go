package top

import (
	"fmt"
	"strings"
	"time"

	"supervise/internal/api"
)

// doing says what is being asked for.
func (a Ask) doing() string {
	switch a.Verb {
	case "start":
		return "starting " + a.Name
	case "stop":
		return "stopping " + a.Name
	case "restart":
		return "restarting " + a.Name
	case "signal":
		return "sending " + a.Signal.String() + " to " + a.Name
	}
	return "reading the configuration"
}

// progress says how something that was asked for goes on, and who holds it up.
func (m *Model) progress(p pending) string {
	text := p.doing()
	if took := m.now.Sub(p.since); took >= time.Second {
		text += ", " + span(took)
	}
	i, ok := m.find(p.Name)
	if !ok {
		return text
	}
	s := &m.services[i]
	what := []string{}
	switch {
	case s.State == "stopping":
		blocked, others, _ := strings.Cut(s.Blocked, "; ")
		if others != "" { // all of them are told below the table
			blocked += fmt.Sprintf(" (and %d more)", 1+strings.Count(others, "; "))
		}
		what = append(what, blocked, m.next(s))
	case s.State == "waiting":
		what = append(what, s.Why, m.next(s))
	case s.State == "starting":
		what = append(what, s.Step, m.next(s))
	default:
		what = append(what, m.next(s))
	}
	if all := joined(", ", what...); all != "" {
		text += ": " + all
	}
	return text
}

func joined(sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, sep)
}

// next says what comes next, with the time that is left now in place of what
// was left when supervise was asked: "starts in 4.2s, then …".
func (m *Model) next(s *api.Service) string {
	what, when, ok := strings.Cut(s.Next, " in ")
	if s.Due == nil || !ok || when == "" || when[0] < '0' || when[0] > '9' {
		return s.Next
	}
	after := ""
	if i := strings.IndexAny(when, ", "); i >= 0 {
		after = when[i:]
	}
	return what + " in " + span(s.Due.Sub(m.now)+time.Second-1) + after
}

// uptime of a run, at the time of the model.
func (m *Model) uptime(s *api.Service) string {
	if s.PID == 0 || s.Started == nil {
		return "-"
	}
	return span(m.now.Sub(*s.Started))
}

// detail says all there is to say of a service in its state.
func (m *Model) detail(s *api.Service) string {
	last := ""
	if s.LastExit != nil && !strings.Contains(s.Why, s.LastExit.Text) {
		last = "last run: " + s.LastExit.Text
	}
	needs := ""
	if len(s.Needs) > 0 {
		needs = "needs " + strings.Join(s.Needs, ", ")
	}
	ready := ""
	if s.State == "running" && !s.Ready {
		ready = "not ready"
	}
	says := ""
	if s.Says != "" {
		says = "says: " + s.Says
	}
	return Clean(joined(m.sep, s.Why, s.Step, ready, unwellText(s), s.About, says, s.Blocked, m.next(s), last, needs, strings.Join(s.Command, " ")), false)
}

// unwellText is what the looks at the health of a service have found; "": nothing.
func unwellText(s *api.Service) string {
	if strings.HasPrefix(s.Health, "unwell") {
		return s.Health
	}
	return ""
}
