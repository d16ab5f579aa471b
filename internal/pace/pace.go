// Package pace lets short writes gather. A service that writes each line by
// itself wakes its reader for each line, and what that costs is many times what
// the line does. Who reads in turns, and pauses after those that [Pace.After]
// names, gets many lines at once; the first line after a rest is never late.
package pace

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pause is how long output gathers. A pipe of 64 KiB takes 300 MB/s
	// meanwhile, so that nobody waits for us; and 5,000 turns in a second are
	// little work.
	pause = 200 * time.Microsecond
	// enough is how much needs no gathering.
	enough = 32 << 10
)

// Pace belongs to one goroutine that reads. The zero Pace is ready.
type Pace struct{ last time.Time }

// After is called after each turn with its end and what it has read, and says
// how long to pause before the next.
func (p *Pace) After(now time.Time, read int) time.Duration {
	if read == 0 {
		return 0
	}
	soon := now.Sub(p.last) < pause
	p.last = now
	if !soon || read >= enough {
		return 0
	}
	p.last = now.Add(pause)
	return pause
}

// Sleep pauses. time.Sleep is no use: to the runtime's poller less than a
// millisecond is one.
func Sleep(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&t, nil) // less by a signal does no harm
	}
}
