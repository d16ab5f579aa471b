package config

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// draft is a service while it is read: the Service that it is to become, and
// what is not yet in the form that it will have there.
type draft struct {
	Service
	path   string           // of the service's table, for messages: "services.web"
	places map[string]*node // where each key was last set: "restart.when"

	shell        bool
	command      []string // before sh -c is put in front
	commandText  bool     // the command was written as one string
	env          map[string]string
	limits       map[string]Limit
	needs, after []*node // as written; names of templates are still in them
}

// newDraft begins with the defaults.
func newDraft(name, template string, instance int, kind Kind, where Position, path string) *draft {
	d := &draft{Service: Defaults(kind), path: path, places: map[string]*node{}, env: map[string]string{}, limits: map[string]Limit{}}
	d.Name, d.Template, d.Instance, d.Where = name, template, instance, where
	return d
}

// expand replaces %n by the service's name, %i by the number of the instance
// and %% by a percent sign.
func (d *draft) expand(r *report, n *node, s string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "%")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		switch {
		case strings.HasPrefix(rest, "%"):
			b.WriteByte('%')
		case strings.HasPrefix(rest, "n"):
			b.WriteString(d.Name)
		case strings.HasPrefix(rest, "i"):
			b.WriteString(strconv.Itoa(max(d.Instance, 1)))
		default:
			what := "%"
			for _, c := range rest {
				what += string(c)
				break
			}
			r.fail(n, fmt.Sprintf("%q stands for nothing", what), "%i is the instance, %n the name, %% a percent sign")
			return "", false
		}
		s = rest[1:]
	}
}

// expandedText reads a string with %i, %n and %% in it.
func (d *draft) expandedText(r *report, n *node) (string, bool) {
	s, ok := text(r, n)
	if !ok {
		return "", false
	}
	return d.expand(r, n, s)
}

// absolute makes a path absolute: relative ones are relative to the file in
// which they are written.
func absolute(file, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	abs, err := filepath.Abs(path)
	if err != nil { // our own directory is gone
		return path
	}
	return abs
}

func (d *draft) setCommand(r *report, n *node) {
	d.command, d.commandText = nil, false
	if n.isList {
		for _, e := range n.list {
			s, ok := d.expandedText(r, e)
			if !ok {
				d.command = nil
				return
			}
			d.command = append(d.command, s)
		}
		return
	}
	if _, ok := n.scalar.(string); !ok {
		r.fail(n, "is "+n.kind()+", expected an array of strings or a string", "")
		return
	}
	if s, ok := d.expandedText(r, n); ok {
		d.command, d.commandText = []string{s}, true
	}
}

func (d *draft) setDir(r *report, n *node) {
	if s, ok := d.expandedText(r, n); ok {
		d.Dir = absolute(n.at.File, s)
	}
}

// setEnv takes numbers and booleans too, since PORT = 8080 is what one writes.
func (d *draft) setEnv(r *report, n *node) {
	if !n.isTable {
		r.fail(n, "is "+n.kind()+", expected a table of variables", "")
		return
	}
	for _, e := range n.table {
		if e.name == "" || strings.ContainsAny(e.name, "=\x00") {
			r.failAt(e.key, e.path, fmt.Sprintf("%q cannot be the name of a variable", e.name), "a name is not empty and has no '=' and no NUL in it")
			continue
		}
		switch e.scalar.(type) {
		case int64, bool:
			d.env[e.name] = fmt.Sprint(e.scalar)
		case float64:
			d.env[e.name] = e.raw // as it is written: 1.50 stays 1.50
		default:
			if s, ok := d.expandedText(r, e); ok {
				d.env[e.name] = s
			}
		}
	}
}

func (d *draft) setEnvFile(r *report, n *node) {
	list := []*node{n} // one string will do
	if n.isList {
		list = n.list
	}
	d.EnvFile = nil
	for _, e := range list {
		s, ok := d.expandedText(r, e)
		if !ok {
			continue
		}
		path, optional := strings.CutPrefix(s, "-")
		if path == "" {
			r.fail(e, "is empty", "")
			continue
		}
		path = absolute(e.at.File, path)
		if optional {
			path = "-" + path
		}
		d.EnvFile = append(d.EnvFile, path)
	}
}

func (d *draft) setGroups(r *report, n *node) {
	list, ok := elements(r, n, "groups")
	if !ok {
		return
	}
	d.Groups = []string{} // an empty array is none, not those of the user
	for _, e := range list {
		if g, ok := account(r, e); ok {
			d.Groups = append(d.Groups, g)
		}
	}
}

func (d *draft) setNice(r *report, n *node) {
	if v, ok := wholeWithin(-20, 19)(r, n); ok {
		d.Nice, d.NiceSet = v, true
	}
}

func (d *draft) setOOM(r *report, n *node) {
	if v, ok := wholeWithin(-1000, 1000)(r, n); ok {
		d.OOMScore, d.OOMSet = v, true
	}
}

func (d *draft) setPdeathsig(r *report, n *node) {
	if n.scalar == "none" {
		d.Pdeathsig = 0
		return
	}
	if s, ok := signalName(r, n); ok {
		d.Pdeathsig = s
	}
}

