package logs

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"supervise/internal/event"
	"supervise/internal/lines"
	"supervise/internal/recent"
	"supervise/internal/rerun"
)

func everything(event.Name) bool { return true }

// plain writes "service|line", with + for pieces, and "*name why" for events.
type plain struct{}

func (plain) Event(to []byte, e *event.Event) []byte {
	return fmt.Appendf(to, "*%s %s\n", e.Name, e.Why)
}

func (plain) Line(to []byte, service string, _ time.Time, line []byte, part bool) []byte {
	mark := "|"
	if part {
		mark = "+"
	}
	return fmt.Appendf(to, "%s%s%s\n", service, mark, line)
}

// paper is an output that can be read while it is written.
type paper struct {
	mutex sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func newPaper() *paper { return &paper{grown: make(chan struct{}, 1)} }

func (p *paper) Write(b []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	select {
	case p.grown <- struct{}{}:
	default:
	}
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.String()
}

// until waits for a text to be written.
func (p *paper) until(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(90 * time.Second)
	for !strings.Contains(p.String(), want) {
		select {
		case <-p.grown:
		case <-deadline:
			t.Fatalf("after 20 s there is no %q in %q", want, p)
		}
	}
}

func write(t *testing.T, fd int, text string) {
	t.Helper()
	for len(text) > 0 {
		n, err := unix.Write(fd, []byte(text))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
}

func pipe(t *testing.T, l *Log, service string) int {
	t.Helper()
	fd, err := l.Pipe(service, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOutputOfManyServices(t *testing.T) {
	out := newPaper()
	l := New(out, plain{}, everything)
	const services, each = 50, 40
	var wg sync.WaitGroup
	for i := range services {
		fd := pipe(t, l, fmt.Sprint("s", i))
		wg.Go(func() {
			defer unix.Close(fd)
			for n := range each {
				write(t, fd, fmt.Sprintf("line %d", n)) // in two parts
				write(t, fd, "\n")
			}
		})
	}
	wg.Wait()
	l.Close()
	seen := map[string]int{}
	for line := range strings.Lines(out.String()) {
		service, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		if want := fmt.Sprintf("line %d", seen[service]); text != want {
			t.Fatalf("%s: got %q, want %q", service, text, want)
		}
		seen[service]++
	}
	for i := range services {
		if n := seen[fmt.Sprint("s", i)]; n != each {
			t.Errorf("s%d: %d lines, want %d", i, n, each)
		}
	}
}

func TestLastLineWithoutANewlineIsWritten(t *testing.T) {
	out := newPaper()
	l := New(out, plain{}, everything)
	fd := pipe(t, l, "web")
	write(t, fd, "first\nlast words")
	out.until(t, "first")
	unix.Close(fd)
	out.until(t, "web|last words\n")
	l.Close()
}

func TestCloseReadsWhatIsLeftThoughThePipeIsHeldOpen(t *testing.T) {
	out := newPaper()
	l := New(out, plain{}, everything)
	fd := pipe(t, l, "web")
	defer unix.Close(fd) // as a grandchild would hold it
	long := strings.Repeat("x", lines.Max) + "tail"
	write(t, fd, "a\n"+long)
	l.Close()
	want := "web|a\nweb|" + strings.Repeat("x", lines.Max) + "\nweb+tail\n"
	if got := out.String(); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestOutputStandsBeforeTheEventThatFollowsIt(t *testing.T) {
	out := newPaper()
	l := New(out, plain{}, everything)
	var want strings.Builder
	fd := pipe(t, l, "web")
	for i := range 200 {
		write(t, fd, fmt.Sprintf("line %d\n", i))
		l.Emit(event.Event{Name: event.ProcessExited, Service: "web", Why: fmt.Sprint(i)})
		fmt.Fprintf(&want, "web|line %d\n*process.exited %d\n", i, i)
		out.until(t, fmt.Sprintf("*process.exited %d\n", i))
	}
	unix.Close(fd)
	l.Close()
	if out.String() != want.String() {
		t.Errorf("got %q", out)
	}
}

// stuck is an output that takes nothing until it is opened.
type stuck struct {
	paper  *paper
	opened chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	<-s.opened
	return s.paper.Write(b)
}

func TestEmitNeverWaitsAndDropsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := stuck{newPaper(), make(chan struct{})}
		l := New(out, plain{}, everything)
		l.Emit(event.Event{Name: event.ServiceStarted, Why: "first"})
		synctest.Wait() // it is being written
		const more = 7
		for range maxBacklog + more {
			l.Emit(event.Event{Name: event.ServiceStarted})
		}
		close(out.opened)
		l.Close()
		got := out.paper.String()
		if n := strings.Count(got, "*service.started"); n != maxBacklog+1 {
			t.Errorf("%d events were written, want %d", n, maxBacklog+1)
		}
		if want := fmt.Sprintf("*log.dropped %d events were not written", more); strings.Count(got, "*log.dropped") != 1 || !strings.Contains(got, want) {
			t.Errorf("it says not once %q", want)
		}
	})
}

// counted counts how often it is written to.
type counted struct {
	io.Writer
	writes *int
}

func (c counted) Write(b []byte) (int, error) {
	*c.writes++
	return c.Writer.Write(b)
}

func TestEventsThatWaitGoOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, writes := stuck{newPaper(), make(chan struct{})}, 0
		l := New(counted{out, &writes}, plain{}, everything)
		var want strings.Builder
		for i := range 10_000 {
			if i == 1 {
				synctest.Wait() // the first one is being written
			}
			l.Emit(event.Event{Name: event.ServiceStarted, Service: "web", Why: fmt.Sprint(i)})
			fmt.Fprintf(&want, "*service.started %d\n", i)
		}
		close(out.opened)
		l.Close()
		if got := out.paper.String(); got != want.String() {
			t.Errorf("%d bytes were written, want %d", len(got), want.Len())
		}
		if most := 3 + want.Len()/pieceSize*2; writes > most {
			t.Errorf("%d writes, want %d at most", writes, most)
		}
	})
}

