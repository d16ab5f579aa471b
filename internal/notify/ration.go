package notify

import "time"

// Ration bounds how often the owner speaks of what is wrong with the datagrams
// of one service: anybody may send them, as fast as they are read. The zero
// value is full.
type Ration struct {
	since  time.Time // of the current period
	said   int       // in it
	missed int       // not said since the last time that something was
}

// So much is said: enough to understand a mistake, too little to fill a log.
const (
	rationSize   = 5
	rationPeriod = 10 * time.Second
)

// Allow says whether to speak now, and of how many times in between it was not
// allowed.
func (r *Ration) Allow(now time.Time) (ok bool, missed int) {
	if now.Sub(r.since) >= rationPeriod {
		r.since, r.said = now, 0
	}
	if r.said == rationSize {
		r.missed++
		return false, 0
	}
	r.said++
	missed, r.missed = r.missed, 0
	return true, missed
}
