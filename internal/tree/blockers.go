package tree

import (
	"fmt"
	"strings"

	"supervise/internal/disposition"
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// blockersNamed bounds how many processes are named that hold up a stop.
const blockersNamed = 3

// Blockers says which processes hold up a stop that has sent the signal rung,
// and what keeps each from ending by it. "": nobody does, or nothing was sent.
func Blockers(living []procfs.Process, rung signals.Signal) string {
	if rung == 0 || len(living) == 0 {
		return ""
	}
	var all []string
	for _, p := range living {
		if len(all) == blockersNamed {
			all = append(all, fmt.Sprintf("and %d more", len(living)-blockersNamed))
			break
		}
		hindrance, err := hinders(p, rung)
		if procfs.Ended(err) {
			continue // in this moment
		}
		all = append(all, fmt.Sprintf("pid %d (%s) %s", p.PID, strings.ToValidUTF8(p.Name, "\ufffd"), resistance(hindrance, rung)))
	}
	return strings.Join(all, "; ")
}

// hinders reads what keeps a process from ending by a signal. What cannot be
// read, for another reason than its end, keeps nothing.
func hinders(p procfs.Process, s signals.Signal) (disposition.Hindrance, error) {
	var masks disposition.Masks
	status, err := procfs.StatusOf(p.PID)
	if err == nil {
		masks.Blocked, err = procfs.BlockedByAll(p.PID, &status)
	}
	if status.Init() { // such as tini, which takes what it seems to have no handler for
		set, waits := procfs.Awaited(p.PID, p.PID, procfs.Wait(p.PID, p.PID))
		if masks.Awaited = set; waits && set == 0 {
			masks.Awaited = ^procfs.Signals(0)
		}
	}
	return disposition.Hinders(p, &status, masks, s), err
}

// resistance says it in few words.
func resistance(h disposition.Hindrance, s signals.Signal) string {
	switch h {
	case disposition.Uninterruptible:
		return "is in state D (uninterruptible)"
	case disposition.Held:
		return "is held by a debugger"
	case disposition.Halted:
		return "is stopped"
	case disposition.Protected:
		return "is PID 1 of its namespace and has no handler for " + s.String()
	case disposition.Discarded:
		return "ignores " + s.String()
	case disposition.Blocked:
		return "has " + s.String() + " blocked"
	case disposition.Handler, disposition.Awaited:
		return "catches " + s.String() + " and has not ended"
	}
	return "was sent " + s.String() + " and has not ended yet"
}
