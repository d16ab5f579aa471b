package capture

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/lines"
	"supervise/internal/logfile"
	"supervise/internal/pace"
)

const (
	// bufferSize is what is read at once. Measured on tmpfs with writers of
	// 4 and 64 KiB: reading and writing 256 KiB over a pipe of 1 MiB is as fast
	// as splice(2), or faster (1.2 to 1.8 GB/s beside 1.0 to 1.6); 64 KiB is
	// slower, 1 MiB falls out of the processor's cache. And splice refuses files
	// that were opened for appending.
	bufferSize = 256 << 10
	// pipeSize is what the pipe of a service that writes a lot is enlarged to,
	// as far as pipe(7) allows. Others keep 64 KiB: the kernel takes memory for
	// the mere possibility.
	pipeSize = 1 << 20
	// turn is how many reads a service gets before others have their turn.
	turn = 4
	// drainBytes bounds what is read of a pipe at the end, in case its writer
	// goes on.
	drainBytes = 4 << 20
)

// stream is what one run of a service writes.
type stream struct {
	fd      int32
	sink    *sink
	partial []byte // the beginning of a line, while others write to the sink too
	skip    bool   // the rest of a line whose beginning was dropped is to be dropped
	large   bool   // its pipe was enlarged
	watched bool   // by the epoll
	tap     lines.Tap
}

// work is the goroutine.
func (c *Files) work() {
	defer close(c.done)
	c.buf = make([]byte, bufferSize)
	ready := make([]unix.EpollEvent, 64)
	var gather pace.Pace
	for !c.closing {
		n, err := unix.EpollWait(c.epoll, ready, c.timeout(time.Now()))
		if err != nil && err != unix.EINTR {
			panic("watching the output of services: " + err.Error())
		}
		c.answer()
		read := 0
		for _, e := range ready[:max(n, 0)] {
			if st := c.streams[e.Fd]; st != nil && st.watched {
				read += c.serve(st)
			}
		}
		now := time.Now()
		c.tick(now)
		pace.Sleep(gather.After(now, read))
	}
	c.finish()
}

// timeout is how long to wait for output, in milliseconds; -1: for ever.
func (c *Files) timeout(now time.Time) int {
	if c.next.IsZero() {
		return -1
	}
	return int(max(0, (c.next.Sub(now)+time.Millisecond-1)/time.Millisecond))
}

// answer does what is in the inbox.
func (c *Files) answer() {
	c.mutex.Lock()
	inbox := c.inbox
	c.inbox = nil
	if len(inbox) > 0 {
		var count [8]byte
		_, _ = unix.Read(c.wake, count[:]) // it is not readable any more
	}
	c.mutex.Unlock()
	for _, do := range inbox {
		do()
	}
}

// open takes a new stream to the file at path, and opens that.
func (c *Files) open(s *config.Service, fd int32, path string, tap lines.Tap) {
	k := c.sinkOf(s, path)
	st := &stream{fd: fd, sink: k, watched: true, tap: tap}
	c.streams[fd] = st
	k.streams = append(k.streams, st)
	c.catchUp(k)
	k.begun = k.written
	if k.blocked() {
		if !k.drops() {
			c.unwatch(st)
		}
		return
	}
	now := time.Now()
	if err := k.file.Open(now); err != nil {
		c.fail(k, err, now)
	}
	c.schedule(k)
}

// catchUp reads what the older streams of a sink have, before anything of the
// newest: what a run wrote at its death stands before what the next one writes.
func (c *Files) catchUp(k *sink) {
	if len(k.streams) < 2 {
		return
	}
	for _, st := range slices.Clone(k.streams[:len(k.streams)-1]) {
		c.drain(st)
	}
}

// drain reads what there is, within a bound.
func (c *Files) drain(st *stream) {
	for left := drainBytes; left > 0 && st.watched; {
		n, _ := c.read(st)
		if n == 0 {
			return
		}
		left -= n
	}
}

// sinkOf gives the sink of a path, as s wants it.
func (c *Files) sinkOf(s *config.Service, path string) *sink {
	k := c.sinks[path]
	if k == nil {
		k = &sink{file: logfile.New(path, policyOf(s), c.packer)}
		c.sinks[path] = k
	}
	c.adapt(k, s)
	return k
}

func policyOf(s *config.Service) logfile.Policy {
	f := s.Log.File
	return logfile.Policy{MaxSize: f.MaxSize, MaxAge: f.MaxAge, MaxFiles: f.MaxFiles, Compress: f.Compress}
}

