package main

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/api"
)

func someServices() []api.Service {
	return []api.Service{
		{Name: "db", State: "running", Ready: true, PID: 4711, Uptime: 3725},
		{Name: "web@1", State: "backoff", Restarts: 12, Why: "exited 1 after 13ms, which is what it does each time", Next: "starts in 4.2s"},
		{Name: "old", State: "stopping", PID: 41, Uptime: 9.9, Why: "asked for", Blocked: "pid 41 (old) ignores TERM", Next: "KILL in 3s"},
		{Name: "evil\x1b[2J", State: "failed", Why: "\x1b]0;owned\a\nok  running"},
		{Name: "job", State: "done", Why: "exited 0"},
	}
}

func TestTable(t *testing.T) {
	want := `
NAME       STATE      PID  UPTIME  RESTARTS  WHY
db         running   4711   1h02m         0
web@1      backoff      -       -        12  exited 1 after 13ms, which is what it does each time; starts in 4.2s
old        stopping    41      9s         0  pid 41 (old) ignores TERM; KILL in 3s
evil^[[2J  failed       -       -         0  ^[]0;owned^G^Jok  running
job        done         -       -         0  exited 0
`
	if diff := cmp.Diff(want, "\n"+table(someServices(), screen{columns: 80})); diff != "" {
		t.Error(diff)
	}
}

