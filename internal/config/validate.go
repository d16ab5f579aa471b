package config

import (
	"fmt"
	"slices"
	"strings"

	"supervise/internal/nearest"
	"supervise/internal/policy"
)

// finish turns what was collected into the form of a Service and checks what
// concerns more than one key.
func (d *draft) finish(r *report) {
	d.finishCommand(r)
	d.finishRest(r)
}

// finishRest does so with all but the command, which runit's directories have.
func (d *draft) finishRest(r *report) {
	d.Env = sortedEnv(d.env)
	if len(d.limits) > 0 {
		d.Limits = sortedLimits(d.limits)
	}
	d.finishReady(r)
	d.finishHealth(r)
	d.finishWatch(r)
	d.checkHooks(r)
	d.finishSockets(r)
	d.finishLog(r)
	d.checkKeys(r)
}

// finishCommand splits a command of one string, or hands it to the shell.
func (d *draft) finishCommand(r *report) {
	n := d.places["command"]
	if n == nil {
		r.failAt(d.Where, d.key("command"), "is missing", `write command = ["./program", "argument"]`)
		return
	}
	switch {
	case len(d.command) == 0 && n.isList && len(n.list) > 0, len(d.command) == 0 && !n.isList:
		return // an error that was reported where it was found
	case noProgram(d.command), d.commandText && strings.TrimSpace(d.command[0]) == "":
		r.fail(n, "is empty", "")
	case d.shell && !d.commandText:
		r.fail(n, "is an array", "with shell = true, write the command as one string")
	case d.shell:
		d.Command = []string{"sh", "-c", d.command[0]}
	case !d.commandText:
		d.Command = d.command
	default:
		words, err := SplitWords(d.command[0])
		if err != nil {
			r.fail(n, err.Error(), "")
			return
		}
		if noProgram(words) {
			r.fail(n, "is empty", "")
			return
		}
		if w := wantsShell(words); w != "" {
			r.warnAt(n.at, n.path, fmt.Sprintf("%q is passed on as it stands, since no shell runs this command", w), "write shell = true if that is meant for a shell")
		}
		d.Command = words
	}
}

// noProgram says whether a command names no program.
func noProgram(words []string) bool { return len(words) == 0 || words[0] == "" }

// key gives the path of a key of this service, for messages.
func (d *draft) key(name string) string {
	if d.path == "" {
		return name
	}
	return d.path + "." + name
}

// checkKeys checks keys against each other.
func (d *draft) checkKeys(r *report) {
	d.checkBackoff(r)
	when := d.places["restart.when"]
	if d.Kind == Task && d.Restart.When == policy.Always && when != nil {
		r.fail(when, "a task that is always restarted never ends", `write "on-failure", or kind = "service"`)
	}
	d.checkRestartPause(r)
}

func (d *draft) checkBackoff(r *report) {
	delays := d.places["restart.delays"]
	for _, name := range []string{"restart.initial", "restart.factor", "restart.max"} {
		n := d.places[name]
		if n != nil && delays != nil && sameTable(n, delays) {
			r.failAt(n.key, n.path, "says the same as delays", "write either delays or initial, factor and max")
			return
		}
	}
	b := d.Restart.Backoff
	if len(b.Delays) > 0 || b.Max >= b.Initial {
		return
	}
	if n := d.places["restart.max"]; n != nil {
		r.fail(n, fmt.Sprintf("%s is shorter than initial, %s", b.Max, b.Initial), "")
	} else if n := d.places["restart.initial"]; n != nil {
		r.fail(n, fmt.Sprintf("%s is longer than max, %s", b.Initial, b.Max), "write a longer max too")
	}
}

// sameTable says whether two keys stand in one table.
func sameTable(a, b *node) bool {
	return a.at.File == b.at.File && strings.TrimSuffix(a.path, a.name) == strings.TrimSuffix(b.path, b.name)
}

