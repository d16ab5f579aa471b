package tail

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"supervise/internal/api"
	"supervise/internal/capture"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/logs"
	"supervise/internal/recent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 90 * time.Second

// scene is a console, log files, and a reader of both.
type scene struct {
	t *testing.T
	Reader
}

func newScene(t *testing.T) *scene {
	budget := recent.NewBudget(1 << 20)
	s := &scene{t, Reader{logs.New(io.Discard, logs.Bare{}, func(event.Name) bool { return true }), nil}}
	s.Console.Keep(budget)
	s.Files = capture.New(func(event.Event) {}, budget)
	t.Cleanup(s.Console.Close)
	t.Cleanup(s.Files.Close)
	return s
}

func (s *scene) service(name string, to config.LogTarget, stamps config.Timestamps) *config.Service {
	c := &config.Service{Name: name, Log: config.Log{To: to}}
	if to == config.ToFile {
		c.Log.File = config.LogFile{Path: filepath.Join(s.t.TempDir(), "current"), Timestamps: stamps, Stderr: config.StderrMerge, Full: config.FullBlock, MaxSize: 10_000}
	}
	return c
}

// run writes what one run of a service does.
func (s *scene) run(c *config.Service, text string) {
	s.t.Helper()
	var fd int
	var err error
	if c.Log.To == config.ToFile {
		fd, _, err = s.Files.Pipe(c, nil)
	} else {
		fd, err = s.Console.Pipe(c.Name, nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer unix.Close(fd)
	for len(text) > 0 {
		n, err := unix.Write(fd, []byte(text))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		text = text[n:]
	}
}

// until asks again until so many lines are there.
func (s *scene) until(n int, services ...*config.Service) (got []api.Line) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got = nil
		err := s.Lines(s.t.Context(), services, -1, time.Time{}, false, func(l api.Line) error { got = append(got, l); return nil })
		if err != nil {
			s.t.Fatal(err)
		}
		if len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			s.t.Fatalf("%d lines of %d", len(got), n)
		}
	}
}

func TestLinesOfSeveralComeInTheOrderOfTheirTimes(t *testing.T) {
	s := newScene(t)
	a, b := s.service("a", config.ToConsole, ""), s.service("b", config.ToFile, config.TAI64N)
	plain := s.service("plain", config.ToFile, config.NoTimestamps)
	for i := range 5 {
		s.run(a, fmt.Sprintf("a%d\n", i))
		s.until(i+1, a)
		s.run(b, fmt.Sprintf("b%d\n", i))
		s.until(i+1, b)
		s.run(plain, fmt.Sprintf("p%d\n", i))
		s.until(i+1, plain)
	}
	var got []string
	for _, l := range s.until(15, a, b, plain) {
		got = append(got, l.Line)
	}
	if want := strings.Fields("p0 p1 p2 p3 p4 a0 b0 a1 b1 a2 b2 a3 b3 a4 b4"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A reader that stands still holds up nobody, and is told what it lost.
func TestSlowReaderIsToldWhatItLost(t *testing.T) {
	for _, to := range []config.LogTarget{config.ToConsole, config.ToFile} {
		s := newScene(t)
		c := s.service("a", to, config.NoTimestamps)
		s.run(c, "first\n")
		s.until(1, c)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		slow, stands, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		bytes, lost, last := 0, 0, ""
		go func() {
			defer close(done)
			err := s.Lines(ctx, []*config.Service{c}, -1, time.Time{}, true, func(l api.Line) error {
				if l.Line == "first" {
					close(stands)
					<-slow
				}
				if l.Lost > 0 {
					lost += l.Lost
				} else {
					bytes += len(l.Line) + 1
					last = l.Line
				}
				if last == "last" {
					cancel()
				}
				return nil
			})
			if err != context.Canceled {
				t.Error(err)
			}
		}()
		<-stands
		text := strings.Repeat("a line that nobody reads\n", 40_000)
		s.run(c, text) // returns although nobody reads
		s.run(c, "last\n")
		if to == config.ToConsole {
			s.Console.CatchUp("a", patience)
		} else {
			s.Files.LastOfRun(c.Log.File.Path, 1)
		}
		close(slow)
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the last line never comes")
		}
		all := len("first\nlast\n") + len(text)
		if to == config.ToConsole { // lost bytes are those of lines, without newlines
			missing := all - bytes
			all = bytes + missing*24/25
		}
		if lost == 0 || bytes+lost != all {
			t.Errorf("%s: %d bytes and %d lost, of %d", to, bytes, lost, all)
		}
	}
}

func TestLastLinesOfARun(t *testing.T) {
	for _, to := range []config.LogTarget{config.ToConsole, config.ToFile} {
		s := newScene(t)
		c := s.service("a", to, config.RFC3339)
		s.run(c, "of the run before\n")
		s.until(1, c)
		started := time.Now()
		s.run(c, strings.Repeat("much\n", 50)+"why\nI end")
		got := s.LastOfRun(c, started)
		// The end of the pipe may not have been seen yet; what was written has.
		if len(got) < 2 || len(got) > lastLines || !slices.Contains(got, "why") || slices.Contains(got, "of the run before") {
			t.Errorf("%s: got %q", to, got)
		}
	}
}

func TestWhatIsNotKeptIsAnError(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct {
		service *config.Service
		since   time.Time
		want    string
	}{
		{s.service("a", config.ToNone, ""), time.Time{}, `it goes to "none"`},
		{s.service("a", config.ToInherit, ""), time.Time{}, `it goes to "inherit"`},
		{s.service("a", config.ToFile, config.NoTimestamps), time.Now(), "no times"},
	} {
		err := s.Lines(t.Context(), []*config.Service{c.service}, 1, c.since, false, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
