// Package metrics counts what happens and tells it, together with the state of
// all services, in Prometheus' text format (version 0.0.4).
//
//	metrics.go    counts events
//	histogram.go  durations
//	write.go      the metrics and their names
//	text.go       the format
//
// A [Counts] is one of the sinks of events: what it does with one is a map
// look-up and an addition. It keeps some 200 bytes for each service that was
// ever started. All else is made when somebody asks, and is of no use to anyone
// later.
package metrics

import (
	"sync"
	"time"

	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Counts is what has happened so far.
type Counts struct {
	mutex    sync.Mutex `carry:"-"`
	received []signalCount
	services map[string]*counts
}

// New begins to count.
func New() *Counts { return &Counts{services: map[string]*counts{}} }

// counts is what has happened to one service.
type counts struct {
	starts, restarts, startsFailed, startsTimedOut, escalations uint32
	healthLost, watchdogMissed, hooksFailed, notifyRefused      uint32

	exits     []exitCount
	sent      []signalCount // by us, for whatever reason
	forwarded []signalCount // those among them that somebody sent to us
	start     histogram
	stop      *histogram // nil: it was never stopped

	phase phase
	since time.Duration // when that began; as in event.Event, Mono
	seq   uint64        // of the last event
}

// phase is as much of a service's state as is needed to count.
type phase uint8

const (
	atRest   phase = iota // not started yet, or over
	starting              // until it is ready
	ready
	stopping
	pausing // until the next start, which is a restart
)

// exitCount counts runs that ended in one way.
type exitCount struct {
	code   int
	signal signals.Signal // 0: by code
	n      uint32
}

// signalCount counts one signal.
type signalCount struct {
	signal signals.Signal
	n      uint32
}

// Wants says which events are counted.
func (*Counts) Wants(n event.Name) bool {
	switch n {
	case event.SignalReceived, event.SignalSent, event.ServiceStarting, event.ServiceRunning, event.ServiceStopping, event.ServiceStopped,
		event.ServiceDone, event.ServiceFailed, event.BackoffScheduled, event.ProcessExited, event.StartFailed, event.StartTimedOut, event.StopEscalated,
		event.HealthLost, event.WatchdogMissed, event.HookFailed, event.NotifyRefused:
		return true
	}
	return false
}

// Emit counts an event.
func (c *Counts) Emit(e event.Event) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if e.Service == "" {
		if e.Name == event.SignalReceived {
			c.received = count(c.received, e.Signal)
		}
		return
	}
	s := c.services[e.Service]
	if s == nil {
		s = &counts{}
		c.services[e.Service] = s
	}
	s.seq = e.Seq
	s.take(&e)
}

func (s *counts) take(e *event.Event) {
	switch e.Name {
	case event.ServiceStarting:
		s.starts++
		if s.phase == pausing || s.phase == stopping {
			s.restarts++
		}
		s.enter(starting, e.Mono)
	case event.ServiceRunning:
		s.enter(ready, e.Mono)
	case event.ServiceStopping:
		s.enter(stopping, e.Mono)
	case event.BackoffScheduled:
		s.enter(pausing, e.Mono)
	case event.ServiceStopped, event.ServiceDone, event.ServiceFailed:
		s.enter(atRest, e.Mono)
	case event.ProcessExited:
		s.exited(e.Exit)
	case event.StartFailed:
		s.startsFailed++
	case event.StartTimedOut:
		s.startsTimedOut++
	case event.StopEscalated:
		s.escalations++
	case event.HealthLost:
		s.healthLost++
	case event.WatchdogMissed:
		s.watchdogMissed++
	case event.HookFailed:
		s.hooksFailed++
	case event.NotifyRefused:
		s.notifyRefused++
	case event.SignalSent:
		s.sent = count(s.sent, e.Signal)
		if e.From != nil {
			s.forwarded = count(s.forwarded, e.Signal)
		}
	}
}

// enter begins a phase, and measures the one before.
func (s *counts) enter(p phase, now time.Duration) {
	switch {
	case s.phase == starting && p == ready:
		s.start.observe(now - s.since)
	case s.phase == stopping && p != stopping:
		if s.stop == nil {
			s.stop = &histogram{}
		}
		s.stop.observe(now - s.since)
	case s.phase == stopping:
		return // it goes on
	}
	s.phase, s.since = p, now
}

func (s *counts) exited(e *policy.Exit) {
	if e == nil {
		return
	}
	for i := range s.exits {
		if x := &s.exits[i]; x.code == e.Code && x.signal == e.Signal {
			x.n++
			return
		}
	}
	s.exits = append(s.exits, exitCount{e.Code, e.Signal, 1})
}

func count(all []signalCount, s signals.Signal) []signalCount {
	for i := range all {
		if all[i].signal == s {
			all[i].n++
			return all
		}
	}
	return append(all, signalCount{s, 1})
}

// Keep forgets the services about which nothing has happened after the event
// with the number seq and which are not among those named: they were removed.
func (c *Counts) Keep(seq uint64, names map[string]bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for name, s := range c.services {
		if s.seq <= seq && !names[name] {
			delete(c.services, name)
		}
	}
}

// copyBatch bounds how many services are copied while the owner, who emits,
// has to wait.
const copyBatch = 256

// snapshot gives the counts of the signals received and of services, each by its
// name's place among names.
func (c *Counts) snapshot(names []string) (received []signalCount, all []counts) {
	all = make([]counts, len(names))
	for from := 0; from == 0 || from < len(names); from += copyBatch {
		c.mutex.Lock()
		received = append(received[:0], c.received...)
		for i := from; i < min(from+copyBatch, len(names)); i++ {
			if s := c.services[names[i]]; s != nil {
				all[i] = s.clone()
			}
		}
		c.mutex.Unlock()
	}
	return received, all
}

func (s *counts) clone() counts {
	other := *s
	other.exits = append([]exitCount(nil), s.exits...)
	other.sent = append([]signalCount(nil), s.sent...)
	other.forwarded = append([]signalCount(nil), s.forwarded...)
	if s.stop != nil {
		stop := *s.stop
		other.stop = &stop
	}
	return other
}
