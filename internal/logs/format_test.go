package logs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

var at = time.Date(2026, 1, 2, 15, 4, 5, 678901234, time.UTC)

// stamped is an event with a number and times.
func stamped(e event.Event) *event.Event {
	e.Seq, e.Time, e.Mono = 7, at, 90*time.Second
	return &e
}

func TestLinesOfText(t *testing.T) {
	f := NewText([]string{"web", "database-1"}, false)
	for _, c := range []struct{ got, want string }{
		{string(f.Line(nil, "web", at, []byte("hello"), false)), "15:04:05 web        | hello\n"},
		{string(f.Line(nil, "web", at, []byte("lo"), true)), "15:04:05 web        + lo\n"},
		{string(f.Line([]byte("before\n"), "database-1", at, nil, false)), "before\n15:04:05 database-1 | \n"},
		{string(f.Line(nil, "a-name-nobody-announced", at, []byte("x"), false)), "15:04:05 a-name-nobody-announced | x\n"},
		{string(f.Line(nil, "web", at, []byte("\xff\x1b[31m\t"), false)), "15:04:05 web        | \xff\x1b[31m\t\n"},
		{string(f.Event(nil, stamped(event.Event{Name: event.ServiceStarted, Service: "web", PID: 41}))),
			"15:04:05 supervise  * web: started, pid 41\n"},
		{string(f.Event(nil, stamped(event.Event{Name: event.ShutdownBegun, Why: "TERM received"}))),
			"15:04:05 supervise  * shutting down: TERM received\n"},
		// What a process calls itself does nothing to the terminal and makes no line.
		{string(f.Event(nil, stamped(event.Event{Name: event.ShutdownBegun, Why: "\x1b]0;x\a\n15:04"}))),
			"15:04:05 supervise  * shutting down: ^[]0;x^G^J15:04\n"},
		{string(f.Event(nil, stamped(event.Event{Name: event.ServiceOutput, Service: "web", Line: "hello"}))), "15:04:05 web        | hello\n"},
	} {
		if c.got != c.want {
			t.Errorf("got  %q\nwant %q", c.got, c.want)
		}
	}
}

