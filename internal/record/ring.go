package record

import (
	"context"
	"sync"

	"supervise/internal/event"
)

// Ring is the last events. Its Emit is a few stores under a mutex that is never
// held for long; who follows has a place in the ring and no queue of its own,
// so a slow reader costs nothing and is told what it missed.
type Ring struct {
	size   int
	mutex  sync.Mutex    `carry:"-"`
	events []event.Event // the event with the number n stands at n % size
	last   uint64        // number of the last one
	more   chan struct{} `carry:"-"` // closed when there is another; nil: nobody waits
}

// NewRing makes a ring of size events, which takes memory as it fills.
func NewRing(size int) *Ring { return &Ring{size: size} }

// Wants says that every event is taken.
func (r *Ring) Wants(event.Name) bool { return true }

// Emit takes an event. Their numbers follow each other without gaps, as
// [event.Stamper] gives them.
func (r *Ring) Emit(e event.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if at := int(e.Seq % uint64(r.size)); at < len(r.events) {
		r.events[at] = e
	} else {
		for len(r.events) < at { // the first has the number 1
			r.events = append(r.events, event.Event{})
		}
		r.events = append(r.events, e)
	}
	r.last = e.Seq
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// Since gives the first events later than seq, so many at most, and how many before
// those are not kept any more.
func (r *Ring) Since(seq uint64, most int) (events []event.Event, missed uint64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if seq >= r.last {
		return nil, 0
	}
	first := seq + 1
	if oldest := r.oldest(); first < oldest {
		first, missed = oldest, oldest-first
	}
	return r.from(first, most), missed
}

// Newest is the number of the last event; 0: there was none.
func (r *Ring) Newest() uint64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.last
}

// Last gives the last n events.
func (r *Ring) Last(n int) []event.Event {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	first := r.oldest()
	if kept := r.last - first + 1; r.last > 0 && uint64(n) < kept {
		first = r.last - uint64(n) + 1
	}
	return r.from(first, n)
}

func (r *Ring) oldest() uint64 {
	if r.last > uint64(r.size) {
		return r.last - uint64(r.size) + 1
	}
	return 1
}

func (r *Ring) from(first uint64, most int) []event.Event {
	n := min(r.last+1-first, uint64(most))
	events := make([]event.Event, 0, n)
	for at := first; at < first+n; at++ {
		events = append(events, r.events[at%uint64(r.size)])
	}
	return events
}

// Wait waits until there is an event later than seq; the error is that of ctx.
func (r *Ring) Wait(ctx context.Context, seq uint64) error {
	for {
		r.mutex.Lock()
		if r.last > seq {
			r.mutex.Unlock()
			return nil
		}
		if r.more == nil {
			r.more = make(chan struct{})
		}
		more := r.more
		r.mutex.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
