package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// probeNone is the kind that a service writes to be without the probe that
// [defaults] has.
const probeNone ProbeKind = "none"

// probeKind is what the keys beside a kind are.
type probeKind struct {
	needs   string   // the key that it cannot be without
	example string   // of that key
	takes   []string // those that may be there
}

// probeKinds are the kinds of [ready]; [health] has those that look.
var probeKinds = sync.OnceValue(func() map[ProbeKind]probeKind {
	return map[ProbeKind]probeKind{
		probeNone:   {},
		ProbeNotify: {},
		ProbeFD:     {takes: []string{"fd"}},
		ProbeLog:    {"pattern", `pattern = "listening on"`, nil},
		ProbeTCP:    {"address", `address = "127.0.0.1:5432"`, []string{"interval", "timeout"}},
		ProbeHTTP:   {"url", `url = "http://127.0.0.1:8080/health"`, []string{"method", "headers", "status", "body", "interval", "timeout"}},
		ProbeExec:   {"command", `command = ["pg_isready", "-q"]`, []string{"interval", "timeout"}},
		ProbeFile:   {"path", `path = "run/ready"`, []string{"interval", "timeout"}},
	}
})

func (k probeKind) has(key string) bool { return key == k.needs || slices.Contains(k.takes, key) }

// Looks says whether probes of this kind look, rather than hear of it from the
// service.
func (k ProbeKind) Looks() bool { return probeKinds()[k].has("interval") }

// probeKeys are the keys that [ready] and [health] have in common.
func probeKeys(of func(*draft) *Probe, kinds ...ProbeKind) []key[draft] {
	return []key[draft]{
		{name: "kind", set: func(d *draft, r *report, n *node) { setProbeKind(of(d), r, n, kinds) }},
		{name: "address", set: func(d *draft, r *report, n *node) { d.setAddress(of(d), r, n) }},
		{name: "url", set: func(d *draft, r *report, n *node) { d.setURL(of(d), r, n) }},
		{name: "method", set: into(func(d *draft) *string { return &of(d).Method }, oneOf("GET", "HEAD"))},
		{name: "headers", set: func(d *draft, r *report, n *node) { d.setHeaders(of(d), r, n) }},
		{name: "status", set: into(func(d *draft) *[]StatusRange { return &of(d).Status }, statusRanges)},
		{name: "body", set: func(d *draft, r *report, n *node) { d.setPattern(&of(d).Body, r, n) }},
		{name: "command", set: func(d *draft, r *report, n *node) { of(d).Command = d.words(r, n) }},
		{name: "path", set: func(d *draft, r *report, n *node) { d.setProbePath(of(d), r, n) }},
		{name: "pattern", set: func(d *draft, r *report, n *node) { d.setPattern(&of(d).Pattern, r, n) }},
		{name: "fd", set: into(func(d *draft) *int { return &of(d).FD }, wholeWithin(3, 1023))},
		{name: "interval", set: into(func(d *draft) *duration { return &of(d).Interval }, lengthFrom(shortestInterval))},
		{name: "timeout", set: into(func(d *draft) *duration { return &of(d).Timeout }, lengthFrom(shortestTimeout))},
	}
}

var readyKeys = sync.OnceValue(func() []key[draft] {
	return probeKeys(func(d *draft) *Probe { return &d.ready },
		ProbeNotify, ProbeFD, ProbeLog, ProbeTCP, ProbeHTTP, ProbeExec, ProbeFile, probeNone)
})

var healthKeys = sync.OnceValue(func() []key[draft] {
	return append(probeKeys(func(d *draft) *Probe { return &d.health.Probe }, ProbeTCP, ProbeHTTP, ProbeExec, ProbeFile, probeNone),
		key[draft]{name: "delay", set: into(func(d *draft) *duration { return &d.health.Delay }, length)},
		key[draft]{name: "failures", set: into(func(d *draft) *int { return &d.health.Failures }, wholeWithin(1, 1_000_000))},
		key[draft]{name: "successes", set: into(func(d *draft) *int { return &d.health.Successes }, wholeWithin(1, 1_000_000))},
		key[draft]{name: "action", set: (*draft).setHealthAction},
	)
})

func setProbeKind(p *Probe, r *report, n *node, kinds []ProbeKind) {
	written, _ := n.scalar.(string)
	kind := ProbeKind(written)
	if _, known := probeKinds()[kind]; known && !slices.Contains(kinds, kind) {
		hint := "it is one of tcp, http, exec, file"
		if kind == ProbeNotify {
			hint = `for a service that sends WATCHDOG=1, write watchdog = "10s" beside its command`
		}
		r.fail(n, fmt.Sprintf("%q tells that a service is ready, and nothing of its health", kind), hint)
		return
	}
	into(func(p *Probe) *ProbeKind { return &p.Kind }, oneOf(kinds...))(p, r, n)
}

// finishReady checks [ready] and gives it to the service, complete.
func (d *draft) finishReady(r *report) {
	if d.taskHasNo(r, "ready", "a task is ready when it has succeeded", "leave it out") || d.places["ready"] == nil {
		return
	}
	if d.places["ready.kind"] == nil {
		d.kindMissing(r, "ready", `write kind = "tcp", "http", "exec", "file", "log", "notify" or "fd"`)
		return
	}
	d.checkProbe(r, "ready", d.ready)
	if d.ready.Kind != "" && d.ready.Kind != probeNone {
		p := d.ready.complete(defaultReady(d.ready.Kind))
		d.Ready = &p
	}
}

