package notify

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
	"supervise/internal/tree"
)

// Sender is who sent a datagram. PID, UID and GID are what the kernel says
// (SCM_CREDENTIALS, unix(7)): nobody but root can claim other ones than their own.
// The rest is what /proc said of that process when the datagram was read, which
// is a moment after it was sent: a short-lived one may be gone by then.
type Sender struct {
	PID      int // 0: none that our PID namespace shows
	UID, GID int

	Seen      bool // the process was still there; else the rest is zero
	Name      string
	Group     int    // process group
	Session   int    // session
	Ancestors []int  // its parent, the parent of that, and so on, up to us or to process 1
	Cgroup    string // path in the cgroup v2 hierarchy, as [procfs.Cgroup] gives it; "": unknown
	Mark      string // of tree.MarkVariable in its environment; "": unknown
	Ended     bool   // it had ended, and so had no environment any more
}

// maxAncestors bounds how far up we look: who hides deeper has itself to blame.
const maxAncestors = 64

// maxEnviron is how large an environment may be for us to find the mark in it.
// It is page after page of a buffer that is otherwise never touched.
const maxEnviron = 128 << 10

// Look finds out about a process that has sent nothing, for it to be judged in
// the same way.
func Look(pid int) Sender {
	s := Sender{PID: pid, UID: -1, GID: -1}
	var st unix.Stat_t
	if unix.Stat("/proc/"+strconv.Itoa(pid), &st) == nil {
		s.UID, s.GID = int(st.Uid), int(st.Gid)
	}
	s.look(os.Getpid(), -1, make([]byte, maxEnviron))
	return s
}

// look finds out about the sender of a datagram. pidfd refers to it, or is -1:
// kernels before 6.5 don't give one.
func (s *Sender) look(us, pidfd int, environ []byte) {
	if s.PID <= 0 {
		return
	}
	seen := Sender{PID: s.PID, UID: s.UID, GID: s.GID, Seen: true}
	p, err := procfs.Stat(s.PID)
	if err != nil {
		return
	}
	seen.Name, seen.Group, seen.Session, seen.Ended = p.Name, p.Group, p.Session, p.Gone()
	seen.Cgroup = procfs.Cgroup(s.PID)
	seen.Mark = mark(s.PID, environ)
	for up := p.PPID; up > 0 && len(seen.Ancestors) < maxAncestors; {
		seen.Ancestors = append(seen.Ancestors, up)
		if up == us || up == 1 {
			break
		}
		above, err := procfs.Stat(up)
		if err != nil {
			break // ended meanwhile; its children have another parent now
		}
		up = above.PPID
	}
	// Was all that one process, and the one that sent? With the descriptor we
	// know: a process that has not been waited for has its number to itself.
	if pidfd >= 0 {
		if unix.PidfdSendSignal(pidfd, 0, nil, 0) == unix.ESRCH {
			return
		}
	} else if again, err := procfs.Stat(s.PID); err != nil || again.Start != p.Start {
		return
	}
	*s = seen
}

// mark finds the mark of a service in the environment of a process.
func mark(pid int, buf []byte) string {
	b, err := procfs.EnvironInto(buf, pid)
	if err != nil || len(b) == len(buf) {
		return ""
	}
	for entry := range bytes.SplitSeq(b, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, []byte(tree.MarkVariable+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// Service is what its owner knows of a service whose messages are to be
// judged.
type Service struct {
	Main   int    // pid of its main process; 0: it has none now
	UID    int    // whom it was started as
	Hooks  []int  // pids of what else was started for it
	Cgroup string // of its own, as [procfs.Cgroup] gives it; "": none
	Mark   string // its value of tree.MarkVariable
}

// Trusted says whether a sender may speak for a service, and in words why, or
// why not.
//
// The kernel's word on the pid decides first, then where the process hangs: in
// the cgroup of the service, below its main process, in the session of that.
// These can't be forged. The mark in the environment can, by anyone who knows
// it; so it counts only for the user that the service was started as, and for
// root, who could do worse to the service than speak in its name.
//
// A sender that is gone had the right address, the service's own, and may have
// been any of its short-lived helpers (systemd-notify --no-block). It gets the
// benefit of the doubt under the same condition.
func Trusted(s Sender, by Access, of Service) (ok bool, why string) {
	switch {
	case by == AccessNone:
		return false, "nobody may send for this service"
	case of.Main <= 0 && len(of.Hooks) == 0:
		return false, "the service does not run"
	case s.PID <= 0:
		return false, "the sender is outside of our PID namespace"
	case s.PID == of.Main:
		return true, "the main process"
	case by == AccessMain:
		return false, "only the main process may send for this service"
	case slices.Contains(of.Hooks, s.PID):
		return true, "a hook"
	case by == AccessExec:
		return false, "only the main process and hooks may send for this service"
	}
	sameUser := s.UID == of.UID || s.UID == 0
	switch {
	case !s.Seen && sameUser:
		return true, "gone already, but of the right user"
	case !s.Seen:
		return false, "gone already, and of another user than the service"
	case of.Cgroup != "" && of.Cgroup != "/" && within(s.Cgroup, of.Cgroup):
		return true, "in the service's cgroup"
	}
	for _, root := range append([]int{of.Main}, of.Hooks...) {
		switch {
		case root <= 0:
		case slices.Contains(s.Ancestors, root):
			return true, "a descendant"
		case s.Session == root || s.Group == root:
			return true, "in the service's session"
		}
	}
	switch adopted := len(s.Ancestors) <= 1; {
	case s.Ended && adopted && sameUser:
		return true, "ended already, but of the right user"
	case of.Mark == "" || !within(s.Mark, of.Mark):
		return false, "not a process of this service"
	case !sameUser:
		return false, "only the mark in its environment says that it belongs to this service, and it is of another user"
	}
	return true, "has the service's mark"
}

// within says whether a path is base or below it. A supervise inside a
// supervise appends to a mark in the same way.
func within(path, base string) bool {
	rest, ok := strings.CutPrefix(path, base)
	return ok && (rest == "" || rest[0] == '/')
}
