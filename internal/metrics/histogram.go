package metrics

import "time"

// bounds are the upper bounds of the buckets. What starts and stops well does so
// within a second; 10 s is the wait of the default ladder's first rung, 15 s its
// end, and 30 s the default time for a start.
var bounds = [...]time.Duration{
	10 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second,
	5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute,
}

// histogram counts durations.
type histogram struct {
	counts [len(bounds) + 1]uint32 // of each bucket alone; the last has what is above all bounds
	sum    time.Duration
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i]++
	h.sum += d
}

// cumulative gives how many durations are within each bound, and how many there
// are.
func (h *histogram) cumulative() (within [len(bounds)]uint64, all uint64) {
	for i, n := range h.counts {
		all += uint64(n)
		if i < len(bounds) {
			within[i] = all
		}
	}
	return within, all
}
