package capture

import (
	"bytes"
	"fmt"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/logfile"
	"supervise/internal/recent"
)

// sink is a file with those who write to it.
type sink struct {
	service string
	config  config.LogFile
	file    *logfile.File
	streams []*stream
	last    *stream // who wrote last
	written int64   // bytes, ever
	begun   int64   // what written was when the last run began

	pending []byte   // read and not written: the file failed there
	trouble *trouble // nil: all is well

	ring      *recent.Ring // what was written lately, while somebody follows
	followers int
}

// trouble is a file that can't be written, or could not a moment ago.
type trouble struct {
	err    error `carry:"-"`
	retry  time.Time
	delay  time.Duration
	easing time.Time // all is well again; it is over when it still is at this time
	lost   lost
}

// lost is what was thrown away.
type lost struct{ bytes, lines int }

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	settle     = time.Second
	// maxPartial is how long a line is waited for while others write too.
	maxPartial = 32 << 10
)

func (k *sink) blocked() bool { return k.trouble != nil && k.trouble.easing.IsZero() }

func (k *sink) drops() bool { return k.config.Full == config.FullDrop }

// deadline is when the sink wants to be looked at; zero: never.
func (k *sink) deadline() time.Time {
	switch {
	case k.blocked():
		return k.trouble.retry
	case k.trouble != nil:
		return k.trouble.easing
	case len(k.streams) == 0:
		return time.Time{}
	}
	return k.file.Deadline()
}

// write passes on what was read.
func (c *Files) write(st *stream, b []byte, now time.Time) {
	k := st.sink
	if k.blocked() { // it is read only to be dropped
		k.trouble.lost.add(b)
		st.skip = b[len(b)-1] != '\n'
		return
	}
	if st.skip {
		i := bytes.IndexByte(b, '\n') + 1
		if i == 0 {
			i = len(b)
		} else {
			st.skip = false
		}
		if k.trouble != nil {
			k.trouble.lost.add(b[:i])
		}
		if b = b[i:]; len(b) == 0 {
			return
		}
	}
	if len(k.streams) == 1 && len(st.partial) == 0 {
		c.put(st, b, now)
		return
	}
	// Others may write between two pieces of a line.
	whole := len(b)
	if len(k.streams) > 1 {
		if whole = bytes.LastIndexByte(b, '\n') + 1; len(st.partial)+len(b)-whole > maxPartial {
			whole = len(b)
		}
	}
	if whole > 0 {
		c.put(st, append(st.partial, b[:whole]...), now)
		st.partial = nil
	}
	st.partial = append(st.partial, b[whole:]...)
}

// put writes b, in the form that the file is to have.
func (c *Files) put(st *stream, b []byte, now time.Time) {
	k := st.sink
	if k.blocked() {
		if k.drops() {
			k.trouble.lost.add(b)
		} else {
			k.pending = append(k.pending, b...)
		}
		return
	}
	midLine := k.file.MidLine()
	ends := midLine && k.last != st // the line of somebody who has not ended it
	stamp := stampOf(k.config.Timestamps, now)
	if ends || stamp != nil {
		c.out = c.out[:0]
		if ends {
			c.out = append(c.out, '\n')
		}
		if stamp == nil {
			c.out = append(c.out, b...)
		} else {
			c.out = stamped(c.out, b, stamp, midLine && !ends)
		}
		b = c.out
	}
	k.last = st
	c.deliver(k, b, now)
	if cap(c.out) > 4*bufferSize { // lines of a byte grow under their stamps
		c.out = nil
	}
}

// deliver writes b to the file, and keeps what could not be written.
func (c *Files) deliver(k *sink, b []byte, now time.Time) {
	before := k.file.Deadline()
	n, err := c.append(k, b, now)
	if err != nil {
		k.pending = append([]byte(nil), b[n:]...)
		c.fail(k, err, now)
		return
	}
	if !k.file.Deadline().Equal(before) {
		c.schedule(k)
	}
}

// append writes to the file, and shows what it took to those who follow.
func (c *Files) append(k *sink, b []byte, now time.Time) (n int, err error) {
	rotations := k.file.Rotations()
	n, err = k.file.Write(b, now)
	k.written += int64(n)
	if k.ring != nil && n > 0 {
		k.ring.AddStream(now, b[:n])
	}
	if k.file.Rotations() != rotations {
		c.tellRotated(k, now)
	}
	return n, err
}

