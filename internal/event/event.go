// Package event is the one record of what happens: a service starts, a signal
// comes in, a process ends. The log, the trace file and the tests read the
// same struct; later the socket and the recorder will.
package event

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Name says what happened, as noun.verb.
type Name string

// The events.
const (
	SuperviseStarted Name = "supervise.started" // supervise took up its work
	SuperviseEnded   Name = "supervise.ended"   // the last event of all
	ShutdownBegun    Name = "shutdown.begun"    // everything is being stopped
	ShutdownHurried  Name = "shutdown.hurried"  // the ladders skip to their last rung

	ServiceWaiting  Name = "service.waiting"  // for what it needs
	ServiceStarting Name = "service.starting" // a process is about to be started
	ServiceStarted  Name = "service.started"  // the process runs
	ServiceRunning  Name = "service.running"  // and is ready
	ServiceStopping Name = "service.stopping"
	ServiceStopped  Name = "service.stopped"
	ServiceDone     Name = "service.done"
	ServiceFailed   Name = "service.failed"
	ServiceOutput   Name = "service.output" // one line of its output

	ProcessExited    Name = "process.exited"    // the main process of a service
	ProcessStopped   Name = "process.stopped"   // by a signal such as TSTP
	ProcessContinued Name = "process.continued" // by CONT
	StartFailed      Name = "start.failed"      // no process could be made
	BackoffScheduled Name = "backoff.scheduled"
	OrphanReaped     Name = "orphan.reaped"

	SignalReceived Name = "signal.received"
	SignalSent     Name = "signal.sent"
	SignalDropped  Name = "signal.dropped"
	SignalFailed   Name = "signal.failed"
	StopEscalated  Name = "stop.escalated" // a rung's time ran out, the next signal is due
	StopAbandoned  Name = "stop.abandoned" // processes survived the whole ladder
	RunTimedOut    Name = "run.timed_out"
)

// Severe says whether the event is worth telling somebody who asked for no
// log: something did not go as configured.
func (n Name) Severe() bool {
	switch n {
	case ServiceFailed, StartFailed, SignalFailed, StopEscalated, StopAbandoned, RunTimedOut, BackoffScheduled:
		return true
	}
	return false
}

// Event is one thing that happened. Fields that do not apply are zero.
type Event struct {
	Seq     uint64
	Time    time.Time     // wall clock
	Mono    time.Duration // CLOCK_MONOTONIC, the same in all processes of the machine
	Name    Name
	Service string
	PID     int

	Signal signals.Signal    // received, sent or dropped
	Was    signals.Signal    // what Signal was before it was translated
	From   *signals.Received // the received signal behind this event, with its sender
	Sender string            // the sender's command name, "" if it can't be known
	To     string            // whom a signal was sent to: "process 41", "group 41", "3 processes"

	Exit  *policy.Exit  // how a run ended
	Up    time.Duration // how long it had run
	Delay time.Duration // until what comes next
	Line  string        // with ServiceOutput
	Why   string        // the reason, in words
}

// Stamper gives events their number and their times. It belongs to one
// goroutine.
type Stamper struct {
	seq  uint64
	zero time.Time // a moment, and
	mono time.Duration
}

// NewStamper begins the numbering at 1.
func NewStamper() *Stamper {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	return &Stamper{zero: time.Now(), mono: time.Duration(ts.Nano())}
}

// Stamp fills in Seq, Time and Mono.
func (s *Stamper) Stamp(e *Event, now time.Time) {
	s.seq++
	e.Seq, e.Time, e.Mono = s.seq, now, s.mono+now.Sub(s.zero)
}

// FromText describes the sender of a received signal: "812 (kubelet, uid 0)", "the
// kernel", "unknown".
func (e *Event) FromText() string {
	r := e.From
	switch {
	case r == nil || r.Origin == signals.OriginUnknown:
		return "unknown"
	case r.Origin == signals.OriginKernel && fromKeys(r.Signal):
		return "the terminal"
	case !r.Origin.FromProcess():
		return "the " + r.Origin.String()
	case r.PID == 0:
		return "a process outside this PID namespace"
	}
	name := e.Sender
	if name == "" {
		name = "gone"
	}
	return strconv.Itoa(r.PID) + " (" + name + ", uid " + strconv.Itoa(r.UID) + ")"
}

// fromKeys says whether the kernel itself sends s for a terminal's key and for
// nothing else.
func fromKeys(s signals.Signal) bool {
	return s == signals.INT || s == signals.QUIT || s == signals.TSTP
}
