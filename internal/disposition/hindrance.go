package disposition

import (
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// Hindrance is what keeps a signal from having its default effect at once.
type Hindrance string

// The hindrances.
const (
	Free            Hindrance = ""                // nothing does
	Gone            Hindrance = "gone"            // it has ended: a zombie
	KernelThread    Hindrance = "kernel-thread"   // not a process at all
	Uninterruptible Hindrance = "uninterruptible" // it waits in the kernel, state D
	Held            Hindrance = "held"            // by a debugger
	Protected       Hindrance = "init"            // PID 1 of its namespace: what has no handler is dropped
	Blocked         Hindrance = "blocked"         // by every thread
	Discarded       Hindrance = "ignored"         // dropped when it is sent
	NoAction        Hindrance = "no-action"       // the default is to do nothing
	Halted          Hindrance = "stopped"         // by a signal: it waits for CONT
	Frozen          Hindrance = "frozen"          // by its cgroup: docker pause
	Handler         Hindrance = "caught"          // a handler decides
	Awaited         Hindrance = "sigwait"         // a thread waits for it, and takes it
)

// Masks are what the threads of a process do with signals.
type Masks struct {
	Blocked procfs.Signals // by all of them
	Awaited procfs.Signals // by one that waits in sigwait
}

// Hinders says what keeps a signal from its default effect on a process. Where
// there is more than one reason, it is the one that comes first on the signal's
// way.
func Hinders(p procfs.Process, status *procfs.Status, masks Masks, s signals.Signal) Hindrance {
	n := int(s)
	initial := status.Init() && !status.Caught.Has(n)
	switch {
	case p.Gone():
		return Gone
	case p.Kernel:
		return KernelThread
	case s == signals.KILL || s == signals.STOP:
		// From an ancestor of its PID namespace these two work on PID 1.
		if initial && len(status.NamespacePIDs) < 2 {
			return Protected
		}
		if p.State == 'D' {
			return Uninterruptible
		}
		return Free
	case p.State == 'D':
		return Uninterruptible
	case s == signals.CONT && p.Stopped():
		return Free // whatever its disposition, and the mask
	case masks.Awaited.Has(n):
		return Awaited
	case masks.Blocked.Has(n): // queued even if it is ignored; see sig_ignored in kernel/signal.c
		return Blocked
	case status.Ignored.Has(n) && status.Tracer == 0: // a debugger sees it all the same
		return Discarded
	case initial && s.Default() != signals.Nothing && s != signals.CONT:
		return Protected
	case p.State == 't':
		return Held
	case p.Stopped():
		return Halted
	case status.Caught.Has(n):
		return Handler
	case status.Ignored.Has(n):
		return Discarded
	case s.Default() == signals.Nothing || s == signals.CONT:
		return NoAction
	}
	return Free
}

func (f *Facts) hindrance(s signals.Signal) Hindrance {
	h := Hinders(f.Process, &f.Status, Masks{f.Blocked(), f.awaited()}, s)
	if (h == Protected || h == Discarded) && s != signals.KILL && s != signals.STOP && f.sigwaitsUnseen() {
		return Awaited // perhaps
	}
	// What ends a process does so where it is frozen, too (complete_signal).
	if (h == Handler || h == Free && s.Default() != signals.Ends) && f.frozen() {
		return Frozen
	}
	return h
}

// sigwaitsUnseen says whether a thread waits for signals that we may not see.
func (f *Facts) sigwaitsUnseen() bool { return f.sigwait() != 0 && f.awaited() == 0 }

// frozen says whether the freezer of its cgroup (cgroup v2) holds it: it looks as
// if it slept, but in a place where nothing else does.
func (f *Facts) frozen() bool {
	for i := range f.Threads {
		if t := &f.Threads[i]; t.State == 'S' && (t.Wait == "do_freezer_trap" || t.Wait == "get_signal") {
			return true
		}
	}
	return false
}
