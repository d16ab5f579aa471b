package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"supervise/internal/config"
)

// checkResult is what `supervise check` has to say of a valid configuration.
// Its JSON form is for other programs.
type checkResult struct {
	Path     string         `json:"path"`
	Files    []string       `json:"files"`
	Services []checkService `json:"services"`
	Order    [][]string     `json:"order"`  // waves of services that start at the same time
	Manual   []string       `json:"manual"` // services that do not start by themselves
	Shutdown checkShutdown  `json:"shutdown"`
	Warnings []checkMessage `json:"warnings"`

	warnings config.Errors
}

type checkService struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`
	Command   []string `json:"command"`
	Dir       string   `json:"dir"`
	Needs     []string `json:"needs"`
	After     []string `json:"after"`
	Autostart bool     `json:"autostart"`
	Critical  bool     `json:"critical"`
	StopS     float64  `json:"stop_s"` // the longest that its stop takes, but for a last rung without end
}

// checkShutdown is the longest shutdown.
type checkShutdown struct {
	LongestS  float64  `json:"longest_s"`
	Path      []string `json:"path"`      // the services that add up to it, first stopped first
	Unbounded []string `json:"unbounded"` // services that are waited for without end
	GraceS    float64  `json:"grace_s,omitempty"`
	Fits      *bool    `json:"fits,omitempty"` // into the grace period, when one was given

	longest, grace time.Duration
	ladders        []string // of Path
	waits          string   // what to make shorter
}

type checkMessage struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func checkMessages(errs config.Errors) []checkMessage {
	out := []checkMessage{} // [] in JSON, not null
	for _, e := range errs {
		out = append(out, checkMessage{File: e.File, Line: e.Line, Column: e.Col, Key: e.Key, Message: e.Msg, Hint: e.Hint})
	}
	return out
}

// checkErrors is the JSON form of a configuration that is wrong.
func checkErrors(errs config.Errors) any {
	return struct {
		Errors []checkMessage `json:"errors"`
	}{checkMessages(errs)}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// newCheckResult gathers what concerns the named services and what these need;
// without names, all.
func newCheckResult(path string, cfg *config.Config, named []string, grace time.Duration) checkResult {
	r := checkResult{Path: path, Files: cfg.Files, Services: []checkService{}, Manual: []string{}, warnings: cfg.Warnings, Warnings: checkMessages(cfg.Warnings)}
	services := cfg.Services
	starting := config.Needed(services, named)
	if len(named) > 0 {
		services = starting
	}
	starts := map[string]bool{}
	for _, s := range starting {
		starts[s.Name] = true
	}
	for _, s := range services {
		r.Services = append(r.Services, checkService{
			Name: s.Name, Kind: string(s.Kind), Command: s.Command, Dir: s.Dir, Needs: notNil(s.Needed()), After: notNil(s.After),
			Autostart: s.Autostart, Critical: s.Critical, StopS: s.LongestStop().Seconds(),
		})
		if !starts[s.Name] {
			r.Manual = append(r.Manual, s.Name)
		}
	}
	r.Order = config.Order(starting)
	if r.Order == nil {
		r.Order = [][]string{}
	}
	r.Shutdown = newCheckShutdown(services, grace)
	return r
}

func newCheckShutdown(services []config.Service, grace time.Duration) checkShutdown {
	worst := config.WorstCaseStop(services)
	s := checkShutdown{
		LongestS: worst.Longest.Seconds(), Path: notNil(worst.Path), Unbounded: notNil(worst.Unbounded),
		longest: worst.Longest, grace: grace, waits: "the waits of stop.ladder",
	}
	stops := map[string]*config.Service{}
	for i := range services {
		stops[services[i].Name] = &services[i]
	}
	for _, name := range worst.Path {
		if stops[name].StopBefore != nil || stops[name].StopAfter != nil {
			s.waits = "the waits of stop.ladder and the timeouts of the hooks"
		}
		s.ladders = append(s.ladders, fmt.Sprintf("%s (%s)", name, ladderText(stops[name])))
	}
	if grace > 0 {
		fits := worst.Longest <= grace && len(worst.Unbounded) == 0
		s.GraceS, s.Fits = grace.Seconds(), &fits
	}
	return s
}

// ladderText gives what a stop consists of in short: "TERM 10s, KILL 5s", with the
// hooks around it. Its parts add up to [config.Service.LongestStop].
func ladderText(s *config.Service) string {
	var parts []string
	hook := func(moment string, h *config.Hook) {
		if h != nil {
			parts = append(parts, moment+" "+h.Longest().String(), "KILL "+config.KillTime.String())
		}
	}
	hook("stop.before", s.StopBefore)
	ladder := s.Stop.InShutdown()
	first := ladder[0]
	switch { // what a missed deadline puts before the ladder
	case s.Watchdog > 0:
		parts = append(parts, "ABRT "+first.Wait.String())
	case s.RunTimeout > 0 && s.TimeoutSignal != first.Signal:
		parts = append(parts, s.TimeoutSignal.String()+" "+first.Wait.String())
	}
	last := ""
	for _, r := range ladder {
		last = r.Signal.String() + " " + r.Wait.String()
		if r.Wait == 0 {
			last = r.Signal.String() + " without end"
		}
		parts = append(parts, last)
	}
	if hook("stop.after", s.StopAfter); s.StopAfter != nil && !s.StopAfter.Runit {
		parts = append(parts, last) // to what the hook has left
	}
	if s.Stop.Scope == config.Main {
		parts = append(parts, "what is left "+s.Stop.Longest().String())
	}
	if s.Runit != nil && s.Runit.Writer != "" {
		parts = append([]string{"end of its input " + config.LastWait.String()}, parts...)
	}
	return strings.Join(parts, ", ")
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// tooLong says why the shutdown does not fit into the grace period, and "" if
// it does or if there is none.
func (s checkShutdown) tooLong() string {
	switch {
	case s.grace == 0:
		return ""
	case len(s.Unbounded) > 0:
		return fmt.Sprintf("a shutdown may take longer than the %s of grace: %s may never end, as the last rung waits without end; give that rung of stop.ladder a wait",
			s.grace, strings.Join(s.Unbounded, ", "))
	case s.longest > s.grace:
		return fmt.Sprintf("a shutdown may take %s, longer than the %s of grace: %s; make %s there shorter by %s together",
			s.longest, s.grace, strings.Join(s.ladders, ", then "), s.waits, s.longest-s.grace)
	}
	return ""
}

// write prints the result for people.
func (r checkResult) write(w io.Writer) error {
	var b strings.Builder
	from := ""
	if len(r.Files) > 1 {
		from = fmt.Sprintf(" from %d files", len(r.Files))
	}
	fmt.Fprintf(&b, "%s: valid, %s%s\n", r.Path, count(len(r.Services), "service"), from)
	fmt.Fprintln(&b, "start order:")
	for i, wave := range r.Order {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, strings.Join(wave, ", "))
	}
	if len(r.Manual) > 0 {
		fmt.Fprintf(&b, "  started on request only: %s\n", strings.Join(r.Manual, ", "))
	}
	if len(r.Shutdown.Unbounded) > 0 {
		fmt.Fprintf(&b, "shutdown: may never end: the last rung of %s waits without end\n", strings.Join(r.Shutdown.Unbounded, ", "))
	} else {
		fmt.Fprintf(&b, "shutdown: %s at most: %s\n", r.Shutdown.longest, strings.Join(r.Shutdown.ladders, ", then "))
	}
	for _, e := range r.warnings {
		fmt.Fprintf(&b, "warning: %s\n", e.Error())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// count writes a number with its noun: "1 service", "2 services".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
