package capture

import (
	"context"
	"time"

	"supervise/internal/config"
	"supervise/internal/logfile"
	"supervise/internal/recent"
)

// View is a log file at one moment, and with Follow what is written to it from
// that moment on: nothing in between is missing or in both.
type View struct {
	*logfile.History
	Cursor *recent.Cursor // nil: it is not followed

	files *Files
	sink  *sink
	wake  chan<- struct{}
}

// View gives the file at path.
func (c *Files) View(ctx context.Context, path string) (*View, error) {
	return c.view(ctx, path, func() *sink { return c.sinks[path] })
}

// Follow is View of a file of s with a cursor; wake, which should hold one element, is filled
// whenever there is more.
func (c *Files) Follow(ctx context.Context, s *config.Service, path string, wake chan<- struct{}) (*View, error) {
	c.mutex.Lock()
	err := c.begin()
	c.mutex.Unlock()
	if err != nil {
		return nil, err
	}
	return c.view(ctx, path, func() *sink {
		k := c.sinks[path]
		if k == nil {
			k = c.sinkOf(s, path)
		}
		if k.ring == nil {
			k.ring = recent.NewRing(c.budget)
		}
		k.followers++
		k.ring.Watch(wake)
		return k
	}, wake)
}

func (c *Files) view(ctx context.Context, path string, find func() *sink, wake ...chan<- struct{}) (v *View, err error) {
	asked, e := c.ask(ctx, func() {
		k := find()
		if v, err = viewOf(path, k); err != nil || len(wake) == 0 {
			if len(wake) > 0 {
				c.leave(k, wake[0])
			}
			return
		}
		v.Cursor, v.files, v.sink, v.wake = k.ring.End(), c, k, wake[0]
	})
	if e == nil && !asked {
		return viewOf(path, nil) // nobody writes to it
	}
	if e != nil {
		return nil, e
	}
	return v, err
}

func viewOf(path string, k *sink) (*View, error) {
	h, err := logfile.OpenHistory(path)
	if err != nil {
		return nil, err
	}
	if k != nil && k.file.IsOpen() {
		h.Limit(k.file.Size())
	}
	return &View{History: h}, nil
}

// Close ends it.
func (v *View) Close() {
	v.History.Close()
	if v.files != nil {
		v.files.mutex.Lock()
		defer v.files.mutex.Unlock()
		if !v.files.ended {
			v.files.send(func() { v.files.leave(v.sink, v.wake) })
		}
	}
}

func (c *Files) leave(k *sink, wake chan<- struct{}) {
	k.ring.Leave(wake)
	if k.followers--; k.followers == 0 {
		k.ring.Close()
		k.ring = nil
	}
}

// LastOfRun gives the last bytes, at most so many, that a service has written
// to path since its last start.
func (c *Files) LastOfRun(path string, most int64) (b []byte) {
	_, _ = c.ask(context.Background(), func() {
		k := c.sinks[path]
		if k == nil {
			return
		}
		for _, st := range append([]*stream(nil), k.streams...) {
			c.drain(st)
		}
		h, err := logfile.OpenHistory(path)
		if err != nil {
			return
		}
		defer h.Close()
		b, _ = h.LastBytes(min(most, k.written-k.begun))
	})
	return b
}

// Stamp takes the time off a line of the file of s.
func Stamp(s *config.Service, line []byte) (at time.Time, rest []byte, ok bool) {
	return parseStamp(s.Log.File.Timestamps, line)
}
