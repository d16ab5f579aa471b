package capture

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/recent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; no test that passes comes near it.
const patience = 90 * time.Second

// scene is a Files with one service.
type scene struct {
	*Files
	t      *testing.T
	spec   *config.Service
	events chan event.Event
}

func newScene(t *testing.T, change func(*config.LogFile)) *scene {
	t.Helper()
	s := &scene{t: t, events: make(chan event.Event, 1000)}
	s.Files = New(func(e event.Event) { s.events <- e }, recent.NewBudget(1<<20))
	t.Cleanup(s.Close)
	s.spec = &config.Service{Name: "web", Log: config.Log{To: config.ToFile, File: config.LogFile{
		Path: filepath.Join(t.TempDir(), "log", "current"), Timestamps: config.NoTimestamps, Stderr: config.StderrMerge, Full: config.FullBlock,
	}}}
	if change != nil {
		change(&s.spec.Log.File)
	}
	return s
}

func (s *scene) pipe() int {
	s.t.Helper()
	fd, _, err := s.Pipe(s.spec, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return fd
}

func (s *scene) write(fd int, text string) {
	s.t.Helper()
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

// until waits for an event.
func (s *scene) until(name event.Name) event.Event {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-s.events:
			if e.Name == name {
				return e
			}
		case <-deadline:
			s.t.Fatalf("no %s", name)
		}
	}
}

// text is the file, with its rotated parts before it.
func (s *scene) text() string {
	s.t.Helper()
	v, err := s.View(s.t.Context(), s.spec.Log.File.Path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer v.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(v.All()); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

// holds waits until the file has a text. It is asked again and again, since
// nothing tells of a write.
func (s *scene) holds(want string) {
	s.t.Helper()
	for end := time.Now().Add(patience); s.text() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the file has %q, not %q", s.text(), want)
		}
	}
}

func TestBytesAreWrittenAsTheyAre(t *testing.T) {
	s := newScene(t, nil)
	fd := s.pipe()
	text := "\x00\xff\r\n\n" + strings.Repeat("long", 100_000) + "\nno newline"
	s.write(fd, text)
	unix.Close(fd)
	s.Close()
	if got := s.text(); got != text {
		t.Errorf("%d bytes came of %d", len(got), len(text))
	}
}

func TestCloseReadsWhatIsLeftThoughThePipeIsHeldOpen(t *testing.T) {
	s := newScene(t, nil)
	fd := s.pipe()
	defer unix.Close(fd) // as a grandchild would hold it
	s.write(fd, "a\nb")
	s.Close()
	if got := s.text(); got != "a\nb" {
		t.Errorf("got %q", got)
	}
}

