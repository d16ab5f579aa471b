package top

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"supervise/internal/api"
	"supervise/internal/control"
	"supervise/internal/event"
)

// Link is the connection to a supervise. It looks at all services every
// [lookEvery], at those that something happened to soon after, and follows the
// output of one. When supervise goes away it tries again until one listens at
// the same socket.
type Link struct {
	client *control.Client
	say    func(Message)
	begin  func(func()) // begins a goroutine

	mutex  sync.Mutex
	cancel context.CancelFunc // of the output that is followed
}

// lookEvery is how old figures of use are at most.
const lookEvery = 2 * time.Second

// infoEvery is after how many looks supervise itself is asked about too.
const infoEvery = 5

// gather is how long changes are gathered before services are looked at again,
// so that a burst of events is one request.
const gather = 150 * time.Millisecond

// manyChanged is how many services are asked for by name; with more, the next
// look at all of them is as good.
const manyChanged = 40

// Waits between tries to connect again: the first, doubled up to the last.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// patience bounds a look. A supervise that is stopped (SIGSTOP) takes
// connections and does not answer.
const patience = 10 * time.Second

// NewLink makes a link that tells what it learns with say, which may block,
// and begins its goroutines with begin.
func NewLink(client *control.Client, say func(Message), begin func(func())) *Link {
	return &Link{client: client, say: say, begin: begin}
}

// Run keeps the connection until ctx is done.
func (l *Link) Run(ctx context.Context) {
	wait := firstRetry
	for {
		began := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		l.say(Lost{err.Error(), time.Now().Add(wait)})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, lastRetry)
	}
}

// session is one connection, up to its end.
func (l *Link) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	info, err := l.info(ctx)
	if err != nil {
		return err
	}
	l.say(Connected{info})
	if err := l.look(ctx, nil); err != nil {
		return err
	}
	changed := make(chan string, 64) // names of services
	ended := make(chan error, 1)
	l.begin(func() { ended <- l.events(ctx, info.Seq, changed) })

	every := time.NewTicker(lookEvery)
	defer every.Stop()
	var names []string
	var soon <-chan time.Time
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			return err
		case name := <-changed:
			if !slices.Contains(names, name) && len(names) <= manyChanged {
				names = append(names, name)
			}
			if soon == nil {
				soon = time.After(gather)
			}
			continue
		case <-soon:
			soon = nil
			if len(names) > manyChanged || slices.Contains(names, "") {
				names = nil
			}
			// One that has been removed meanwhile makes the whole request fail.
			if err := l.look(ctx, names); err != nil && !errors.As(err, new(*api.Problem)) {
				return err
			}
			names = names[:0]
			continue
		case <-every.C:
			err = l.look(ctx, nil)
		}
		if err != nil {
			return err
		}
		if n++; n%infoEvery == 0 {
			if info, err = l.info(ctx); err != nil {
				return err
			}
			l.say(Told{info})
		}
	}
}

func (l *Link) info(ctx context.Context) (info api.Info, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("supervise does not answer"))
	defer cancel()
	_, err = l.client.Call(ctx, "GET", "/v1/info", nil, &info)
	return info, err
}

// look looks at services; without names, at all.
func (l *Link) look(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("supervise does not answer"))
	defer cancel()
	var all []api.Service
	_, err := l.client.Call(ctx, "GET", "/v1/services", url.Values{"usage": {"1"}, "name": names}, &all)
	if err == nil {
		l.say(Seen{all, len(names) == 0, time.Now()})
	}
	return err
}

// changes are the events after which a service, or supervise ("" for a name),
// looks different.
var changes = []event.Name{
	event.ServiceWaiting, event.ServiceStarting, event.ServiceStarted, event.ServiceRunning, event.ServiceStopping,
	event.ServiceStopped, event.ServiceDone, event.ServiceFailed, event.BackoffScheduled, event.StartFailed,
	event.StopEscalated, event.StopAbandoned, event.ConfigReloaded, event.ShutdownBegun,
}

// events tells whose state has changed, until the end of the stream.
func (l *Link) events(ctx context.Context, since uint64, changed chan<- string) error {
	query := url.Values{"follow": {"1"}, "since": {itoa(int(since))}}
	for _, name := range changes {
		query.Add("event", string(name))
	}
	err := l.client.Stream(ctx, "/v1/events", query, func(text []byte) error {
		var e struct{ Service string }
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
		select {
		case changed <- e.Service:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err == nil {
		err = errors.New("supervise has ended or has hung up")
	}
	return err
}

// Follow follows the output of a service, and no other any more.
func (l *Link) Follow(ctx context.Context, name string) {
	ctx, cancel := context.WithCancel(ctx)
	l.mutex.Lock()
	if l.cancel != nil {
		l.cancel()
	}
	l.cancel = cancel
	l.mutex.Unlock()
	if name != "" {
		l.begin(func() { l.output(ctx, name) })
	}
}

// settle is how long a service has to be selected before its output is asked
// for: who moves through a long list passes many.
const settle = 120 * time.Millisecond

func (l *Link) output(ctx context.Context, name string) {
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return
	}
	lines := make(chan api.Line, keptLines)
	done := make(chan struct{})
	l.begin(func() {
		defer close(done)
		l.bundle(name, lines)
	})
	query := url.Values{"name": {name}, "n": {itoa(keptLines)}, "follow": {"1"}}
	err := l.client.Stream(ctx, "/v1/logs", query, func(text []byte) error {
		var v api.Line
		if err := json.Unmarshal(text, &v); err != nil {
			return err
		}
		select {
		case lines <- v:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(lines)
	<-done
	if ctx.Err() != nil {
		return
	}
	why := "no more output: supervise has closed the stream"
	if err != nil {
		why = "no output to show: " + err.Error()
	}
	l.say(Unfollowed{name, why})
}

// bundle passes lines on, at most twenty times a second.
func (l *Link) bundle(name string, lines <-chan api.Line) {
	for v := range lines {
		all := []api.Line{v}
		late := time.After(50 * time.Millisecond)
		for more := true; more && len(all) < keptLines; {
			select {
			case v, ok := <-lines:
				if more = ok; ok {
					all = append(all, v)
				}
			case <-late:
				more = false
			}
		}
		l.say(Lines{name, all})
	}
}
