package control

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/http1"
	"supervise/internal/launch"
	"supervise/internal/metrics"
	"supervise/internal/policy"
	"supervise/internal/record"
	"supervise/internal/signals"
	"supervise/internal/supervisor"
	"supervise/internal/tree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a supervise whose services are never started by themselves and whose
// programs do not exist: so nothing runs, and all else is real.
type world struct {
	*Client
	loop   *supervisor.Loop
	events *record.Ring
	end    func() // ends it, once
}

func service(name string, change func(*config.Service)) config.Service {
	s := config.Defaults(config.Daemon)
	s.Name, s.Template, s.Autostart, s.Command, s.Log.To = name, name, false, []string{"/no/such/program"}, config.ToNone
	s.Restart = policy.Restart{When: policy.OnFailure, Backoff: policy.Backoff{Initial: time.Hour, Factor: 1, Max: time.Hour}}
	if change != nil {
		change(&s)
	}
	return s
}

func newWorld(t *testing.T, specs ...config.Service) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	host := tree.NewHost(nil)
	w := &world{Client: NewClient(path), events: record.NewRing(64)}
	w.loop = supervisor.NewLoop(supervisor.World{
		Launcher: launch.ForServices(signals.Dispositions{}), Host: host, Session: launch.OwnSession, Sink: w.events,
		Tree: func(s *config.Service) *tree.Tree {
			tr, _ := host.Tree(s.Name, s.Stop.Scope)
			return tr
		},
		Stdio: func(*config.Service, func()) (launch.Stdio, func(), error) {
			return launch.Stdio{Terminal: -1}, func() {}, nil
		},
		Adopts: true,
	}, specs, 1)
	w.loop.Attend()
	ended := make(chan struct{})
	s := NewServer(Server{
		Loop: w.loop, Ended: ended, Events: w.events, Metrics: metrics.New().Write,
		Load: func() (*config.Config, error) { return &config.Config{Services: specs}, nil },
		Info: api.Info{Version: "test", PID: os.Getpid(), Since: time.Now()},
	})
	web := http1.NewServer(s.Handle)
	socket, err := Listen(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	served, ran := make(chan error, 1), make(chan struct{})
	go func() { served <- web.Serve(socket) }()
	go func() {
		defer close(ran)
		w.loop.End(w.loop.Run(nil), nil)
	}()
	done := false
	w.end = func() {
		if done {
			return
		}
		done = true
		w.loop.Ask(ended, func(l *supervisor.Loop) { l.Set().Shutdown("the test is over", 0, time.Now()) })
		<-ran
		close(ended)
		web.Drain(time.Second)
		web.Close()
		socket.Remove()
		w.loop.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	}
	t.Cleanup(w.end)
	return w
}

