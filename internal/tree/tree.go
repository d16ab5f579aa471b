// Package tree finds the processes that belong to one service, signals them
// and says when none is left.
//
// A service's main process is our child, but its descendants are not, and they
// may leave its process group and its session. What counts as belonging is
// the scope; how it is found depends on what the machine offers:
//
//	process  the main process alone
//	group    its process group, seen in /proc
//	main     as tree, but as long as the main process lives it alone is
//	         signalled
//	tree     all in the service's cgroup v2; where there is none, every
//	         descendant in /proc, and those of our adopted children (we are
//	         their subreaper) that came from this service by their parents,
//	         their group, or the mark in their environment
//	all      whatever lives below us, or, as PID 1, at all; as long as the
//	         main process lives it alone (or its group) is signalled, and the
//	         others when it is gone
//
// Nothing here waits or polls. A tree can only become empty by the death of a
// child of ours, so the owner asks [Tree.Empty] after each round of reaping.
//
// All of it belongs to the goroutine that also reaps: as long as that one does
// not reap, the pid and the group of an unreaped child cannot be taken by
// another process. Everybody else's pid can, so others are signalled through a
// pidfd that was checked against the start time (pidfd_open(2)).
package tree

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// Host is what the trees of one supervise share.
type Host struct {
	system  System
	cgroups *cgroup.Root // nil: descendants are found in /proc
	reserve *reserve     // nil: nothing of this system takes descriptors
	pid     int
	mark    func() string // begins the mark of each tree
	mains   map[int]*Tree
	owners  map[identity]*Tree // processes once seen in a tree
	// What was seen in this turn; nil: not looked yet.
	snapshot []procfs.Process
	below    map[int][]procfs.Process // the same, by their parents
	children []int                    // of ours, alive or not
	// Childless says whether we have no child at all, dead ones included.
	// Only the reaper may know: it alone calls wait.
	Childless func() bool
	// Aiming, if not nil, is told which processes a signal is about to reach. It
	// costs a look at /proc where the receivers are not known without.
	Aiming func(*Tree, signals.Signal, []procfs.Process)
}

// identity tells a process from a later one with the same pid.
type identity struct {
	pid   int
	start uint64
}

// MarkVariable is in the environment of every process of a service, for us to
// recognise it by. A supervise inside a supervise adds to it.
const MarkVariable = "SUPERVISE_TREE"

// NewHost prepares for trees. cgroups may be nil.
func NewHost(cgroups *cgroup.Root) *Host {
	h := HostOn(linux{}, cgroups)
	h.reserve = newReserve()
	return h
}

// HostOn prepares for trees of processes of a system.
func HostOn(system System, cgroups *cgroup.Root) *Host {
	pid := system.Self()
	return &Host{
		system:  system,
		cgroups: cgroups,
		pid:     pid,
		// Not before somebody asks: `run` marks nothing.
		mark: sync.OnceValue(func() string {
			self, _ := system.Stat(pid) // without /proc nobody reads the mark
			return fmt.Sprintf("%s/%d.%d.", os.Getenv(MarkVariable), pid, self.Start)
		}),
		mains:  map[int]*Tree{},
		owners: map[identity]*Tree{},
	}
}

// Mark begins the marks of all trees: no other supervise has it, before or after.
func (h *Host) Mark() string { return h.mark() }

// Cgroups is the group that holds those of the trees; nil: there is none.
func (h *Host) Cgroups() *cgroup.Root { return h.cgroups }

// Turn forgets what was seen of /proc; the owner calls it before each batch of
// events.
func (h *Host) Turn() { h.snapshot, h.below, h.children = nil, nil, nil }

// Look is what is to be seen of a process.
func (h *Host) Look(pid int) (procfs.Process, error) { return h.system.Stat(pid) }

// Child says whether a process is a child of ours.
func (h *Host) Child(p procfs.Process) bool { return p.PPID == h.pid }

// Kill ends a child of ours that belongs to no tree.
func (h *Host) Kill(child int) { _ = h.system.Kill(child, signals.KILL) }

// Close removes the cgroup of this supervise.
func (h *Host) Close() error {
	h.reserve.release()
	if h.cgroups == nil {
		return nil
	}
	return h.cgroups.Close()
}