func (c *Files) tellRotated(k *sink, now time.Time) {
	c.tell(event.Event{Name: event.LogRotated, Time: now, Service: k.service, Why: k.file.Path()})
}

// notPacked tells that a rotated part of the file at path could not be
// compressed. The packer calls it.
func (c *Files) notPacked(path string, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.begun || c.ended {
		return
	}
	c.send(func() {
		if k := c.sinks[path]; k != nil {
			c.tell(event.Event{Name: event.LogUncompressed, Time: time.Now(), Service: k.service,
				Why: fmt.Sprintf("%v; it stays as it is, and is tried again at each rotation", err)})
		}
	})
}

// fail begins the trouble, or goes on with it.
func (c *Files) fail(k *sink, err error, now time.Time) {
	if !k.blocked() {
		c.failing++
	}
	t := k.trouble
	if t == nil {
		t = &trouble{delay: firstRetry}
		k.trouble = t
		what := "the service waits when its pipe is full"
		if k.drops() {
			what = "its output is dropped"
		}
		c.tell(event.Event{Name: event.LogBlocked, Time: now, Service: k.service,
			Why: fmt.Sprintf("%v; until that works, %s", err, what)})
	} else {
		t.delay = min(2*t.delay, lastRetry)
	}
	t.err, t.retry, t.easing = err, now.Add(t.delay), time.Time{}
	if k.drops() {
		k.dropPending()
	} else {
		for _, st := range k.streams {
			c.unwatch(st)
		}
	}
	c.schedule(k)
}

// dropPending leaves of what waits the lines that are whole, and that of which
// a part may be written already; the rest of its last line would come when
// nothing is taken.
func (k *sink) dropPending() {
	i := bytes.LastIndexByte(k.pending, '\n') + 1
	if len(k.pending) == 0 || i == len(k.pending) {
		return
	}
	if k.last != nil {
		k.last.skip = true
	}
	if i > 0 {
		k.trouble.lost.add(k.pending[i:])
		k.pending = k.pending[:i]
	}
}

// retry tries to write again.
func (c *Files) retry(k *sink, now time.Time) {
	n, err := 0, k.file.Open(now)
	if d := k.file.Deadline(); err == nil && !d.IsZero() && !now.Before(d) {
		err = k.file.Rotate(now)
	}
	if err == nil {
		n, err = c.append(k, k.pending, now)
	}
	k.pending = k.pending[n:]
	if err != nil {
		if n > 0 { // it is full again, not still
			k.trouble.delay = firstRetry
		}
		c.fail(k, err, now)
		return
	}
	k.pending = nil
	c.failing--
	k.trouble.easing = now.Add(settle)
	if k.trouble.lost.bytes > 0 {
		k.last = nil // what comes next begins a line
	}
	for _, st := range k.streams {
		c.watch(st)
	}
	c.schedule(k)
	c.catchUp(k)
}

// settled ends the trouble.
func (c *Files) settled(k *sink) {
	k.trouble.tellLost(c, k)
	k.trouble = nil
	c.tell(event.Event{Name: event.LogResumed, Time: time.Now(), Service: k.service, Why: k.file.Path() + " is written again"})
	c.rest(k)
	c.schedule(k)
}

// giveUp tells what is lost of a file at our end.
func (c *Files) giveUp(k *sink) {
	if k.trouble == nil {
		return
	}
	k.trouble.lost.add(k.pending)
	k.trouble.tellLost(c, k)
}

func (t *trouble) tellLost(c *Files, k *sink) {
	if t.lost.bytes == 0 {
		return
	}
	c.tell(event.Event{Name: event.LogDropped, Time: time.Now(), Service: k.service,
		Why: fmt.Sprintf("%d bytes in %d lines were not written to %s: %v", t.lost.bytes, t.lost.lines, k.file.Path(), t.err)})
}

func (l *lost) add(b []byte) {
	l.bytes += len(b)
	l.lines += bytes.Count(b, []byte{'\n'})
}