func (w *world) ask(t *testing.T, into any, method, path string, query ...string) int {
	t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Add(query[i], query[i+1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	status, err := w.Call(ctx, method, path, q, into)
	if p := (*api.Problem)(nil); err != nil && !errors.As(err, &p) {
		t.Fatalf("%s %s %v: %v", method, path, query, err)
	} else if p, ok := into.(*string); ok && err != nil {
		*p = err.Error()
	}
	return status
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	w := newWorld(t, service("web@1", func(s *config.Service) { s.Template = "web" }), service("db", nil))
	for _, c := range []struct {
		status       int
		method, path string
		query        []string
		want         string
	}{
		{404, "GET", "/v1/services", []string{"name", "wbe"}, `no service is called "wbe"; did you mean web?`},
		{404, "GET", "/v1/services", []string{"name", "x*"}, `no service matches "x*"`},
		{404, "GET", "/v1/services", []string{"name", "[x"}, `"[x" is no pattern: a [ or a backslash has no end`},
		{404, "GET", "/v1/services", []string{"name", "something else"}, `no service is called "something else"; the services are db, web, web@1`},
		{404, "GET", "/v1/services/web", nil, `no service is called "web"; did you mean`},
		{400, "GET", "/v1/services", []string{"usage", "yes"}, "usage=yes is neither 1 nor 0"},
		{400, "POST", "/v1/start", []string{"name", "db", "wait", "5"}, "wait=5 is no duration; write it as in 30s or 1m30s"},
		{400, "POST", "/v1/restart", []string{"name", "db", "rolling", "yes"}, "rolling=yes is neither 1 nor 0"},
		{404, "POST", "/v1/restart", []string{"name", "wbe", "rolling", "1"}, "did you mean web?"},
		{400, "GET", "/v1/boot", []string{"name", "db"}, "it takes no name"},
		{400, "POST", "/v1/start", nil, "/v1/start wants at least one name; name=* means all"},
		{400, "GET", "/v1/wait", []string{"name", "db", "for", "ever"}, "for=ever is none of ready, stopped and done"},
		{400, "POST", "/v1/signal", []string{"name", "db", "signal", "TREM"}, "TERM"},
		{400, "POST", "/v1/signal", []string{"name", "db", "signal", "TERM", "to", "all"}, "to=all is none of main, group and tree"},
		{400, "POST", "/v1/signal", []string{"name", "db", "signal", "TERM", "pid", "-1"}, "pid=-1 is no process"},
		{404, "POST", "/v1/signal", []string{"name", "*", "signal", "TERM", "pid", "1"}, "with pid, one service is wanted"},
		{400, "GET", "/v1/events", []string{"n", "-1"}, "n=-1 is no number from 0 on"},
		{400, "GET", "/v1/events", []string{"since", "yesterday"}, "since=yesterday is no number"},
		{400, "POST", "/v1/reload", []string{"name", "db"}, "takes no name"},
	} {
		var got string
		if status := w.ask(t, &got, c.method, c.path, c.query...); status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s %s %v: %d %q, want %d %q", c.method, c.path, c.query, status, got, c.status, c.want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	w := newWorld(t, service("db", nil), service("web", func(s *config.Service) { s.Needs = []config.Need{{Name: "db", For: config.NeedReady}} }))
	for _, c := range []struct {
		status       int
		method, path string
		query        []string
		name, state  string
	}{
		{409, "POST", "/v1/start", []string{"name", "db"}, "db", "backoff"},
		{504, "POST", "/v1/start", []string{"name", "web", "wait", "1ms"}, "web", "waiting"},
		{202, "POST", "/v1/start", []string{"name", "web", "wait", "0"}, "web", "waiting"},
		{504, "GET", "/v1/wait", []string{"name", "db", "for", "done", "wait", "1ms"}, "db", "backoff"},
		{200, "POST", "/v1/stop", []string{"name", "web"}, "web", "stopped"},
		{200, "GET", "/v1/wait", []string{"name", "web", "for", "stopped"}, "web", "stopped"},
		{409, "GET", "/v1/wait", []string{"name", "web", "for", "ready"}, "web", "stopped"},
		{409, "GET", "/v1/wait", []string{"name", "web", "for", "done"}, "web", "stopped"},
		{409, "POST", "/v1/restart", []string{"name", "db"}, "db", "backoff"},
		{200, "POST", "/v1/stop", []string{"name", "*"}, "db", "stopped"},
	} {
		var got api.Outcome
		status := w.ask(t, &got, c.method, c.path, c.query...)
		if status != c.status || len(got.Services) == 0 || got.OK != (status == 200) || got.Services[0].Name != c.name || got.Services[0].State != c.state {
			t.Errorf("%s %s %v: %d %+v, want %d and %s %s", c.method, c.path, c.query, status, got, c.status, c.name, c.state)
		}
	}
	var sent api.Sent
	if status := w.ask(t, &sent, "POST", "/v1/signal", "name", "db", "signal", "15"); status != 409 || sent.Services[0].Err != "no process runs: it is stopped" {
		t.Errorf("%d %+v", status, sent)
	}
}

// Those who wait when supervise ends are told what was decided by then.
func TestWhoWaitsAtTheEndIsAnswered(t *testing.T) {
	for range 20 {
		w := newWorld(t, service("db", nil))
		w.ask(t, nil, "POST", "/v1/start", "name", "db") // in backoff
		const waiters = 8
		type answer struct {
			status int
			out    api.Outcome
			err    error
		}
		answers := make(chan answer, waiters)
		for range waiters {
			go func() {
				var a answer
				a.status, a.err = w.Call(t.Context(), "GET", "/v1/wait", url.Values{"name": {"db"}, "for": {"stopped"}}, &a.out)
				answers <- a
			}()
		}
		for n := 0; n < waiters; { // all have asked
			w.loop.Ask(nil, func(l *supervisor.Loop) { n = l.Watches() })
		}
		w.end()
		for range waiters {
			if a := <-answers; a.err != nil || a.status != 200 || a.out.Services[0].State != "stopped" {
				t.Fatalf("%+v", a)
			}
		}
	}
}

// Who goes away while nothing happens is forgotten at the next turn.
func TestWhoWaitsAndGoesIsForgotten(t *testing.T) {
	w := newWorld(t, service("db", nil))
	w.ask(t, nil, "POST", "/v1/start", "name", "db")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := w.Call(ctx, "GET", "/v1/wait", url.Values{"name": {"db"}, "for": {"ready"}}, nil)
		gone <- err
	}()
	watches := func() (n int) {
		w.loop.Ask(nil, func(l *supervisor.Loop) { n = l.Watches() })
		return n
	}
	for watches() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for end := time.Now().Add(90 * time.Second); watches() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the watch is left")
		}
	}
}