func TestTheReasonIsWhatMatters(t *testing.T) {
	for want, s := range map[string]api.Service{
		"not ready: 127.0.0.1:80: connection refused; given up in 12s": {State: "starting", Why: "asked for", Step: "not ready: 127.0.0.1:80: connection refused", Next: "given up in 12s"},
		"unwell: connection refused":                                   {State: "running", Health: "unwell: connection refused", Says: "fine"},
		"is reloading":                                                 {State: "running", Health: "well", About: "is reloading", Says: "fine"},
		"says: 3 requests^[":                                           {State: "running", Says: "3 requests\x1b"},
		"stop.before runs; stop.before is ended in 3s":                 {State: "stopping", Why: "asked for", Step: "stop.before runs", Next: "stop.before is ended in 3s"},
		"exited 1": {State: "backoff", Why: "exited 1", Says: "of its last run"},
	} {
		if got := reason(&s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDetailOfWhatAServiceSaysAndHolds(t *testing.T) {
	n := 1
	s := api.Service{Name: "web", Kind: "service", State: "running", Ready: true, Health: "well", About: "is reloading", Says: "3 requests", ReadyBy: "notify", Autostart: true,
		Sockets: []string{"tcp://127.0.0.1:80", "udp://127.0.0.1:53"}, Connections: &n, Stored: []string{"stored", "conn"}, Log: "none", Command: []string{"web"}}
	_, got, _ := strings.Cut(detail(&s, screen{columns: 80}), "\n")
	want := `  health    well
  about     is reloading
  says      3 requests
  restarts  0
  kind      service
  ready by  notify
  sockets   tcp://127.0.0.1:80, udp://127.0.0.1:53 (1 connection)
  stored    stored, conn
  log       none
  command   web
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	all := someServices()
	all = append(all, api.Service{Name: strings.Repeat("long-", 20), State: "waiting", Why: strings.Repeat("needs ", 30)})
	for _, columns := range []int{60, 80, 81, 120, 200} {
		got := table(all, screen{terminal: true, columns: columns})
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
				t.Errorf("%d columns, and a line has %d: %s", columns, n, line)
			}
		}
	}
	got := table(someServices(), screen{terminal: true, columns: 80})
	if !strings.Contains(got, "exited 1 after 13m…; starts in 4.2s\n") {
		t.Errorf("what comes next is cut rather than the reason:\n%s", got)
	}
}

func TestWhatHasFailedStandsOut(t *testing.T) {
	lines := strings.Split(table(someServices(), screen{terminal: true, columns: 100, colour: true}), "\n")
	if want := "db         \x1b[32mrunning \x1b[0m"; !strings.HasPrefix(lines[1], want) {
		t.Errorf("%q does not begin with %q", lines[1], want)
	}
	for _, i := range []int{2, 4} {
		if !strings.HasPrefix(lines[i], "\x1b[31m") || !strings.HasSuffix(lines[i], "\x1b[0m") {
			t.Errorf("not red as a whole: %q", lines[i])
		}
	}
}

func TestDetail(t *testing.T) {
	code := 3
	cpu, memory := 61.5, uint64(3<<20)
	s := api.Service{
		Name: "web", Kind: "service", State: "running", Ready: false, PID: 41, Uptime: 125, Restarts: 2, Autostart: true,
		Since: time.Now().Add(-2 * time.Hour * 24), Why: "asked for by \x1b[2J", Next: "times out in 3s", Blocked: "pid 43 ignores TERM",
		LastExit: &api.Exit{Code: &code, Text: "exited 3", Up: 1.25, At: time.Date(2020, 1, 2, 3, 4, 5, 0, time.Local)},
		Needs:    []string{"db", "cache"}, Log: "log/web/current", Command: []string{"./web", "--name", "it's me", ""},
		CPU: &cpu, Memory: &memory,
		Processes: []api.Process{
			{PID: 50, PPID: 1, Name: "stray", State: "S", CPU: 0.5, Memory: 1024},
			{PID: 42, PPID: 41, Name: "a", Command: "a --b", State: "S", Memory: 1 << 20},
			{PID: 44, PPID: 42, Name: "z\a", State: "Z"},
			{PID: 43, PPID: 41, Name: "b", State: "T", CPU: 61},
			{PID: 41, PPID: 7, Name: "web", State: "S", Main: true, Memory: 2 << 20},
			{PID: 60, PPID: 61, Name: "circle", State: "S"},
			{PID: 61, PPID: 60, Name: "circle", State: "D"},
		},
	}
	_, got, _ := strings.Cut(detail(&s, screen{columns: 80}), "\n")
	want := `  why       asked for by ^[[2J
  next      times out in 3s
  blocked   pid 43 ignores TERM
  pid       41
  uptime    2m05s
  restarts  2
  last exit exited 3 after 1.3s, 2020-01-02 03:04:05
  kind      service
  needs     db, cache
  log       log/web/current
  command   ./web --name 'it'\''s me' ''
  processes 7, CPU 1m01s, memory 3.0 MB
    PID            CPU    MEMORY  COMMAND
    41           0.00s    2.0 MB  web
    ├─ 42        0.00s    1.0 MB  a --b
    │  └─ 44     0.00s       0 B  z^G (zombie)
    └─ 43        1m01s       0 B  b (stopped)
    50           0.50s    1.0 KB  stray
    60           0.00s       0 B  circle
    └─ 61        0.00s       0 B  circle (waits in the kernel)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVerdictOfAStatus(t *testing.T) {
	stopped := api.Service{Name: "a", State: "stopped"}
	ready := api.Service{Name: "b", State: "running", Ready: true}
	late := api.Service{Name: "c", State: "starting"}
	sick := api.Service{Name: "d", State: "running", Ready: true, Health: "unwell: timeout"}
	armed := api.Service{Name: "e", State: "stopped", Ready: true, Armed: true}
	for _, c := range []struct {
		all   []api.Service
		named bool
		want  string
	}{
		{[]api.Service{stopped, ready}, false, "well"},
		{[]api.Service{stopped, ready}, true, "not as it should be: a"},
		{[]api.Service{ready, late}, false, "not as it should be: c"},
		{[]api.Service{late, late, late, late, late, late, late}, false, "not as it should be: c, c, c, c, c and 2 more"},
		{[]api.Service{late}, true, "exit status 1"},
		{[]api.Service{ready, sick}, false, "not as it should be: d"},
		{[]api.Service{ready, armed}, true, "well"},
		{nil, false, "well"},
	} {
		got := "well"
		if err := verdict(c.all, c.named); err != nil {
			got = err.Error()
			if e := (exit{}); !errors.As(err, &e) || e.status != exitNotDone {
				t.Errorf("%v is not exit status 1", err)
			}
		}
		if got != c.want {
			t.Errorf("%v named=%v: %q, want %q", c.all, c.named, got, c.want)
		}
	}
}

func TestLastingIsShort(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0s", 59.9: "59s", 60: "1m00s", 3599: "59m59s", 3600: "1h00m", 86399: "23h59m", 86400: "1d00h", 999 * 86400: "999d00h", 5000 * 86400: "5000d",
	} {
		if got := lasting(seconds); got != want {
			t.Errorf("%g: %q, want %q", seconds, got, want)
		}
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KB", 1536: "1.5 KB", 1<<20 - 1: "1.0 MB", 5 << 30: "5.0 GB", 1 << 62: "4194304.0 TB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
