package main

import (
	"fmt"
	"os"
	"time"

	"supervise/internal/config"
	"supervise/internal/guard"
	"supervise/internal/supervisor"
	"supervise/internal/upward"
)

// superior is whoever started `up` and asked to be told of it.
type superior struct {
	asked    upward.Asked
	reporter *upward.Reporter // nil: nobody asked
	loop     *supervisor.Loop
	ended    chan struct{}
}

// listenUpward finds out whether anybody asked. What makes no sense of it is no
// reason not to start.
func listenUpward() *superior {
	asked, err := upward.Listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, "supervise: warning:", err)
	}
	s := &superior{asked: asked, ended: make(chan struct{})}
	if asked.Socket != nil {
		s.reporter = upward.NewReporter(asked.Socket, upward.Plan{
			Fleet:       func() upward.Fleet { return upward.LookAt(s.loop.Set()) },
			Soon:        s.soon,
			LongestStop: s.longestStop,
		})
	}
	return s
}

// join makes the reporter one of the sinks.
func (s *superior) join(all sinks) sinks {
	if s.reporter == nil {
		return all
	}
	return append(all, s.reporter)
}

// beat gives what the owner is to do so that the watchdog knows it alive, and
// how often.
func (s *superior) beat() (func(), time.Duration) {
	if s.reporter == nil || s.asked.Watchdog == 0 {
		return nil, 0
	}
	return s.reporter.Beat, s.asked.Watchdog / 2 // as sd_watchdog_enabled(3) has it
}

// soon has the owner look after a while.
func (s *superior) soon(d time.Duration) {
	time.AfterFunc(d, func() {
		defer guard.Recover()
		s.loop.Ask(s.ended, func(*supervisor.Loop) { s.reporter.Look() })
	})
}

// longestStop is how long a shutdown may take from now on; 0: there is no bound.
func (s *superior) longestStop() time.Duration {
	var specs []config.Service
	for i := range s.loop.Set().Len() {
		if spec := s.loop.Set().Spec(i); spec != nil {
			specs = append(specs, *spec)
		}
	}
	worst := config.WorstCaseStop(specs)
	if len(worst.Unbounded) > 0 {
		return 0
	}
	for _, rung := range restLadder {
		worst.Longest += rung.Wait
	}
	return worst.Longest
}

// close tells of what could not be told.
func (s *superior) close() {
	close(s.ended)
	if s.reporter == nil {
		return
	}
	if n, err := s.asked.Socket.Failures(); n > 0 {
		fmt.Fprintf(os.Stderr, "supervise: warning: %d reports to NOTIFY_SOCKET could not be sent, the last because: %v\n", n, err)
	}
	s.asked.Socket.Close()
}
