package test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"supervise/internal/api"
	"supervise/internal/control"
)

// asked is a session that is spoken to through its control socket.
type asked struct {
	*upSession
	client *control.Client
	whole  bool // all events come on stdout
}

// upAsked starts `supervise up` with a control socket of its own.
func upAsked(t testing.TB, plan upPlan) *asked {
	t.Helper()
	dir, err := os.MkdirTemp("", "up") // t.TempDir may be longer than a socket's path can be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "sock")
	plan.env = append(plan.env, "SUPERVISE_SOCKET="+socket)
	a := &asked{upStart(t, plan), control.NewClient(socket), plan.flags == nil}
	a.until("supervise.started", "") // the socket was there before
	return a
}

// call asks for something and decodes the answer; query is NAME=VALUE.
func (a *asked) call(method, path string, into any, query ...string) (status int, err error) {
	values := url.Values{}
	for _, q := range query {
		name, value, _ := strings.Cut(q, "=")
		values.Add(name, value)
	}
	ctx, cancel := context.WithTimeout(a.t.Context(), upDeadline)
	defer cancel()
	return a.client.Call(ctx, method, path, values, into)
}

// do is call that must succeed.
func (a *asked) do(method, path string, into any, query ...string) {
	a.t.Helper()
	if status, err := a.call(method, path, into, query...); err != nil || status >= 300 {
		a.t.Fatalf("%s %s %q: %d, %v\n%s", method, path, query, status, err, a.told())
	}
	a.caughtUp()
}

// caughtUp waits until the test has read what supervise has told so far: an answer
// overtakes the events on stdout. Where supervise is gone, or tells other
// events than all, there is nothing to wait for.
func (a *asked) caughtUp() {
	a.t.Helper()
	var info api.Info
	if !a.whole {
		return
	}
	if status, err := a.call("GET", "/v1/info", &info); err == nil && status == 200 {
		a.when("all events are read", func() bool { return a.last() >= info.Seq })
	}
}

// services gives the status of all services, by name.
func (a *asked) services() map[string]api.Service {
	a.t.Helper()
	var list []api.Service
	a.do("GET", "/v1/services", &list)
	all := map[string]api.Service{}
	for _, s := range list {
		all[s.Name] = s
	}
	return all
}

// info asks for what there is to know of supervise itself, which also makes
// sure that all that was sent before has been handled, and told.
func (a *asked) info() (info api.Info) {
	a.t.Helper()
	a.do("GET", "/v1/info", &info)
	return info
}

// write puts a file in place of another, at once.
func (a *asked) write(name, text string) {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path+".aside", []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(path+".aside", path); err != nil {
		a.t.Fatal(err)
	}
}