// Tree is the processes of one service, or with [Host.Everything] all of them.
type Tree struct {
	host  *Host
	name  string
	scope scope
	group *cgroup.Group   // with a cgroup of its own
	lone  bool            // the leader is the main process, not its group
	first bool            // as long as the main process lives it alone is signalled
	main  int             // pid of the main process; 0: none was started yet
	alive bool            // and it has not been reaped
	held  bool            // stopped by a signal
	loose *procfs.Process // the main process, when it is no child of ours or leads no group
	side  int             // a child of ours that runs beside the main process, a hook; 0: none
	// reached are the processes that Signal has signalled, the main process
	// aside, since the main process was started.
	reached map[identity]bool
}

// scope finds the processes of a tree.
type scope interface {
	// members lists the living processes of t, without its main process.
	members(t *Tree) ([]procfs.Process, error)
	// empty says whether members would find none. The main process is gone.
	empty(t *Tree) bool
}

// Tree makes the tree of a service. note says why it has no cgroup of its own,
// when it was to have one.
func (h *Host) Tree(name string, s config.Scope) (t *Tree, note error) {
	t = &Tree{host: h, name: name, reached: map[identity]bool{}}
	switch s {
	case config.Process:
		t.scope, t.lone = processScope{}, true
	case config.Group:
		t.scope = groupScope{}
	default:
		t.first = s == config.Main
		t.lone = t.first
		t.scope = descendantScope{}
		if h.cgroups != nil {
			if t.group, note = h.cgroups.Group(name); note == nil {
				t.scope = cgroupScope{}
			}
		}
	}
	return t, note
}

// Everything is the tree of all that lives below us. With lone, its main
// process is signalled without the group.
func (h *Host) Everything(lone bool) *Tree {
	return &Tree{host: h, name: "everything", scope: allScope{}, lone: lone, reached: map[identity]bool{}}
}

// Reaches says whether [Tree.Signal] reaches the whole tree while the main
// process lives.
func (t *Tree) Reaches() bool { return t.scope != allScope{} && !t.first }

// Hereditary says whether every child of a member is one, so that the last of
// them to end is a child of ours. A process may leave its group and have
// children in it.
func (t *Tree) Hereditary() bool { return t.scope != groupScope{} }

// CgroupDescriptor opens the cgroup to start the main process in; -1: none.
func (t *Tree) CgroupDescriptor() (int, error) {
	if t.group == nil {
		return -1, nil
	}
	return t.group.Descriptor()
}

// Mark is the value of [MarkVariable] for this tree.
func (t *Tree) Mark() string { return t.host.mark() + strings.ReplaceAll(t.name, "/", "_") }

// Started says that pid, a child of ours, is the tree's main process and
// leads a process group.
func (t *Tree) Started(pid int) {
	t.main, t.alive, t.held, t.loose, t.reached = pid, true, false, nil, map[identity]bool{}
	t.host.mains[pid] = t
}

// Begin forgets whom earlier signals have reached: another run begins, with a
// process that is not the main one.
func (t *Tree) Begin() { t.reached = map[identity]bool{} }

// Beside says that pid, a child of ours that leads a process group, runs for
// the service beside its main process; 0: it was reaped.
func (t *Tree) Beside(pid int) { t.side = pid }

// KillBeside ends it, with its group.
func (t *Tree) KillBeside() error {
	if t.side == 0 {
		return nil
	}
	t.aimAtGroup(signals.KILL, t.side)
	return t.host.system.Kill(-t.side, signals.KILL)
}

// Side is what [Tree.Beside] said; 0: nothing runs beside the main process.
func (t *Tree) Side() int { return t.side }

// Replace says that p is the main process now, one that lives in the tree.
func (t *Tree) Replace(p procfs.Process) {
	delete(t.host.mains, t.main)
	t.main, t.alive, t.held, t.loose = p.PID, true, p.Stopped(), nil
	if p.PPID != t.host.pid || p.Group != p.PID {
		t.loose = &p
	}
	t.host.mains[p.PID] = t
}

