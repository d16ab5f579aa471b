// Package upward reports to whoever started supervise and asked for it: systemd
// (Type=notify), podman (--sdnotify=container), another supervise. The protocol
// is that of sd_notify(3): datagrams of KEY=VALUE lines to NOTIFY_SOCKET.
//
//	upward.go  when what is reported
//	lines.go   the datagrams: pure
//	fleet.go   what there is to say of all services: pure
//	socket.go  the way to whoever listens
//
// What it reports:
//
//   - READY=1 when the services that start by themselves have come up, or have
//     had their chance: see [Fleet.Pending]. After a reload again.
//   - STATUS= when it has changed, at most once in a second.
//   - RELOADING=1 when a reload begins, STOPPING=1 with the shutdown.
//   - WATCHDOG=1 twice in the time that the watchdog gives, by the owner of all
//     state: as long as the owner works.
//
// It is a sink of events and belongs to the owner, who is never held up: a
// datagram that cannot be sent at once is dropped, and counted. Nothing polls:
// without events there is nothing to report.
package upward

import (
	"time"

	"supervise/internal/event"
)

// Reporter reports upward. Its methods are for the owner goroutine.
type Reporter struct {
	Plan      `carry:"-"`
	to        *Socket `carry:"-"`
	ready     bool    // READY=1 was said and holds
	reloading bool
	refused   string    // why the last reload changed nothing; "": it did not fail
	stopping  string    // why; "": it is not
	status    string    // that was said last
	due       bool      `carry:"-"` // a Look is on its way
	retries   int       // of a READY=1 that could not be sent
	last      time.Time // of the last Look
}

// Plan is what a Reporter works with. The owner calls all of it.
type Plan struct {
	// Fleet gives the state of all services.
	Fleet func() Fleet
	// Soon has [Reporter.Look] called by the owner after a while; it does not
	// wait for it.
	Soon func(time.Duration)
	// LongestStop says how long a shutdown may take from now on; 0: there is no
	// bound.
	LongestStop func() time.Duration
}

// NewReporter makes a reporter.
func NewReporter(to *Socket, p Plan) *Reporter { return &Reporter{Plan: p, to: to} }

// Resume goes on where another reporter was, which had said what it had.
func (r *Reporter) Resume(other *Reporter) {
	r.ready, r.reloading, r.refused, r.status, r.last = other.ready, other.reloading, other.refused, other.status, other.last
	r.lookSoon() // what was not said yet
}

const (
	// untilReady is the least time between two looks at all services before
	// READY=1, which somebody waits for.
	untilReady = 20 * time.Millisecond
	// betweenStatus is the same afterwards: for people, who read slowly.
	betweenStatus = time.Second
	// maxRetries bounds how often a READY=1 is tried again, a second apart: it
	// is the one report without which the other side may give up on us.
	maxRetries = 30
)

// Wants says which events change what is to be said.
func (r *Reporter) Wants(n event.Name) bool {
	switch n {
	case event.SuperviseStarted, event.ShutdownBegun, event.ConfigReloading, event.ConfigReloaded, event.ConfigRejected,
		event.ServiceWaiting, event.ServiceStarting, event.ServiceRunning, event.ServiceStopping,
		event.ServiceStopped, event.ServiceDone, event.ServiceFailed, event.BackoffScheduled:
		return true
	}
	return false
}

// Emit takes note of an event.
func (r *Reporter) Emit(e event.Event) {
	switch e.Name {
	case event.ShutdownBegun:
		r.stopping = e.Why
		_ = r.to.Send(Stopping(r.LongestStop()))
	case event.ConfigReloading:
		if r.stopping == "" {
			r.reloading, r.ready = true, false
			_ = r.to.Send(Reloading(e.Mono))
		}
	case event.ConfigReloaded:
		r.reloading, r.refused = false, ""
	case event.ConfigRejected:
		r.reloading, r.refused = false, e.Why
	}
	r.lookSoon()
}

// lookSoon asks for a Look, unless one is on its way.
func (r *Reporter) lookSoon() {
	if r.due {
		return
	}
	r.due = true
	pause := untilReady
	if r.ready || r.stopping != "" {
		pause = betweenStatus
	}
	r.Soon(max(0, pause-time.Since(r.last)))
}

// Look reports what has changed since the last time.
func (r *Reporter) Look() {
	r.due, r.last = false, time.Now()
	fleet := r.Fleet()
	ready := !r.ready && !r.reloading && r.stopping == "" && fleet.Pending() == 0
	status := fleet.Status(r.stopping)
	if r.refused != "" {
		status += "; reload refused: " + r.refused
	}
	if status == r.status && !ready {
		return
	}
	switch err := r.to.Send(Status(ready, status)); {
	case err == nil:
		r.status, r.ready, r.retries = status, r.ready || ready, 0
	case ready && r.retries < maxRetries:
		r.retries++
		r.due = true
		r.Soon(time.Second)
	}
}

// Beat tells the watchdog that the owner works.
func (r *Reporter) Beat() { _ = r.to.Send(Watchdog) }
