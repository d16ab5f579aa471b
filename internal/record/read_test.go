package record

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"supervise/internal/event"
	"supervise/internal/logs"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

const first = `{"level":"info","time":"2026-11-24T04:18:21.123471Z","event":"supervise.started","seq":1,"mono_ns":7,"pid":812,"message":"supervise started, pid 812"}` + "\n"

func anEvent(t *rapid.T) event.Event {
	signal := rapid.Map(rapid.IntRange(1, int(signals.RTMAX)), func(n int) signals.Signal { return signals.Signal(n) })
	word := rapid.String()
	length := rapid.Map(rapid.Int64Min(0), func(n int64) time.Duration { return time.Duration(n) })
	e := event.Event{
		Seq: rapid.Uint64Min(1).Draw(t, "seq"), Mono: length.Draw(t, "mono"),
		Time:    time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "time")).UTC(),
		Name:    rapid.SampledFrom(event.Names()).Filter(func(n event.Name) bool { return n != event.ServiceOutput }).Draw(t, "name"),
		Service: word.Draw(t, "service"), PID: rapid.IntRange(0, 1<<22).Draw(t, "pid"),
		To: word.Draw(t, "to"), Of: rapid.Uint64().Draw(t, "of"), Up: length.Draw(t, "up"), Why: word.Draw(t, "why"),
	}
	if rapid.Bool().Draw(t, "of a signal") {
		e.Signal = signal.Draw(t, "signal")
		if rapid.Bool().Draw(t, "translated") {
			e.Was = signal.Draw(t, "was")
		}
		if rapid.Bool().Draw(t, "received") {
			e.From = &signals.Received{Signal: e.Signal, Origin: rapid.SampledFrom([]signals.Origin{
				signals.OriginKill, signals.OriginQueue, signals.OriginTimer, signals.OriginKernel, signals.OriginUnknown, 5,
			}).Draw(t, "origin")}
			if e.Was != 0 {
				e.From.Signal = e.Was
			}
			if e.From.Origin.FromProcess() {
				e.From.PID, e.From.UID, e.Sender = rapid.IntRange(0, 1<<22).Draw(t, "sender"), rapid.IntRange(0, 1<<31).Draw(t, "uid"), word.Draw(t, "sender name")
			}
			if e.From.Origin == signals.OriginQueue {
				e.From.Value = rapid.Int64().Draw(t, "value")
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "targets") {
			e.Targets = append(e.Targets, event.Target{PID: 41, Name: word.Draw(t, "target"), Disposition: event.Caught})
		}
		if rapid.Bool().Draw(t, "outcome") {
			e.Became, e.After = event.Ended, length.Draw(t, "after")
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "exit") {
	case 1:
		e.Exit = &policy.Exit{Code: rapid.IntRange(0, 255).Draw(t, "code"), Missed: word.Draw(t, "missed")}
	case 2:
		e.Exit = &policy.Exit{Signal: signal.Draw(t, "killed by"), Core: rapid.Bool().Draw(t, "core")}
	case 3:
		e.Exit = &policy.Exit{Code: 127, NotRun: "not found"}
	}
	if e.Name == event.BackoffScheduled {
		e.Delay = length.Draw(t, "delay")
	}
	return e
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(anEvent), 1, 5).Draw(t, "events")
		text := NewHeader("v1").line()
		for i := range want {
			text = logs.JSON{}.Event(text, &want[i])
		}
		got, err := Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Events); diff != "" {
			t.Fatal(diff)
		}
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		half, err := Read(bytes.NewReader(text[:cut]))
		if err != nil {
			if bytes.IndexByte(text[:cut], '\n') < 0 {
				return // not even the header
			}
			t.Fatal(err)
		}
		if whole := bytes.Count(text[:cut], []byte("\n")) - 1; len(half.Events) < whole || len(half.Events) > whole+1 {
			t.Fatalf("%d events of %d whole lines", len(half.Events), whole)
		}
	})
}

