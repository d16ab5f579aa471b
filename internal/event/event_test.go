package event

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// namesInSource reads the names from the source, so that none is forgotten.
func namesInSource(t *testing.T) map[string]Name {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]Name{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Name" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		names[spec.Names[0].Name] = Name(value)
		return true
	})
	if len(names) < 20 {
		t.Fatalf("found only %v", names)
	}
	return names
}

// texts has every event with all that its text may need.
var texts = map[Name]string{
	SuperviseStarted:   "supervise started, pid 41",
	SuperviseEnded:     "supervise ends: reason",
	SuperviseReplacing: "supervise is about to be replaced: reason",
	SuperviseReplaced:  "supervise was replaced: reason",
	SuperviseStays:     "supervise is not replaced: reason",
	ShutdownBegun:      "shutting down: reason",
	ShutdownHurried:    "hurrying: reason",
	ServiceWaiting:     "waiting: reason",
	ServiceStarting:    "starting: reason",
	ServiceStarted:     "started, pid 41",
	ServiceRunning:     "running, pid 41",
	ServiceStopping:    "stopping: reason",
	ServiceStopped:     "stopped: reason",
	ServiceDone:        "done: reason",
	ServiceFailed:      "failed: reason",
	ServiceOutput:      "a line",
	ProcessExited:      "exited 3 after 1.2s, pid 41",
	ProcessStopped:     "stopped by QUIT, pid 41",
	ProcessContinued:   "continued, pid 41",
	StartFailed:        "could not start: reason",
	BackoffScheduled:   "backoff: reason",
	OrphanReaped:       "reaped orphan 41, exited 3",
	SignalReceived:     "QUIT from 812 (kubelet, uid 1000)",
	SignalSent:         "QUIT (for TERM) sent to group 41: reason",
	SignalDropped:      "QUIT (for TERM) dropped: reason",
	SignalFailed:       "QUIT (for TERM) could not be sent: reason",
	SignalOutcome:      "QUIT: nothing seen of 41 for 0s",
	StopEscalated:      "reason, so QUIT is next",
	StopBlocked:        "still waiting: reason",
	StopAbandoned:      "left behind: reason",
	RunTimedOut:        "timeout: reason",
	StartTimedOut:      "timeout: reason",
	HookFailed:         "hook failed: reason",
	MainChanged:        "main process is 41: reason",
	HealthLost:         "unhealthy: reason",
	HealthRegained:     "healthy again",
	WatchdogMissed:     "watchdog: reason",
	NotifyRefused:      "notification refused: reason",
	ServiceSays:        "says: reason",
	WatchFailed:        "files not watched: reason",
	IdleUnknown:        "idle or not is unknown: reason",
	FilesFailed:        "files for sv not kept: reason",
	RollEnded:          "rolling restart ended: reason",
	ConfigReloading:    "reading the configuration again: reason",
	LogBlocked:         "log blocked: reason",
	LogResumed:         "log resumed: reason",
	LogDropped:         "log dropped: reason",
	LogRotated:         "log rotated: reason",
	LogUncompressed:    "log not compressed: reason",
	ConfigReloaded:     "configuration reloaded: reason",
	ConfigRejected:     "configuration not taken over, nothing has changed: reason",
	EventsMissed:       "reason",
	SuperviseLost:      "reason",
	RemainsSpared:      "left alone: reason",
}

func TestEveryNameHasAText(t *testing.T) {
	for constant, name := range namesInSource(t) {
		e := Event{
			Name: name, Service: "web", PID: 41, Signal: signals.QUIT, Was: signals.TERM, To: "group 41", Line: "a line", Why: "reason",
			From: &signals.Received{Signal: signals.TERM, PID: 812, UID: 1000}, Sender: "kubelet", Exit: &policy.Exit{Code: 3}, Up: 1234 * time.Millisecond,
		}
		want, ok := texts[name]
		if !ok {
			t.Errorf("%s has no text in this test: it would be told as %q", constant, e.Text())
		} else if got := e.Text(); got != want {
			t.Errorf("%s: got %q, want %q", constant, got, want)
		}
		if noun, verb, ok := strings.Cut(string(name), "."); !ok || noun == "" || verb == "" || strings.ToLower(string(name)) != string(name) {
			t.Errorf("%s is called %q, want noun.verb", constant, name)
		}
	}
}

