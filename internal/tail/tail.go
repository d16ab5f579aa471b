// Package tail tells what services wrote: the last lines, and those that come.
//
// Of a service on the console these are the lines in memory; of one with a log
// file, those of the file and of its rotated parts, to the very first if so many
// are wanted. Of others nothing is known.
//
// Who follows gets what was there and what comes as one sequence, without a gap
// or a line twice in between, over rotations and restarts. It reads from a ring
// of its service (package recent): when it is too slow it is told how much it
// lost, and nobody waits for it.
package tail

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"supervise/internal/api"
	"supervise/internal/capture"
	"supervise/internal/config"
	"supervise/internal/lines"
	"supervise/internal/logs"
)

// Reader reads what services wrote.
type Reader struct {
	Console *logs.Log // which keeps lines
	Files   *capture.Files
}

// Lines gives the last n lines of each of the services (negative: all that are
// kept; with since, those after it of these), then with follow those that come,
// until ctx is done or each fails. Lines of several services come in the order
// of their times, those without a time first.
func (r *Reader) Lines(ctx context.Context, services []*config.Service, n int, since time.Time, follow bool, each func(api.Line) error) error {
	for _, s := range services {
		if err := known(s, since); err != nil {
			return err
		}
	}
	wake := make(chan struct{}, 1)
	var all []source
	defer func() {
		for _, s := range all {
			s.close()
		}
	}()
	for _, s := range services {
		opened, err := r.open(ctx, s, n, since, follow, wake)
		all = append(all, opened...)
		if err != nil {
			return err
		}
		if !follow && len(all) >= maxOpen { // the rest comes behind these
			if err := merge(all, since, each); err != nil {
				return err
			}
			for _, s := range all {
				s.close()
			}
			all = nil
		}
	}
	if err := merge(all, since, each); err != nil || !follow {
		return err
	}
	for {
		if err := deliver(all, each); err != nil {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// maxOpen is how many services' lines are put in order of time: each takes a
// descriptor or two meanwhile.
const maxOpen = 100

// known says why nothing can be told of a service.
func known(s *config.Service, since time.Time) error {
	switch {
	case !s.Log.To.Captured():
		return fmt.Errorf("%s: its output is not kept: it goes to %q; log.to = \"console\" or \"file\" keeps it", s.Name, s.Log.To)
	case !since.IsZero() && s.Log.To == config.ToFile && s.Log.File.Timestamps == config.NoTimestamps:
		return fmt.Errorf("%s: its file has no times to go by; with log.timestamps = \"rfc3339\" it has, and without since the last lines can be told", s.Name)
	}
	return nil
}

// open opens what a service wrote: one source, or two with a file for errors.
func (r *Reader) open(ctx context.Context, s *config.Service, n int, since time.Time, follow bool, wake chan struct{}) (all []source, err error) {
	if s.Log.To == config.ToConsole {
		return []source{openRing(r.Console.Recent(s.Name), s, n, follow, wake)}, nil
	}
	for _, path := range s.Log.File.Paths() {
		f, err := openFile(ctx, r.Files, s, path, n, since, follow, wake)
		if err != nil {
			return all, fmt.Errorf("reading the log of %s: %w", s.Name, err)
		}
		all = append(all, f)
	}
	return all, nil
}

// source is what one service wrote, in one place.
type source interface {
	// next gives the next line of what was there.
	next() (line api.Line, ok bool, err error)
	// more gives the lines that have come since the last call.
	more() []api.Line
	close()
}

// merge gives what was there, in order of time. A line without one counts with
// the last time of its source.
func merge(all []source, since time.Time, each func(api.Line) error) error {
	type head struct {
		line api.Line
		at   time.Time
		from source
	}
	var heads []head
	advance := func(h head) (head, bool, error) {
		for {
			line, ok, err := h.from.next()
			if err != nil || !ok {
				return h, false, err
			}
			h.line = line
			if line.Time != nil {
				h.at = *line.Time
			}
			if since.IsZero() || !h.at.Before(since) {
				return h, true, nil
			}
		}
	}
	later := func(a, b head) int { return a.at.Compare(b.at) }
	for _, s := range all {
		h, ok, err := advance(head{from: s})
		if err != nil {
			return err
		}
		if ok {
			heads = append(heads, h)
		}
	}
	slices.SortStableFunc(heads, later)
	for len(heads) > 0 {
		h := heads[0]
		heads = heads[1:]
		if err := each(h.line); err != nil {
			return err
		}
		h, ok, err := advance(h)
		if err != nil {
			return err
		}
		if ok { // behind those of the same time, so that all get on
			i, _ := slices.BinarySearchFunc(heads, h, func(a, b head) int { return cmp.Or(a.at.Compare(b.at), -1) })
			if h.line.Time == nil || h.line.Part {
				i = 0 // a source without times is told in one go
			}
			heads = slices.Insert(heads, i, h)
		}
	}
	return nil
}

// deliver gives the lines that have come.
func deliver(all []source, each func(api.Line) error) error {
	for {
		var come []api.Line
		for _, s := range all {
			come = append(come, s.more()...)
		}
		if len(come) == 0 {
			return nil
		}
		slices.SortStableFunc(come, func(a, b api.Line) int {
			if a.Time == nil || b.Time == nil {
				return 0
			}
			return a.Time.Compare(*b.Time)
		})
		for _, line := range come {
			if err := each(line); err != nil {
				return err
			}
		}
	}
}

// lineOf makes the line of the API.
func lineOf(service string, at time.Time, text []byte, part bool) api.Line {
	l := api.Line{Service: service, Line: string(text), Part: part}
	if !at.IsZero() {
		l.Time = &at
	}
	if !utf8.Valid(text) {
		l.Line, l.Raw = strings.ToValidUTF8(l.Line, "\uFFFD"), bytes.Clone(text)
	}
	return l
}

// How much of a failed start is told.
const (
	lastLines = 10
	lastBytes = 8 << 10
)

// catchUp bounds how long LastOfRun waits for a console that does not take
// anything.
const catchUp = time.Second

// LastOfRun gives the last lines that a service wrote since a moment, a start
// of it: at most [lastLines].
func (r *Reader) LastOfRun(s *config.Service, since time.Time) []string {
	var last []string
	keep := func(line []byte, _ bool) {
		if last = append(last, strings.ToValidUTF8(string(line), "\uFFFD")); len(last) > lastLines {
			last = last[1:]
		}
	}
	switch s.Log.To {
	case config.ToConsole:
		r.Console.CatchUp(s.Name, catchUp)
		c := r.Console.Recent(s.Name).Begin()
		for {
			records, lost := c.Next()
			for _, rec := range records {
				if !rec.Time.Before(since) {
					keep(rec.Text, rec.Part)
				}
			}
			if len(records) == 0 && lost == 0 {
				return last
			}
		}
	case config.ToFile:
		for _, path := range s.Log.File.Paths() {
			var split lines.Splitter
			each := func(line []byte, part bool) {
				if _, text, ok := capture.Stamp(s, line); ok {
					line = text
				}
				keep(line, part)
			}
			split.Split(r.Files.LastOfRun(path, lastBytes), each)
			split.End(each)
		}
	}
	return last
}
