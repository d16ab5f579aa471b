package capture

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/carry"
	"supervise/internal/config"
	"supervise/internal/lines"
	"supervise/internal/logfile"
)

// Carried is what is in hand, for the next image of the process to go on with, see
// package carry.
type Carried struct{ Sinks []Sink }

// Sink is a file with those who write to it.
type Sink struct {
	Path    string
	Service string
	Config  config.LogFile
	Policy  logfile.Policy
	File    logfile.Carried
	Streams []Stream
	Last    int // who wrote last, one of Streams; -1: nobody
	Written int64
	Begun   int64
	Pending []byte
	Trouble *trouble // nil: all is well
	Err     string   // of the trouble
}

// Stream is what one run of a service writes.
type Stream struct {
	FD      carry.FD
	Partial []byte
	Skip    bool
	Large   bool
	Watched bool
	Heard   *lines.Heard
}

// Pause has the goroutine do nothing until resume is called. It waits at most so
// long for it.
func (c *Files) Pause(ctx context.Context) (resume func(), err error) {
	paused, goOn := make(chan struct{}), make(chan struct{})
	c.mutex.Lock()
	if !c.begun || c.ended {
		c.mutex.Unlock()
		return func() {}, nil
	}
	c.send(func() {
		close(paused)
		<-goOn
	})
	c.mutex.Unlock()
	select {
	case <-paused:
		return func() { close(goOn) }, nil
	case <-ctx.Done():
		close(goOn)
		return nil, errStuck
	}
}

// Carry gives what is in hand while the goroutine pauses.
func (c *Files) Carry() *Carried {
	all := &Carried{}
	for path, k := range c.sinks {
		s := Sink{Path: path, Service: k.service, Config: k.config, Policy: k.file.Policy(), File: k.file.Carry(), Last: -1,
			Written: k.written, Begun: k.begun, Pending: k.pending, Trouble: k.trouble}
		if k.trouble != nil && k.trouble.err != nil {
			s.Err = k.trouble.err.Error()
		}
		for i, st := range k.streams {
			if st == k.last {
				s.Last = i
			}
			s.Streams = append(s.Streams, Stream{carry.FD(st.fd), st.partial, st.skip, st.large, st.watched, st.tap.Heard()})
		}
		all.Sinks = append(all.Sinks, s)
	}
	return all
}

// Restore goes on where another Files was. listener makes who listens to a service
// anew. It is to be called once, and before the first Pipe.
func (c *Files) Restore(all *Carried, listener func(service string, heard *lines.Heard) lines.Listener) error {
	if len(all.Sinks) == 0 {
		return nil
	}
	failed := make(chan error, 1)
	c.mutex.Lock()
	if err := c.begin(); err != nil {
		c.mutex.Unlock()
		return err
	}
	c.send(func() {
		var errs []error
		for i := range all.Sinks {
			errs = append(errs, c.restore(&all.Sinks[i], listener))
		}
		failed <- errors.Join(errs...)
	})
	c.mutex.Unlock()
	return <-failed
}

func (c *Files) restore(s *Sink, listener func(string, *lines.Heard) lines.Listener) error {
	k := &sink{service: s.Service, config: s.Config, file: logfile.New(s.Path, s.Policy, c.packer),
		written: s.Written, begun: s.Begun, pending: s.Pending, trouble: s.Trouble}
	c.sinks[s.Path] = k
	errs := []error{k.file.Restore(s.File)}
	if k.trouble != nil {
		k.trouble.err = errors.New(s.Err)
	}
	if k.blocked() {
		c.failing++
	}
	for i, one := range s.Streams {
		st := &stream{fd: int32(one.FD), sink: k, partial: one.Partial, skip: one.Skip, large: one.Large}
		if one.Heard != nil {
			st.tap.Listener = listener(s.Service, one.Heard)
		}
		c.streams[st.fd] = st
		k.streams = append(k.streams, st)
		if i == s.Last {
			k.last = st
		}
		if one.Watched {
			errs = append(errs, unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, int(st.fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: st.fd}))
			st.watched = true
		}
	}
	c.schedule(k)
	return errors.Join(errs...)
}

// PauseLimit is how long a [Files.Pause] is worth waiting for.
const PauseLimit = 5 * time.Second