func TestColoursOfText(t *testing.T) {
	f := NewText([]string{"web", "db"}, true)
	web, db := string(f.Line(nil, "web", at, []byte("x"), false)), string(f.Line(nil, "db", at, []byte("x"), false))
	if want := palette[0] + "15:04:05 web       |" + normal + " x\n"; web != want {
		t.Errorf("got  %q\nwant %q", web, want)
	}
	if !strings.HasPrefix(db, palette[1]) {
		t.Errorf("two services share a colour: %q", db)
	}
	for name, want := range map[event.Name]string{event.ServiceStarted: dim, event.ServiceFailed: red} {
		got := string(f.Event(nil, stamped(event.Event{Name: name})))
		if !strings.Contains(got, normal+" "+want) || !strings.HasSuffix(got, normal+"\n") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	many := make([]string, 3*len(palette))
	NewText(many, true) // more services than colours
}

func TestLinesOfBare(t *testing.T) {
	if got := string(Bare{}.Event(nil, stamped(event.Event{Name: event.StartFailed, Service: "x", Why: "no"}))); got != "supervise: could not start: no\n" {
		t.Errorf("got %q", got)
	}
	if got := string(Bare{}.Line(nil, "web", at, []byte("a b"), true)); got != "a b\n" {
		t.Errorf("got %q", got)
	}
}

func TestLinesOfJSON(t *testing.T) {
	const head = `"time":"2026-01-02T15:04:05.678901Z"`
	sender := &signals.Received{Signal: signals.TERM, Origin: signals.OriginKill, PID: 812, UID: 1000}
	for _, c := range []struct {
		event event.Event
		want  string
	}{
		{event.Event{Name: event.SuperviseStarted, PID: 1},
			`{"level":"info",` + head + `,"event":"supervise.started","seq":7,"mono_ns":90000000000,"pid":1,"message":"supervise started, pid 1"}`},
		{event.Event{Name: event.SignalReceived, Signal: signals.TERM, From: sender, Sender: "kubelet"},
			`{"level":"info",` + head + `,"event":"signal.received","seq":7,"mono_ns":90000000000,"signal":"TERM","signo":15,` +
				`"from":{"by":"kill","code":0,"pid":812,"uid":1000,"name":"kubelet"},"message":"TERM from 812 (kubelet, uid 1000)"}`},
		{event.Event{Name: event.SignalReceived, Signal: signals.INT, From: &signals.Received{Origin: signals.OriginKernel}},
			`{"level":"info",` + head + `,"event":"signal.received","seq":7,"mono_ns":90000000000,"signal":"INT","signo":2,` +
				`"from":{"by":"kernel","code":128},"message":"INT from the kernel"}`},
		{event.Event{Name: event.SignalSent, Service: "web", PID: 41, Signal: signals.QUIT, Was: signals.TERM, To: "group 41"},
			`{"level":"info",` + head + `,"event":"signal.sent","seq":7,"mono_ns":90000000000,"service":"web","pid":41,"signal":"QUIT","signo":3,` +
				`"was":"TERM","to":"group 41","message":"QUIT (for TERM) sent to group 41"}`},
		{event.Event{Name: event.ProcessExited, PID: 41, Exit: &policy.Exit{Code: 3}, Up: 1500 * time.Millisecond},
			`{"level":"info",` + head + `,"event":"process.exited","seq":7,"mono_ns":90000000000,"pid":41,"exit":{"code":3},"up_ns":1500000000,` +
				`"message":"exited 3 after 1.5s, pid 41"}`},
		{event.Event{Name: event.OrphanReaped, PID: 9, Exit: &policy.Exit{Signal: signals.Signal(11), Core: true}},
			`{"level":"debug",` + head + `,"event":"orphan.reaped","seq":7,"mono_ns":90000000000,"pid":9,"exit":{"signal":"SEGV","core":true},` +
				`"message":"reaped orphan 9, killed by SEGV (core dumped)"}`},
		{event.Event{Name: event.StartFailed, Why: "no", Exit: &policy.Exit{Code: 127, NotRun: "no"}},
			`{"level":"warn",` + head + `,"event":"start.failed","seq":7,"mono_ns":90000000000,"exit":{"not_run":"no","status":127},"why":"no",` +
				`"message":"could not start: no"}`},
		{event.Event{Name: event.BackoffScheduled, Why: "x", Exit: &policy.Exit{Code: 1, Missed: "late"}},
			`{"level":"warn",` + head + `,"event":"backoff.scheduled","seq":7,"mono_ns":90000000000,"exit":{"code":1,"missed":"late"},"delay_ns":0,"why":"x",` +
				`"message":"backoff: x"}`},
	} {
		got := string(JSON{}.Event([]byte("before\n"), stamped(c.event)))
		if diff := cmp.Diff("before\n"+c.want+"\n", got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.event.Name, diff)
		}
		if !json.Valid([]byte(strings.TrimPrefix(got, "before\n"))) {
			t.Errorf("%s: no JSON: %s", c.event.Name, got)
		}
	}
}

func TestOutputInJSON(t *testing.T) {
	const head = `{"level":"info","time":"2026-01-02T15:04:05.678901Z","event":"service.output","service":"web",`
	if got, want := string(JSON{}.Line(nil, "web", at, []byte("a \"b\"\t\x00\xff"), false)),
		head+`"message":"a \"b\"\t\u0000`+`\ufffd"}`+"\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := string(JSON{}.Line(nil, "web", at, []byte("lo"), true)),
		head+`"why":"continues a long line","message":"lo"}`+"\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzJSONIsOneValidLine(f *testing.F) {
	f.Add("web", []byte("hello"), "why")
	f.Add("\xff", []byte{0, 0xff, '\n', '"'}, "\u2028")
	f.Fuzz(func(t *testing.T, service string, line []byte, why string) {
		for _, b := range [][]byte{
			JSON{}.Line(nil, service, at, line, false),
			JSON{}.Event(nil, stamped(event.Event{Name: event.ServiceFailed, Service: service, Why: why, Sender: string(line),
				From: &signals.Received{}, Exit: &policy.Exit{NotRun: why}})),
		} {
			if !json.Valid(b) || strings.Count(string(b), "\n") != 1 || b[len(b)-1] != '\n' {
				t.Errorf("got %q", b)
			}
		}
	})
}

// On a terminal a service writes in its own line only.
func TestLinesOfAScreen(t *testing.T) {
	f := Screen{NewText([]string{"web"}, false)}
	for line, want := range map[string]string{
		"hello\tyou": "hello\tyou",
		"\r15:04:05 supervise * web: running, pid 1": "^M15:04:05 supervise * web: running, pid 1",
		"\x1b[1A\x1b[2Kgone":                         "^[[1A^[[2Kgone",
		"\x1b[31mred":                                "\x1b[31mred\x1b[0m",
		"\x1b]0;title\a\xff":                         "^[]0;title^G<ff>",
	} {
		if got, want := string(f.Line(nil, "web", at, []byte(line), false)), "15:04:05 web       | "+want+"\n"; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
