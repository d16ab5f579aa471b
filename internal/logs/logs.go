// Package logs writes down what happens: the events, and the output of the
// services between them, each line whole and in its place.
//
// A [Log] has one output and two formats: text for people, with the name of
// the service before each line, and JSON lines for programs. Events come by
// [Log.Emit], which never waits: the goroutine that emits is the one that
// supervises, and an output that blocks (a paused terminal, a full pipe) must
// not hold it up. The services' output waits in their pipes meanwhile.
package logs

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"supervise/internal/event"
	"supervise/internal/guard"
)

// Format is how events and output are written.
type Format interface {
	// Event appends an event.
	Event(to []byte, e *event.Event) []byte
	// Line appends a line of a service's output, which has no newline. part
	// says that it is a piece of a line that is too long.
	Line(to []byte, service string, at time.Time, line []byte, part bool) []byte
}

// Log writes events and output.
type Log struct {
	wants   func(event.Name) bool
	format  Format
	backlog backlog
	streams *streams
	done    chan struct{}
	taken   atomic.Int64 // pieces that the output has taken
	recent  *recents     // nil: lines are not kept
	writing sync.Mutex   // guards all below, and each stream
	out     io.Writer
	buf     []byte      // to be written; empty when nobody is in the middle of it, unless pausing
	pausing atomic.Bool // flush is to leave the rest
}

// New starts a log that writes to out the events that wants accepts, and the
// output of services.
func New(out io.Writer, format Format, wants func(event.Name) bool) *Log {
	l := &Log{
		backlog: newBacklog(),
		wants:   wants, format: format, out: out,
		streams: newStreams(),
		done:    make(chan struct{}),
	}
	guard.Go(l.writeEvents)
	return l
}

// Wants says whether events of that name are written.
func (l *Log) Wants(n event.Name) bool { return l.wants(n) }

// Emit writes an event when it can. It never waits; when too many wait
// already, the event is dropped and counted.
func (l *Log) Emit(e event.Event) { l.backlog.put(e) }

func (l *Log) writeEvents() {
	defer close(l.done)
	for l.backlog.await() {
		l.writing.Lock()
		// Those that wait go out together: a write costs more than a line.
		for more := true; more && len(l.buf) < pieceSize; {
			var e event.Event
			var dropped uint64
			e, dropped, more = l.backlog.take() // only now: who holds writing sees all that waits
			if e.Service != "" {
				// What a service wrote before this happened stands before it.
				l.streams.drain(e.Service, l)
			}
			l.buf = l.format.Event(l.buf, &e)
			if dropped > 0 {
				l.buf = l.format.Event(l.buf, lost(dropped))
			}
		}
		l.flush()
		l.writing.Unlock()
	}
}

// pieceSize is how much is written with one call: what a pipe holds, so that
// Close can tell an output that is slow from one that takes nothing.
const pieceSize = 64 << 10

// flush writes what is in buf, in pieces that end with a line where they can. An
// output that fails is not ours to report: there is no other.
func (l *Log) flush() {
	rest := l.buf
	for len(rest) > 0 && !l.pausing.Load() {
		piece := rest[:min(len(rest), pieceSize)]
		if end := bytes.LastIndexByte(piece, '\n'); end >= 0 {
			piece = piece[:end+1]
		}
		_, _ = l.out.Write(piece)
		l.taken.Add(1)
		rest = rest[len(piece):]
	}
	l.buf = l.buf[:copy(l.buf, rest)]
}

// closeWait bounds how long Close waits for an output that does not take
// anything. One that is slow is waited for: what is left has an end.
const closeWait = 2 * time.Second

// Close writes what is left, as far as the output takes it. Nothing may be
// emitted afterwards.
func (l *Log) Close() {
	l.backlog.close()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		<-l.done
		l.writing.Lock()
		defer l.writing.Unlock()
		l.streams.close(l)
		l.flush()
	}()
	for before := int64(-1); before != l.taken.Load(); {
		before = l.taken.Load()
		select {
		case <-finished:
			return
		case <-time.After(closeWait):
		}
	}
}
