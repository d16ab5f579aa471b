package tree

import (
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// aim tells who asked for it, if anybody, that a signal is about to go out.
func (t *Tree) aim(s signals.Signal, to ...procfs.Process) {
	if t.host.Aiming != nil && len(to) > 0 {
		t.host.Aiming(t, s, to)
	}
}

func (t *Tree) aimAtPID(s signals.Signal, pid int) {
	if t.host.Aiming == nil {
		return
	}
	if p, err := t.host.system.Stat(pid); err == nil && !p.Gone() {
		t.aim(s, p)
	}
}

// aimAtGroup tells of the members of a process group, its leader first.
func (t *Tree) aimAtGroup(s signals.Signal, group int) {
	if t.host.Aiming == nil {
		return
	}
	t.aimAtPID(s, group)
	rest, _ := t.host.where(func(p procfs.Process) bool { return p.Group == group && p.PID != group })
	t.aim(s, rest...)
}

// aimAtEveryone tells of all processes but ours and the kernel's own.
func (t *Tree) aimAtEveryone(s signals.Signal) {
	if t.host.Aiming == nil {
		return
	}
	all, _ := t.host.where(func(p procfs.Process) bool { return p.PID != t.host.pid && p.Session != 0 })
	t.aim(s, all...)
}
