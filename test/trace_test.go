package test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/event"
	"supervise/internal/record"
	"supervise/internal/signals"
)

// traced waits until a trace has an event, and gives it.
func (s *stage) traced(path string, is func(event.Event) bool) (found event.Event) {
	s.t.Helper()
	eventually(s.t, "an event in the trace", func() bool {
		trace, err := record.Open(path)
		if err != nil {
			return false // not begun yet
		}
		n := slices.IndexFunc(trace.Events, is)
		if n >= 0 {
			found = trace.Events[n]
		}
		return n >= 0
	})
	return found
}

func (s *stage) trace(path string) *record.Trace {
	s.t.Helper()
	trace, err := record.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return trace
}

// sigqueue sends a signal with a value, as sigqueue(3) does.
func sigqueue(t *testing.T, pid int, s signals.Signal, value int32) {
	t.Helper()
	var info [128]byte
	*(*int32)(unsafe.Pointer(&info[0])) = int32(s)
	*(*int32)(unsafe.Pointer(&info[8])) = int32(signals.OriginQueue)
	*(*int32)(unsafe.Pointer(&info[16])) = int32(os.Getpid())
	*(*int32)(unsafe.Pointer(&info[20])) = int32(os.Getuid())
	*(*int32)(unsafe.Pointer(&info[24])) = value
	if _, _, e := unix.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(s), uintptr(unsafe.Pointer(&info))); e != 0 {
		t.Fatal(e)
	}
}

// Each signal that supervise gets is in the trace with its sender and how it came,
// and where it was sent with what the receiver did with it at that moment.
func TestTraceFollowsEachSignal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	script := s.file("dispositions.sh", `trap '' HUP
trap : USR1
echo ready
while :; do sleep 1000 & wait; done
`, 0o755)
	path := s.path("trace")
	v := s.supervise("--trace", path, "--single-child", "--map", "INT:WINCH", "--", "/bin/sh", script)
	if line := <-v.stdout.lines; line != "ready" {
		t.Fatalf("the program says %q", line)
	}
	main := s.traced(path, func(e event.Event) bool { return e.Name == event.ServiceStarted }).PID
	usr1 := signals.Signal(unix.SIGUSR1)
	for n, c := range []struct {
		send        signals.Signal
		by          func(signals.Signal)
		came        string
		value       int64
		becomes     signals.Signal
		disposition event.Disposition
	}{
		{send: usr1, came: "kill", disposition: event.Caught},
		{send: signals.HUP, came: "kill", disposition: event.Ignored},
		{send: signals.WINCH, came: "kill", disposition: event.Default},
		{send: signals.INT, came: "kill", becomes: signals.WINCH, disposition: event.Default},
		{send: usr1, by: func(sig signals.Signal) { sigqueue(t, v.pid(), sig, 4711) }, came: "sigqueue", value: 4711, disposition: event.Caught},
		{send: usr1, by: func(sig signals.Signal) {
			if err := unix.Tgkill(v.pid(), v.pid(), unix.Signal(sig)); err != nil {
				t.Fatal(err)
			}
		}, came: "tgkill", disposition: event.Caught},
	} {
		if c.by == nil {
			c.by = func(sig signals.Signal) { v.kill(sig) }
		}
		if c.becomes == 0 {
			c.becomes = c.send
		}
		c.by(c.send)
		var all []event.Event
		s.traced(path, func(e event.Event) bool {
			if e.Name == event.SignalSent && !slices.ContainsFunc(all, func(x event.Event) bool { return x.Seq == e.Seq }) {
				all = append(all, e)
			}
			return len(all) == n+1
		})
		sent := all[n]
		received := s.traced(path, func(e event.Event) bool { return e.Seq == sent.Of })
		if received.Name != event.SignalReceived || received.Signal != c.send || received.From.Came() != c.came || received.From.PID != os.Getpid() ||
			received.From.UID != os.Getuid() || received.From.Value != c.value || received.Sender != commandName(t) {
			t.Errorf("%s came as %+v from %+v (%s); want %s by this test", c.send, received, received.From, received.Sender, c.came)
		}
		if sent.Signal != c.becomes || len(sent.Targets) != 1 || sent.Targets[0] != (event.Target{PID: main, Name: "sh", Disposition: c.disposition}) {
			t.Errorf("%s went on as %s to %+v; want %s, %s at %d", c.send, sent.Signal, sent.Targets, c.becomes, c.disposition, main)
		}
		if c.becomes != c.send && sent.Was != c.send {
			t.Errorf("%s was %s before", sent.Signal, sent.Was)
		}
	}
	v.kill(signals.TERM)
	v.exits(128 + 15)
	trace := s.trace(path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if h := trace.Header; h.PID != v.pid() || h.Supervise == "" || !slices.Contains(h.Command, "--single-child") || h.Mono == 0 || h.Mono > trace.Events[0].Mono {
		t.Errorf("the header is %+v", h)
	}
	// TERM ended it, and every signal before that has an outcome.
	answered := map[uint64]event.Event{}
	for _, e := range trace.Events {
		if e.Name == event.SignalOutcome {
			answered[e.Of] = e
		}
	}
	for _, e := range trace.Events {
		if a := answered[e.Seq]; e.Name == event.SignalSent && e.PID == main && (a.Became != event.Ended || a.Exit == nil || a.Exit.Signal != signals.TERM || a.After <= 0) {
			t.Errorf("of %s, event %d, this is told: %+v", e.Signal, e.Seq, a)
		}
	}
}

