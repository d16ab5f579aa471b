package logs

import (
	"sync"
	"time"

	"supervise/internal/recent"
)

// recents are the last lines of each service.
type recents struct {
	budget *recent.Budget
	mutex  sync.Mutex
	rings  map[string]*recent.Ring
}

// Keep has the last lines of services kept, as budget allows. It is to be
// called before the first Pipe.
func (l *Log) Keep(budget *recent.Budget) {
	l.recent = &recents{budget: budget, rings: map[string]*recent.Ring{}}
}

// Recent gives the ring with the last lines of a service, those of all its
// runs. Keep was called.
func (l *Log) Recent(service string) *recent.Ring {
	r := l.recent
	r.mutex.Lock()
	defer r.mutex.Unlock()
	ring := r.rings[service]
	if ring == nil {
		ring = recent.NewRing(r.budget)
		r.rings[service] = ring
	}
	return ring
}

// Only drops what is kept of services with other names, if nothing of theirs is read
// any more.
func (l *Log) Only(names map[string]bool) {
	r := l.recent
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for name, ring := range r.rings {
		if !names[name] && len(l.streams.list(name)) == 0 {
			ring.Close()
			delete(r.rings, name)
		}
	}
}

func (l *Log) ring(service string) *recent.Ring {
	if l.recent == nil {
		return nil
	}
	return l.Recent(service)
}

// CatchUp reads what a service has written so far. It waits for the output, a
// paused terminal for example, at most as long as given; false: that was not
// enough.
func (l *Log) CatchUp(service string, within time.Duration) bool {
	caughtUp := make(chan struct{})
	go func() {
		defer close(caughtUp)
		l.writing.Lock()
		defer l.writing.Unlock()
		l.streams.drain(service, l)
		l.flush()
	}()
	select {
	case <-caughtUp:
		return true
	case <-time.After(within):
		return false
	}
}
