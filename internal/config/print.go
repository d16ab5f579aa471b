package config

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"supervise/internal/signals"
)

// Print writes the whole configuration as one TOML file with every value
// filled in. [Load] makes the same Config of it, but for places and warnings.
func (c *Config) Print(w io.Writer) error {
	s := c.Supervisor
	if _, err := fmt.Fprintf(w, "[supervisor]\ncgroup = %t\nallow_uids = %s\nmetrics = %s\nrunit_dir = %s\n\n", s.Cgroup, array(s.AllowUIDs, quoteTOML), quoteTOML(s.Metrics), quoteTOML(s.RunitDir)); err != nil {
		return err
	}
	return Print(w, c.Services...)
}

// Print writes services as TOML tables with every value filled in. Each
// instance is a table of its own, since %i is already replaced in it.
func Print(w io.Writer, services ...Service) error {
	p := printer{bufio.NewWriter(w)}
	for i, s := range services {
		if i > 0 {
			p.WriteString("\n")
		}
		p.service(s)
	}
	return p.Flush()
}

type printer struct{ *bufio.Writer }

func (p printer) set(key, value string) { fmt.Fprintf(p, "%s = %s\n", key, value) }

// setText writes a string unless it is empty, which is how one says nothing.
func (p printer) setText(key, value string) {
	if value != "" {
		p.set(key, quoteTOML(value))
	}
}

func (p printer) service(s Service) {
	table := "services." + quoteKey(s.Name)
	fmt.Fprintf(p, "[%s]\n", table)
	p.set("command", array(s.Command, expandable))
	p.set("kind", quoteTOML(string(s.Kind)))
	if s.Dir != "" {
		p.set("dir", expandable(s.Dir))
	}
	p.set("env", envTable(s.Env))
	p.set("env_file", array(s.EnvFile, expandable))
	p.set("env_clear", strconv.FormatBool(s.EnvClear))
	p.setText("user", s.User)
	p.setText("group", s.Group)
	if s.Groups != nil {
		p.set("groups", array(s.Groups, quoteTOML))
	}
	if s.Umask >= 0 {
		p.set("umask", fmt.Sprintf("\"%03o\"", s.Umask))
	}
	if s.NiceSet {
		p.set("nice", strconv.Itoa(s.Nice))
	}
	if s.OOMSet {
		p.set("oom_score_adj", strconv.Itoa(s.OOMScore))
	}
	p.set("limits", inline(s.Limits, func(l Limit) string { return l.Name + " = " + quoteTOML(l.String()) }))
	p.set("no_new_privs", strconv.FormatBool(s.NoNewPrivs))
	pdeathsig := "none"
	if s.Pdeathsig != 0 {
		pdeathsig = s.Pdeathsig.String()
	}
	p.set("pdeathsig", quoteTOML(pdeathsig))
	p.set("needs", array(s.Needs, needText))
	p.set("after", array(s.After, quoteTOML))
	p.set("autostart", strconv.FormatBool(s.Autostart))
	p.set("critical", strconv.FormatBool(s.Critical))
	p.set("timeout", lengthText(s.RunTimeout))
	p.set("timeout_signal", signalText(s.TimeoutSignal))
	if s.Kind != Task {
		p.set("watchdog", lengthText(s.Watchdog))
	}
	p.set("sockets", array(s.Sockets, socketText))
	p.set("idle_stop", lengthText(s.IdleStop))
	p.set("pty", strconv.FormatBool(s.PTY))

	fmt.Fprintf(p, "[%s.start]\n", table)
	p.set("timeout", lengthText(s.StartTimeout))
	p.hook("before", s.StartBefore)
	p.hook("after", s.StartAfter)
	p.probes(table, s)
	p.restart(table, s)
	fmt.Fprintf(p, "[%s.stop]\n", table)
	p.set("ladder", array(s.Stop.Ladder, func(r Rung) string {
		return fmt.Sprintf("{ signal = %s, wait = %s }", signalText(r.Signal), lengthText(r.Wait))
	}))
	p.set("scope", quoteTOML(string(s.Stop.Scope)))
	p.hook("before", s.StopBefore)
	p.hook("after", s.StopAfter)
	fmt.Fprintf(p, "[%s.signals]\n", table)
	p.set("map", inline(slices.Sorted(maps.Keys(s.Map)), func(from signals.Signal) string {
		to := "drop"
		if s.Map[from] != signals.Drop {
			to = s.Map[from].String()
		}
		return quoteKey(from.String()) + " = " + quoteTOML(to)
	}))
	p.set("forward", array(s.Forward, signalText))
	p.log(table, s)
	if w := s.Watch; w != nil {
		fmt.Fprintf(p, "[%s.watch]\n", table)
		p.set("paths", array(w.Paths, expandable))
		p.set("ignore", array(w.Ignore, expandable))
		p.set("debounce", lengthText(w.Debounce))
		p.set("action", actionText(w.Action, WatchSignal, w.Signal))
	}
}

