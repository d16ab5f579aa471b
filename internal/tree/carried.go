package tree

import (
	"supervise/internal/procfs"
)

// Carried is what a tree knows of its processes, for the next image of this process to
// go on with, see package carry. Who they are is for /proc to say, or the cgroup.
type Carried struct {
	Main    int
	Alive   bool
	Held    bool
	Loose   *procfs.Process
	Side    int
	Reached []identity
	Owned   []identity // processes once seen in it
	Killed  bool       // its cgroup was, as a whole
}

// Carry gives that of a tree.
func (t *Tree) Carry() Carried {
	c := Carried{Main: t.main, Alive: t.alive, Held: t.held, Loose: t.loose, Side: t.side, Killed: t.group != nil && t.group.Killed()}
	for id := range t.reached {
		c.Reached = append(c.Reached, id)
	}
	for id, owner := range t.host.owners {
		if owner == t {
			c.Owned = append(c.Owned, id)
		}
	}
	return c
}

// Restore has a tree that was just made go on where another was.
func (t *Tree) Restore(c Carried) {
	t.main, t.alive, t.held, t.loose, t.side = c.Main, c.Alive, c.Held, c.Loose, c.Side
	for _, id := range c.Reached {
		t.reached[id] = true
	}
	for _, id := range c.Owned {
		t.host.owners[id] = t
	}
	if t.alive {
		t.host.mains[t.main] = t
	}
	if t.group != nil && c.Killed {
		t.group.SetKilled()
	}
}

// Loose is the main process when it is no child of ours; nil: it is, or does not live.
func (t *Tree) Loose() *procfs.Process {
	if !t.alive {
		return nil
	}
	return t.loose
}
