package logs

import (
	"time"

	"supervise/internal/carry"
	"supervise/internal/event"
	"supervise/internal/lines"
	"supervise/internal/recent"
)

// Carried is what a log has in hand, for the next image of the process to go on with,
// see package carry.
type Carried struct {
	Rest    []byte        // that is to be written, before all else
	Events  []event.Event // that wait to be written
	Dropped uint64
	Streams []Stream
	Recent  map[string]*recent.Ring
}

// Stream is the output of one run of a service.
type Stream struct {
	Service  string
	FD       carry.FD
	Splitter lines.Splitter // with the beginning of a line
	Heard    *lines.Heard   // by who listens; nil: nobody does
}

// Pause has the log read and write nothing until [Log.Resume]. It waits for the
// output, a paused terminal for example, to take what it was given last, at most as long
// as given; false: that was not enough.
func (l *Log) Pause(within time.Duration) bool {
	l.pausing.Store(true)
	locked := make(chan struct{})
	go func() {
		l.writing.Lock()
		close(locked)
	}()
	select {
	case <-locked:
		return true
	case <-time.After(within):
		go func() {
			<-locked
			l.Resume()
		}()
		return false
	}
}

// Resume ends a Pause.
func (l *Log) Resume() {
	l.pausing.Store(false)
	l.flush()
	l.writing.Unlock()
}

// Carry gives what the log has in hand while it is paused.
func (l *Log) Carry() *Carried {
	c := &Carried{Rest: l.buf}
	l.backlog.mutex.Lock()
	c.Events, c.Dropped = l.backlog.events, l.backlog.dropped
	l.backlog.mutex.Unlock()
	for _, st := range l.streams.list("") {
		c.Streams = append(c.Streams, Stream{st.service, carry.FD(st.fd), st.splitter, st.tap.Heard()})
	}
	if r := l.recent; r != nil {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		c.Recent = r.rings
	}
	return c
}

// Restore goes on where another log was, as if it were this one. listener makes who
// listens to a service anew. It is to be called once, and before the first Pipe.
func (l *Log) Restore(c *Carried, listener func(service string, heard *lines.Heard) lines.Listener) error {
	l.writing.Lock() // nothing is read or written before all is in place
	defer l.writing.Unlock()
	l.buf = append(l.buf, c.Rest...)
	for _, e := range c.Events {
		l.backlog.put(e)
	}
	l.backlog.mutex.Lock()
	l.backlog.dropped += c.Dropped
	l.backlog.mutex.Unlock()
	for service, ring := range c.Recent {
		ring.Belong(l.recent.budget)
		l.recent.rings[service] = ring
	}
	if len(c.Streams) == 0 {
		return nil
	}
	if err := l.streams.begin(l); err != nil {
		return err
	}
	for _, s := range c.Streams {
		var tap lines.Tap
		if s.Heard != nil {
			tap.Listener = listener(s.Service, s.Heard)
		}
		if err := l.streams.add(s.Service, int(s.FD), l.ring(s.Service), tap); err != nil {
			return err
		}
		l.streams.find(int32(s.FD)).splitter = s.Splitter
	}
	return nil
}
