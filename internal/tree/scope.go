package tree

import (
	"bytes"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// processScope is the main process alone.
type processScope struct{}

func (processScope) members(*Tree) ([]procfs.Process, error) { return nil, nil }
func (processScope) empty(*Tree) bool                        { return true }

// groupScope is the process group of the main process.
type groupScope struct{}

func (groupScope) members(t *Tree) ([]procfs.Process, error) {
	if t.main == 0 { // the kernel's threads are in "group 0"
		return nil, nil
	}
	return t.host.where(func(p procfs.Process) bool { return p.Group == t.main && p.PID != t.main })
}

func (s groupScope) empty(t *Tree) bool {
	// The main process was reaped: an answer of "no such group" is final, and
	// saves looking through /proc. Any other may count zombies.
	if t.main == 0 || !t.groupExists() {
		return true
	}
	m, err := s.members(t)
	return err == nil && len(m) == 0
}

// groupExists says whether anything, dead or alive, is in the group of the main
// process.
func (t *Tree) groupExists() bool { return t.host.system.Kill(-t.main, 0) != unix.ESRCH }

// cgroupScope is all that is in the cgroup of the service.
type cgroupScope struct{}

func (cgroupScope) members(t *Tree) ([]procfs.Process, error) {
	pids, err := t.group.PIDs()
	var found []procfs.Process
	for _, pid := range pids {
		if pid == t.main && t.alive {
			continue
		}
		if p, err := procfs.Stat(pid); err == nil && !p.Gone() {
			found = append(found, p)
		}
	}
	return found, err
}

// empty goes by what the kernel says, unless that is late: since Linux 6.19 a
// task leaves its cgroup only after its parent may have waited for it
// (kernel commit d245698d727a), and nobody would tell us of that moment. So in
// a group that is said to be populated we look who is there. Who forks and ends
// while we look is in a second list, under another pid.
func (s cgroupScope) empty(t *Tree) bool {
	populated, err := t.group.Populated()
	if err != nil || !populated {
		return err == nil
	}
	var before []int
	for round := range 8 {
		pids, err := t.group.PIDs()
		if err != nil || slices.ContainsFunc(pids, lives) {
			return false
		}
		isNew := func(pid int) bool { return !slices.Contains(before, pid) }
		if round > 0 && !slices.ContainsFunc(pids, isNew) {
			return true
		}
		before = pids
	}
	return false
}

// lives says whether a process is there and not known to have ended.
func lives(pid int) bool {
	p, err := procfs.Stat(pid)
	return err == nil && !p.Gone() || err != nil && !procfs.Ended(err)
}

// descendantScope is the main process's descendants, and among the processes
// that we adopted those that were the service's.
type descendantScope struct{}

func (descendantScope) members(t *Tree) ([]procfs.Process, error) {
	children, err := t.host.byParent()
	if err != nil {
		return nil, err
	}
	var found []procfs.Process
	var add func(pid int)
	add = func(pid int) {
		for _, p := range children[pid] {
			t.host.owners[identity{p.PID, p.Start}] = t
			if !p.Gone() {
				found = append(found, p)
			}
			add(p.PID)
		}
	}
	if t.alive {
		add(t.main)
	}
	for _, p := range children[t.host.pid] {
		if t.host.mains[p.PID] == nil && t.owns(p) {
			// Once it is being killed it has no environment any more.
			t.host.owners[identity{p.PID, p.Start}] = t
			if !p.Gone() {
				found = append(found, p)
			}
			add(p.PID)
		}
	}
	return found, nil
}

// owns says whether an adopted process came from this service.
func (t *Tree) owns(p procfs.Process) bool {
	if owner, seen := t.host.owners[identity{p.PID, p.Start}]; seen {
		return owner == t
	}
	if t.main != 0 && (p.Group == t.main || p.Session == t.main) {
		return true
	}
	return hasMark(environ(t.host.system, p), t.Mark())
}

// Environ reads the environment of a process. One that executes a program at
// this moment shows none: then it is asked again, for some milliseconds at most.
func Environ(p procfs.Process) []byte { return environ(linux{}, p) }

func environ(system System, p procfs.Process) []byte {
	const tries, pause = 50, 200 * time.Microsecond
	sure := 0
	for range tries {
		env, err := system.Environ(p.PID)
		if err != nil || len(env) > 0 {
			return env
		}
		p, err = system.Stat(p.PID)
		switch {
		case err != nil || p.Gone():
			return nil
		case p.Executing:
			sure = 0
			time.Sleep(pause)
		case sure == 2: // once may be because it became another program between the two
			return nil
		default:
			sure++
		}
	}
	return nil
}

// hasMark looks for mark in an environment as /proc gives it: whole, or with
// the marks of supervises inside behind it.
func hasMark(environ []byte, mark string) bool {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if rest, ok := bytes.CutPrefix(entry, []byte(MarkVariable+"="+mark)); ok {
			return len(rest) == 0 || rest[0] == '/'
		}
	}
	return false
}

func (s descendantScope) empty(t *Tree) bool {
	// What is left of a service whose main process is gone hangs below one of
	// our adopted children. Without these there is no need to look further.
	if adopted, err := t.host.hasAdopted(); err == nil && !adopted {
		return true
	}
	m, err := s.members(t)
	if err != nil { // no /proc: its group is all we can ask about
		return !t.groupExists()
	}
	return len(m) == 0
}

// hasAdopted says whether a child of ours is no main process.
func (h *Host) hasAdopted() (bool, error) {
	if h.children == nil {
		children, err := h.system.Children()
		if err != nil {
			return false, err
		}
		h.children = append([]int{}, children...) // not nil
	}
	return slices.ContainsFunc(h.children, func(pid int) bool { return h.mains[pid] == nil }), nil
}

// allScope is every descendant of ours beside the main process.
type allScope struct{}

func (allScope) members(t *Tree) ([]procfs.Process, error) {
	all, err := t.host.processes()
	if err != nil {
		return nil, err
	}
	below := map[int]bool{t.host.pid: true}
	var found []procfs.Process
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if below[p.PPID] && !below[p.PID] {
				below[p.PID], grown = true, true
				if !p.Gone() && !(t.alive && p.PID == t.main) {
					found = append(found, p)
				}
			}
		}
	}
	return found, nil
}

func (allScope) empty(t *Tree) bool { return t.host.Childless() }

// processes is what /proc showed in this turn.
func (h *Host) processes() ([]procfs.Process, error) {
	if h.snapshot != nil {
		return h.snapshot, nil
	}
	all, err := h.system.All()
	if err != nil {
		return nil, err
	}
	h.snapshot = all
	h.forgetGone()
	return all, nil
}

// byParent is the same, by their parents.
func (h *Host) byParent() (map[int][]procfs.Process, error) {
	all, err := h.processes()
	if err != nil || h.below != nil {
		return h.below, err
	}
	h.below = map[int][]procfs.Process{}
	for _, p := range all {
		h.below[p.PPID] = append(h.below[p.PPID], p)
	}
	return h.below, nil
}

func (h *Host) forgetGone() {
	if len(h.owners) == 0 {
		return
	}
	still := make(map[identity]*Tree, len(h.owners))
	for _, p := range h.snapshot {
		id := identity{p.PID, p.Start}
		if t := h.owners[id]; t != nil {
			still[id] = t
		}
	}
	h.owners = still
}

func (h *Host) where(keep func(procfs.Process) bool) ([]procfs.Process, error) {
	all, err := h.processes()
	var found []procfs.Process
	for _, p := range all {
		if !p.Gone() && keep(p) {
			found = append(found, p)
		}
	}
	return found, err
}
