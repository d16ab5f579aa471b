// Package timeline makes of a trace what can be drawn: lanes, bars and arrows.
//
// There is a lane for each sender of a signal, one for supervise, one for each
// service, on which its main processes follow each other, and one for each other
// process that a signal was sent to. Bars are what a service was in for a time:
// running, stopping, waiting for its next start. Arrows are signals: from a
// sender to supervise, from supervise to a process. Marks are all that happens
// at one moment.
//
// It is pure, and claims nothing that the events do not tell. Packages text and
// page draw it.
package timeline

import (
	"time"

	"supervise/internal/event"
)

// Timeline is what is drawn. Times are counted from Start, in nanoseconds.
type Timeline struct {
	Title   string        `json:"title"` // the command line
	Start   time.Time     `json:"start"`
	Length  time.Duration `json:"length_ns"`
	Lanes   []Lane        `json:"lanes"`
	Bars    []Bar         `json:"bars"`
	Arrows  []Arrow       `json:"arrows"`
	Marks   []Mark        `json:"marks"`
	Events  []Entry       `json:"events"`
	Summary []string      `json:"summary"`
	// Missing counts events that are not in the trace though others before and
	// after them are.
	Missing uint64 `json:"missing,omitempty"`
	Cut     bool   `json:"cut,omitempty"` // the trace ends in the middle of a line
	Ended   bool   `json:"ended"`         // supervise told of its end: nothing came after
}

// Kind of a lane.
type Kind string

// The kinds, in the order in which lanes stand.
const (
	Sender    Kind = "sender"
	Supervise Kind = "supervise"
	Service   Kind = "service"
	Process   Kind = "process" // one of a service's, beside the main one
)

// Lane is one who sends or gets signals.
type Lane struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	PID     int    `json:"pid,omitempty"` // of a service: none, its processes change
	UID     int    `json:"uid,omitempty"` // of a sender that is a process
	Service string `json:"service,omitempty"`
}

// State is what a bar says.
type State string

// The states.
const (
	Waiting  State = "waiting"  // for what it needs
	Starting State = "starting" // until it is ready
	Running  State = "running"
	Stopping State = "stopping"
	Held     State = "held" // stopped by a signal
	Backoff  State = "backoff"
	Seen     State = "seen" // a process about which only signals are known
)

// Bar is a time in one state.
type Bar struct {
	Lane  int           `json:"lane"`
	State State         `json:"state"`
	From  time.Duration `json:"from_ns"`
	To    time.Duration `json:"to_ns"`
	PID   int           `json:"pid,omitempty"`
	Text  string        `json:"text,omitempty"`
	Open  bool          `json:"open,omitempty"` // it lasted when the trace ended
}

// Arrow is a signal on one way. What was sent to several processes is several
// arrows with one Seq.
type Arrow struct {
	Seq    uint64        `json:"seq"`
	Of     uint64        `json:"of,omitempty"` // Seq of the signal that was passed on
	From   int           `json:"from"`
	To     int           `json:"to"`
	At     time.Duration `json:"at_ns"`
	Signal string        `json:"signal"`
	Was    string        `json:"was,omitempty"` // before it was translated
	Came   string        `json:"came,omitempty"`
	Value  *int64        `json:"value,omitempty"` // of sigqueue
	PID    int           `json:"pid,omitempty"`   // the receiver
	Failed string        `json:"failed,omitempty"`

	Disposition event.Disposition `json:"disposition,omitempty"`
	Became      event.Became      `json:"became,omitempty"` // "": nothing was told up to the end of the trace
	How         string            `json:"how,omitempty"`    // with Ended: "exited 0", "killed by KILL"
	After       time.Duration     `json:"after_ns,omitempty"`
}

// Mark is something that happens at one moment.
type Mark struct {
	Lane  int           `json:"lane"`
	Seq   uint64        `json:"seq"`
	At    time.Duration `json:"at_ns"`
	Event event.Name    `json:"event"`
	Text  string        `json:"text"`
	Bad   bool          `json:"bad,omitempty"` // it did not go as configured
}

// Entry is an event as a list shows it.
type Entry struct {
	Seq     uint64        `json:"seq"`
	At      time.Duration `json:"at_ns"`
	Event   event.Name    `json:"event"`
	Service string        `json:"service,omitempty"`
	Signal  string        `json:"signal,omitempty"`
	Text    string        `json:"text"`
}