// adapt has a sink do what s says.
func (c *Files) adapt(k *sink, s *config.Service) {
	k.file.SetPolicy(policyOf(s))
	k.service, k.config = s.Name, s.Log.File
	if k.blocked() {
		for _, st := range k.streams {
			if k.drops() {
				c.watch(st)
			} else {
				c.unwatch(st)
			}
		}
	}
	c.schedule(k)
}

// serve reads a few times, and says how much.
func (c *Files) serve(st *stream) (read int) {
	for range turn {
		n, more := c.read(st)
		read += n
		if n == 0 || !more || !st.watched {
			break
		}
	}
	return read
}

// read reads once. more says that there is probably more.
func (c *Files) read(st *stream) (n int, more bool) {
	buf := c.buf[:c.readSize()]
	for {
		n, err := unix.Read(int(st.fd), buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, false
		case n <= 0: // the last writer is gone; EIO is how a terminal says it
			c.end(st)
			return 0, false
		}
		c.reads.Add(1)
		if n >= 32<<10 && !st.large {
			st.large = true
			_, _ = unix.FcntlInt(uintptr(st.fd), unix.F_SETPIPE_SZ, pipeSize) // may be refused
		}
		st.tap = st.tap.Hear(buf[:n])
		c.write(st, buf[:n], time.Now())
		return n, n == len(buf)
	}
}

// maxPending is about what is kept in memory for files that can't be written.
const maxPending = 16 << 20

// readSize is how much to read at once: as much as may be left over if it can't
// be written. When many files fail, that is little for each.
func (c *Files) readSize() int {
	return min(bufferSize, max(4<<10, maxPending/(1+c.failing)))
}

// end closes a stream that has ended.
func (c *Files) end(st *stream) {
	k := st.sink
	if len(st.partial) > 0 {
		b := st.partial
		st.partial = nil
		c.put(st, b, time.Now())
	}
	k.streams = slices.DeleteFunc(k.streams, func(other *stream) bool { return other == st })
	if k.last == st {
		k.last = nil
	}
	delete(c.streams, st.fd)
	unix.Close(int(st.fd))
	c.rest(k)
}

// rest closes a file to which nobody writes.
func (c *Files) rest(k *sink) {
	if len(k.streams) > 0 || k.trouble != nil {
		return
	}
	k.file.Close()
	if k.followers == 0 {
		k.ring = nil
	}
}

func (c *Files) watch(st *stream) {
	if !st.watched && !c.closing && unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, int(st.fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: st.fd}) == nil {
		st.watched = true
	}
}

// unwatch takes the stream out of the epoll: masked there, it would still be
// reported without end when its last writer is gone.
func (c *Files) unwatch(st *stream) {
	if st.watched && !c.closing && unix.EpollCtl(c.epoll, unix.EPOLL_CTL_DEL, int(st.fd), nil) == nil {
		st.watched = false
	}
}

// schedule remembers when a sink wants to be looked at.
func (c *Files) schedule(k *sink) {
	if d := k.deadline(); !d.IsZero() && (c.next.IsZero() || d.Before(c.next)) {
		c.next = d
	}
}

// tick does what is due by the clock.
func (c *Files) tick(now time.Time) {
	if c.next.IsZero() || now.Before(c.next) {
		return
	}
	c.next = time.Time{}
	for _, k := range c.sinks {
		if d := k.deadline(); !d.IsZero() && !now.Before(d) {
			c.due(k, now)
		}
		c.schedule(k)
	}
}

func (c *Files) due(k *sink, now time.Time) {
	switch {
	case k.blocked():
		c.retry(k, now)
	case k.trouble != nil:
		c.settled(k)
	default:
		if err := c.rotate(k, now); err != nil {
			c.fail(k, err, now)
		}
	}
}

func (c *Files) rotate(k *sink, now time.Time) error {
	rotations := k.file.Rotations()
	err := k.file.Rotate(now)
	if k.file.Rotations() != rotations {
		c.tellRotated(k, now)
	}
	return err
}

// finish reads what is left and closes everything.
func (c *Files) finish() {
	c.answer()
	now := time.Now()
	for _, k := range c.sinks {
		if k.blocked() {
			c.retry(k, now)
		}
	}
	for _, k := range c.sinks {
		for _, st := range slices.Clone(k.streams) {
			st.watched = true // if the file can't be written, it counts as lost
			c.drain(st)
			if c.streams[st.fd] == st {
				c.end(st)
			}
		}
	}
	for _, k := range c.sinks {
		c.giveUp(k)
		k.file.Close()
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	unix.Close(c.epoll)
	unix.Close(c.wake)
}
