package supervisor

import (
	"cmp"
	"container/heap"
	"time"
)

// The deadlines of all services: the owner has one timer, for the next of them.

// NextDue is when Tick is to be called next; false: not before something else
// happens.
func (set *Set) NextDue() (time.Time, bool) {
	for len(set.due) > 0 {
		if d := set.due[0]; set.Machine(d.service).Due.Equal(d.at) {
			return d.at, true
		}
		heap.Pop(&set.due) // the deadline was moved or dropped
	}
	return time.Time{}, false
}

// Tick lets the deadlines that have come take effect.
func (set *Set) Tick(now time.Time) {
	for at, ok := set.NextDue(); ok && !at.After(now); at, ok = set.NextDue() {
		d := heap.Pop(&set.due).(deadline)
		set.feed(set.services[d.service], Tick{}, now)
		set.settleQueue(now)
	}
}

// remind puts in the deadline of a service. One that was moved or dropped stays, until it
// would have come at the latest, and a service can move its own as often as it likes
// (EXTEND_TIMEOUT_USEC): when most are such, only those that count are kept.
func (set *Set) remind(s *service) {
	if len(set.due) < 2*len(set.services)+16 {
		heap.Push(&set.due, deadline{s.Due, s.index})
		return
	}
	set.due = set.due[:0]
	for s := range set.all() {
		if !s.Due.IsZero() {
			set.due = append(set.due, deadline{s.Due, s.index})
		}
	}
	heap.Init(&set.due)
}

// deadline is when a service wants a Tick.
type deadline struct {
	at      time.Time
	service int
}

type dueHeap []deadline

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return cmp.Less(h[i].service, h[j].service)
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(deadline)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
