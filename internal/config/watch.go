package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// watchKeys are the keys of [watch].
var watchKeys = sync.OnceValue(func() []key[draft] {
	return []key[draft]{
		{name: "paths", set: (*draft).setWatchPaths},
		{name: "ignore", set: (*draft).setWatchIgnore},
		{name: "debounce", set: into(func(d *draft) *duration { return &d.watch.Debounce }, length)},
		{name: "action", set: (*draft).setWatchAction},
	}
})

func (d *draft) setWatchPaths(r *report, n *node) {
	list := []*node{n} // one string will do
	if n.isList {
		list = n.list
	}
	d.watch.Paths = nil
	for _, e := range list {
		if s, ok := d.fullPath(r, e); ok && !slices.Contains(d.watch.Paths, s) {
			d.watch.Paths = append(d.watch.Paths, s)
		}
	}
}

// setWatchIgnore adds to the patterns that are always ignored. Without them, to
// open a file in an editor would count as a change.
func (d *draft) setWatchIgnore(r *report, n *node) {
	list, ok := elements(r, n, "patterns")
	if !ok {
		return
	}
	d.watch.Ignore = slices.Clone(defaultWatch().Ignore)
	for _, e := range list {
		s, ok := d.expandedText(r, e)
		s = strings.TrimSuffix(strings.TrimPrefix(s, "./"), "/")
		_, err := path.Match(s, "")
		switch {
		case !ok:
		case s == "":
			r.fail(e, "is empty", "")
		case strings.HasPrefix(s, "/"):
			r.fail(e, fmt.Sprintf("%q is absolute", s), "patterns are of names, or of paths below the watched one")
		case strings.Contains(s, "**"):
			r.fail(e, "\"**\" means nothing here", `a pattern without a slash, as in "*.log", holds at any depth, and what is below an ignored directory is ignored too`)
		case err != nil:
			r.fail(e, fmt.Sprintf("%q is no pattern: a bracket is not closed, or a backslash ends it", s), "patterns have *, ? and [a-z], see https://pkg.go.dev/path#Match")
		case !slices.Contains(d.watch.Ignore, s):
			d.watch.Ignore = append(d.watch.Ignore, s)
		}
	}
}

func (d *draft) setWatchAction(r *report, n *node) {
	if action, sig, ok := actionOrSignal(WatchSignal, WatchRestart)(r, n); ok {
		d.watch.Action, d.watch.Signal = action, sig
	}
}

// finishWatch gives [watch] to the service. One of [defaults] without paths
// tunes those that services have; paths = [] takes away those of [defaults].
func (d *draft) finishWatch(r *report) {
	table, paths := d.places["watch"], d.places["watch.paths"]
	switch {
	case table == nil:
	case paths == nil && !d.fromDefaults(table):
		r.failAt(table.key, table.path+".paths", "is missing", `write paths = ["src"]`)
	case len(d.watch.Paths) > 0:
		w := d.watch
		d.Watch = &w
	}
}
