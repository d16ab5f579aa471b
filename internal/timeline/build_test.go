package timeline

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/record"
	"supervise/internal/signals"
)

// told numbers events, a millisecond apart.
func told(events ...event.Event) *record.Trace {
	for i := range events {
		events[i].Seq, events[i].Mono = uint64(i+1), time.Second+time.Duration(i)*time.Millisecond
	}
	return &record.Trace{Header: record.Header{Version: 1, Mono: time.Second, PID: 1}, Events: events}
}

// shape is a timeline in short.
func shape(t *Timeline) (lines []string) {
	for _, l := range t.Lanes {
		lines = append(lines, string(l.Kind)+" "+l.Label())
	}
	for _, b := range t.Bars {
		open := ""
		if b.Open {
			open = ".."
		}
		lines = append(lines, fmt.Sprintf("%s %s %d-%d%s", t.Lanes[b.Lane].Name, b.State, b.From.Milliseconds(), b.To.Milliseconds(), open))
	}
	for _, a := range t.Arrows {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s %s>%s %s %s %s", a.At.Milliseconds(), a.Signal, t.Lanes[a.From].Label(), t.Lanes[a.To].Label(), a.Disposition, a.Became, a.How)))
	}
	return lines
}

func TestLanesBarsAndArrows(t *testing.T) {
	const web = "web"
	bash := &signals.Received{Signal: signals.TERM, PID: 812}
	for name, c := range map[string]struct {
		events []event.Event
		want   []string
	}{
		"a signal and what it becomes": {
			[]event.Event{
				{Name: event.SuperviseStarted, PID: 1},
				{Name: event.ServiceStarting, Service: web}, {Name: event.ServiceStarted, Service: web, PID: 41}, {Name: event.ServiceRunning, Service: web, PID: 41},
				{Name: event.SignalReceived, Signal: signals.TERM, From: bash, Sender: "bash"},
				{Name: event.ServiceStopping, Service: web, PID: 41},
				{Name: event.SignalSent, Service: web, PID: 41, Signal: signals.QUIT, Was: signals.TERM, Of: 5, Targets: []event.Target{{PID: 41, Name: "srv", Disposition: event.Caught}, {PID: 42, Name: "kid", Disposition: event.Ignored}}},
				{Name: event.ProcessExited, Service: web, PID: 41, Exit: &policy.Exit{}},
				{Name: event.SignalOutcome, Service: web, PID: 41, Signal: signals.QUIT, Of: 7, Became: event.Ended, Exit: &policy.Exit{}},
				{Name: event.SignalOutcome, Service: web, PID: 42, Signal: signals.QUIT, Of: 7, Became: event.Unseen},
				{Name: event.SuperviseEnded},
			},
			[]string{
				"sender bash 812", "supervise supervise", "service web", "process kid 42",
				"supervise running 0-10", "web starting 1-2", "web starting 2-3", "web running 3-5", "web stopping 5-7", "kid seen 6-10..",
				"4 TERM bash 812>supervise", "6 QUIT supervise>web caught ended exited 0", "6 QUIT supervise>kid 42 ignored unseen",
			},
		},
		"backoff, and the trace is cut off": {
			[]event.Event{
				{Name: event.SuperviseStarted, PID: 1}, {Name: event.ServiceStarted, Service: web, PID: 41}, {Name: event.ServiceRunning, Service: web, PID: 41},
				{Name: event.ProcessExited, Service: web, PID: 41, Exit: &policy.Exit{Code: 1}}, {Name: event.BackoffScheduled, Service: web},
				{Name: event.ServiceStarting, Service: web}, {Name: event.ServiceStarted, Service: web, PID: 43},
			},
			[]string{"supervise supervise", "service web", "supervise running 0-6..", "web starting 1-2", "web running 2-3", "web backoff 4-5", "web starting 5-6", "web starting 6-6.."},
		},
		"a process that is held": {
			[]event.Event{
				{Name: event.SuperviseStarted, PID: 1}, {Name: event.ServiceStarted, Service: web, PID: 41},
				{Name: event.ProcessStopped, Service: web, PID: 41, Signal: signals.STOP}, {Name: event.ProcessContinued, Service: web, PID: 41}, {Name: event.SuperviseEnded},
			},
			[]string{"supervise supervise", "service web", "supervise running 0-4", "web starting 1-4..", "web held 2-3"},
		},
		"senders that are no process, and a service that signals supervise": {
			[]event.Event{
				{Name: event.ServiceStarted, Service: web, PID: 41},
				{Name: event.SignalReceived, Signal: signals.INT, From: &signals.Received{Signal: signals.INT, Origin: signals.OriginKernel}},
				{Name: event.SignalReceived, Signal: signals.HUP, From: &signals.Received{Signal: signals.HUP, Origin: signals.OriginKernel}},
				{Name: event.SignalReceived, Signal: signals.HUP, From: &signals.Received{Signal: signals.HUP, Origin: signals.OriginUnknown}},
				{Name: event.SignalReceived, Signal: signals.HUP, From: &signals.Received{Signal: signals.HUP, PID: 41}, Sender: "srv"},
				{Name: event.SignalSent, Service: web, PID: 41, Signal: signals.HUP},
			},
			[]string{
				"sender terminal", "sender kernel", "sender unknown", "supervise supervise", "service web", "web starting 0-5..",
				"1 INT terminal>supervise", "2 HUP kernel>supervise", "3 HUP unknown>supervise", "4 HUP web>supervise", "5 HUP supervise>web",
			},
		},
	} {
		if diff := cmp.Diff(c.want, shape(Build(told(c.events...)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSummariesAreSentences(t *testing.T) {
	for name, want := range map[string][]string{
		"stubborn": {
			"At 1.3s TERM came from bash (pid 19595, uid 0, by kill) and went on to sh (pid 19621), which ignored it and was killed by KILL 1.1s later. sleep 19639 got it too and ignored it.",
			"At 2.4s supervise sent KILL to sh (pid 19621), which died of it after 117ms. sleep 19639 got it too.",
		},
		"retries": {"The program sh ran 4 times, with 707ms of waiting in between.", "No signal was received or sent.", "Status 3, 0 orphans reaped, 841ms after supervise began."},
		"nginx":   {"At 871ms TERM came from bash (pid 1585, uid 0, by kill) and went on as QUIT to nginx (pid 1596), which catches it and exited 0 64ms later. nginx 1627 got it too and catches it."},
		"up":      {"At 619ms USR1 came from bash (pid 1671, uid 0, by kill); it was not passed on."},
	} {
		trace, err := record.Open("testdata/" + name + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		all := Build(trace).Summary
		for _, line := range want {
			if !strings.Contains("\n"+strings.Join(all, "\n")+"\n", "\n"+line+"\n") {
				t.Errorf("%s: %q is missing in\n%s", name, line, strings.Join(all, "\n"))
			}
		}
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	trace := told(event.Event{Name: event.SuperviseStarted}, event.Event{Name: event.SignalReceived, Signal: signals.TERM})
	trace.Events[1].Seq = 12
	got := Build(trace)
	if text := strings.Join(got.Summary, "\n"); got.Missing != 10 || !strings.Contains(text, "10 events are missing") || !strings.Contains(text, "has no end") ||
		!strings.Contains(text, "TERM came from a sender that is not known") {
		t.Errorf("%d, %q", got.Missing, text)
	}
}

// A script that calls kill once a second is another process each time, and a
// service may have any number of processes: the lanes are bounded.
func TestLanesAreBounded(t *testing.T) {
	var events []event.Event
	for n := range 1000 {
		events = append(events, event.Event{Name: event.SignalReceived, Signal: signals.HUP, From: &signals.Received{PID: 1000 + n}, Sender: "kill"},
			event.Event{Name: event.SignalSent, Service: "web", Signal: signals.HUP, Targets: []event.Target{{PID: 5000 + n, Name: "kid"}}})
	}
	trace := told(events...)
	if got := Build(trace); len(got.Lanes) > mostSenders+mostProcesses+4 || len(got.Arrows) != 2000 {
		t.Errorf("%d lanes, %d arrows", len(got.Lanes), len(got.Arrows))
	}
}

// FuzzBuild: of any trace that can be read comes a timeline that can be drawn.
func FuzzBuild(f *testing.F) {
	for _, name := range []string{"stubborn", "up"} {
		b, err := os.ReadFile("testdata/" + name + ".jsonl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		trace, err := record.Read(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		got := Build(trace)
		for _, bar := range got.Bars {
			if bar.Lane < 0 || bar.Lane >= len(got.Lanes) {
				t.Errorf("%+v is on no lane", bar)
			}
		}
		for _, a := range got.Arrows {
			if a.From < 0 || a.To < 0 || a.From >= len(got.Lanes) || a.To >= len(got.Lanes) {
				t.Errorf("%+v ends on no lane", a)
			}
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
	})
}