func TestCloseDoesNotWaitForAStuckOutputForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := stuck{newPaper(), make(chan struct{})}
		l := New(out, plain{}, everything)
		l.Emit(event.Event{Name: event.ServiceStarted})
		begun := time.Now()
		l.Close()
		if took := time.Since(begun); took != closeWait {
			t.Errorf("it took %s, want %s", took, closeWait)
		}
		close(out.opened) // for the goroutines to end
	})
}

// The thread that starts processes makes the pipes. If it waited for a paused
// terminal, nothing could be started, nor stopped.
// slow is an output that takes its time for each KiB.
type slow struct{ paper *paper }

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(time.Duration(len(b)) * 20 * time.Millisecond / 1024)
	return s.paper.Write(b)
}

func TestCloseWaitsForASlowOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := slow{newPaper()}
		l := New(out, plain{}, everything)
		why := strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)
		l.Emit(event.Event{Name: event.ServiceStarted, Why: why}) // takes 20 s, with one flush
		l.Close()
		if got := out.paper.String(); !strings.Contains(got, why) {
			t.Errorf("%d bytes of %d were written", len(got), len(why))
		}
	})
}

func TestPipeIsMadeWhileTheOutputIsStuck(t *testing.T) {
	out := stuck{newPaper(), make(chan struct{})}
	l := New(out, plain{}, everything)
	first := pipe(t, l, "web")
	write(t, first, "hello\n")
	l.Emit(event.Event{Name: event.ServiceStarted, Service: "web"})
	made := make(chan int)
	go func() {
		fd, err := l.Pipe("db", nil)
		if err != nil {
			t.Error(err)
		}
		made <- fd
	}()
	select {
	case second := <-made:
		write(t, second, "there\n")
		unix.Close(second)
	case <-time.After(90 * time.Second):
		t.Error("no pipe after 20 s")
	}
	close(out.opened)
	out.paper.until(t, "db|there")
	unix.Close(first)
	l.Close()
}

// A pipe whose last writer goes at once gives its number to the next; events
// and readers in between must not mix them up.
func TestShortLivedPipesAreNotMixedUp(t *testing.T) {
	out := newPaper()
	l := New(out, plain{}, everything)
	for i := range 500 {
		fd := pipe(t, l, fmt.Sprint("s", i))
		write(t, fd, fmt.Sprintln("I am", i))
		unix.Close(fd)
		l.Emit(event.Event{Name: event.ServiceDone, Service: fmt.Sprint("s", i)})
	}
	l.Close()
	for i := range 500 {
		if want := fmt.Sprintf("s%d|I am %d\n", i, i); strings.Count(out.String(), want) != 1 {
			t.Fatalf("not once: %q", want)
		}
	}
}

func TestOutputThatFailsIsNoPanic(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	l := New(w, plain{}, everything)
	l.Emit(event.Event{Name: event.ServiceStarted})
	fd := pipe(t, l, "web")
	write(t, fd, "x\n")
	unix.Close(fd)
	l.Close()
}

func TestWants(t *testing.T) {
	l := New(io.Discard, plain{}, func(n event.Name) bool { return n == event.ServiceFailed })
	defer l.Close()
	if !l.Wants(event.ServiceFailed) || l.Wants(event.ServiceDone) {
		t.Error("it wants what it was not told to")
	}
}

// Without a free descriptor there is no pipe, and nothing is lost by trying.
func TestPipeWithoutADescriptor(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	few := unix.Rlimit{Cur: 64, Max: 64}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	out := newPaper()
	l := New(out, plain{}, everything)
	var taken []int
	for {
		fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	free := 0
	for {
		fd, err := l.Pipe("web", nil)
		if err == nil {
			unix.Close(fd)
			break
		}
		for range 3 { // each try costs none
			if _, err := l.Pipe("web", nil); err == nil {
				t.Fatal("the same try succeeds later")
			}
		}
		if free == len(taken) {
			t.Fatal("never enough:", err)
		}
		unix.Close(taken[free])
		free++
	}
	if free > 4 { // one to wait, one to end it, two for the pipe
		t.Errorf("it took %d descriptors", free)
	}
	for _, fd := range taken[free:] {
		unix.Close(fd)
	}
	l.Close()
}

// Services that come under ever new names and go again leave nothing behind.
func TestOnlyWhatCanStillBeAskedForIsKept(t *testing.T) {
	l := New(newPaper(), plain{}, everything)
	defer l.Close()
	budget := recent.NewBudget(1 << 20)
	l.Keep(budget)
	fds := map[string]int{}
	for _, name := range []string{"gone", "held", "stays"} {
		fds[name] = pipe(t, l, name)
		write(t, fds[name], "a line\n")
	}
	for _, name := range []string{"gone", "stays"} {
		unix.Close(fds[name])
	}
	for name := range fds {
		if !l.CatchUp(name, 90*time.Second) {
			t.Fatal("the output takes too long")
		}
	}
	l.Only(map[string]bool{"stays": true})
	if left := slices.Sorted(maps.Keys(l.recent.rings)); !slices.Equal(left, []string{"held", "stays"}) {
		t.Errorf("kept are %v", left)
	}
	unix.Close(fds["held"])
	if !l.CatchUp("held", 90*time.Second) {
		t.Fatal("the output takes too long")
	}
	l.Only(nil)
	if len(l.recent.rings) > 0 {
		t.Errorf("kept are %v", l.recent.rings)
	}
}
