// Package tree finds the processes that belong to one service, signals them
// and says when none is left.
//
// A service's main process is our child, but its descendants are not, and they
// may leave its process group and its session. What counts as belonging is
// the scope; how it is found depends on what the machine offers:
//
//	process  the main process alone
//	group    its process group, seen in /proc
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
	"strings"

	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// Host is what the trees of one supervise share.
type Host struct {
	cgroups  *cgroup.Root // nil: descendants are found in /proc
	pid      int
	mark     string // begins the mark of each tree
	mains    map[int]*Tree
	owners   map[identity]*Tree // processes once seen in a tree
	snapshot []procfs.Process   // of this turn; nil: not taken yet
	// Childless says whether we have no child at all, dead ones included.
	// Only the reaper may know: it alone calls wait.
	Childless func() bool
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
	pid := os.Getpid()
	self, _ := procfs.Stat(pid) // without /proc nobody reads the mark
	return &Host{
		cgroups: cgroups,
		pid:     pid,
		mark:    fmt.Sprintf("%s/%d.%d.", os.Getenv(MarkVariable), pid, self.Start),
		mains:   map[int]*Tree{},
		owners:  map[identity]*Tree{},
	}
}

// Turn forgets what was seen of /proc; the owner calls it before each batch of
// events.
func (h *Host) Turn() { h.snapshot = nil }

// Close removes the cgroup of this supervise.
func (h *Host) Close() error {
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
	group *cgroup.Group // with a cgroup of its own
	lone  bool          // the leader is the main process, not its group
	main  int           // pid of the main process; 0: none was started yet
	alive bool          // and it has not been reaped
	held  bool          // stopped by a signal
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
func (t *Tree) Reaches() bool { return t.scope != allScope{} }

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
func (t *Tree) Mark() string { return t.host.mark + strings.ReplaceAll(t.name, "/", "_") }

// Started says that pid, a child of ours, is the tree's main process and
// leads a process group.
func (t *Tree) Started(pid int) {
	t.main, t.alive, t.held, t.reached = pid, true, false, map[identity]bool{}
	t.host.mains[pid] = t
}

// Held says that the main process was stopped by a signal, or continued.
func (t *Tree) Held(stopped bool) { t.held = stopped }

// Ended says that the main process was reaped.
func (t *Tree) Ended() {
	t.alive, t.held = false, false
	delete(t.host.mains, t.main)
}

// Close gives up the tree's cgroup; processes that are left stay in it.
func (t *Tree) Close() {
	if t.group != nil {
		_ = t.group.Remove() // fails while survivors are in it; the next supervise removes it
	}
}

// Empty says whether no process of the tree lives.
func (t *Tree) Empty() bool { return !t.alive && t.scope.empty(t) }

// Living lists the processes that live, the main process among them.
func (t *Tree) Living() []procfs.Process {
	all, _ := t.scope.members(t)
	if t.alive {
		if p, err := procfs.Stat(t.main); err == nil && !p.Gone() {
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
	return fmt.Sprintf("process %d", t.main), unix.Kill(t.main, unix.Signal(s))
}

// SignalGroup sends s to the main process's group.
func (t *Tree) SignalGroup(s signals.Signal) (to string, err error) {
	if !t.alive {
		return "", unix.ESRCH
	}
	return fmt.Sprintf("group %d", t.main), unix.Kill(-t.main, unix.Signal(s))
}

// Signal sends s to every process of the tree, and CONT to those that were
// stopped, which would not see s otherwise. to names the receivers, "" when
// there is none left.
func (t *Tree) Signal(s signals.Signal) (to string, err error) {
	if !t.Reaches() && t.alive {
		return t.signalLeader(s)
	}
	if !t.Reaches() && t.host.pid == 1 {
		return t.signalEveryone(s)
	}
	if s == signals.KILL {
		return t.kill()
	}
	// Looked up first: what is in the group by now is reached with it. What is
	// forked afterwards may be missed; that is for SignalLate.
	others, listErr := t.scope.members(t)
	to, err = t.signalLeader(s)
	n := 0
	for _, p := range others {
		t.reached[identity{p.PID, p.Start}] = true
		if t.alive && p.Group == t.main && !p.Stopped() {
			continue // reached with the group
		}
		if e := signalChecked(p, s); e != nil {
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
	t.host.Turn()
	others, _ := t.scope.members(t)
	n := 0
	for _, p := range others {
		id := identity{p.PID, p.Start}
		if t.reached[id] {
			continue
		}
		t.reached[id] = true
		if e := signalChecked(p, s); e != nil {
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
	if t.main == 0 || !groupExists(t.main) {
		return "", nil
	}
	return fmt.Sprintf("group %d", t.main), unix.Kill(-t.main, unix.Signal(s))
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
		others, _ := t.scope.members(t) // to tell of them
		if t.group.Kill() == nil {
			return receivers(to, len(others)), err
		}
	}
	const rounds = 32 // a bound against something that forks faster than we kill
	killed := map[identity]bool{}
	for range rounds {
		fresh := false
		t.host.Turn()
		others, listErr := t.scope.members(t)
		for _, p := range others {
			if id := (identity{p.PID, p.Start}); !killed[id] {
				killed[id], fresh = true, true
				if e := signalChecked(p, signals.KILL); e != nil {
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

// signalChecked signals the very process that was seen, not a later one with
// its pid. That it is gone is no error.
func signalChecked(p procfs.Process, s signals.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err == unix.ESRCH {
		return nil
	}
	if now, statErr := procfs.Stat(p.PID); statErr != nil || now.Start != p.Start {
		if err == nil {
			unix.Close(fd)
		}
		return nil
	}
	send := func(s signals.Signal) error { return unix.Kill(p.PID, unix.Signal(s)) }
	if err == nil { // else an old kernel, or seccomp: the pid has to do
		defer unix.Close(fd)
		send = func(s signals.Signal) error {
			err := unix.PidfdSendSignal(fd, unix.Signal(s), nil, 0)
			if err == unix.ENOSYS || err == unix.EPERM { // perhaps seccomp says so, and not the process
				err = unix.Kill(p.PID, unix.Signal(s))
			}
			return err
		}
	}
	err = send(s)
	if err == nil && p.Stopped() {
		err = send(signals.CONT)
	}
	if err == unix.ESRCH {
		return nil
	}
	return err
}
