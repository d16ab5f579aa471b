package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"supervise/internal/api"
	"supervise/internal/visible"
)

// progress shows on standard error what a long wait waits for, and who blocks
// it: in one line that changes on a terminal, else a line for each change.
type progress struct {
	asker
	names   []string                // of whom something was asked; none: of all
	pending func(*api.Service) bool // it has not happened to this one yet
	nothing string                  // to show when nobody is pending; "": nothing
	to      io.Writer
	screen  screen

	told  map[string]string // by service: what stands there already
	drawn bool              // there is a line on the terminal
}

// shortWait is how long a wait may be before anything is shown.
const shortWait = time.Second

// show begins to show. stop ends it, and leaves the terminal as it was.
func (p *progress) show(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	p.told = map[string]string{}
	go func() {
		defer close(done)
		p.run(ctx)
		if p.drawn {
			fmt.Fprint(p.to, "\r\x1b[K")
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (p *progress) run(ctx context.Context) {
	select {
	case <-time.After(shortWait):
	case <-ctx.Done():
		return
	}
	for changed := p.changes(ctx); ; {
		if held, err := p.look(ctx); err == nil {
			p.tell(held)
		}
		select {
		case _, ok := <-changed:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// changes says when to look again: for somebody who watches a countdown, each
// second; else when something has happened.
func (p *progress) changes(ctx context.Context) <-chan struct{} {
	if !p.inPlace() {
		return p.asker.changes(ctx, time.Second)
	}
	c := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			select {
			case c <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

func (p *progress) inPlace() bool { return p.screen.terminal && !p.screen.dumb }

// changes gives something whenever anything has happened, beginning from now,
// but not more often than once in pause: in a busy moment one look is for many
// events. It is closed when supervise is gone.
func (a asker) changes(ctx context.Context, pause time.Duration) <-chan struct{} {
	c := make(chan struct{}, 1)
	query := url.Values{"follow": {"1"}, "n": {"0"}}
	info := api.Info{}
	if _, _, err := a.ask(ctx, "GET", "/v1/info", nil, &info); err == nil {
		query = url.Values{"follow": {"1"}, "since": {strconv.FormatUint(info.Seq, 10)}}
	}
	happened := make(chan struct{}, 1)
	go func() {
		defer close(happened)
		_ = a.Stream(ctx, "/v1/events", query, func([]byte) error {
			select {
			case happened <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	go func() {
		defer close(c)
		for range happened {
			select {
			case c <- struct{}{}:
			default:
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

// look finds those that are waited for: those of which something was asked and,
// where these wait for others themselves, the others.
func (p *progress) look(ctx context.Context) (held []api.Service, err error) {
	asked, _, err := p.services(ctx, p.names)
	if err != nil {
		return nil, err
	}
	asked = slices.DeleteFunc(asked, func(s api.Service) bool { return !p.pending(&s) })
	all := asked
	if slices.ContainsFunc(asked, waitsForOthers) {
		if all, _, err = p.services(ctx, nil); err != nil {
			return nil, err
		}
	}
	return waitedFor(all, asked), nil
}

func waitsForOthers(s api.Service) bool { return s.State == "waiting" || s.State == "running" }

// waitedFor gives the services in all that asked are waiting for: themselves,
// if they do not wait for others, and those connected with them by needs that
// are on their way. None of the latter: themselves after all.
func waitedFor(all, asked []api.Service) []api.Service {
	near := map[string]bool{}
	var todo []string
	for _, s := range asked {
		todo = append(todo, s.Name)
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if near[name] {
			continue
		}
		near[name] = true
		for i := range all {
			if s := &all[i]; s.Name == name {
				todo = append(todo, s.Needs...)
			} else if slices.Contains(s.Needs, name) {
				todo = append(todo, s.Name)
			}
		}
	}
	var held []api.Service
	for _, s := range all {
		if !near[s.Name] {
			continue
		}
		switch {
		case s.State == "starting" || s.State == "stopping" || s.State == "backoff",
			s.State == "running" && s.Kind == "task":
			held = append(held, s)
		}
	}
	if held == nil {
		held = asked
	}
	return held
}

// tell shows who is waited for.
func (p *progress) tell(held []api.Service) {
	if p.inPlace() {
		line := p.nothing
		for i := range held {
			if i == 0 {
				line = "waiting for "
			} else {
				line += "; "
			}
			line += held[i].Name + ": "
			line += holdUpWithin(&held[i], p.screen.columns-1-utf8.RuneCountInString(line))
		}
		if line != "" || p.drawn {
			fmt.Fprintf(p.to, "\r%s\x1b[K", cut(line, p.screen.columns-1))
			p.drawn = line != ""
		}
		return
	}
	if len(held) == 0 && p.nothing != "" && p.told[""] == "" {
		p.told[""] = p.nothing
		fmt.Fprintln(p.to, p.nothing)
	}
	for i := range held {
		s := &held[i]
		text := holdUp(s)
		what, _, _ := strings.Cut(text, " in ") // without the countdown
		if p.told[s.Name] != what {
			p.told[s.Name] = what
			fmt.Fprintf(p.to, "waiting for %s: %s\n", s.Name, text)
		}
	}
}

// holdUp says why it takes long: "pid 41 ignores TERM, KILL in 3s".
func holdUp(s *api.Service) string {
	what, next := heldUp(s)
	return what + next
}

// holdUpWithin is holdUp in so many characters. What is cut is who blocks
// rather than what comes next, where that leaves something of it.
func holdUpWithin(s *api.Service, most int) string {
	what, next := heldUp(s)
	if room := most - utf8.RuneCountInString(next); room >= 16 {
		return cut(what, room) + next
	}
	return cut(what+next, most)
}

func heldUp(s *api.Service) (what, next string) {
	what, next = s.State, s.Next
	switch {
	case s.Blocked != "":
		what = s.Blocked
	case s.Step != "" && s.State == "starting": // "not ready: connection refused, given up in 12s"
		what, next = s.Step, strings.TrimSuffix(next, ", if it is not ready")
	case s.Step != "":
		what = s.Step
	case s.Kind == "task" && s.State == "running" && s.Restarts > 0:
		what = fmt.Sprintf("running, try %d", s.Restarts+1)
	case s.Why != "" && s.State != "stopping" && s.State != "running":
		what += " (" + s.Why + ")"
	}
	if next != "" {
		next = ", " + next
	}
	return visible.Text(what), visible.Text(next)
}
