package main

import (
	"bytes"
	"strings"
	"testing"

	"supervise/internal/api"
)

func TestHoldUp(t *testing.T) {
	for _, c := range []struct {
		s    api.Service
		want string
	}{
		{api.Service{State: "stopping", Why: "asked for", Blocked: "pid 41 ignores TERM", Next: "KILL in 3s"}, "pid 41 ignores TERM, KILL in 3s"},
		{api.Service{State: "stopping", Why: "asked for", Next: "KILL in 3s"}, "stopping, KILL in 3s"},
		{api.Service{State: "waiting", Why: "needs \adb"}, "waiting (needs ^Gdb)"},
		{api.Service{State: "running", Why: "x", Next: "stops when web has stopped"}, "running, stops when web has stopped"},
		{api.Service{State: "starting", Why: "asked for", Step: "not ready: connection refused", Next: "given up in 12s, if it is not ready"}, "not ready: connection refused, given up in 12s"},
		{api.Service{State: "starting", Step: "start.before runs", Next: "start.before is ended in 5s"}, "start.before runs, start.before is ended in 5s"},
		{api.Service{State: "stopping", Step: "stop.before runs", Blocked: "pid 41 ignores TERM"}, "pid 41 ignores TERM"},
		{api.Service{State: "running", Kind: "task", Next: "times out in 3s"}, "running, times out in 3s"},
		{api.Service{State: "running", Kind: "task", Restarts: 2}, "running, try 3"},
	} {
		if got := holdUp(&c.s); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestWaitedForAreThoseOnTheirWay(t *testing.T) {
	all := []api.Service{
		{Name: "app", State: "stopping", Needs: []string{"web"}},
		{Name: "db", State: "running"},
		{Name: "else", State: "stopping"},
		{Name: "idle", State: "stopped", Needs: []string{"db"}},
		{Name: "web", State: "running", Needs: []string{"db"}},
	}
	names := func(held []api.Service) string {
		var b []string
		for _, s := range held {
			b = append(b, s.Name)
		}
		return strings.Join(b, " ")
	}
	if got := names(waitedFor(all, all[1:2])); got != "app" {
		t.Errorf("a stop of db waits for %q, want app", got)
	}
	if got := names(waitedFor(all[1:2], all[1:2])); got != "db" {
		t.Errorf("with nobody else: %q, want db", got)
	}
	task := []api.Service{{Name: "db", State: "running", Kind: "task"}, {Name: "web", State: "waiting", Needs: []string{"db"}}}
	if got := names(waitedFor(task, task[1:])); got != "db" {
		t.Errorf("a start of web waits for %q, want the task db", got)
	}
	if got := names(waitedFor(all, nil)); got != "" {
		t.Errorf("nothing is pending: %q", got)
	}
}

// A countdown alone is nothing new where each line stays.
func TestProgressInLinesTellsChangesOnly(t *testing.T) {
	var out bytes.Buffer
	p := progress{to: &out, told: map[string]string{}, nothing: "waiting for supervise to end"}
	step := func(state, blocked, next string) {
		p.tell([]api.Service{{Name: "w", State: state, Blocked: blocked, Next: next}})
	}
	step("stopping", "pid 41 ignores TERM", "KILL in 3s")
	step("stopping", "pid 41 ignores TERM", "KILL in 2s")
	step("stopping", "pid 41 is in the kernel", "given up in 1s")
	p.tell(nil)
	p.tell(nil)
	want := "waiting for w: pid 41 ignores TERM, KILL in 3s\nwaiting for w: pid 41 is in the kernel, given up in 1s\nwaiting for supervise to end\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	var out bytes.Buffer
	p := progress{to: &out, screen: screen{terminal: true, columns: 30}}
	show := func(want string, held ...api.Service) {
		t.Helper()
		out.Reset()
		if p.tell(held); out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
	show("\rwaiting for w: stopping, KIL…\x1b[K", api.Service{Name: "w", State: "stopping", Next: "KILL in 3s"}, api.Service{Name: "x", State: "stopping"})
	p.screen.columns = 48
	show("\rwaiting for w: pid 41 (sh) ignores…, KILL in 2s\x1b[K", api.Service{Name: "w", State: "stopping", Blocked: "pid 41 (sh) ignores TERM; pid 42", Next: "KILL in 2s"})
	out.Reset()
	p.tell(nil)
	if want := "\r\x1b[K"; out.String() != want || p.drawn {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
