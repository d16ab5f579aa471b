package supervisor

import (
	"fmt"
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// What follows may be called by the function given to [Loop.Ask], and by
// nobody else: it belongs to the owner.

// Set is the services, to look at and to ask things of. It is theirs to the end,
// when the loop is already about what lives besides them.
func (l *Loop) Set() *Set { return l.services }

// Orphans is how many adopted children were reaped.
func (l *Loop) Orphans() int { return l.orphans }

// Seq is the number of the last event.
func (l *Loop) Seq() uint64 { return l.stamper.Last() }

// Survey begins a look at the processes of services, to be taken by whoever
// asked: see [tree.Survey].
func (l *Loop) Survey() *tree.Survey { return l.Host.Survey() }

// Claim says which processes are those of a service; false: there are none.
func (l *Loop) Claim(service int) (tree.Claim, bool) {
	if t := l.tree(service); t != nil {
		return t.Claim(), true
	}
	return tree.Claim{}, false
}

// Stored names the descriptors that a service has left with us, see FDSTORE in
// sd_notify(3).
func (l *Loop) Stored(service int) (names []string) {
	if v := l.voices[service]; v != nil && v.store != nil {
		for _, s := range v.store.List() {
			names = append(names, s.Name)
		}
	}
	return names
}

// tree is that of a service. Nil: it has none yet, or the services are gone and
// [Loop.End] is about the rest.
func (l *Loop) tree(service int) *tree.Tree {
	if service >= len(l.trees) || l.set != l.services {
		return nil
	}
	return l.trees[service]
}

// Watch begins a watch.
func (l *Loop) Watch(w Watch) { l.watches = append(l.watches, w) }

// Watches is how many watches there are.
func (l *Loop) Watches() int { return len(l.watches) }

// Aim says which processes of a service get a signal that is sent by hand.
type Aim string

// The aims.
const (
	AtMain  Aim = "main"  // the main process
	AtGroup Aim = "group" // its process group
	AtTree  Aim = "tree"  // all processes of the service
)

// Signal sends a signal to a service, as it is, without its map. With pid, it
// goes to that one process, which has to be one of the service's.
func (l *Loop) Signal(service int, s signals.Signal, aim Aim, pid int, why string) (to string, err error) {
	m, t := l.services.Machine(service), l.tree(service)
	l.Host.Turn()
	if t == nil || m.PID == 0 && len(t.Living()) == 0 {
		return "", fmt.Errorf("no process runs: it is %s", m.State)
	}
	switch {
	case pid != 0:
		to, err = t.SignalOne(pid, s)
	case aim == AtTree:
		to, err = t.Signal(s)
	case m.PID == 0:
		return "", fmt.Errorf("its main process has ended; processes that it left are reached with the whole tree as the aim")
	case aim == AtGroup:
		to, err = t.SignalGroup(s)
	default:
		to, err = t.SignalMain(s)
	}
	if to == "" && err == nil {
		err = fmt.Errorf("no process is left")
	}
	l.sent(service, event.Event{Signal: s, To: to, Why: why}, err)
	return to, err
}

// Report adds an event of the owner's own.
func (l *Loop) Report(e event.Event) { l.tell(-1, e) }

// Rescan is [Set.Rescan]; it tells of it if something has changed.
func (l *Loop) Rescan(specs []config.Service) {
	changes := l.services.Rescan(specs, time.Now())
	if slices.ContainsFunc(changes, func(c Change) bool { return c.Effect != Keeps }) {
		l.Report(event.Event{Name: event.ConfigReloaded, Why: summary(changes)})
	}
}

// Reload takes over another configuration, see [Set.Reload], and tells of it.
func (l *Loop) Reload(specs []config.Service) []Change {
	changes := l.services.Reload(specs, time.Now())
	l.Report(event.Event{Name: event.ConfigReloaded, Why: summary(changes)})
	return changes
}