// A signal that is blocked waits, whatever it would do.
func TestTraceTellsOfABlockedSignal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	path := s.path("trace")
	v := s.supervise("--trace", path, "--", program("masked"), "USR2", "/bin/sleep", "1000")
	main := s.traced(path, func(e event.Event) bool { return e.Name == event.ServiceRunning }).PID
	eventually(t, "sleep", func() bool { return strings.HasPrefix(statusField(t, main, "Name"), "sleep") })
	v.kill(signals.Signal(unix.SIGUSR2))
	sent := s.traced(path, func(e event.Event) bool { return e.Name == event.SignalSent })
	if len(sent.Targets) != 1 || sent.Targets[0] != (event.Target{PID: main, Name: "sleep", Disposition: event.Blocked}) {
		t.Errorf("got %+v", sent.Targets)
	}
	v.kill(signals.TERM)
	v.exits(128 + 15)
}

// A stopped process is continued by the signals that would otherwise wait for
// ever, and both the stop and the going on answer their signals.
func TestTraceTellsOfStopsAndContinues(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	path := s.path("trace")
	v := s.supervise("--trace", path, "--", "sleep", "1000")
	s.traced(path, func(e event.Event) bool { return e.Name == event.ServiceRunning })
	v.kill(signals.TSTP)
	s.traced(path, func(e event.Event) bool {
		return e.Name == event.SignalOutcome && e.Signal == signals.TSTP && e.Became == event.Stopped
	})
	v.kill(signals.CONT)
	s.traced(path, func(e event.Event) bool {
		return e.Name == event.SignalOutcome && e.Signal == signals.CONT && e.Became == event.Continued
	})
	v.kill(signals.TERM)
	v.exits(128 + 15)
}

// A key of the terminal is told from other signals of the kernel.
func TestTraceKnowsTheTerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	path := s.path("trace")
	x := s.shell()
	x.command("supervise --trace trace -- sleep 1000 < /dev/null") // so that the terminal stays with supervise
	s.traced(path, func(e event.Event) bool { return e.Name == event.ServiceRunning })
	x.types(ctrlC)
	x.prompts()
	e := s.traced(path, func(e event.Event) bool { return e.Name == event.SignalReceived })
	if e.Signal != signals.INT || e.From.Came() != "terminal" || e.FromText() != "the terminal" {
		t.Errorf("got %+v from %+v", e, e.From)
	}
}

// Killed, supervise leaves a trace that can be read.
func TestTraceOfAKilledSupervise(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	path := s.path("trace")
	v := s.supervise("--trace", path, "--", "sleep", "1000")
	s.traced(path, func(e event.Event) bool { return e.Name == event.ServiceRunning })
	v.kill(signals.KILL)
	<-v.ended
	out, err := s.command(binary, "trace", "--show", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "The trace has no end") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTraceShowsWhatHappenedBesideTheOutput(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	cmd := s.command(binary, "trace", "--retries", "1", "--backoff", "1ms..2ms", "--", "sh", "-c", "trap '' USR1; echo out; kill -USR1 $PPID; exit 3")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 3 || stdout.String() != "out\nout\n" {
		t.Errorf("%v, stdout %q", err, stdout.String())
	}
	for _, part := range []string{"USR1", "backoff: restart 1", "exited 3", "ran twice", "supervise ends: status 3"} {
		if !strings.Contains(stderr.String(), part) {
			t.Errorf("%q is missing in\n%s", part, stderr.String())
		}
	}
	if strings.Contains(stderr.String(), "\x1b") {
		t.Error("colours where no terminal is")
	}
}

func TestTraceShowOfFiles(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	golden := "../internal/timeline/testdata/up.jsonl"
	whole, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	s.file("garbage", string(whole[:bytes.LastIndexByte(whole[:4000], '\n')+1])+"not JSON\n", 0o600)
	s.file("events", string(whole[bytes.IndexByte(whole, '\n')+1:]), 0o600) // as `events --json` prints
	s.file("trace", string(whole), 0o600)
	show := func(args ...string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		cmd := s.command(binary, append([]string{"trace"}, args...)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(whole), &stdout, &stderr
		_ = cmd.Run()
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
	text, _, status := show("--show", "trace")
	if status != 0 || !strings.Contains(text, "├── QUIT ") {
		t.Errorf("%d\n%s", status, text)
	}
	if same, _, _ := show("--show=-"); same != text {
		t.Error("the standard input is shown differently")
	}
	if _, _, status := show("--show", "events"); status != 0 {
		t.Error("what supervise events prints is not shown")
	}
	var all struct {
		Lanes, Arrows, Bars []any
		Summary             []string
	}
	if text, _, _ := show("--show", "trace", "--json"); json.Unmarshal([]byte(text), &all) != nil || len(all.Lanes) != 9 || len(all.Arrows) == 0 || len(all.Summary) == 0 {
		t.Errorf("%d lanes", len(all.Lanes))
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--show", "garbage"}, "garbage: line "},
		{[]string{"--show", "nowhere"}, "nowhere: no such file"},
		{[]string{"--show", "trace", "--", "true"}, "no program is run with it"},
		{[]string{"--show", "trace", "--html", "no/such/directory"}, "--html: "},
		{nil, "supervise trace [flags] -- CMD"},
		{[]string{"--html", "no/such/directory", "--", "touch", "started"}, "--html: "},
	} {
		if _, text, status := show(c.args...); status != 2 || !strings.Contains(text, c.says) {
			t.Errorf("%v: %d, %q, want %q", c.args, status, text, c.says)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "started")); err == nil {
		t.Error("a program was started though the page cannot be written")
	}
}

// A trace that cannot be written disturbs nobody, and is told of once.
func TestTraceOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--trace", "/dev/full", "--retries", "3", "--backoff", "1ms..2ms", "--", "sh", "-c", "exit 4")
	v.exits(4)
	if text := v.text(v.stderr); strings.Count(text, "writing the trace") != 1 || !strings.Contains(text, "no space left on device") {
		t.Errorf("it says %q", text)
	}
}