func (p printer) hook(key string, h *Hook) {
	if h != nil {
		p.set(key, fmt.Sprintf("{ command = %s, timeout = %s }", array(h.Command, expandable), lengthText(h.Timeout)))
	}
}

func (p printer) probes(table string, s Service) {
	if s.Ready != nil {
		fmt.Fprintf(p, "[%s.ready]\n", table)
		p.probe(*s.Ready)
	}
	if h := s.Health; h != nil {
		fmt.Fprintf(p, "[%s.health]\n", table)
		p.probe(h.Probe)
		p.set("delay", lengthText(h.Delay))
		p.set("failures", strconv.Itoa(h.Failures))
		p.set("successes", strconv.Itoa(h.Successes))
		p.set("action", actionText(h.Action, HealthSignal, h.Signal))
	}
}

// probe writes the keys that mean something for the kind.
func (p printer) probe(b Probe) {
	p.set("kind", quoteTOML(string(b.Kind)))
	switch b.Kind {
	case ProbeFD:
		p.set("fd", strconv.Itoa(b.FD))
	case ProbeLog:
		p.set("pattern", expandable(b.Pattern.String()))
	case ProbeTCP:
		p.set("address", expandable(b.Address))
	case ProbeHTTP:
		p.set("url", expandable(b.URL))
		p.set("method", quoteTOML(b.Method))
		p.set("headers", inline(b.Header, func(h string) string {
			name, value, _ := strings.Cut(h, ": ")
			return quoteKey(name) + " = " + expandable(value)
		}))
		p.set("status", array(b.Status, func(s StatusRange) string { return quoteTOML(s.String()) }))
		if b.Body != nil {
			p.set("body", expandable(b.Body.String()))
		}
	case ProbeExec:
		p.set("command", array(b.Command, expandable))
	case ProbeFile:
		p.set("path", expandable(b.Path))
	}
	if b.Kind.Looks() {
		p.set("interval", lengthText(b.Interval))
		p.set("timeout", lengthText(b.Timeout))
	}
}

func actionText[A ~string](action, bySignal A, s signals.Signal) string {
	if action == bySignal {
		return signalText(s)
	}
	return quoteTOML(string(action))
}

func (p printer) restart(table string, s Service) {
	r := s.Restart
	fmt.Fprintf(p, "[%s.restart]\n", table)
	p.set("when", quoteTOML(string(r.When)))
	if len(r.Backoff.Delays) > 0 {
		p.set("delays", array(r.Backoff.Delays, lengthText))
	} else {
		p.set("initial", lengthText(r.Backoff.Initial))
		p.set("factor", floatText(r.Backoff.Factor))
		p.set("max", lengthText(r.Backoff.Max))
	}
	p.set("jitter", floatText(r.Backoff.Jitter))
	p.set("reset_after", lengthText(r.ResetAfter))
	p.set("limit", strconv.Itoa(r.Limit))
	p.set("pace", lengthText(r.Pace))
	p.set("within", lengthText(r.Within))
	ends := []string{}
	for _, code := range r.Success.Codes {
		ends = append(ends, strconv.Itoa(code))
	}
	for _, s := range r.Success.Signals {
		ends = append(ends, signalText(s))
	}
	p.set("success", array(ends, func(s string) string { return s }))
}

// expandable writes a string in which % means something.
func expandable(s string) string { return quoteTOML(strings.ReplaceAll(s, "%", "%%")) }

func array[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = text(list[i])
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// inline writes an inline table; text gives each "key = value".
func inline[T any](list []T, text func(T) string) string {
	if len(list) == 0 {
		return "{}"
	}
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = text(list[i])
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

func envTable(env []string) string {
	return inline(env, func(v string) string {
		name, value, _ := strings.Cut(v, "=")
		return quoteKey(name) + " = " + expandable(value)
	})
}

func lengthText(d time.Duration) string { return quoteTOML(d.String()) }

func signalText(s signals.Signal) string { return quoteTOML(s.String()) }

// floatText writes a float so that TOML reads the same one.
func floatText(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
