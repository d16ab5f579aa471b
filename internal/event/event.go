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
	SuperviseStarted   Name = "supervise.started"   // supervise took up its work
	SuperviseEnded     Name = "supervise.ended"     // the last event of all
	SuperviseReplacing Name = "supervise.replacing" // another binary is about to take our place
	SuperviseReplaced  Name = "supervise.replaced"  // it has, and goes on where the other was
	SuperviseStays     Name = "supervise.stays"     // it cannot, and all is as it was
	ShutdownBegun      Name = "shutdown.begun"      // everything is being stopped
	ShutdownHurried    Name = "shutdown.hurried"    // the ladders skip to their last rung
	SuperviseLost      Name = "supervise.lost"      // the one before ended without a shutdown
	RemainsSpared      Name = "remains.spared"      // processes that one may have left, and which are left alone

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
	SignalOutcome  Name = "signal.outcome" // what became of a signal that was sent, at one process

	StopEscalated  Name = "stop.escalated" // a rung's time ran out, the next signal is due
	StopBlocked    Name = "stop.blocked"   // a rung takes long, and what does not end by it
	StopAbandoned  Name = "stop.abandoned" // processes survived the whole ladder
	RunTimedOut    Name = "run.timed_out"
	StartTimedOut  Name = "start.timed_out" // it was not ready in time
	HookFailed     Name = "hook.failed"     // a hook of a service did not succeed
	MainChanged    Name = "process.main"    // another process is the main one (MAINPID)
	HealthLost     Name = "health.lost"     // so many looks in a row found it unwell
	HealthRegained Name = "health.regained"
	WatchdogMissed Name = "watchdog.missed"
	NotifyRefused  Name = "notify.refused" // what somebody said for a service was not believed, or made no sense
	ServiceSays    Name = "service.says"   // STATUS: its own words for people
	WatchFailed    Name = "watch.failed"   // files of a service cannot be watched
	IdleUnknown    Name = "idle.unknown"   // whether a service has connections cannot be found out
	FilesFailed    Name = "files.failed"   // the files of runit for a service cannot be kept
	RollEnded      Name = "roll.ended"     // a restart of one after the other was given up

	ConfigReloading Name = "config.reloading" // it is being read again
	ConfigReloaded  Name = "config.reloaded"  // another configuration is in force
	ConfigRejected  Name = "config.rejected"  // it was not valid, and nothing has changed

	LogBlocked Name = "log.blocked" // a log file can't be written
	LogResumed Name = "log.resumed" // and can again
	LogDropped Name = "log.dropped" // output or events were not written, and how much
	LogRotated Name = "log.rotated"
	// a rotated file could not be compressed
	LogUncompressed Name = "log.uncompressed"

	EventsMissed Name = "events.missed" // in place of those that a reader came too late for
)

// Severe says whether the event is worth telling somebody who asked for no
// log: something did not go as configured.
func (n Name) Severe() bool {
	switch n {
	case SuperviseStays, ServiceFailed, StartFailed, SignalFailed, StopEscalated, StopBlocked, StopAbandoned, RunTimedOut, BackoffScheduled, ConfigRejected,
		SuperviseLost, RemainsSpared, StartTimedOut, HookFailed, HealthLost, WatchdogMissed, RollEnded, NotifyRefused, WatchFailed, IdleUnknown, FilesFailed, LogBlocked, LogDropped, LogUncompressed:
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
	// With a recorder only: the processes that a signal was sent to, as they
	// were just before.
	Targets []Target
	// Of is the number of the event that this one follows from: of a signal
	// received, when it is passed on; of the signal sent, when this tells what
	// became of it. 0: none, or not known.
	Of     uint64
	Became Became        // with SignalOutcome
	After  time.Duration // with SignalOutcome: from when it was sent until then

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
	return &Stamper{zero: time.Now(), mono: Monotonic()}
}

// Monotonic reads CLOCK_MONOTONIC, which has the same value in all processes of
// a time namespace, see clock_gettime(2).
func Monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	return time.Duration(ts.Nano())
}

// NewStamperAfter begins the numbering behind the event with the number last.
func NewStamperAfter(last uint64) *Stamper {
	s := NewStamper()
	s.seq = last
	return s
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
	case !r.Origin.FromProcess():
		return "the " + r.Came()
	case r.PID == 0:
		return "a process outside this PID namespace"
	}
	name := e.Sender
	if name == "" {
		name = "gone"
	}
	return strconv.Itoa(r.PID) + " (" + name + ", uid " + strconv.Itoa(r.UID) + ")"
}

// Last is the number of the last event.
func (s *Stamper) Last() uint64 { return s.seq }
