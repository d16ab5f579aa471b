package remains

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"supervise/internal/cgroup"
	"supervise/internal/procfs"
	"supervise/internal/tree"
)

// Process is one that a supervise has left.
type Process struct {
	procfs.Process
	Service string // "": it does not say
	Of      int    // the pid of that supervise
}

// String names it for people.
func (p Process) String() string {
	name := strings.ToValidUTF8(p.Name, "\ufffd")
	if p.Service == "" {
		return fmt.Sprintf("%d (%s)", p.PID, name)
	}
	return fmt.Sprintf("%d (%s, of %s)", p.PID, name, p.Service)
}

// Search is who to look for.
type Search struct {
	records []Record
	lost    []int  // the pids of those that the records tell of
	spared  string // why what the others left is not looked for
	seen    map[identity]Process
}

// NewSearch begins a search by the records that were found. Those of an earlier
// boot or of another PID namespace mean nothing here.
func NewSearch(records []Record) (s Search) {
	s.seen = map[identity]Process{}
	here, err := where()
	if err != nil {
		return s
	}
	for _, r := range records {
		o, ok := r.owner()
		switch {
		case !ok, r.Boot != here.Boot, r.Namespace != here.Namespace, o.ourselves():
		case o.lives():
			s.spared = fmt.Sprintf("the supervise of pid %d, which had this control socket, has lost its lock, but lives: its services may run beside ours", o.pid)
		default:
			s.records = append(s.records, r)
			s.lost = append(s.lost, o.pid)
		}
	}
	return s
}

// Lost are the pids of the supervises that ended without a shutdown.
func (s Search) Lost() []int { return s.lost }

// Spared says why something was not looked for; "": nothing.
func (s Search) Spared() string { return s.spared }

// Records are those of the supervises that were lost.
func (s Search) Records() []Record { return s.records }

// Left finds what is left of them: ours is what is to be ended, spared what we
// run below, and what another supervise that lives answers for.
func (s Search) Left() (ours, spared []Process, err error) {
	if len(s.records) == 0 {
		return nil, nil, nil
	}
	all, err := procfs.All()
	if err != nil {
		return nil, nil, err
	}
	members := map[int]int{} // of their cgroups, and of which record
	for i, r := range s.records {
		if r.Cgroup != "" {
			for _, pid := range cgroup.Left(r.Cgroup, r.Inode) {
				members[pid] = i
			}
		}
	}
	above := ancestors(all)
	for _, p := range all {
		if p.Gone() || p.Kernel || p.PID == os.Getpid() {
			continue
		}
		mark := markOf(p)
		if found, ok := s.seen[identity{p.PID, p.Start}]; ok && mark == "" {
			// Once it is being killed it has no environment any more.
			found.Process = p
			ours = append(ours, found)
			continue
		}
		i := slices.IndexFunc(s.records, func(r Record) bool { return strings.HasPrefix(mark, r.Mark) })
		if i < 0 && mark == "" { // it has cleared its environment, perhaps
			var in bool
			if i, in = members[p.PID]; !in {
				continue
			}
		}
		if i < 0 {
			continue
		}
		found := Process{Process: p, Of: s.lost[i], Service: serviceIn(mark, s.records[i].Mark)}
		if above[p.PID] || keptBy(mark) {
			spared = append(spared, found)
		} else {
			s.seen[of(found)] = found
			ours = append(ours, found)
		}
	}
	return ours, spared, nil
}

// Doubtful finds processes that some supervise which is gone started as one of
// the named services. Whether it was of the same configuration nobody can tell.
func Doubtful(names []string) (found []Process) {
	here, err := where()
	if err != nil {
		return nil
	}
	all, err := procfs.All()
	if err != nil {
		return nil
	}
	above := ancestors(all)
	for _, p := range all {
		if p.Gone() || p.Kernel || above[p.PID] {
			continue
		}
		mark := markOf(p)
		if mark == "" || keptBy(mark) {
			continue
		}
		last := mark[strings.LastIndexByte(mark, '/')+1:]
		o, ok := parseOwner(last)
		name := nameIn(last)
		if !ok || o.ourselves() || !slices.Contains(names, name) {
			continue
		}
		// In a container pids are others, and who started it may live.
		if in, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.PID)); err != nil || in != here.Namespace {
			continue
		}
		found = append(found, Process{Process: p, Service: name, Of: o.pid})
	}
	return found
}

// markOf is the mark in the environment of a process; "": it has none, or we may
// not see it.
func markOf(p procfs.Process) string {
	for entry := range bytes.SplitSeq(tree.Environ(p), []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, []byte(tree.MarkVariable+"=")); ok {
			return string(mark)
		}
	}
	return ""
}

// keptBy says whether the supervise lives that started a process. Of several, one
// inside the other, it is the innermost.
func keptBy(mark string) bool {
	o, ok := parseOwner(mark[strings.LastIndexByte(mark, '/')+1:])
	return ok && o.lives()
}

// serviceIn gives the service in a mark that begins with that of a supervise.
func serviceIn(mark, of string) string {
	rest, ok := strings.CutPrefix(mark, of)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// nameIn gives the service in "PID.START.NAME".
func nameIn(element string) string {
	if parts := strings.SplitN(element, ".", 3); len(parts) == 3 {
		return parts[2]
	}
	return ""
}

// ancestors are we and those whose child we are, and so on.
func ancestors(all []procfs.Process) map[int]bool {
	parents := map[int]int{}
	for _, p := range all {
		parents[p.PID] = p.PPID
	}
	above := map[int]bool{}
	for pid := os.Getpid(); pid != 0 && !above[pid]; pid = parents[pid] {
		above[pid] = true
	}
	return above
}
