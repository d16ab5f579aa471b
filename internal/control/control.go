// Package control is how a running supervise is seen, asked and changed: HTTP
// and JSON over a unix socket, as docs/api.md tells.
//
//	control.go  what there is to ask for
//	look.go     what is only looked at: status, events, output
//	boot.go     how the start went
//	act.go      what changes something, and waits for the outcome
//	outcome.go  when what was asked for has happened, or cannot happen any more
//	reload.go   another configuration
//	listen.go   the socket: where it is, who may use it
//	client.go   the other side
//
// Nothing here has a state of its own. What is asked of services goes to the
// owner of their state, see [supervisor.Loop.Ask]; what takes long (reading
// /proc, files, a configuration) is done here, so that it does not hold up the
// owner.
package control

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/http1"
	"supervise/internal/nearest"
	"supervise/internal/supervisor"
)

// Server answers requests about one supervise.
type Server struct {
	Loop    *supervisor.Loop
	Ended   <-chan struct{} // closed when the loop will answer no more
	Events  Events
	Output  Output
	Files   Files
	Metrics func(io.Writer, api.Info, []api.Service) error // see package metrics
	Load    func() (*config.Config, error)                 // reads the configuration again
	// Prepare does what a configuration needs before it can be taken over, or
	// nothing. nil: there is nothing to do.
	Prepare func(*config.Config) error
	// Reloaded is called when another configuration is in force.
	Reloaded func(*config.Config)
	Info     api.Info // Version, PID, Config and Since
	// Reexec has another binary take over, and answers only if that fails: else the next
	// image does. binary is "" for the one that runs. nil: it cannot be done.
	Reexec func(w *http1.Writer, r *http1.Request, binary string)

	reloading chan struct{} // holds one element while a reload is under way
}

// Events is the history, see package record.
type Events interface {
	// Since gives the first events later than seq, so many at most, and how many
	// before those are gone.
	Since(seq uint64, most int) (events []event.Event, missed uint64)
	// Newest is the number of the last event; 0: there was none.
	Newest() uint64
	// Wait waits for an event later than seq.
	Wait(ctx context.Context, seq uint64) error
}

// Output is what services wrote, as far as it is kept.
type Output interface {
	// Lines gives the last n lines of services (those after since, if it is
	// not zero), the oldest first, then with follow those that come, until ctx
	// is done or each fails.
	Lines(ctx context.Context, services []*config.Service, n int, since time.Time, follow bool, each func(api.Line) error) error
	// LastOfRun gives the last lines that a service wrote since a moment.
	LastOfRun(service *config.Service, since time.Time) []string
}

// Files is the log files.
type Files interface {
	Reopen(services []string) error
	Rotate(services []string) error
}

// NewServer completes a server.
func NewServer(s Server) *Server {
	s.reloading = make(chan struct{}, 1)
	return &s
}

// Handle answers one request.
func (s *Server) Handle(w *http1.Writer, r *http1.Request) {
	route, ok := routes()[r.Path]
	name, one := strings.CutPrefix(r.Path, "/v1/services/")
	switch {
	case one:
		r.Query["name"] = []string{name}
		route = get((*Server).service)
	case !ok:
		w.Problem(404, "there is no %s; docs/api.md has what there is", r.Path)
		return
	}
	if r.Method != route.method && !(r.Method == "HEAD" && route.method == "GET") {
		w.Problem(405, "%s takes %s, not %s", r.Path, route.method, r.Method)
		return
	}
	if err := checkQuery(r, route.params); err != nil {
		w.Problem(400, "%v", err)
		return
	}
	route.serve(s, w, r)
}

// HandleMetrics answers requests on the address that has the metrics only.
func (s *Server) HandleMetrics(w *http1.Writer, r *http1.Request) {
	switch {
	case !local(r.Header.Get("Host")):
		// A web page whose name leads to us (DNS rebinding) could read the answer.
		w.Problem(403, "this address answers to localhost, 127.0.0.1 and the like, not to the host %.60q", r.Header.Get("Host"))
	case r.Path != "/metrics":
		w.Problem(404, "here are only /metrics; all else is on the control socket")
	case r.Method != "GET" && r.Method != "HEAD":
		w.Problem(405, "/metrics takes GET, not %s", r.Method)
	default:
		s.metrics(w, r)
	}
}