// The formula and the list of delays replace each other: the one that is
// written last, with the service rather than with the defaults, holds.

func (d *draft) useFormula() *policy.Backoff {
	b := &d.Restart.Backoff
	if b.Delays != nil {
		jitter := b.Jitter
		*b = Defaults(d.Kind).Restart.Backoff
		b.Jitter = jitter
	}
	return b
}

func (d *draft) setInitial(r *report, n *node) {
	if v, ok := length(r, n); ok {
		d.useFormula().Initial = v
	}
}

func (d *draft) setMax(r *report, n *node) {
	if v, ok := length(r, n); ok {
		d.useFormula().Max = v
	}
}

func (d *draft) setFactor(r *report, n *node) {
	if v, ok := numberWithin(1, math.MaxFloat64)(r, n); ok {
		d.useFormula().Factor = v
	}
}

func (d *draft) setDelays(r *report, n *node) {
	list, ok := elements(r, n, "lengths of time")
	if !ok {
		return
	}
	if len(list) == 0 {
		r.fail(n, "is empty", "leave it out to use initial, factor and max")
		return
	}
	var delays []duration
	for _, e := range list {
		if v, ok := length(r, e); ok {
			delays = append(delays, v)
		}
	}
	d.Restart.Backoff = policy.Backoff{Jitter: d.Restart.Backoff.Jitter, Delays: delays}
}

func (d *draft) setSuccess(r *report, n *node) {
	list, ok := elements(r, n, "exit codes and signals")
	if !ok {
		return
	}
	s := policy.Success{}
	for _, e := range list {
		if _, isCode := e.scalar.(int64); isCode {
			if code, ok := wholeWithin(0, 255)(r, e); ok {
				s.Codes = append(s.Codes, code)
			}
		} else if sig, ok := signalName(r, e); ok {
			s.Signals = append(s.Signals, sig)
		}
	}
	d.Restart.Success = s
}

func (d *draft) setLadder(r *report, n *node) {
	list, ok := elements(r, n, "rungs")
	if !ok {
		return
	}
	if len(list) == 0 {
		r.fail(n, "is empty", "a service without a rung could not be stopped; leave it out for the default")
		return
	}
	d.Stop.Ladder = nil
	for _, e := range list {
		places := map[string]*node{}
		var rung Rung
		apply(&rung, r, e, rungKeys, places, "")
		if e.isTable && places["signal"] == nil {
			r.fail(e, "has no signal", `write { signal = "TERM", wait = "10s" }`)
		}
		if e.isTable && places["wait"] == nil {
			r.fail(e, "has no wait", `write { signal = "TERM", wait = "10s" }`)
		}
		d.Stop.Ladder = append(d.Stop.Ladder, rung)
	}
}

var rungKeys = []key[Rung]{
	{name: "signal", set: into(func(g *Rung) *signal { return &g.Signal }, signalName)},
	{name: "wait", set: into(func(g *Rung) *duration { return &g.Wait }, length)},
}

func (d *draft) setMap(r *report, n *node) {
	if !n.isTable {
		r.fail(n, "is "+n.kind()+", expected a table of signals", "")
		return
	}
	here := map[signal]string{}
	all := signals.Translation{}
	maps.Copy(all, d.Map)
	for _, e := range n.table {
		from, err := signals.Parse(e.name)
		if err != nil {
			r.failAt(e.key, e.path, err.Error(), "")
			continue
		}
		if unseen(from) {
			r.failAt(e.key, e.path, from.String()+" cannot be translated", "the kernel never shows it to a process")
			continue
		}
		if other, twice := here[from]; twice {
			r.failAt(e.key, e.path, fmt.Sprintf("is the same signal as %s", other), "leave one of them out")
			continue
		}
		here[from] = e.name
		if to, ok := signalBy(signals.ParseTarget, r, e); ok {
			all[from] = to
		}
	}
	if len(all) > 0 {
		d.Map = all
	}
}

func (d *draft) setForward(r *report, n *node) {
	list, ok := elements(r, n, "signals")
	if !ok {
		return
	}
	d.Forward = nil
	for _, e := range list {
		s, ok := signalName(r, e)
		switch {
		case !ok:
		case unseen(s):
			r.fail(e, s.String()+" cannot be forwarded", "the kernel never shows it to a process")
		case !slices.Contains(d.Forward, s):
			d.Forward = append(d.Forward, s)
		}
	}
}

// unseen are the signals that no process can catch.
func unseen(s signal) bool { return s == signals.KILL || s == signals.STOP }

func (d *draft) setLogTo(r *report, n *node) {
	if n.scalar == "file" {
		r.fail(n, `"file" is not supported by this version yet`, "it is one of console, inherit, none")
		return
	}
	into(func(d *draft) *LogTarget { return &d.Log.To }, oneOf(ToConsole, ToInherit, ToNone))(d, r, n)
}

// sortedEnv gives variables as KEY=value, by name.
func sortedEnv(env map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

func sortedLimits(limits map[string]Limit) []Limit {
	return slices.SortedFunc(maps.Values(limits), func(a, b Limit) int { return cmp.Compare(a.Name, b.Name) })
}
