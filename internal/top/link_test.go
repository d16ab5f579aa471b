package top

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"supervise/internal/api"
	"supervise/internal/control"
	"supervise/internal/http1"
	"supervise/internal/signals"
)

// pretended is a server that answers as a supervise does.
type pretended struct {
	t      *testing.T
	server *http1.Server
	events chan string   // names of services, for the stream
	lines  chan api.Line // for the stream

	mutex sync.Mutex
	asked []string
}

func pretend(t *testing.T, socket string) *pretended {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := &pretended{t: t, events: make(chan string, 1000), lines: make(chan api.Line, 1000)}
	p.server = http1.NewServer(p.handle)
	ended := make(chan error, 1)
	go func() { ended <- p.server.Serve(l) }()
	t.Cleanup(func() {
		p.server.Close()
		<-ended
	})
	return p
}

func (p *pretended) handle(w *http1.Writer, r *http1.Request) {
	p.mutex.Lock()
	p.asked = append(p.asked, r.Path)
	p.mutex.Unlock()
	switch r.Path {
	case "/v1/info":
		w.JSON(200, api.Info{PID: 7, Seq: 40})
	case "/v1/services":
		var all []api.Service
		for _, name := range []string{"a", "b", "c"} {
			if names := r.Query["name"]; len(names) == 0 || slices.Contains(names, name) {
				all = append(all, api.Service{Name: name, State: "running"})
			}
		}
		w.JSON(200, all)
	case "/v1/events":
		if r.Query.Get("since") != "40" || r.Query.Get("follow") != "1" {
			w.Problem(400, "since is %s", r.Query.Get("since"))
			return
		}
		out := w.Stream(200, "application/x-ndjson")
		for {
			select {
			case name := <-p.events:
				fmt.Fprintf(out, "{\"event\":\"service.running\",\"service\":%q}\n", name)
			case <-r.Context().Done():
				return
			}
		}
	case "/v1/logs":
		if r.Query.Get("name") == "mute" {
			w.Problem(409, "its output goes nowhere")
			return
		}
		out := w.Stream(200, "application/x-ndjson")
		for {
			select {
			case v := <-p.lines:
				fmt.Fprintf(out, "{\"service\":%q,\"line\":%q}\n", v.Service, v.Line)
			case <-r.Context().Done():
				return
			}
		}
	case "/v1/stop":
		w.JSON(409, api.Outcome{Services: []api.Result{{Name: r.Query.Get("name"), State: "failed", Why: "pid 9 survived KILL"}}})
	case "/v1/start":
		w.JSON(200, api.Outcome{OK: true, Services: []api.Result{{Name: r.Query.Get("name"), OK: true, State: "running", PID: 77}}})
	case "/v1/signal":
		w.JSON(200, api.Sent{Signal: r.Query.Get("signal"), Services: []api.To{{Name: r.Query.Get("name"), To: "group 41"}}})
	case "/v1/reload":
		w.JSON(422, api.Reload{Errors: []string{"supervise.toml:1: no"}})
	default:
		w.Problem(404, "there is no %s", r.Path)
	}
}

func (p *pretended) count(path string) (n int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, a := range p.asked {
		if a == path {
			n++
		}
	}
	return n
}

// linked runs a link and gives what it says.
func linked(t *testing.T, socket string) (*Link, context.Context, <-chan Message) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	said := make(chan Message, 1000)
	var running sync.WaitGroup
	l := NewLink(control.NewClient(socket), func(m Message) {
		select {
		case said <- m:
		case <-ctx.Done():
		}
	}, running.Go)
	running.Go(func() { l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return l, ctx, said
}

// hear waits for a message of a type that fits.
func hear[M Message](t *testing.T, said <-chan Message, fits func(M) bool) M {
	t.Helper()
	deadline := time.After(90 * time.Second)
	for {
		select {
		case m := <-said:
			if v, ok := m.(M); ok && (fits == nil || fits(v)) {
				return v
			}
		case <-deadline:
			t.Fatalf("no such %T was said", *new(M))
		}
	}
}

func TestALinkLooksAtWhatHasChanged(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p := pretend(t, socket)
	_, _, said := linked(t, socket)
	if c := hear[Connected](t, said, nil); c.Info.PID != 7 {
		t.Errorf("connected to %+v", c.Info)
	}
	hear(t, said, func(s Seen) bool { return s.All && len(s.Services) == 3 })
	for range 500 { // a burst of events is a look or a few
		p.events <- "b"
	}
	s := hear(t, said, func(s Seen) bool { return !s.All })
	if len(s.Services) != 1 || s.Services[0].Name != "b" {
		t.Errorf("it looks at %+v", s.Services)
	}
	hear(t, said, func(s Seen) bool { return s.All }) // the regular one
	if n := p.count("/v1/services"); n > 50 {
		t.Errorf("500 events of one service are %d looks", n)
	}
}

func TestALinkComesBack(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p := pretend(t, socket)
	_, _, said := linked(t, socket)
	hear[Connected](t, said, nil)
	hear[Seen](t, said, nil)
	p.server.Close()
	first := hear[Lost](t, said, nil)
	second := hear[Lost](t, said, nil) // nobody listens
	if first.Why == "" || second.Retry.IsZero() {
		t.Errorf("it says %+v, %+v", first, second)
	}
	pretend(t, socket)
	hear[Connected](t, said, nil)
	hear(t, said, func(s Seen) bool { return s.All })
}

func TestALinkFollowsTheOutputOfOne(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p := pretend(t, socket)
	l, ctx, said := linked(t, socket)
	hear[Connected](t, said, nil)
	l.Follow(ctx, "a")
	l.Follow(ctx, "b")
	for i := range 100 {
		p.lines <- api.Line{Service: "b", Line: fmt.Sprint(i)}
	}
	for got := 0; got < 100; {
		v := hear[Lines](t, said, nil)
		if v.Of != "b" {
			t.Fatalf("it follows %s", v.Of)
		}
		for _, line := range v.Lines {
			if line.Line != fmt.Sprint(got) {
				t.Fatalf("line %d is %q", got, line.Line)
			}
			got++
		}
	}
	l.Follow(ctx, "mute")
	if u := hear[Unfollowed](t, said, nil); u.Of != "mute" || u.Why != "no output to show: its output goes nowhere" {
		t.Errorf("it says %+v", u)
	}
}

func TestALinkTellsOutcomes(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	pretend(t, socket)
	l, ctx, said := linked(t, socket)
	usr1, _ := signals.Parse("USR1")
	for _, c := range []struct {
		ask  Ask
		ok   bool
		text string
	}{
		{Ask{Verb: "start", Name: "a"}, true, "a started: pid 77"},
		{Ask{Verb: "stop", Name: "a"}, false, "a was not stopped: it is failed, pid 9 survived KILL"},
		{Ask{"signal", "a", usr1, "group"}, true, "USR1 sent to group 41 of a"},
		{Ask{Verb: "plan"}, false, "the configuration was not taken: supervise.toml:1: no"},
		{Ask{Verb: "restart", Name: "a"}, false, "restarting a: there is no /v1/restart"},
	} {
		l.Ask(ctx, c.ask)
		if a := hear[Answered](t, said, nil); a.Asked != c.ask || a.OK != c.ok || a.Text != c.text {
			t.Errorf("%+v: %+v, want %v %q", c.ask, a, c.ok, c.text)
		}
	}
}
