package text

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"supervise/internal/event"
	"supervise/internal/record"
	"supervise/internal/signals"
	"supervise/internal/timeline"
)

var update = flag.Bool("update", false, "write testdata anew")

func drawn(t testing.TB, trace *record.Trace, look Look) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, timeline.Build(trace), look); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Traces of real runs, and how they are drawn. After -update, look at each.
func TestTimelinesOfRealRuns(t *testing.T) {
	for _, c := range []struct {
		trace, golden string
		look          Look
	}{
		{"stubborn", "stubborn-80", Look{Width: 80}},
		{"stubborn", "stubborn-colour", Look{Width: 80, Colour: true}},
		{"stubborn", "stubborn-ascii", Look{Width: 60, ASCII: true}},
		{"retries", "retries-80", Look{Width: 80}},
		{"nginx", "nginx-80", Look{Width: 80}},
		{"up", "up-80", Look{Width: 80}},
		{"up", "up-140", Look{Width: 140}},
	} {
		trace, err := record.Open(filepath.Join("../testdata", c.trace+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		got, path := drawn(t, trace, c.look), filepath.Join("testdata", c.golden+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.golden, diff)
		}
	}
}

func kill(seq uint64, signal signals.Signal, pid int) event.Event {
	return event.Event{Seq: seq, Mono: time.Duration(seq) * time.Millisecond, Name: event.SignalReceived, Signal: signal,
		From: &signals.Received{Signal: signal, PID: pid}, Sender: "loop"}
}

func TestALongHistoryIsShownByItsEnds(t *testing.T) {
	trace := &record.Trace{}
	for n := range uint64(10_000) {
		trace.Events = append(trace.Events, kill(n+1, signals.Signal(10+2*(n%2)), 7))
	}
	short, all := drawn(t, trace, Look{Width: 80}), drawn(t, trace, Look{Width: 80, All: true})
	if n := strings.Count(short, "\n"); n > mostRows+60 || !strings.Contains(short, "9760 rows are left out here; --all") {
		t.Errorf("%d lines", n)
	}
	if n := strings.Count(all, "\n"); n < 10_000 {
		t.Errorf("%d lines of all", n)
	}
}

func TestWhatRepeatsIsCounted(t *testing.T) {
	trace := &record.Trace{}
	for n := range uint64(300) {
		trace.Events = append(trace.Events, kill(n+1, signals.HUP, 7))
	}
	if text := drawn(t, trace, Look{Width: 80}); !strings.Contains(text, "300 times") {
		t.Error(text)
	}
}

// Whatever happened and however narrow it is: no line is wider than the terminal,
// and nothing of a program's text can steer it.
func TestEveryTimelineFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := &record.Trace{}
		for n := range rapid.IntRange(0, 15).Draw(t, "events") {
			e := event.Event{
				Seq: uint64(n + 1), Mono: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "at")),
				Name:    rapid.SampledFrom(event.Names()).Draw(t, "name"),
				Service: rapid.SampledFrom([]string{"", "web", "db", "長い名前のサービス", "a\x1b[31mb"}).Draw(t, "service"),
				PID:     rapid.IntRange(0, 9).Draw(t, "pid"), Why: rapid.StringN(0, 60, -1).Draw(t, "why"),
				Signal: signals.Signal(rapid.IntRange(0, 64).Draw(t, "signal")), Sender: rapid.String().Draw(t, "sender"),
				Of: uint64(rapid.IntRange(0, n+1).Draw(t, "of")), Became: rapid.SampledFrom([]event.Became{"", event.Ended, event.Stopped}).Draw(t, "became"),
			}
			if rapid.Bool().Draw(t, "from") {
				e.From = &signals.Received{Signal: e.Signal, PID: rapid.IntRange(0, 30).Draw(t, "sender pid")}
			}
			for pid := range rapid.IntRange(0, 12).Draw(t, "targets") {
				e.Targets = append(e.Targets, event.Target{PID: pid + 5, Name: e.Sender, Disposition: event.Caught})
			}
			if e.Name == event.ProcessExited || e.Name == event.OrphanReaped {
				e.Exit = nil
				e.Up, e.Why = 0, "x"
				e.Name = event.ProcessStopped
			}
			trace.Events = append(trace.Events, e)
		}
		look := Look{Width: rapid.IntRange(40, 200).Draw(t, "width"), ASCII: rapid.Bool().Draw(t, "ascii")}
		var b strings.Builder
		if err := Write(&b, timeline.Build(trace), look); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if w := displaywidth.String(line); w > look.Width {
				t.Fatalf("%d columns of %d: %q", w, look.Width, line)
			}
			if strings.ContainsAny(line, "\x1b\r\t\x00") {
				t.Fatalf("it steers the terminal: %q", line)
			}
		}
	})
}

// The pages show timelines as they are drawn.
func TestTimelinesInTheDocumentation(t *testing.T) {
	for page, goldens := range map[string][]string{"docs/trace.md": {"stubborn-80", "nginx-80", "retries-80"}, "README.md": {"stubborn-80"}} {
		text, err := os.ReadFile(filepath.Join("../../..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, golden := range goldens {
			want, err := os.ReadFile(filepath.Join("testdata", golden+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if diagram, _, _ := strings.Cut(string(want), "\n\n"); !strings.Contains(string(text), diagram) {
				t.Errorf("%s does not show %s.txt", page, golden)
			}
		}
	}
}