// local says whether a Host header names this machine by itself; missing, it
// comes from no browser.
func local(host string) bool {
	if host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// route is something that can be asked for.
type route struct {
	method string
	params []string
	serve  func(*Server, *http1.Writer, *http1.Request)
}

func get(serve func(*Server, *http1.Writer, *http1.Request), params ...string) route {
	return route{"GET", append(params, "name"), serve}
}

func post(serve func(*Server, *http1.Writer, *http1.Request), params ...string) route {
	return route{"POST", append(params, "name"), serve}
}

// routes are made at the first request: a supervise that nobody asks does
// without.
var routes = sync.OnceValue(func() map[string]route {
	return map[string]route{
		"/v1/info":     get((*Server).info),
		"/v1/services": get((*Server).services, "usage"),
		"/v1/start":    post((*Server).start, "wait"),
		"/v1/stop":     post((*Server).stop, "wait"),
		"/v1/restart":  post((*Server).restart, "wait", "rolling"),
		"/v1/wait":     get((*Server).wait, "for", "wait"),
		"/v1/signal":   post((*Server).signal, "signal", "to", "pid"),
		"/v1/reload":   post((*Server).reload, "dry_run"),
		"/v1/reexec":   post((*Server).reexec, "binary"),
		"/v1/shutdown": post((*Server).shutdown),
		"/v1/reopen":   post((*Server).reopen),
		"/v1/rotate":   post((*Server).rotate),
		"/v1/events":   get((*Server).events, "follow", "since", "n", "event"),
		"/v1/logs":     get((*Server).logs, "follow", "since", "n"),
		"/v1/health":   get((*Server).health),
		"/v1/boot":     get((*Server).boot),
		"/metrics":     get((*Server).metrics),
	}
})

// checkQuery refuses parameters that mean nothing: one that was misspelt would
// otherwise be taken for one that was not given.
func checkQuery(r *http1.Request, params []string) error {
	for name := range r.Query {
		if !slices.Contains(params, name) {
			hint := "it takes " + strings.Join(params, ", ")
			if best := nearest.Word(name, params); best != "" {
				hint = "did you mean " + best + "?"
			}
			return fmt.Errorf("%s has no parameter %q; %s", r.Path, name, hint)
		}
	}
	return nil
}

// truth reads a parameter that is given or not.
func truth(r *http1.Request, name string) (bool, error) {
	switch v := r.Query.Get(name); v {
	case "1", "true":
		return true, nil
	case "", "0", "false":
		return false, nil
	default:
		return false, fmt.Errorf("%s=%s is neither 1 nor 0", name, v)
	}
}

// ask has the owner call do, and answers 503 if there is none any more.
func (s *Server) ask(w *http1.Writer, do func(*supervisor.Loop)) bool {
	if s.Loop.Ask(s.Ended, do) {
		return true
	}
	w.Problem(503, "supervise has just ended")
	return false
}

// pick gives the indexes of the services that the names in a request mean, in
// the order of their names. Without names: all, if that is allowed.
func pick(set *supervisor.Set, names []string) ([]int, error) {
	type known struct {
		name  string
		index int
	}
	var found []known
	hit := make([]bool, len(names))
	for i := range set.Len() {
		spec := set.Spec(i)
		if spec == nil {
			continue
		}
		wanted := len(names) == 0
		for k, name := range names {
			if name == spec.Name || name == spec.Template || globs(name, spec.Name) {
				wanted, hit[k] = true, true
			}
		}
		if wanted {
			found = append(found, known{spec.Name, i})
		}
	}
	for k, name := range names {
		if !hit[k] {
			return nil, unknown(set, name)
		}
	}
	slices.SortFunc(found, func(a, b known) int { return strings.Compare(a.name, b.name) })
	indexes := make([]int, len(found))
	for i, f := range found {
		indexes[i] = f.index
	}
	return indexes, nil
}

func globs(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func unknown(set *supervisor.Set, name string) error {
	if _, err := path.Match(name, ""); err != nil {
		return fmt.Errorf("%q is no pattern: a [ or a backslash has no end", name)
	}
	if strings.ContainsAny(name, "*?[") {
		return fmt.Errorf("no service matches %q", name)
	}
	var all []string
	for i := range set.Len() {
		if spec := set.Spec(i); spec != nil {
			all = append(all, spec.Name, spec.Template)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	hint := ""
	if best := nearest.Word(name, all); best != "" {
		hint = "; did you mean " + best + "?"
	} else if len(all) <= 20 {
		hint = "; the services are " + strings.Join(all, ", ")
	}
	return fmt.Errorf("no service is called %q%s", name, hint)
}