func TestNextRunBeginsALine(t *testing.T) {
	s := newScene(t, nil)
	first := s.pipe()
	s.write(first, "dies in the mid")
	unix.Close(first)
	second := s.pipe()
	s.write(second, "next\n")
	unix.Close(second)
	s.Close()
	if got, want := s.text(), "dies in the mid\nnext\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a run wrote at its death stands before what the next one writes, however
// much it is.
func TestRunsDoNotOvertakeEachOther(t *testing.T) {
	s := newScene(t, nil)
	var want strings.Builder
	for run := range 20 {
		fd := s.pipe()
		text := strings.Repeat(fmt.Sprintf("run %d %s\n", run, strings.Repeat("x", run)), 2000)
		s.write(fd, text)
		unix.Close(fd)
		want.WriteString(text)
	}
	s.Close()
	if s.text() != want.String() {
		t.Error("the runs are mixed")
	}
}

func TestSurvivorOfAnOldRunMixesNoLine(t *testing.T) {
	s := newScene(t, nil)
	old, young := s.pipe(), s.pipe()
	for i := range 500 {
		s.write(old, fmt.Sprintf("old %d", i))
		s.write(young, fmt.Sprintf("young %d", i))
		s.write(old, " end\n")
		s.write(young, " end\n")
	}
	unix.Close(old)
	unix.Close(young)
	s.Close()
	next := map[string]int{}
	for line := range strings.Lines(s.text()) {
		who, rest, _ := strings.Cut(line, " ")
		if want := fmt.Sprintf("%d end\n", next[who]); rest != want {
			t.Fatalf("%s: got %q, want %q", who, rest, want)
		}
		next[who]++
	}
	if next["old"] != 500 || next["young"] != 500 {
		t.Error(next)
	}
}

func TestStderrHasAFileOfItsOwn(t *testing.T) {
	s := newScene(t, func(f *config.LogFile) { f.Stderr = config.StderrFile })
	out, errs, err := s.Pipe(s.spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.write(out, "out\n")
	s.write(errs, "err\n")
	unix.Close(out)
	unix.Close(errs)
	s.Close()
	for path, want := range map[string]string{s.spec.Log.File.Path: "out\n", s.spec.Log.File.ErrPath(): "err\n"} {
		if got, err := os.ReadFile(path); string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// obstacle puts a file where the directory of the log is to be.
func (s *scene) obstacle() string {
	dir := filepath.Dir(s.spec.Log.File.Path)
	if err := os.WriteFile(dir, nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

func TestServiceWaitsWhileItsFileCannotBeWritten(t *testing.T) {
	s := newScene(t, nil)
	dir := s.obstacle()
	fd := s.pipe()
	if e := s.until(event.LogBlocked); e.Service != "web" || !strings.Contains(e.Why, "waits when its pipe is full") {
		t.Errorf("told: %+v", e)
	}
	unix.SetNonblock(fd, true)
	total := 0
	for { // until the pipe is full
		n, err := unix.Write(fd, bytes.Repeat([]byte("line\n"), 100))
		if err == unix.EAGAIN {
			break
		}
		if err != nil || total > 8<<20 {
			t.Fatal(err, total)
		}
		total += n
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.until(event.LogResumed)
	unix.Close(fd)
	s.Close()
	if got := s.text(); len(got) != total || strings.ReplaceAll(got, "line\n", "") != "" {
		t.Errorf("%d bytes came of %d", len(got), total)
	}
}

func TestDropsAreWholeLinesAndCounted(t *testing.T) {
	s := newScene(t, func(f *config.LogFile) { f.Full = config.FullDrop })
	fd := s.pipe()
	s.write(fd, "first\nbroken ")
	s.holds("first\nbroken ")
	dir := filepath.Dir(s.spec.Log.File.Path)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	s.obstacle()
	if err := s.Reopen([]string{"web"}); err == nil {
		t.Error("reopening tells of no error")
	}
	if e := s.until(event.LogBlocked); !strings.Contains(e.Why, "dropped") {
		t.Errorf("told: %+v", e)
	}
	const lines = 100_000
	s.write(fd, "off\n"+strings.Repeat("lost\n", lines)+"half of")
	// A round through the goroutine: the next write to an empty pipe is later.
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if n, _ := unix.IoctlGetInt(fd, unix.TIOCINQ); n == 0 {
			break
		} else if time.Now().After(end) {
			t.Fatal("nothing is dropped")
		}
	}
	if _, err := s.ask(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	e := s.until(event.LogDropped)
	s.until(event.LogResumed)
	s.write(fd, " a line\nlast\n")
	unix.Close(fd)
	s.Close()
	if got, want := s.text(), "first\nbroken \nlast\n"; got != want {
		t.Errorf("the file has %q, want %q", got, want)
	}
	if want := fmt.Sprintf("%d bytes in %d lines", len("off\n")+5*lines+len("half of"), lines+1); !strings.Contains(e.Why, want) {
		t.Errorf("told %q, want %q", e.Why, want)
	}
}

func TestFollowersSeeEachLineOnceOverRotationsAndRuns(t *testing.T) {
	s := newScene(t, func(f *config.LogFile) { f.MaxSize = 5000 })
	const total = 20_000
	written := make(chan struct{})
	go func() {
		defer close(written)
		n := 0
		for n < total {
			fd, _, err := s.Pipe(s.spec, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for range total / 10 {
				s.write(fd, fmt.Sprintf("line %d\n", n))
				n++
			}
			unix.Close(fd)
		}
	}()
	wake := make(chan struct{}, 1)
	v, err := s.Follow(t.Context(), s.spec, s.spec.Log.File.Path, wake)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(v.All()); err != nil {
		t.Fatal(err)
	}
	next, lost := 0, 0
	check := func() {
		for {
			line, err := got.ReadString('\n')
			if err != nil {
				got.WriteString(line)
				return
			}
			var n int
			if _, err := fmt.Sscanf(line, "line %d\n", &n); err != nil {
				if lost > 0 {
					continue // the rest of one whose beginning is lost
				}
				t.Fatalf("got %q", line)
			}
			if n < next || n > next && lost == 0 {
				t.Fatalf("line %d came where %d was due", n, next)
			}
			next = n + 1
		}
	}
	deadline := time.After(patience)
	for next < total {
		records, gone := v.Cursor.Next()
		if lost += gone; gone > 0 {
			got.Reset()
		}
		for _, r := range records {
			got.Write(r.Text)
		}
		check()
		if len(records) == 0 {
			select {
			case <-wake:
			case <-deadline:
				t.Fatalf("only %d lines came, %d bytes lost", next, lost)
			}
		}
	}
	<-written
}

func TestStampsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		for kind, precision := range map[config.Timestamps]time.Duration{config.RFC3339: time.Microsecond, config.TAI64N: time.Nanosecond} {
			line := append(stampOf(kind, at), "the line"...)
			got, rest, ok := parseStamp(kind, line)
			if !ok || string(rest) != "the line" || !got.Equal(at.Truncate(precision)) {
				t.Fatalf("%s: %v is written %q and read %v, %q", kind, at, line, got, rest)
			}
		}
	})
}

func TestStampedPutsOneBeforeEachLine(t *testing.T) {
	for _, c := range []struct {
		text    string
		midLine bool
		want    string
	}{
		{"a\nb\n", false, "!a\n!b\n"},
		{"a\nb", false, "!a\n!b"},
		{"a\nb\n", true, "a\n!b\n"},
		{"\n\n", false, "!\n!\n"},
		{"", false, ""},
		{"x", true, "x"},
	} {
		if got := string(stamped(nil, []byte(c.text), []byte("!"), c.midLine)); got != c.want {
			t.Errorf("%q, %v: got %q, want %q", c.text, c.midLine, got, c.want)
		}
	}
}

func TestTAI64NHasTheFormOfTheOthers(t *testing.T) {
	// 1700000000 + 2^62 + 10 and the nanoseconds, https://cr.yp.to/libtai/tai64.html
	if got := string(stampOf(config.TAI64N, time.Unix(1700000000, 5))); got != "@400000006553f10a00000005 " {
		t.Errorf("got %q", got)
	}
}

func FuzzParseStamp(f *testing.F) {
	f.Add([]byte("@400000006553f10a00000005 x"))
	f.Add([]byte("2026-11-26T12:00:00.000001Z x"))
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, kind := range []config.Timestamps{config.RFC3339, config.TAI64N, config.NoTimestamps} {
			at, rest, ok := parseStamp(kind, line)
			if !ok && !bytes.Equal(rest, line) {
				t.Errorf("%q became %q", line, rest)
			}
			if again, _, _ := parseStamp(kind, append(stampOf(kind, at), rest...)); ok && kind == config.TAI64N && !again.Equal(at) {
				t.Errorf("%q is %v, then %v", line, at, again)
			}
		}
	})
}

func TestUpdateChangesAFileThatIsWritten(t *testing.T) {
	s := newScene(t, nil)
	fd := s.pipe()
	s.write(fd, "plain\n")
	s.holds("plain\n")
	changed := *s.spec
	changed.Log.File.Timestamps, changed.Log.File.MaxSize = config.TAI64N, 10
	s.Update(&changed)
	if _, err := s.ask(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	s.write(fd, "stamped\n")
	s.until(event.LogRotated)
	unix.Close(fd)
	s.Close()
	if got := s.text(); !strings.HasPrefix(got, "plain\n@40000000") || !strings.HasSuffix(got, " stamped\n") {
		t.Errorf("got %q", got)
	}
}

func TestACompressionThatFailsIsToldWithItsService(t *testing.T) {
	s := newScene(t, nil)
	fd := s.pipe()
	defer unix.Close(fd)
	s.notPacked(s.spec.Log.File.Path, errors.New("no room"))
	e := s.until(event.LogUncompressed)
	if e.Service != "web" || !strings.HasPrefix(e.Why, "no room; ") {
		t.Errorf("%+v", e)
	}
}

// Files that services had once are forgotten, with all but what somebody still writes.
func TestOnlyFilesInUseAreRemembered(t *testing.T) {
	s := newScene(t, nil)
	fd := s.pipe()
	s.write(fd, "a\n")
	s.holds("a\n")
	remembered := func() (n int) {
		s.Only(map[string]bool{"/elsewhere": true})
		if _, err := s.ask(t.Context(), func() { n = len(s.sinks) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := remembered(); n != 1 {
		t.Fatalf("%d files are remembered while one is written", n)
	}
	unix.Close(fd)
	for end := time.Now().Add(patience); remembered() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a file to which nobody writes is remembered for ever")
		}
	}
	next := s.pipe() // it comes again
	s.write(next, "b\n")
	unix.Close(next)
	s.Close()
	if got := s.text(); got != "a\nb\n" {
		t.Errorf("got %q", got)
	}
}
