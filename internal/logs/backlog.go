package logs

import (
	"sync"

	"supervise/internal/event"
)

// backlog holds the events that wait to be written. It takes memory only for
// those that do.
type backlog struct {
	mutex   *sync.Mutex
	more    *sync.Cond
	events  []event.Event
	dropped uint64
	closed  bool
}

// maxBacklog is how many events wait for a slow output before some are
// dropped: some ten for each of several thousand services, 20 MB or so.
const maxBacklog = 1 << 16

func newBacklog() backlog {
	m := &sync.Mutex{}
	return backlog{mutex: m, more: sync.NewCond(m)}
}

// put adds an event, or counts it as dropped. It never waits.
func (b *backlog) put(e event.Event) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.events) >= maxBacklog {
		b.dropped++
		return
	}
	b.events = append(b.events, e)
	b.more.Signal()
}

// await waits for an event; false: there is none and will be none.
func (b *backlog) await() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for len(b.events) == 0 && !b.closed {
		b.more.Wait()
	}
	return len(b.events) > 0
}

// take gives the first event, tells how many were dropped since the last call, and
// whether more wait. There is one: see await.
func (b *backlog) take() (e event.Event, dropped uint64, more bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	e, dropped = b.events[0], b.dropped
	b.events[0], b.dropped = event.Event{}, 0
	if b.events = b.events[1:]; len(b.events) == 0 {
		b.events = nil
	}
	return e, dropped, len(b.events) > 0
}

func (b *backlog) close() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.closed = true
	b.more.Signal()
}
