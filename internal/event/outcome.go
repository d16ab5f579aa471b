package event

import (
	"fmt"
)

// Target is a process that a signal was sent to.
type Target struct {
	PID         int
	Name        string // command name; "" if it can't be known
	Disposition Disposition
}

// Disposition is what a process does with a signal at one moment.
type Disposition string

// The dispositions. A signal that is blocked waits, whatever else is to become of it.
const (
	Default Disposition = "default"
	Ignored Disposition = "ignored"
	Blocked Disposition = "blocked"
	Caught  Disposition = "caught"
	Unknown Disposition = "unknown" // /proc did not tell
)

// Became is what was seen of a process after a signal was sent to it. It tells
// the order of things, not that the one is because of the other: a process that
// ignores TERM and is then killed has ended after both.
type Became string

// What can become of it.
const (
	Ended     Became = "ended" // Exit says how
	Stopped   Became = "stopped"
	Continued Became = "continued"
	Nothing   Became = "nothing" // that supervise would see
	Unseen    Became = "unseen"  // supervise is not told of that process, which is no child of its own
)

// outcome tells what became of a signal.
func (e *Event) outcome() string {
	after := Roughly(e.After)
	switch {
	case e.Became == Ended && e.Exit != nil && e.Exit.Signal != 0 && e.Exit.Signal == e.Signal:
		return fmt.Sprintf("%s ended %d after %s", e.Signal, e.PID, after)
	case e.Became == Ended && e.Exit != nil:
		return fmt.Sprintf("%s: %d %s, %s later", e.Signal, e.PID, e.Exit, after)
	case e.Became == Ended, e.Became == Stopped, e.Became == Continued:
		return fmt.Sprintf("%s: %d %s after %s", e.Signal, e.PID, e.Became, after)
	case e.Became == Unseen:
		return fmt.Sprintf("%s: what became of %d is not known, it is no child of supervise", e.Signal, e.PID)
	}
	return fmt.Sprintf("%s: nothing seen of %d for %s", e.Signal, e.PID, after)
}