func TestTextWithoutAReason(t *testing.T) {
	for name, want := range map[Name]string{
		ServiceStarting: "starting", ServiceStopping: "stopping", ServiceStopped: "stopped", ServiceDone: "done", ServiceFailed: "failed",
		"some.thing": "some.thing",
	} {
		if got := (&Event{Name: name}).Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	e := Event{Name: SignalSent, Signal: signals.RTMIN + 3, To: "3 processes"}
	if got := e.Text(); got != "RTMIN+3 sent to 3 processes" {
		t.Errorf("got %q", got)
	}
	if got := (&Event{Name: "some.thing", Why: "x"}).Text(); got != "some.thing: x" {
		t.Errorf("got %q", got)
	}
}

func TestFromText(t *testing.T) {
	for want, e := range map[string]Event{
		"unknown":                              {},
		"unknown ":                             {From: &signals.Received{Origin: signals.OriginUnknown}},
		"812 (kubelet, uid 1000)":              {From: &signals.Received{PID: 812, UID: 1000}, Sender: "kubelet"},
		"812 (gone, uid 0)":                    {From: &signals.Received{PID: 812, Origin: signals.OriginQueue}},
		"a process outside this PID namespace": {From: &signals.Received{Origin: signals.OriginTkill}},
		"the kernel":                           {From: &signals.Received{Origin: signals.OriginKernel}},
		"the timer":                            {From: &signals.Received{Origin: signals.OriginTimer}},
	} {
		if got := e.FromText(); got != strings.TrimSpace(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 4 * time.Microsecond: "0s", 1234 * time.Microsecond: "1.23ms", 9_999 * time.Microsecond: "10ms",
		12_345 * time.Microsecond: "12ms", 999_600 * time.Microsecond: "1s", 1234 * time.Millisecond: "1.2s",
		59_940 * time.Millisecond: "59.9s", 61_499 * time.Millisecond: "1m1s", 26*time.Hour + 499*time.Millisecond: "26h0m0s",
		-5 * time.Millisecond: "-5ms",
	} {
		if got := Roughly(d).String(); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func FuzzRoughly(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n)
		if off := float64(Roughly(d)) - float64(d); math.Abs(off) > max(5e3, 0.06*math.Abs(float64(d))) && d > -time.Millisecond {
			t.Errorf("%v became %v", d, Roughly(d))
		}
	})
}

func TestStamper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStamper()
		var a, b Event
		s.Stamp(&a, time.Now())
		time.Sleep(90 * time.Second)
		s.Stamp(&b, time.Now())
		if a.Seq != 1 || b.Seq != 2 || b.Mono-a.Mono != 90*time.Second || b.Time.Sub(a.Time) != 90*time.Second {
			t.Errorf("got %+v, %+v", a, b)
		}
	})
}

// The monotonic time is that of the machine, to be compared with other
// processes' and with the kernel's.
func TestMonotonicTimeIsTheMachines(t *testing.T) {
	clock := func() time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		return time.Duration(ts.Nano())
	}
	s := NewStamper()
	before := clock()
	now := time.Now()
	after := clock()
	var e Event
	s.Stamp(&e, now)
	// The two clocks of the stamper were read one after the other.
	if slack := after - before + time.Second; e.Mono < before-slack || e.Mono > after+slack {
		t.Errorf("got %v, want from %v to %v", e.Mono, before, after)
	}
}

func TestSevereIsWhatDidNotGoAsConfigured(t *testing.T) {
	want := map[Name]bool{SuperviseLost: true, RemainsSpared: true, SuperviseStays: true, ServiceFailed: true, StartFailed: true, SignalFailed: true, StopEscalated: true, StopBlocked: true, StopAbandoned: true, RunTimedOut: true, BackoffScheduled: true, ConfigRejected: true,
		StartTimedOut: true, HookFailed: true, HealthLost: true, WatchdogMissed: true, RollEnded: true, NotifyRefused: true, WatchFailed: true, IdleUnknown: true, FilesFailed: true, LogBlocked: true, LogDropped: true, LogUncompressed: true}
	for constant, name := range namesInSource(t) {
		if name.Severe() != want[name] {
			t.Errorf("%s: %v", constant, name.Severe())
		}
	}
}
