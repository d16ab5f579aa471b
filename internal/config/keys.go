package config

import (
	"slices"
	"strings"
	"sync"

	"supervise/internal/nearest"
	"supervise/internal/policy"
)

// key is one key of a table: its name, and what becomes of its value. T is
// what the table describes.
type key[T any] struct {
	name string
	set  func(*T, *report, *node)
	keys []key[T] // the keys of a sub-table, in place of set
	each []string // of a list of tables: the keys of each
}

// supervisorKeys are the keys of [supervisor].
var supervisorKeys = sync.OnceValue(func() []key[Supervisor] {
	return []key[Supervisor]{
		{name: "cgroup", set: into(func(s *Supervisor) *bool { return &s.Cgroup }, truth)},
		{name: "allow_uids", set: into(func(s *Supervisor) *[]string { return &s.AllowUIDs }, accounts)},
		{name: "metrics", set: into(func(s *Supervisor) *string { return &s.Metrics }, loopback)},
		{name: "runit_dir", set: into(func(s *Supervisor) *string { return &s.RunitDir }, directoryPath)},
	}
})

// serviceKeys are the keys of a service and of [defaults]: the one list of
// what can be said about a service.
var serviceKeys = sync.OnceValue(func() []key[draft] {
	return []key[draft]{
		{name: "command", set: (*draft).setCommand},
		{name: "shell", set: into(func(d *draft) *bool { return &d.shell }, truth)},
		{name: "kind", set: into(func(d *draft) *Kind { return &d.Kind }, oneOf(Daemon, Task))},
		{name: "dir", set: (*draft).setDir},
		{name: "env", set: (*draft).setEnv},
		{name: "env_file", set: (*draft).setEnvFile},
		{name: "env_clear", set: into(func(d *draft) *bool { return &d.EnvClear }, truth)},
		{name: "user", set: into(func(d *draft) *string { return &d.User }, account)},
		{name: "group", set: into(func(d *draft) *string { return &d.Group }, account)},
		{name: "groups", set: (*draft).setGroups},
		{name: "umask", set: into(func(d *draft) *int { return &d.Umask }, umask)},
		{name: "nice", set: (*draft).setNice},
		{name: "oom_score_adj", set: (*draft).setOOM},
		{name: "limits", set: (*draft).setLimits},
		{name: "no_new_privs", set: into(func(d *draft) *bool { return &d.NoNewPrivs }, truth)},
		{name: "pdeathsig", set: (*draft).setPdeathsig},
		{name: "needs", set: (*draft).setNeeds},
		{name: "after", set: into(func(d *draft) *[]*node { return &d.after }, listOfText)},
		{name: "autostart", set: into(func(d *draft) *bool { return &d.Autostart }, truth)},
		{name: "critical", set: into(func(d *draft) *bool { return &d.Critical }, truth)},
		{name: "instances", set: ignore}, // read before, by instancesOf
		{name: "timeout", set: into(func(d *draft) *duration { return &d.RunTimeout }, length)},
		{name: "timeout_signal", set: into(func(d *draft) *signal { return &d.TimeoutSignal }, signalName)},
		{name: "start", keys: []key[draft]{
			{name: "timeout", set: into(func(d *draft) *duration { return &d.StartTimeout }, length)},
			{name: "before", set: setHook(func(d *draft) **Hook { return &d.StartBefore })},
			{name: "after", set: setHook(func(d *draft) **Hook { return &d.StartAfter })},
		}},
		{name: "ready", keys: readyKeys()},
		{name: "health", keys: healthKeys()},
		{name: "watchdog", set: into(func(d *draft) *duration { return &d.Watchdog }, length)},
		{name: "restart", keys: []key[draft]{
			{name: "when", set: into(func(d *draft) *policy.When { return &d.Restart.When }, oneOf(policy.Always, policy.OnFailure, policy.Never))},
			{name: "initial", set: (*draft).setInitial},
			{name: "factor", set: (*draft).setFactor},
			{name: "max", set: (*draft).setMax},
			{name: "delays", set: (*draft).setDelays},
			{name: "jitter", set: into(func(d *draft) *float64 { return &d.Restart.Backoff.Jitter }, numberWithin(0, 1))},
			{name: "reset_after", set: into(func(d *draft) *duration { return &d.Restart.ResetAfter }, length)},
			{name: "limit", set: into(func(d *draft) *int { return &d.Restart.Limit }, wholeWithin(0, 1_000_000))},
			{name: "pace", set: into(func(d *draft) *duration { return &d.Restart.Pace }, length)},
			{name: "within", set: into(func(d *draft) *duration { return &d.Restart.Within }, length)},
			{name: "success", set: (*draft).setSuccess},
		}},
		{name: "stop", keys: []key[draft]{
			{name: "ladder", set: (*draft).setLadder},
			{name: "scope", set: into(func(d *draft) *Scope { return &d.Stop.Scope }, oneOf(Tree, Main, Group, Process))},
			{name: "before", set: setHook(func(d *draft) **Hook { return &d.StopBefore })},
			{name: "after", set: setHook(func(d *draft) **Hook { return &d.StopAfter })},
		}},
		{name: "signals", keys: []key[draft]{
			{name: "map", set: (*draft).setMap},
			{name: "forward", set: (*draft).setForward},
		}},
		{name: "log", keys: logKeys()},
		{name: "pty", set: into(func(d *draft) *bool { return &d.PTY }, truth)},
		{name: "sockets", set: (*draft).setSockets, each: keyNames(socketKeys())},
		{name: "idle_stop", set: into(func(d *draft) *duration { return &d.IdleStop }, length)},
		{name: "watch", keys: watchKeys()},
	}
})

// apply gives each entry of a table to its key. What the keys are called
// below the table's own path, "restart.when", is remembered in places; of a
// table, "ready", its last place.
func apply[T any](to *T, r *report, table *node, keys []key[T], places map[string]*node, prefix string) {
	if !table.isTable {
		r.fail(table, "is "+table.kind()+", expected a table", "")
		return
	}
	for _, e := range table.table {
		k, ok := findKey(keys, e.name)
		switch {
		case !ok:
			r.failAt(e.key, e.path, "no such key", suggestKey(e.name, keys))
		case k.keys != nil:
			places[prefix+e.name] = e
			apply(to, r, e, k.keys, places, prefix+e.name+".")
		default:
			places[prefix+e.name] = e
			k.set(to, r, e)
		}
	}
}

func findKey[T any](keys []key[T], name string) (key[T], bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key[T]{}, false
}

// suggestKey names the key that was meant: one of this table, or one that
// stands in a table below it. Without an idea it names all.
func suggestKey[T any](name string, keys []key[T]) string {
	names := keyNames(keys)
	if best := nearest.Word(name, names); best != "" {
		return "did you mean " + best + "?"
	}
	for _, k := range keys {
		if _, ok := findKey(k.keys, name); ok {
			return "did you mean " + k.name + "." + name + "?"
		}
		if slices.Contains(k.each, name) {
			return name + " belongs in [[" + k.name + "]]"
		}
	}
	return "the keys are " + strings.Join(names, ", ")
}

func keyNames[T any](keys []key[T]) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}

// into makes a setter of a reader and the field that it fills. A value that
// cannot be read leaves the field as it was.
func into[T, V any](field func(*T) *V, read func(*report, *node) (V, bool)) func(*T, *report, *node) {
	return func(t *T, r *report, n *node) {
		if v, ok := read(r, n); ok {
			*field(t) = v
		}
	}
}

func ignore(*draft, *report, *node) {}
