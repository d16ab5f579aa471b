package config

import (
	"strconv"
	"sync"
)

// need is a need as it is written, before it is known which services it means.
type need struct {
	Need
	name *node
}

// needKeys are the keys of a need that is written as a table.
var needKeys = sync.OnceValue(func() []key[need] {
	return []key[need]{
		{name: "service", set: func(n *need, r *report, v *node) {
			if _, ok := text(r, v); ok {
				n.name = v
			}
		}},
		{name: "for", set: into(func(n *need) *Condition { return &n.For }, oneOf(NeedReady, NeedStarted, NeedDone))},
		{name: "with", set: into(func(n *need) *bool { return &n.With }, truth)},
	}
})

// setNeeds reads needs = ["db", { service = "cache", for = "started", with = true }].
func (d *draft) setNeeds(r *report, n *node) {
	list, ok := elements(r, n, "services")
	if !ok {
		return
	}
	d.needs = nil
	for _, e := range list {
		one := need{Need: Need{For: NeedReady}}
		if !e.isTable {
			if _, ok := text(r, e); ok {
				one.name = e
				d.needs = append(d.needs, one)
			}
			continue
		}
		places := map[string]*node{}
		apply(&one, r, e, needKeys(), places, "")
		switch {
		case one.name != nil:
			d.needs = append(d.needs, one)
		case places["service"] == nil:
			r.failAt(e.at, e.path+".service", "is missing", `write { service = "db", for = "started" }`)
		}
	}
}

// needText writes a need so that it reads the same.
func needText(n Need) string {
	if n.For == NeedReady && !n.With {
		return quoteTOML(n.Name)
	}
	return "{ service = " + quoteTOML(n.Name) + ", for = " + quoteTOML(string(n.For)) + ", with = " + strconv.FormatBool(n.With) + " }"
}