// Main is the main process; 0: it does not live.
func (t *Tree) Main() int {
	if !t.alive {
		return 0
	}
	return t.main
}

// Held says that the main process was stopped by a signal, or continued.
func (t *Tree) Held(stopped bool) { t.held = stopped }

// Ended says that the main process was reaped.
func (t *Tree) Ended() {
	t.alive, t.held = false, false
	delete(t.host.mains, t.main)
}

// Grouped says whether the tree has a cgroup, so that [Tree.Close] takes a while: the
// kernel works some 20 µs for each.
func (t *Tree) Grouped() bool { return t.group != nil }

// Close gives up the tree's cgroup; processes that are left stay in it. It may be
// called beside the owner.
func (t *Tree) Close() {
	if t.group != nil {
		_ = t.group.Remove() // fails while survivors are in it; the next supervise removes it
	}
}

// Empty says whether no process of the tree lives.
func (t *Tree) Empty() (empty bool) {
	if t.alive || t.side != 0 {
		return false
	}
	t.host.reserve.use(func() { empty = t.scope.empty(t) })
	return empty
}

// others lists the living processes of the tree, without its main process. What
// runs beside that belongs to it in every scope.
func (t *Tree) others() ([]procfs.Process, error) {
	all, err := t.scope.members(t)
	if t.side == 0 || slices.ContainsFunc(all, func(p procfs.Process) bool { return p.PID == t.side }) {
		return all, err
	}
	if p, err := t.host.system.Stat(t.side); err == nil && !p.Gone() {
		all = append(all, p)
	}
	return all, err
}

// Living lists the processes that live, the main process among them.
func (t *Tree) Living() (all []procfs.Process) {
	t.host.reserve.use(func() { all = t.living() })
	return all
}

func (t *Tree) living() []procfs.Process {
	all, _ := t.others()
	if t.alive {
		if p, err := t.host.system.Stat(t.main); err == nil && !p.Gone() {
			all = append([]procfs.Process{p}, all...)
		}
	}
	return all
}

// SignalMain sends s to the main process alone.
func (t *Tree) SignalMain(s signals.Signal) (to string, err error) {
	if !t.alive {
		return "", unix.ESRCH
	}
	to = fmt.Sprintf("process %d", t.main)
	if t.loose != nil {
		return to, t.signalChecked(*t.loose, s)
	}
	t.aimAtPID(s, t.main)
	return to, t.host.system.Kill(t.main, s)
}

// SignalGroup sends s to the main process's group; to it alone, where the group
// is not its own.
func (t *Tree) SignalGroup(s signals.Signal) (to string, err error) {
	if !t.alive {
		return "", unix.ESRCH
	}
	if t.loose != nil {
		return t.SignalMain(s)
	}
	t.aimAtGroup(s, t.main)
	return fmt.Sprintf("group %d", t.main), t.host.system.Kill(-t.main, s)
}

// SignalOne sends s to one process of the tree.
func (t *Tree) SignalOne(pid int, s signals.Signal) (to string, err error) {
	if pid == t.main && t.alive {
		return t.SignalMain(s)
	}
	for _, p := range t.Living() {
		if p.PID == pid {
			return fmt.Sprintf("process %d", pid), t.signalChecked(p, s)
		}
	}
	return "", fmt.Errorf("process %d is none of its processes", pid)
}

// Signal sends s to every process of the tree, and CONT to those that were
// stopped, which would not see s otherwise. to names the receivers, "" when
// there is none left.
func (t *Tree) Signal(s signals.Signal) (to string, err error) {
	t.host.reserve.use(func() { to, err = t.signal(s) })
	return to, err
}

func (t *Tree) signal(s signals.Signal) (to string, err error) {
	if !t.Reaches() && t.alive {
		return t.signalLeader(s)
	}
	if t.scope == (allScope{}) && t.host.pid == 1 {
		return t.signalEveryone(s)
	}
	if s == signals.KILL {
		return t.kill()
	}
	// Looked up first: what is in the group by now is reached with it. What is
	// forked afterwards may be missed; that is for SignalLate.
	others, listErr := t.others()
	to, err = t.signalLeader(s)
	n := 0
	for _, p := range others {
		t.reached[identity{p.PID, p.Start}] = true
		if t.alive && t.loose == nil && p.Group == t.main && !p.Stopped() {
			continue // reached with the group
		}
		if e := t.signalChecked(p, s); e != nil {
			err = e
			continue
		}
		n++
	}
	if listErr != nil && !t.alive {
		return t.signalUnseen(s)
	}
	return receivers(to, n), err
}

