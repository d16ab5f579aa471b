package tail

import (
	"bytes"
	"context"
	"io"
	"time"

	"supervise/internal/api"
	"supervise/internal/capture"
	"supervise/internal/config"
	"supervise/internal/lines"
	"supervise/internal/recent"
)

// ringSource is the lines of a service on the console.
type ringSource struct {
	service string
	ring    *recent.Ring
	cursor  *recent.Cursor
	wake    chan struct{} // nil: not followed
	lines   []api.Line    // what was there
}

func openRing(ring *recent.Ring, s *config.Service, n int, follow bool, wake chan struct{}) source {
	r := &ringSource{service: s.Name, ring: ring, cursor: ring.Begin()}
	if follow {
		r.wake = wake
		ring.Watch(wake)
	}
	for {
		come := r.more()
		if len(come) == 0 {
			break
		}
		if r.lines = append(r.lines, come...); n >= 0 && len(r.lines) > n {
			r.lines = r.lines[len(r.lines)-n:]
		}
	}
	return r
}

func (r *ringSource) next() (line api.Line, ok bool, err error) {
	if len(r.lines) == 0 {
		return line, false, nil
	}
	line = r.lines[0]
	r.lines = r.lines[1:]
	return line, true, nil
}

func (r *ringSource) more() (come []api.Line) {
	records, lost := r.cursor.Next()
	if lost > 0 {
		come = append(come, api.Line{Service: r.service, Lost: lost})
	}
	for _, rec := range records {
		come = append(come, lineOf(r.service, rec.Time, rec.Text, rec.Part))
	}
	return come
}

func (r *ringSource) close() {
	if r.wake != nil {
		r.ring.Leave(r.wake)
	}
}

// fileSource is the lines of a log file.
type fileSource struct {
	service *config.Service
	view    *capture.View
	history io.ReadCloser // what was there; nil: all of it is read
	buf     []byte
	split   lines.Splitter
	lines   []api.Line
	skip    bool      // the rest of a line whose beginning is lost
	read    time.Time // when what comes was read; for lines without a time
}

func openFile(ctx context.Context, files *capture.Files, s *config.Service, path string, n int, since time.Time, follow bool, wake chan struct{}) (*fileSource, error) {
	f := &fileSource{service: s}
	var err error
	if follow {
		f.view, err = files.Follow(ctx, s, path, wake)
	} else {
		f.view, err = files.View(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	if !since.IsZero() {
		f.view.Forget(since)
	}
	if n < 0 {
		f.history = f.view.All()
	} else if f.history, err = f.view.Tail(n); err != nil {
		f.view.Close()
		return nil, err
	}
	return f, nil
}

func (f *fileSource) take(line []byte, part bool) {
	at, text := f.read, line
	if !part {
		if t, rest, ok := capture.Stamp(f.service, line); ok {
			at, text = t, rest
		}
	}
	f.lines = append(f.lines, lineOf(f.service.Name, at, text, part))
}

func (f *fileSource) next() (line api.Line, ok bool, err error) {
	if f.buf == nil {
		f.buf = make([]byte, 32<<10)
	}
	for len(f.lines) == 0 && f.history != nil {
		n, err := f.history.Read(f.buf)
		f.split.Split(f.buf[:n], f.take)
		if err == io.EOF {
			f.history.Close()
			f.history, f.buf = nil, nil
			if f.view.Cursor == nil { // else its end comes
				f.split.End(f.take)
			}
		} else if err != nil {
			return line, false, err
		}
	}
	if len(f.lines) == 0 {
		return line, false, nil
	}
	line = f.lines[0]
	f.lines = f.lines[1:]
	return line, true, nil
}

func (f *fileSource) more() []api.Line {
	records, lost := f.view.Cursor.Next()
	if lost > 0 {
		lost += f.split.Pending()
		f.split, f.skip = lines.Splitter{}, true
	}
	for _, rec := range records {
		b := rec.Text
		if f.skip { // to where a line begins
			i := bytes.IndexByte(b, '\n') + 1
			if f.skip = i == 0; f.skip {
				i = len(b)
			}
			lost, b = lost+i, b[i:]
		}
		if lost > 0 && !f.skip {
			f.lines, lost = append(f.lines, api.Line{Service: f.service.Name, Lost: lost}), 0
		}
		f.read = rec.Time
		f.split.Split(b, f.take)
	}
	if lost > 0 {
		f.lines = append(f.lines, api.Line{Service: f.service.Name, Lost: lost})
	}
	come := f.lines
	f.lines = nil
	if len(come) == 0 && len(records) > 0 { // no line ends in these
		return f.more()
	}
	return come
}

func (f *fileSource) close() {
	if f.history != nil {
		f.history.Close()
	}
	f.view.Close()
}
