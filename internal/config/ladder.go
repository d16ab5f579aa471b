package config

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"supervise/internal/signals"
)

func (d *draft) setLadder(r *report, n *node) {
	list, ok := elements(r, n, "rungs")
	if !ok {
		return
	}
	if len(list) == 0 {
		r.fail(n, "is empty", "a service without a rung could not be stopped; leave it out for the default")
		return
	}
	d.Stop.Ladder, d.Stop.Shutdown = nil, nil
	for _, e := range list {
		places := map[string]*node{}
		var rung Rung
		apply(&rung, r, e, rungKeys(), places, "")
		if e.isTable && places["signal"] == nil {
			r.fail(e, "has no signal", `write { signal = "TERM", wait = "10s" }`)
		}
		if e.isTable && places["wait"] == nil {
			r.fail(e, "has no wait", `write { signal = "TERM", wait = "10s" }`)
		}
		d.Stop.Ladder = append(d.Stop.Ladder, rung)
	}
}

var rungKeys = sync.OnceValue(func() []key[Rung] {
	return []key[Rung]{
		{name: "signal", set: into(func(g *Rung) *signal { return &g.Signal }, signalName)},
		{name: "wait", set: into(func(g *Rung) *duration { return &g.Wait }, length)},
	}
})

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