// SignalLate sends s to the processes that Signal has not met since the main
// process was started: those forked while it looked.
func (t *Tree) SignalLate(s signals.Signal) (to string, err error) {
	t.host.reserve.use(func() { to, err = t.signalLate(s) })
	return to, err
}

func (t *Tree) signalLate(s signals.Signal) (to string, err error) {
	t.host.Turn()
	others, _ := t.others()
	n := 0
	for _, p := range others {
		id := identity{p.PID, p.Start}
		if t.reached[id] {
			continue
		}
		t.reached[id] = true
		if e := t.signalChecked(p, s); e != nil {
			err = e
			continue
		}
		n++
	}
	return receivers("", n), err
}

// signalUnseen does what can be done where /proc can't be read: after the main
// process was reaped its group is all that is known, and it is signalled by
// number as long as somebody is in it.
func (t *Tree) signalUnseen(s signals.Signal) (string, error) {
	if t.main == 0 || !t.groupExists() {
		return "", nil
	}
	t.aimAtGroup(s, t.main)
	return fmt.Sprintf("group %d", t.main), t.host.system.Kill(-t.main, s)
}

// signalLeader reaches the main process, with all of its group at once unless
// the scope is the main process alone.
func (t *Tree) signalLeader(s signals.Signal) (to string, err error) {
	if !t.alive {
		return "", nil
	}
	send := t.SignalGroup
	if t.lone {
		send = t.SignalMain
	}
	if to, err = send(s); err == nil && t.held {
		_, err = send(signals.CONT)
	}
	return to, err
}

// kill ends all that is in the tree. Where no cgroup does that at once, a
// process may fork while we look, so we look until nobody new is found.
func (t *Tree) kill() (to string, err error) {
	to, err = t.signalLeader(signals.KILL)
	if t.group != nil {
		others, _ := t.others() // to tell of them
		t.aim(signals.KILL, others...)
		if t.group.Kill() == nil {
			return receivers(to, len(others)), err
		}
	}
	const rounds = 32 // a bound against something that forks faster than we kill
	killed := map[identity]bool{}
	for range rounds {
		fresh := false
		t.host.Turn()
		others, listErr := t.others()
		for _, p := range others {
			if id := (identity{p.PID, p.Start}); !killed[id] {
				killed[id], fresh = true, true
				if e := t.signalChecked(p, signals.KILL); e != nil {
					err = e
				}
			}
		}
		if listErr != nil && !t.alive {
			return t.signalUnseen(signals.KILL)
		}
		if !fresh {
			break
		}
	}
	return receivers(to, len(killed)), err
}

func receivers(leader string, others int) string {
	switch {
	case others == 0:
		return leader
	case leader == "" && others == 1:
		return "1 process"
	case leader == "":
		return fmt.Sprintf("%d processes", others)
	}
	return fmt.Sprintf("%s and %d more", leader, others)
}

// signalChecked is [Signal], of which is told whom it is about to reach.
func (t *Tree) signalChecked(p procfs.Process, s signals.Signal) error {
	return signal(t.host.system, p, s, func(s signals.Signal) { t.aim(s, p) })
}

// Signal signals the very process that was seen, not a later one with its pid,
// and continues it if it was stopped. That it is gone is no error.
func Signal(p procfs.Process, s signals.Signal) error {
	return signal(linux{}, p, s, func(signals.Signal) {})
}

func signal(system System, p procfs.Process, s signals.Signal, about func(signals.Signal)) error {
	held, there := system.Hold(p)
	if !there {
		return nil
	}
	defer held.Release()
	about(s)
	err := held.Signal(s)
	if err == nil && p.Stopped() {
		about(signals.CONT)
		err = held.Signal(signals.CONT)
	}
	if err == unix.ESRCH {
		return nil
	}
	return err
}
