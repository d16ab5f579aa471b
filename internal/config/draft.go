package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// draft is a service while it is read: the Service that it is to become, and
// what is not yet in the form that it will have there.
type draft struct {
	Service
	path   string           // of the service's table, for messages: "services.web"
	places map[string]*node // where each key was last set: "restart.when"

	shell       bool
	command     []string // before sh -c is put in front
	commandText bool     // the command was written as one string
	env         map[string]string
	limits      map[string]Limit
	needs       []need  // as written; names of templates are still in them
	after       []*node // likewise
	ready       Probe
	health      Health
	watch       Watch
	sockets     []*socket
}

// newDraft begins with the defaults.
func newDraft(name, template string, instance int, kind Kind, where Position, path string) *draft {
	d := &draft{Service: Defaults(kind), path: path, places: map[string]*node{}, env: map[string]string{}, limits: map[string]Limit{}}
	d.health, d.watch = defaultHealth(), defaultWatch()
	d.health.Probe = Probe{} // completed by kind
	d.Name, d.Template, d.Instance, d.Where = name, template, instance, where
	d.Log.File = defaultLogFile()
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
