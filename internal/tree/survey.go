package tree

import (
	"maps"

	"supervise/internal/cgroup"
	"supervise/internal/procfs"
)

// Survey finds the processes of many trees for somebody who only wants to look
// at them. It begins with what the owner knows at one moment ([Host.Survey]),
// and goes through /proc once for all of them, without the owner: with
// thousands of processes that takes long.
type Survey struct {
	pid      int
	mains    map[int]*Tree
	owners   map[identity]*Tree
	children map[int][]procfs.Process // by parent; nil: /proc was not read yet
	groups   map[int][]procfs.Process // by process group
	adopted  []procfs.Process         // our children that are no main process
	marks    map[identity][]byte      // environments of adopted processes
}

// Survey begins one. The owner calls it.
func (h *Host) Survey() *Survey {
	return &Survey{pid: h.pid, mains: maps.Clone(h.mains), owners: maps.Clone(h.owners), marks: map[identity][]byte{}}
}

// Claim is what makes processes those of a tree, at one moment.
type Claim struct {
	tree  *Tree // who it is; its fields belong to the owner
	scope scope
	group *cgroup.Group
	mark  string
	main  int
	alive bool
}

// Claim is called by the owner.
func (t *Tree) Claim() Claim {
	return Claim{tree: t, scope: t.scope, group: t.group, mark: t.Mark(), main: t.main, alive: t.alive}
}

// Dir is the directory of the tree's cgroup; "": it has none.
func (c Claim) Dir() string {
	if c.group == nil {
		return ""
	}
	return c.group.Dir()
}

// Living is [Tree.Living].
func (s *Survey) Living(c Claim) (found []procfs.Process) {
	add := func(p procfs.Process) {
		if !p.Gone() {
			found = append(found, p)
		}
	}
	if c.alive {
		if p, err := procfs.Stat(c.main); err == nil {
			add(p)
		}
	}
	switch c.scope.(type) {
	case cgroupScope:
		pids, _ := c.group.PIDs()
		for _, pid := range pids {
			if p, err := procfs.Stat(pid); err == nil && (pid != c.main || !c.alive) {
				add(p)
			}
		}
	case groupScope:
		s.read()
		for _, p := range s.groups[c.main] {
			if p.PID != c.main && c.main != 0 {
				add(p)
			}
		}
	case descendantScope:
		s.read()
		var below func(pid int)
		below = func(pid int) {
			for _, p := range s.children[pid] {
				add(p)
				below(p.PID)
			}
		}
		if c.alive {
			below(c.main)
		}
		for _, p := range s.adopted {
			if s.owns(c, p) {
				add(p)
				below(p.PID)
			}
		}
	}
	return found
}

// read goes through /proc, the first time. If that fails, no process is known
// but those that are found otherwise.
func (s *Survey) read() {
	if s.children != nil {
		return
	}
	s.children, s.groups = map[int][]procfs.Process{}, map[int][]procfs.Process{}
	all, _ := procfs.All()
	for _, p := range all {
		s.children[p.PPID] = append(s.children[p.PPID], p)
		s.groups[p.Group] = append(s.groups[p.Group], p)
		if p.PPID == s.pid && s.mains[p.PID] == nil {
			s.adopted = append(s.adopted, p)
		}
	}
}

// owns says whether an adopted process came from the tree, see [Tree.owns].
func (s *Survey) owns(c Claim, p procfs.Process) bool {
	id := identity{p.PID, p.Start}
	if owner, seen := s.owners[id]; seen {
		return owner == c.tree
	}
	if c.main != 0 && (p.Group == c.main || p.Session == c.main) {
		return true
	}
	env, known := s.marks[id]
	if !known {
		env = Environ(p)
		s.marks[id] = env
	}
	return hasMark(env, c.mark)
}