func TestAfterTheEndNobodyIsKeptWaiting(t *testing.T) {
	w := newWorld(t, service("db", nil))
	until := make(chan struct{})
	w.end()
	close(until)
	if w.loop.Ask(until, func(*supervisor.Loop) { t.Error("asked after the end") }) {
		t.Error("answered after the end")
	}
	if _, err := w.Call(t.Context(), "GET", "/v1/info", nil, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestFollowersGetEveryEvent(t *testing.T) {
	w := newWorld(t, service("db", nil))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var seqs []int
	enough := errors.New("enough")
	started := false
	err := w.Stream(ctx, "/v1/events", url.Values{"follow": {"1"}}, func(line []byte) error {
		var e struct {
			Seq   int
			Event event.Name
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if seqs = append(seqs, e.Seq); !started {
			started = true
			w.ask(t, nil, "POST", "/v1/start", "name", "db")
		}
		if e.Event == event.BackoffScheduled {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	for i, seq := range seqs {
		if seq != i+1 {
			t.Fatalf("the numbers are %v", seqs)
		}
	}
}

// Whatever is asked for of the history comes whole and in order, though it is taken from
// there in small parts.
func TestEventsAreThoseAskedFor(t *testing.T) {
	const kept, all = 5 * eventBatch, 1000
	ring := record.NewRing(kept)
	names := []event.Name{event.ServiceStarted, event.ServiceDone}
	for seq := 1; seq <= all; seq++ {
		ring.Emit(event.Event{Seq: uint64(seq), Name: names[seq/100%2]})
	}
	web := http1.NewServer(NewServer(Server{Events: ring}).Handle)
	socket, err := Listen(filepath.Join(t.TempDir(), "s"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(socket) }()
	client := NewClient(socket.Path())
	for _, since := range []int{-1, 0, 500, all - kept - 1, all - kept, 800, 999, 1000, 2000} {
		for _, n := range []int{-1, 0, 1, eventBatch, 250, 5000} {
			for _, name := range []event.Name{"", names[0], names[1]} {
				query := url.Values{}
				if since >= 0 {
					query.Set("since", strconv.Itoa(since))
				}
				if n >= 0 {
					query.Set("n", strconv.Itoa(n))
				}
				if name != "" {
					query.Set("event", string(name))
				}
				var want, got []int
				for seq := max(since+1, all-kept+1); seq <= all; seq++ {
					if name == "" || names[seq/100%2] == name {
						want = append(want, seq)
					}
				}
				if n >= 0 {
					want = want[max(0, len(want)-n):]
				}
				if since >= 0 && since < all-kept && n != 0 {
					want = append([]int{0}, want...) // first it is told that some are gone
				}
				err := client.Stream(t.Context(), "/v1/events", query, func(line []byte) error {
					var e struct{ Seq int }
					err := json.Unmarshal(line, &e)
					got = append(got, e.Seq)
					return err
				})
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v\n got %v\nwant %v", query.Encode(), err, got, want)
				}
			}
		}
	}
	web.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	socket.Remove()
}

// Ten thousand services are told of without holding up the owner: it is asked in
// batches.
func TestTheOwnerIsNotHeldUp(t *testing.T) {
	const n = 10_000
	specs := make([]config.Service, n)
	for i := range specs {
		specs[i] = service("service-"+strconv.Itoa(i), nil)
	}
	w := newWorld(t, specs...)
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		for {
			select {
			case <-stop:
				worst <- most
				return
			default:
			}
			before := time.Now()
			w.loop.Ask(nil, func(*supervisor.Loop) {})
			most = max(most, time.Since(before))
		}
	}()
	begin := time.Now()
	var all []api.Service
	if status := w.ask(t, &all, "GET", "/v1/services", "usage", "1"); status != 200 || len(all) != n {
		t.Errorf("status %d, %d services", status, len(all))
	}
	took := time.Since(begin)
	close(stop)
	t.Logf("status took %v, the owner was away for at most %v", took, <-worst)
	if err := w.Stream(t.Context(), "/metrics", nil, func([]byte) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"": true, "localhost": true, "LOCALHOST:9464": true, "127.0.0.1": true, "127.1.2.3:80": true, "[::1]:9464": true, "::1": true, "[::1]": true,
		"evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example:9464": false, "10.0.0.1": false, "0.0.0.0": false, ":9464": false, "localhost:": true,
	} {
		if got := local(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("web@*", "10m", "5", "1")
	f.Add("[a-", "2006-01-02T15:04:05Z", "-1", "x")
	f.Add("\\", "", "99999999999999999999", "true")
	f.Add("*?[^a]", "-9223372036854775808ns", "0x1", "")
	set := supervisor.NewSet([]config.Service{
		service("db", nil), service("web@1", func(s *config.Service) { s.Template = "web" }), service("web@2", func(s *config.Service) { s.Template = "web" }),
	}, 0, time.Now())
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	f.Fuzz(func(t *testing.T, name, since, n, yes string) {
		r := &http1.Request{Path: "/v1/x", Query: url.Values{"name": {name}, "n": {n}, "follow": {yes}, "wait": {since}}}
		indexes, err := pick(set, r.Query["name"])
		if (err == nil) != (len(indexes) > 0) {
			t.Errorf("pick(%q): %v, %v", name, indexes, err)
		}
		for i, index := range indexes {
			spec := set.Spec(index)
			if i > 0 && spec.Name <= set.Spec(indexes[i-1]).Name {
				t.Errorf("pick(%q): %v are out of order", name, indexes)
			}
			if !matchesAny(r.Query["name"], spec.Name) {
				t.Errorf("%q means %s for status, and not for events", name, spec.Name)
			}
		}
		if got, err := count(r, "n"); n == "" && got != -1 || err == nil && n != "" && (got < 0 || got > math.MaxInt) {
			t.Errorf("count(%q): %d, %v", n, got, err)
		}
		if at, err := moment(since, now); err != nil && !at.IsZero() {
			t.Errorf("moment(%q): %v, %v", since, at, err)
		}
		if d, err := waitLimit(r); err == nil && d < 0 && since != "" {
			t.Errorf("waitLimit(%q): %v", since, d)
		}
		_, _ = truth(r, "follow")
		for _, err := range []error{checkQuery(r, []string{"name", "n"}), checkQuery(r, []string{"name", "n", "follow", "wait"})} {
			if err != nil && strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
		}
	})
}
