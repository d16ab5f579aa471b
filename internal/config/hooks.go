package config

import (
	"fmt"
	"sync"
)

// hook is a hook while it is read.
type hook struct {
	Hook
	d *draft
}

var hookKeys = sync.OnceValue(func() []key[hook] {
	return []key[hook]{
		{name: "command", set: func(h *hook, r *report, n *node) { h.Command = h.d.words(r, n) }},
		{name: "timeout", set: into(func(h *hook) *duration { return &h.Timeout }, lengthFrom(shortestTimeout))},
	}
})

// setHook reads before = "./drain now", before = ["./drain", "now"] or
// before = { command = ["./drain"], timeout = "1m" }. An empty array takes away
// the one of [defaults].
func setHook(of func(*draft) **Hook) func(*draft, *report, *node) {
	return func(d *draft, r *report, n *node) {
		h := hook{Hook{Timeout: hookTimeout}, d}
		*of(d) = nil
		switch {
		case n.isList && len(n.list) == 0:
			return
		case !n.isTable:
			h.Command = d.words(r, n)
		default:
			places := map[string]*node{}
			apply(&h, r, n, hookKeys(), places, "")
			if places["command"] == nil {
				r.failAt(n.at, n.path+".command", "is missing", `write { command = ["./program"], timeout = "30s" }`)
			}
		}
		if h.Command != nil {
			*of(d) = &Hook{Command: h.Command, Timeout: h.Timeout}
		}
	}
}

// words reads the command of a hook or a probe: an array, or one string that is
// split as that of a service. It is nil when it was wrong.
func (d *draft) words(r *report, n *node) []string {
	var words []string
	switch {
	case n.isList:
		for _, e := range n.list {
			s, ok := d.expandedText(r, e)
			if !ok {
				return nil
			}
			words = append(words, s)
		}
	default:
		if _, ok := n.scalar.(string); !ok {
			r.fail(n, "is "+n.kind()+", expected an array of strings or a string", "")
			return nil
		}
		s, ok := d.expandedText(r, n)
		if !ok {
			return nil
		}
		var err error
		if words, err = SplitWords(s); err != nil {
			r.fail(n, err.Error(), "")
			return nil
		}
		if w := wantsShell(words); w != "" {
			r.warnAt(n.at, n.path, fmt.Sprintf("%q is passed on as it stands, since no shell runs this command", w), `write ["sh", "-c", "..."] if that is meant for a shell`)
		}
	}
	if noProgram(words) {
		r.fail(n, "is empty", "")
		return nil
	}
	return words
}

// checkHooks refuses the hook that a task has no moment for.
func (d *draft) checkHooks(r *report) {
	if d.taskHasNo(r, "start.after", "a task is ready only when it has ended", "write stop.after, which is run after each run, or another task that needs this one") {
		d.StartAfter = nil
	}
	if d.taskHasNo(r, "watchdog", "a task runs to its end", `timeout = "10m" ends one that takes too long`) {
		d.Watchdog = 0
	}
}