func TestHeaderOfATrace(t *testing.T) {
	h := NewHeader("v1.2")
	if h.Format != Format || h.Version != Version || h.Supervise != "v1.2" || h.PID != os.Getpid() || len(h.Command) == 0 || h.BootID == "" || h.Mono <= 0 {
		t.Errorf("got %+v", h)
	}
	got, err := Read(bytes.NewReader(append(h.line(), first...)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, got.Header); diff != "" || len(got.Events) != 1 || got.Cut {
		t.Error(diff, got)
	}
	if got, err := Read(strings.NewReader(first)); err != nil || got.Header.Version != 0 || len(got.Events) != 1 {
		t.Errorf("without a header: %+v, %v", got, err)
	}
}

func TestHeaderOfALongCommandLineIsShort(t *testing.T) {
	words := []string{strings.Repeat("x", 1<<20), "\xff"}
	for range 1000 {
		words = append(words, "y")
	}
	h := Header{Command: shortened(words)}
	if line := h.line(); len(line) > 4<<10 || !json.Valid(line) || !strings.Contains(string(line), leftOut) {
		t.Errorf("%d bytes", len(line))
	}
}

func TestWhatIsNoTrace(t *testing.T) {
	header := string(NewHeader("v1").line())
	for name, c := range map[string]struct{ text, says string }{
		"nothing":              {"", "there is no trace in it; supervise run --trace FILE"},
		"garbage":              {"hello\n", "line 1: it is no event: invalid character"},
		"garbage in between":   {header + first + "\x00\x00\n" + first, "line 3: it is no event"},
		"another kind of JSON": {header + `{"a":1}` + "\n", `line 2: it is no event: it has no "event"`},
		"a list":               {header + "[1]\n", "line 2: it is no event"},
		"no such signal":       {header + `{"event":"x","signo":99}` + "\n", "line 2: it is no event: no signal has number 99"},
		"half a header":        {header[:len(header)/2], "there is no trace in it"},
		"a later version":      {strings.Replace(header, `"version":1`, `"version":2`, 1), "line 1: the trace has version 2 of its format, and this supervise reads 1"},
		"one without newline":  {strings.TrimSpace(strings.Replace(header, `"version":1`, `"version":2`, 1)), "version 2"},
		"an endless line":      {header + strings.Repeat(" ", longestLine+1), "line 2: it is longer than 4 MiB"},
	} {
		if got, err := Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %+v, %v, want %q", name, got, err, c.says)
		}
	}
}

func TestATraceCutInTheMiddleOfALine(t *testing.T) {
	text := string(NewHeader("v1").line()) + first + first[:40]
	got, err := Read(strings.NewReader(text))
	if err != nil || !got.Cut || len(got.Events) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = Read(strings.NewReader(strings.TrimSuffix(text[:len(text)-40], "\n"))) // only its newline is missing
	if err != nil || got.Cut || len(got.Events) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOpenNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), path+": line 1: ") {
		t.Error(err)
	}
}

// Whatever is in a file, reading it ends with a trace or with an error that
// says where, and what was read can be told and written again.
func FuzzRead(f *testing.F) {
	header := string(NewHeader("v1").line())
	f.Add([]byte(header + first))
	f.Add([]byte(header + first[:50]))
	f.Add([]byte(header + `{"event":"signal.outcome","seq":9,"of":3,"became":"ended","after_ns":5,"signo":15,"was":"HUP","exit":{"signal":"TERM"},"from":{"code":-1,"value":7},"targets":[{"pid":1}]}` + "\n"))
	f.Add([]byte("\n\n{\"event\":\"x\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		trace, err := Read(bytes.NewReader(b))
		if err != nil {
			if err.Error() == "" || trace != nil {
				t.Errorf("got %+v, %q", trace, err)
			}
			return
		}
		for i := range trace.Events {
			e := &trace.Events[i]
			_ = e.Text()
			if line := (logs.JSON{}).Event(nil, e); !json.Valid(line) {
				t.Errorf("%+v became %q", e, line)
			}
		}
	})
}
