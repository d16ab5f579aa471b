package policy

import (
	"fmt"
	"slices"

	"supervise/internal/signals"
)

// Exit is how one run of a program ended.
type Exit struct {
	Code   int            // exit code, when it ended by itself
	Signal signals.Signal // the signal that ended it, else 0
	Core   bool           // it left a core dump
	NotRun string         // why it could not be started at all, else ""
	Missed string         // what it was stopped for, or ended before: a deadline, its readiness, its health; else ""
}

// Status is the exit status as a shell gives it: the code, or 128 and the
// signal's number.
func (e Exit) Status() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// String tells the end in words: "exited 1", "killed by SEGV (core dumped)".
func (e Exit) String() string {
	var s string
	switch {
	case e.NotRun != "":
		return "could not start: " + e.NotRun
	case e.Signal != 0:
		s = "killed by " + e.Signal.String()
	default:
		s = fmt.Sprintf("exited %d", e.Code)
	}
	if e.Core {
		s += " (core dumped)"
	}
	if e.Missed != "" {
		s = e.Missed + ", " + s
	}
	return s
}

// Success is the set of ends that are no failure.
type Success struct {
	Codes   []int
	Signals []signals.Signal
}

// Holds says whether e is a success. A run that did not start or missed
// what it was to do never is.
func (s Success) Holds(e Exit) bool {
	if e.NotRun != "" || e.Missed != "" {
		return false
	}
	if e.Signal != 0 {
		return slices.Contains(s.Signals, e.Signal) || slices.Contains(s.Codes, e.Status())
	}
	return slices.Contains(s.Codes, e.Code)
}
