package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// service is one of the services, and the model of it: what was asked of it last.
type service struct {
	name, kind string
	needs      string // the one that it needs; "": none
	place      string // where it logs: log, disk, console
	there      bool   // in the configuration
	wanted     bool   // to run
	unsure     bool   // a request was not answered
	version    int    // of what is in its environment: another one is another process
}

// plan is all services.
type plan struct {
	services []*service
	byName   map[string]*service
	hog      *service
}

// kinds are dealt out in turn.
var kinds = []string{"steady", "crash", "fork", "deaf", "steady", "burst", "notify", "done", "crash", "fork"}

func newPlan(n int) *plan {
	p := &plan{byName: map[string]*service{}}
	add := func(s *service) *service {
		p.services = append(p.services, s)
		p.byName[s.name] = s
		return s
	}
	for i := range n {
		s := add(&service{name: fmt.Sprintf("s%03d", i), kind: kinds[i%len(kinds)], place: "log", there: true, wanted: true})
		switch {
		case i%10 == 4: // a steady one that needs a fork
			s.needs = p.services[i-2].name
		case i%20 == 15: // of those that write much, so that what is kept of it is soon full
			s.place = "console"
		case i%10 == 9:
			s.place = "disk"
		}
	}
	p.hog = add(&service{name: "hog", kind: "hog", place: "none", there: true})
	return p
}

// removable says whether a reload may take a service away: nobody needs it.
func (s *service) removable() bool { return s.kind == "burst" || s.kind == "notify" }

// text is the configuration.
func (p *plan) text() string {
	var b strings.Builder
	b.WriteString(`[defaults]
stop.ladder = [{ signal = "TERM", wait = "500ms" }, { signal = "KILL", wait = "120s" }]
start.timeout = "120s"
restart = { when = "always", initial = "20ms", max = "2s", reset_after = "1s" }
[defaults.log]
max_size = "200KB"
max_files = 0
`)
	for _, s := range p.services {
		if !s.there {
			continue
		}
		fmt.Fprintf(&b, "[services.%s]\ncommand = [\"./%s\", %q, %q]\nenv = { VERSION = \"%d\", GOMAXPROCS = \"1\" }\n", s.name, serviceName, s.name, s.kind, s.version)
		switch s.place {
		case "log", "disk":
			fmt.Fprintf(&b, "log.to = \"file\"\nlog.path = \"%s/%%n/current\"\n", s.place)
		case "none":
			b.WriteString("log.to = \"none\"\n")
		}
		if s.needs != "" {
			fmt.Fprintf(&b, "needs = [%q]\n", s.needs)
		}
		switch s.kind {
		case "notify":
			b.WriteString("ready.kind = \"notify\"\n")
		case "steady":
			fmt.Fprintf(&b, "ready = { kind = \"exec\", command = [\"./%s\"], interval = \"50ms\" }\nhealth = { kind = \"exec\", command = [\"./%s\"], interval = \"2s\", failures = 1000 }\n", probeName, probeName)
		case "done":
			b.WriteString("restart.when = \"on-failure\"\n")
		case "hog":
			b.WriteString("autostart = false\nrestart.when = \"never\"\noom_score_adj = 1000\n")
		case "deaf":
			b.WriteString("umask = \"027\"\n") // takes the set-up step
		}
	}
	return b.String()
}

// started is what a start of a service means: what it needs starts as well.
func (p *plan) started(s *service) {
	s.wanted = true
	if n := p.byName[s.needs]; n != nil {
		p.started(n)
	}
}

// stopped is what a stop means: what needs it stops as well.
func (p *plan) stopped(s *service) {
	s.wanted = false
	for _, d := range p.services {
		if d.needs == s.name {
			p.stopped(d)
		}
	}
}

// change makes another valid configuration. The model follows when it is in force.
func (p *plan) change(r *rand.Rand) (follow func()) {
	var added []*service
	for range 1 + r.IntN(3) {
		s := p.services[r.IntN(len(p.services)-1)]
		switch {
		case !s.there:
			s.there = true
			added = append(added, s)
		case s.removable() && r.IntN(2) == 0:
			s.there = false
		default:
			s.version++
		}
	}
	return func() {
		for _, s := range added {
			s.wanted = s.there
		}
	}
}

// broken is a text that is no configuration, each in another way.
func (p *plan) broken(r *rand.Rand) string {
	text := p.text()
	switch r.IntN(5) {
	case 0:
		return text[:len(text)-1-r.IntN(40)] + "\n[services."
	case 1:
		return text + "[services.new]\ncommand = \"./service\"\nneds = [\"s000\"]\n"
	case 2:
		return text + "[services.new]\ncommand = \"./service\"\nneeds = [\"other\"]\n[services.other]\ncommand = \"./service\"\nneeds = [\"new\"]\n"
	case 3:
		return text + "[services.new]\ncommand = \"./no-such-program\"\n"
	}
	return "\x00\xff" + text
}

// right says whether a service is in a state that the model allows. Others come
// after it by themselves.
func (s *service) right(state string, pid int) bool {
	switch {
	case !s.there:
		return state == ""
	case s.kind == "hog":
		return state == "stopped" || state == "done" || state == "failed"
	case !s.wanted: // what has ended by itself before it was stopped, has
		return (state == "stopped" || state == "done" && s.kind == "done") && pid == 0
	case s.kind == "done":
		return state == "done"
	case s.kind == "crash":
		return state == "running" || state == "backoff" || state == "starting" || state == "waiting"
	}
	return state == "running" && pid != 0
}
