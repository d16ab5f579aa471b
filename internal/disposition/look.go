package disposition

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// ErrNone says that there is no such process.
var ErrNone = errors.New("there is no such process")

// Hidden says that there is a process that /proc does not show.
type Hidden struct{ PID int }

func (e Hidden) Error() string {
	return fmt.Sprintf("process %d is there, but /proc does not show it to uid %d (mounted with hidepid?): ask as its user, or as root", e.PID, unix.Geteuid())
}

// descendantsSeen bounds how many descendants are looked at.
const descendantsSeen = 64

// Look reads what /proc says of a process; all are the processes that there are,
// read if nil. A thread's number means its process. [ErrNone] says that there is
// none, or that it has ended meanwhile; [Hidden] that it may not be seen.
func Look(pid int, all []procfs.Process) (*Facts, error) {
	status, err := procfs.StatusOf(pid)
	if err != nil {
		return nil, missing(pid, err)
	}
	f := &Facts{Asked: pid, UID: unix.Geteuid()}
	if status.TGID != pid {
		if status, err = procfs.StatusOf(status.TGID); err != nil {
			return nil, missing(pid, err)
		}
	}
	f.Status = status
	if f.Process, err = procfs.Stat(status.TGID); err != nil {
		return nil, missing(pid, err)
	}
	threads, err := procfs.ThreadsOf(f.PID)
	if err != nil {
		return nil, missing(pid, err)
	}
	for _, t := range threads {
		one := Thread{Status: t, Wait: procfs.Wait(f.PID, t.PID)}
		one.Awaited, one.Sigwait = procfs.Awaited(f.PID, t.PID, one.Wait)
		f.Threads = append(f.Threads, one)
	}
	f.Argv = procfs.Argv(f.PID)
	f.Descriptors = procfs.SignalDescriptors(f.PID)
	f.Denied = errors.Is(unix.Kill(f.PID, 0), unix.EPERM)
	if all == nil {
		if all, err = procfs.All(); err != nil {
			return nil, fmt.Errorf("reading all processes: %w", err)
		}
	}
	f.among(all)
	// What was read belongs together only if it is still the same process.
	if now, err := procfs.Stat(f.PID); err != nil {
		return nil, missing(pid, err)
	} else if now.Start != f.Start || len(f.Threads) == 0 {
		return nil, missing(pid, unix.ESRCH)
	}
	return f, nil
}

// missing tells why a process cannot be read.
func missing(pid int, err error) error {
	if !procfs.Ended(err) {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	if err := unix.Kill(pid, 0); err == nil || errors.Is(err, unix.EPERM) {
		return Hidden{pid}
	}
	return fmt.Errorf("process %d: %w", pid, ErrNone)
}

// among finds its neighbours.
func (f *Facts) among(all []procfs.Process) {
	by := make(map[int]*procfs.Process, len(all))
	below := map[int][]*procfs.Process{}
	for i := range all {
		p := &all[i]
		by[p.PID] = p
		below[p.PPID] = append(below[p.PPID], p)
	}
	neighbour := func(pid int) Neighbour {
		if p := by[pid]; p != nil {
			return Neighbour{pid, p.PPID, p.Name, procfs.Argv(pid)}
		}
		return Neighbour{PID: pid}
	}
	f.Parent, f.Tracer = neighbour(f.PPID), neighbour(f.Status.Tracer)
	for queue := []int{f.PID}; len(queue) > 0 && len(f.Descendants) < descendantsSeen; queue = queue[1:] {
		for _, c := range below[queue[0]] {
			if !c.Gone() && c.PID != f.PID && len(f.Descendants) < descendantsSeen {
				f.Descendants = append(f.Descendants, neighbour(c.PID))
				queue = append(queue, c.PID)
			}
		}
	}
	f.Orphaned = orphaned(f.Process, by)
}

// orphaned says whether a process group is one in POSIX' sense: nobody in its
// session but outside of it is a parent of a member, so nobody could continue it.
func orphaned(of procfs.Process, by map[int]*procfs.Process) bool {
	for _, p := range by {
		if p.Group != of.Group || p.Gone() {
			continue
		}
		if parent := by[p.PPID]; parent != nil && parent.Group != p.Group && parent.Session == p.Session {
			return false
		}
	}
	return true
}

// Elsewhere looks for processes that have this number in a PID namespace of
// their own, as in a container.
func Elsewhere(pid int) (found []Neighbour) {
	all, err := procfs.All()
	if err != nil {
		return nil
	}
	for _, p := range all {
		s, err := procfs.StatusOf(p.PID)
		if err != nil || len(s.NamespacePIDs) < 2 {
			continue
		}
		if s.NamespacePIDs[len(s.NamespacePIDs)-1] == pid {
			found = append(found, Neighbour{p.PID, p.PPID, p.Name, nil})
		}
	}
	return found
}