// finishHealth does so with [health]. Without a kind it asks what [ready] asks.
func (d *draft) finishHealth(r *report) {
	if d.taskHasNo(r, "health", "a task runs to its end", `timeout = "10m" ends one that takes too long`) || d.places["health"] == nil {
		return
	}
	p := d.health.Probe
	switch {
	case d.places["health.kind"] != nil:
		d.checkProbe(r, "health", p)
	case d.asksAsReady():
		interval, timeout := p.Interval, p.Timeout
		p = d.ready
		p.Interval, p.Timeout = interval, timeout
	default:
		d.kindMissing(r, "health", `write kind = "tcp", "http", "exec" or "file"`)
		return
	}
	if p.Kind == "" || p.Kind == probeNone {
		return
	}
	h := d.health
	h.Probe = p.complete(defaultHealth().Probe)
	if d.places["health.delay"] == nil {
		h.Delay = h.Probe.Interval // it has just shown that it is well
	}
	d.Health = &h
}

// asksAsReady says whether a [health] without a kind means what [ready] asks:
// it is the service's own, says nothing of what to ask, and [ready] looks.
func (d *draft) asksAsReady() bool {
	for _, k := range probeKeys(nil) {
		if d.places["health."+k.name] != nil && k.name != "interval" && k.name != "timeout" {
			return false
		}
	}
	return d.ready.Kind.Looks() && !d.fromDefaults(d.places["health"])
}

// checkProbe holds the keys of a probe against its kind.
func (d *draft) checkProbe(r *report, table string, p Probe) {
	kind, known := probeKinds()[p.Kind]
	if !known {
		return // its kind is wrong, which was reported
	}
	own := d.places[table+".kind"]
	if kind.needs != "" && d.places[table+"."+kind.needs] == nil {
		r.failAt(own.at, strings.TrimSuffix(own.path, "kind")+kind.needs, "is missing", "write "+kind.example)
	}
	for _, k := range probeKeys(nil) {
		n := d.places[table+"."+k.name]
		switch {
		case n == nil || k.name == "kind" || kind.has(k.name):
		case d.fromDefaults(n) && !d.fromDefaults(own):
			// A service that chooses its own kind leaves behind what
			// [defaults] says of another.
		default:
			r.failAt(n.key, n.path, fmt.Sprintf("means nothing with kind = %q", p.Kind), keyHint(k.name))
		}
	}
	if n := d.places[table+".body"]; n != nil && p.Kind == ProbeHTTP && p.Method == "HEAD" {
		r.failAt(n.key, n.path, "an answer to HEAD has no body", "leave it out, or the method")
	}
}

// keyHint says what a key that does not fit is for.
func keyHint(name string) string {
	if name == "interval" || name == "timeout" {
		return "nobody looks; how long a start may take is start.timeout"
	}
	for _, kind := range []ProbeKind{ProbeTCP, ProbeHTTP, ProbeExec, ProbeFile, ProbeLog, ProbeFD} {
		if probeKinds()[kind].has(name) {
			return fmt.Sprintf("it belongs to kind = %q", kind)
		}
	}
	return ""
}

// complete gives the probe with what means something for its kind, the rest
// taken from the default.
func (p Probe) complete(otherwise Probe) Probe {
	c := Probe{Kind: p.Kind}
	if p.Kind.Looks() {
		c.Interval, c.Timeout = cmp.Or(p.Interval, otherwise.Interval), cmp.Or(p.Timeout, otherwise.Timeout)
	}
	switch p.Kind {
	case ProbeFD:
		c.FD = cmp.Or(p.FD, otherwise.FD)
	case ProbeLog:
		c.Pattern = p.Pattern
	case ProbeTCP:
		c.Address = p.Address
	case ProbeHTTP:
		c.URL, c.Method, c.Header, c.Body = p.URL, cmp.Or(p.Method, otherwise.Method), p.Header, p.Body
		if c.Status = p.Status; c.Status == nil {
			c.Status = otherwise.Status
		}
	case ProbeExec:
		c.Command = p.Command
	case ProbeFile:
		c.Path = p.Path
	}
	return c
}

// taskHasNo says whether the draft is a task, and refuses what only a service
// has. The defaults of a configuration are written with services in mind.
func (d *draft) taskHasNo(r *report, what, why, hint string) bool {
	if n := d.places[what]; d.Kind == Task && n != nil && !d.fromDefaults(n) {
		r.failAt(n.key, n.path, why, hint)
	}
	return d.Kind == Task
}

// kindMissing reports a table without a kind, unless it is one of [defaults]
// that tunes those which services have.
func (d *draft) kindMissing(r *report, table, hint string) {
	if n := d.places[table]; !d.fromDefaults(n) {
		r.failAt(n.key, n.path+".kind", "is missing", hint)
	}
}

// fromDefaults says whether a value stands in [defaults].
func (d *draft) fromDefaults(n *node) bool { return strings.HasPrefix(n.path, "defaults.") }
