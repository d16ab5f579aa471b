package main

import (
	"fmt"
	"slices"
	"strings"

	"supervise/internal/config"
)

// graphForms write what needs what.
func graphForms() map[string]func([]config.Service) string {
	return map[string]func([]config.Service) string{"text": graphText, "dot": graphDOT}
}

// relation is that one service waits for another, and in which way: "needs",
// "needs started", "after".
type relation struct{ to, way string }

func relations(s config.Service) []relation {
	var all []relation
	for _, n := range s.Needs {
		way := "needs"
		if n.For != config.NeedReady {
			way += " " + string(n.For)
		}
		if n.With {
			way += ", goes with"
		}
		all = append(all, relation{n.Name, way})
	}
	for _, name := range s.After {
		all = append(all, relation{name, "after"})
	}
	return all
}

// graphText draws a tree below each service that no other waits for. What was
// drawn before is named again, and not drawn.
func graphText(services []config.Service) string {
	byName := map[string]config.Service{}
	waitedFor := map[string]bool{}
	for _, s := range services {
		byName[s.Name] = s
		for _, r := range relations(s) {
			waitedFor[r.to] = true
		}
	}
	var b strings.Builder
	drawn := map[string]bool{}
	var below func(s config.Service, indent string)
	below = func(s config.Service, indent string) {
		drawn[s.Name] = true
		all := slices.DeleteFunc(relations(s), func(r relation) bool { _, in := byName[r.to]; return !in })
		for i, r := range all {
			branch, next := "├─ ", "│  "
			if i == len(all)-1 {
				branch, next = "└─ ", "   "
			}
			to := byName[r.to]
			again := drawn[to.Name] && len(relations(to)) > 0
			fmt.Fprintf(&b, "%s%s%s: %s", indent, branch, r.way, graphName(to))
			if again {
				b.WriteString(" (see above)")
			}
			b.WriteByte('\n')
			if !again {
				below(to, indent+next)
			}
		}
	}
	for _, s := range services {
		if !waitedFor[s.Name] {
			b.WriteString(graphName(s) + "\n")
			below(s, "")
		}
	}
	return b.String()
}

func graphName(s config.Service) string {
	var remarks []string
	if s.Kind == config.Task {
		remarks = append(remarks, "task")
	}
	if s.Ready != nil {
		remarks = append(remarks, "ready by "+string(s.Ready.Kind))
	}
	if s.Lazy() {
		remarks = append(remarks, "starts at its first connection")
	}
	if !s.Autostart {
		remarks = append(remarks, "on request")
	}
	if len(remarks) == 0 {
		return s.Name
	}
	return s.Name + " [" + strings.Join(remarks, ", ") + "]"
}

// graphDOT writes the graph for Graphviz, see dot(1). An arrow leads to what is
// waited for.
func graphDOT(services []config.Service) string {
	in := map[string]bool{}
	for _, s := range services {
		in[s.Name] = true
	}
	var b strings.Builder
	b.WriteString("digraph services {\n\trankdir=LR;\n\tnode [shape=box];\n")
	for _, s := range services {
		style := ""
		switch {
		case s.Kind == config.Task:
			style = ", style=rounded"
		case !s.Autostart:
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "\t%q [label=%q%s];\n", s.Name, strings.ReplaceAll(graphName(s), " [", "\n["), style)
	}
	for _, s := range services {
		for _, r := range relations(s) {
			style := ""
			if r.way == "after" {
				style = ", style=dashed"
			}
			if in[r.to] {
				fmt.Fprintf(&b, "\t%q -> %q [label=%q%s];\n", s.Name, r.to, r.way, style)
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}
