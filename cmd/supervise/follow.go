package main

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"supervise/internal/api"
	"supervise/internal/event"
)

// Another binary that takes the place of supervise hangs up on those who follow events or
// output. What follows has them go on, where they were.

// place is the supervise that somebody follows.
type place struct {
	pid int
	seq uint64 // of its last event before that began
}

// place is where the supervise is now.
func (a asker) place(ctx context.Context, follow bool) (p place) {
	var info api.Info
	if !follow {
		return p
	}
	if _, _, err := a.ask(ctx, "GET", "/v1/info", nil, &info); err == nil { // else what follows says what is wrong
		p = place{info.PID, info.Seq}
	}
	return p
}

// goesOn says whether the supervise has hung up because another binary was to take its
// place, and not because it has ended, or has too many who follow. Whether that binary
// goes on or the one before makes no difference.
func (a asker) goesOn(ctx context.Context, p *place) (yes bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errNoAnswer)
	defer cancel()
	now := a.place(ctx, true)
	if now.pid == 0 || now.pid != p.pid { // it does not answer, or is another
		return false
	}
	query := url.Values{"since": {strconv.FormatUint(p.seq, 10)}, "event": {string(event.SuperviseReplacing)}}
	err := a.Stream(ctx, "/v1/events", query, func([]byte) error { yes = true; return nil })
	p.seq = now.seq
	return yes && err == nil
}

// linesSeen is how far somebody has come who follows the output of services.
type linesSeen struct {
	begun    time.Time
	since    time.Time // where what comes again begins; zero: nothing does
	services map[string]*lastSeen
}

// lastSeen is how far that is with one service.
type lastSeen struct {
	at    time.Time // of the last line
	n     int       // lines that have that time
	now   time.Time // of the line that comes, or is continued
	again int       // of those n, how many are still to come again; -1: what comes is new
}

// newLinesSeen is for somebody who has not begun.
func newLinesSeen() *linesSeen {
	return &linesSeen{begun: time.Now(), services: map[string]*lastSeen{}}
}

// of is that of one service; where nothing was seen yet, all from the beginning on is new.
func (s *linesSeen) of(service string) *lastSeen {
	if s.services[service] == nil {
		s.services[service] = &lastSeen{at: s.begun, now: s.begun, again: -1}
	}
	return s.services[service]
}

// backlog bounds by how much the lines of one service may come later than those of others.
const backlog = time.Minute

// resume gives the time from which on lines are asked for once more. Those that were seen
// will come again.
func (s *linesSeen) resume() time.Time {
	first, last := s.begun, time.Time{}
	for _, v := range s.services {
		v.again, v.now = v.n, time.Time{}
		if v.at.Before(first) {
			first = v.at
		}
		if v.at.After(last) {
			last = v.at
		}
	}
	s.since = first
	if t := last.Add(-backlog); t.After(first) {
		s.since = t
	}
	return s.since
}

// take takes note of a line. fresh: it was not seen before. gap: some before it was not,
// and never will be.
func (s *linesSeen) take(l *api.Line) (fresh, gap bool) {
	if l.Lost > 0 {
		return true, false
	}
	v := s.of(l.Service)
	if !l.Part && l.Time != nil { // a piece has the time of the line that it continues
		v.now = *l.Time
	}
	order := v.now.Compare(v.at)
	switch {
	case v.again < 0:
	case order < 0:
		return false, false
	case order == 0 && (v.again > 0 || v.at.Before(s.begun)): // of what was before, the last may be all that was wanted
		v.again = max(v.again-1, 0)
		return false, false
	default:
		gap = v.again > 0 && !v.at.Before(s.since)
		v.again = -1
	}
	if order == 0 {
		v.n++
	} else {
		v.at, v.n = v.now, 1
	}
	return true, gap
}