// checkRestartPause warns of a service that would be restarted in a hot loop.
func (d *draft) checkRestartPause(r *report) {
	if d.Restart.When == policy.Never || d.Restart.Limit > 0 {
		return
	}
	n := d.places["restart.initial"]
	pauses := d.Restart.Backoff.Initial > 0
	if delays := d.Restart.Backoff.Delays; len(delays) > 0 {
		n = d.places["restart.delays"]
		pauses = delays[len(delays)-1] > 0 // the last one repeats
	}
	if n != nil && !pauses {
		r.warnAt(n.at, n.path, "without a limit, a program that dies at once is restarted without pause",
			"write a delay, or limit = 5 to give up after five starts within a minute")
	}
}

// checkNames reports services that are there twice.
func (l *loader) checkNames() {
	first := map[string]*draft{}
	for _, d := range l.drafts {
		if other := first[d.Name]; other != nil {
			l.failAt(d.Where, d.path, d.Name+" is defined twice", "the other one is at "+other.Where.String())
			continue
		}
		first[d.Name] = d
	}
	for _, d := range l.drafts {
		if other := first[d.Template]; other != nil && other != d && d.Instance > 0 && other.Instance == 0 {
			l.failAt(d.Where, d.path, fmt.Sprintf("%s is an instance of %s, which is defined as a service without instances", d.Name, d.Template),
				"the other one is at "+other.Where.String())
		}
	}
}

// edge is one service waiting for another, and where that is written.
type edge struct {
	to string
	n  *node
}

// resolve finds the services that the others need, and looks for circles.
func (l *loader) resolve() {
	byName := map[string][]string{} // of each name and template: the services
	for _, d := range l.drafts {
		byName[d.Name] = []string{d.Name}
	}
	for _, d := range l.drafts {
		if d.Template != d.Name {
			byName[d.Template] = append(byName[d.Template], d.Name)
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)

	edges := map[string][]edge{}
	for _, d := range l.drafts {
		var needs []edge
		for _, n := range d.needs {
			to := l.resolveList(d, []*node{n.name}, "need", byName, names)
			needs = append(needs, to...)
			for _, name := range targets(to) {
				if !slices.Contains(d.Needed(), name) {
					d.Needs = append(d.Needs, Need{Name: name, For: n.For, With: n.With})
				}
			}
		}
		after := l.resolveList(d, d.after, "come after", byName, names)
		d.After = targets(after)
		edges[d.Name] = append(needs, after...)
	}
	l.checkCycles(edges)
}

func (l *loader) resolveList(d *draft, list []*node, verb string, byName map[string][]string, names []string) []edge {
	var out []edge
	for _, n := range list {
		name, ok := n.scalar.(string)
		if !ok {
			continue // reported when it was read
		}
		found := byName[name]
		if found == nil {
			hint := ""
			if best := nearest.Word(name, names); best != "" {
				hint = "did you mean " + best + "?"
			}
			l.fail(n, fmt.Sprintf("no service is called %q", name), hint)
		}
		if slices.Contains(found, d.Name) {
			l.fail(n, "a service cannot "+verb+" itself", "")
			continue
		}
		for _, to := range found {
			out = append(out, edge{to: to, n: n})
		}
	}
	return out
}

// targets gives the names that edges lead to, each once.
func targets(edges []edge) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range edges {
		if !seen[e.to] {
			seen[e.to] = true
			out = append(out, e.to)
		}
	}
	return out
}

func (l *loader) checkCycles(edges map[string][]edge) {
	graph := map[string][]string{}
	for name, list := range edges {
		graph[name] = targets(list)
	}
	for _, cycle := range findCycles(graph) {
		for _, e := range edges[cycle[0]] {
			if e.to == cycle[1] {
				l.fail(e.n, "these services wait for each other: "+strings.Join(cycle, " -> "), "take one of the needs out")
				break
			}
		}
	}
}
