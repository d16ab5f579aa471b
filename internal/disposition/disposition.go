// Package disposition explains what a process does with signals, and why one
// did nothing: from what /proc says of the process, and no more than that. That
// a signal is caught, for example, does not tell what the handler does.
//
// [Look] reads /proc; everything else is pure: [Facts] in, words out. What is
// known of kinds of programs (shells, npm, Go, Python, ...) is told as such.
//
//	f, err := disposition.Look(pid, nil)
//	f.Entries()        // one for each signal
//	f.Notes()          // what one should know besides
//	f.Why(signals.TERM) // why it did nothing
//
// The rules are those of kernel/signal.c (sig_ignored, complete_signal,
// get_signal) and signal(7).
package disposition

import (
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// Facts is what /proc says of one process, at one moment as far as that is
// possible.
type Facts struct {
	procfs.Process
	Status      procfs.Status  // of the whole process
	Threads     []Thread       // of which there is at least one
	Argv        []string       // nil: a kernel thread, a zombie
	Parent      Neighbour      // PID 0: none in our PID namespace
	Tracer      Neighbour      // PID 0: none
	Descendants []Neighbour    // parents before children, as many as were looked for
	Descriptors procfs.Signals // signals that it can read from signalfds, as far as that can be known
	Orphaned    bool           // its process group has no shell above it that could continue it
	UID         int            // the effective user who asks
	Denied      bool           // kill(2) says that this user may not signal it
	Asked       int            // the number that was asked for; a thread's, perhaps
}

// Thread is one thread of it.
type Thread struct {
	procfs.Status
	Wait    string         // the function of the kernel in which it waits; "": none, or unknown
	Sigwait bool           // it waits for signals with sigwait, sigtimedwait or sigwaitinfo
	Awaited procfs.Signals // for these; none: it may not be seen which
}

// Neighbour is a process beside the one that is looked at.
type Neighbour struct {
	PID, PPID int
	Name      string
	Argv      []string
}

// Disposition is what a process has arranged for a signal.
type Disposition string

// The dispositions.
const (
	Default Disposition = "default"
	Ignored Disposition = "ignored"
	Caught  Disposition = "caught"
)

// Of gives the disposition of a signal.
func Of(status *procfs.Status, s signals.Signal) Disposition {
	switch n := int(s); {
	case status.Caught.Has(n):
		return Caught
	case status.Ignored.Has(n):
		return Ignored
	}
	return Default
}

// Effect is what a signal that is sent to the process now does.
type Effect string

// The effects, beside those of the default actions.
const (
	Handled Effect = "handler" // its handler runs
	Taken   Effect = "sigwait" // a thread takes it with sigwait
	Waits   Effect = "waits"   // until it is unblocked, or the process continued
	None    Effect = Effect(signals.Nothing)
)

// Entry is what a process does with one signal.
type Entry struct {
	Number      int            `json:"number"`
	Signal      signals.Signal `json:"name"`
	Disposition Disposition    `json:"disposition"`
	Default     signals.Action `json:"default"`    // what the default would do
	Effect      Effect         `json:"effect"`     // of one that is sent to the process now
	Blocked     bool           `json:"blocked"`    // by all threads
	BlockedIn   []int          `json:"blocked_in"` // by these threads, where it is not all
	Pending     bool           `json:"pending"`    // for the process
	PendingIn   []int          `json:"pending_in"` // for these threads
	Readable    bool           `json:"signalfd"`   // the process can read it from a signalfd
	Awaited     bool           `json:"sigwait"`    // a thread waits for it with sigwait
}

// Blocked gives the signals that all threads block.
func (f *Facts) Blocked() procfs.Signals {
	all := ^procfs.Signals(0)
	for i := range f.Threads {
		all &= f.Threads[i].Blocked
	}
	return all
}

// awaited gives the signals that threads wait for with sigwait, as far as that is
// known.
func (f *Facts) awaited() (all procfs.Signals) {
	for i := range f.Threads {
		all |= f.Threads[i].Awaited
	}
	return all
}

// Entries tells of every signal from 1 to 64.
func (f *Facts) Entries() []Entry {
	all := make([]Entry, 0, 64)
	blocked := f.Blocked()
	for s := signals.Signal(1); s <= signals.RTMAX; s++ {
		n := int(s)
		e := Entry{
			Number: n, Signal: s, Disposition: Of(&f.Status, s), Default: s.Default(), Effect: f.Effect(s),
			Blocked: blocked.Has(n), BlockedIn: []int{}, Pending: f.Status.Pending.Has(n), PendingIn: []int{}, Readable: f.Descriptors.Has(n), Awaited: f.awaited().Has(n),
		}
		for i := range f.Threads {
			t := &f.Threads[i]
			if t.Blocked.Has(n) && !e.Blocked {
				e.BlockedIn = append(e.BlockedIn, t.PID)
			}
			if t.Mine.Has(n) {
				e.PendingIn = append(e.PendingIn, t.PID)
			}
		}
		all = append(all, e)
	}
	return all
}

// Effect is what a signal would do that is sent to the process now, by somebody
// who sees what we see.
func (f *Facts) Effect(s signals.Signal) Effect {
	switch f.hindrance(s) {
	case Gone, KernelThread, Protected, Discarded, NoAction:
		return None
	case Blocked, Halted, Held, Frozen:
		return Waits
	case Uninterruptible:
		if s == signals.KILL || !f.Status.Ignored.Has(int(s)) {
			return Waits
		}
		return None
	case Handler:
		return Handled
	case Awaited:
		return Taken
	}
	if s.Default() == signals.Reserved {
		return Effect(signals.Ends)
	}
	return Effect(s.Default())
}
