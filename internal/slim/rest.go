package slim

import (
	"runtime/debug"
	"sync"
	"time"
)

// Rest waits until nothing happens any more, and then gives back what was needed
// for that which happened. It does so once: afterwards nothing wakes it up.
type Rest struct {
	quiet, most time.Duration
	release     func()

	mu    sync.Mutex
	timer *time.Timer // nil before the first Begin
	last  time.Time   // until when it may be put off; zero: it was done
}

// NewRest makes one that calls release when nothing has happened for the time
// quiet, or when the time most has passed since Begin.
func NewRest(quiet, most time.Duration, release func()) *Rest {
	return &Rest{quiet: quiet, most: most, release: release}
}

// Begin is to be called when something begins after which there will be something
// to give back: a start, a reload.
func (r *Rest) Begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Now().Add(r.most)
	if r.timer == nil {
		r.timer = time.AfterFunc(r.quiet, r.now)
	} else {
		r.timer.Reset(r.quiet)
	}
}

// Happened puts it off, if it is still to be done.
func (r *Rest) Happened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() {
		r.timer.Reset(min(r.quiet, time.Until(r.last)))
	}
}

func (r *Rest) now() {
	r.mu.Lock()
	done := r.last.IsZero() // it was put off in the moment in which it came
	r.last = time.Time{}
	r.mu.Unlock()
	if !done {
		r.release()
	}
}

// All gives back the garbage on the heap, and then what Now does: the code of the
// collection is part of that. A first collection leaves some 0.4 MB of its own, so
// it is for who has made more garbage than that.
func All() {
	debug.FreeOSMemory()
	Now()
}
