package supervisor

import (
	"fmt"
	"time"

	"supervise/internal/event"
	"supervise/internal/notify"
	"supervise/internal/policy"
	"supervise/internal/procfs"
	"supervise/internal/reaper"
	"supervise/internal/tree"
)

// replaceMain makes another process of a service its main one (MAINPID). That
// may be no child of ours yet: the old one is its parent, and we adopt it when
// that ends. Until then a pidfd tells of its end.
func (l *Loop) replaceMain(v *voice, pid int) {
	m := l.set.Machine(v.index)
	if pid == m.PID || m.PID == 0 {
		return
	}
	p, err := l.Host.Look(pid)
	if ok, why := notify.Trusted(notify.Look(pid), notify.AccessAll, l.speaker(v)); !ok || err != nil || p.Gone() {
		if ok {
			why = "it is gone"
		}
		l.refuse(v, fmt.Sprintf("MAINPID=%d: %s", pid, why))
		return
	}
	l.hearing.Main(voiceKey{v}, pid)
	if !l.takeOver(v.index, p) {
		l.refuse(v, fmt.Sprintf("MAINPID=%d: nobody would tell of its end, since this kernel has no pidfd", pid))
	}
}

// takeOver makes p the main process of a service. It says whether we shall hear
// of its end.
func (l *Loop) takeOver(service int, p procfs.Process) bool {
	t := l.trees[service]
	t.Replace(p)
	l.reaper.Name(p.PID, mainKey{service})
	l.set.Apply(service, MainIs{PID: p.PID}, time.Now())
	return l.Host.Child(p) || l.awaitMain(service, t, p)
}

// awaitMain waits for the end of a main process that is no child of ours; false: that
// cannot be done.
func (l *Loop) awaitMain(service int, t *tree.Tree, p procfs.Process) bool {
	return l.Host.AwaitProcess(p, func() { l.Send(mainGone{service, t, p.PID}) })
}

// mainGone says that a main process that was no child of ours has ended.
type mainGone struct {
	service int
	tree    *tree.Tree
	pid     int
}

func (g mainGone) handle(l *Loop) {
	if g.service >= len(l.trees) || l.trees[g.service] != g.tree || g.tree.Main() != g.pid {
		return
	}
	if p, err := l.Host.Look(g.pid); err == nil && l.Host.Child(p) {
		return // adopted meanwhile: it will be reaped
	}
	l.reaper.Unname(g.pid)
	l.tell(g.service, event.Event{Name: event.MainChanged, PID: g.pid, Why: "has ended, and its parent took its exit status"})
	g.tree.Ended()
	l.ended(g.service, reaper.Change{PID: g.pid, Exit: policy.Exit{Missed: "its exit status is not known"}})
}
