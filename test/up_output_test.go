package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// upConsole is the flags for output as people read it.
var upConsole = []string{"--log-format", "console"}

func TestUpPutsTheNameBeforeEachLine(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{flags: upConsole, config: `
[services.a]
command = "printf 'one\\n\\ntwo\\nno newline'"
[services.longer-name]
command = "echo three >&2"
shell = true
after = ["a"]
`})
	u.ends(0)
	want := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d (\S+ *) ([|*]) (.*)\n`)
	got := map[string][]string{}
	rest := want.ReplaceAllStringFunc(u.told(), func(line string) string {
		m := want.FindStringSubmatch(line)
		if len(m[1]) != len("longer-name") {
			t.Errorf("the column of names is not even: %q", line)
		}
		name := strings.TrimSpace(m[1])
		if m[2] == "|" {
			got[name] = append(got[name], m[3])
		}
		return ""
	})
	if rest != "" {
		t.Errorf("lines of another form: %q", rest)
	}
	if want := []string{"one", "", "two", "no newline"}; !slices.Equal(got["a"], want) {
		t.Errorf("a wrote %q, want %q", got["a"], want)
	}
	if want := []string{"three"}; !slices.Equal(got["longer-name"], want) {
		t.Errorf("longer-name wrote %q, want %q", got["longer-name"], want)
	}
}

func TestUpWritesWhatHappenedForPeople(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{flags: upConsole, config: `
[services.a]
command = "exit 3"
shell = true
restart = { initial = "1ms", limit = 2 }
`})
	u.ends(1)
	for _, part := range []string{"* a: exited 3 after ", "* a: backoff: exited 3 after ", "* a: failed: exited 3: this would be start 3",
		"* supervise ends: status 1"} {
		if !strings.Contains(u.told(), part) {
			t.Errorf("%q is missing:\n%s", part, u.told())
		}
	}
	if strings.Contains(u.told(), "\x1b") {
		t.Error("there are colours, though this is no terminal")
	}
}

func TestUpPassesBytesOnUnchanged(t *testing.T) {
	t.Parallel()
	all := make([]byte, 0, 256)
	for b := range 256 {
		if b != '\n' {
			all = append(all, byte(b))
		}
	}
	all = append(all, "\xff\xfe\xc3\x28 \x1b[31mred\x1b[0m\r"...)
	u := upStart(t, upPlan{
		flags:  upConsole,
		config: "[services.a]\ncommand = 'cat bytes'\n",
		files:  map[string]string{"bytes": string(all) + "\n"},
	})
	u.ends(0)
	if !bytes.Contains([]byte(u.written()), append(append([]byte("| "), all...), '\n')) {
		t.Errorf("the bytes came as %q", u.told())
	}
}

func TestUpCutsLongLines(t *testing.T) {
	t.Parallel()
	const piece = 32 << 10
	long := strings.Repeat("0123456789abcdef", 3*piece/16) + "the rest"
	plan := upPlan{
		config: "[services.a]\ncommand = 'cat long'\n",
		files:  map[string]string{"long": "before\n" + long + "\nafter\n"},
	}
	u := upStart(t, plan)
	u.ends(0)
	var whole strings.Builder
	var lengths []int
	for _, e := range u.all("service.output", "a") {
		if e.Message == "before" || e.Message == "after" {
			if e.Why != "" {
				t.Errorf("%q %s", e.Message, e.Why)
			}
			continue
		}
		if continues := e.Why == "continues a long line"; continues != (len(lengths) > 0) {
			t.Errorf("piece %d: %q", len(lengths), e.Why)
		}
		whole.WriteString(e.Message)
		lengths = append(lengths, len(e.Message))
	}
	if whole.String() != long || !slices.Equal(lengths, []int{piece, piece, piece, len("the rest")}) {
		t.Errorf("the line came in pieces of %v bytes, the same together: %v", lengths, whole.String() == long)
	}
	u.line("a", "after")

	plan.flags = upConsole
	u = upStart(t, plan)
	u.ends(0)
	if n := strings.Count(u.written(), " + "); n != 3 {
		t.Errorf("%d lines are marked as the continuation of another, want 3", n)
	}
}

func TestUpKeepsTheOutputBeforeACrash(t *testing.T) {
	t.Parallel()
	const n = 20_000
	u := upConfig(t, fmt.Sprintf(`
[services.a]
command = "seq %d; echo to stderr >&2; printf last; kill -KILL $$"
shell = true
restart.when = "never"
`, n))
	u.ends(0)
	out := u.output("a")
	if len(out) != n+2 || out[n-1] != fmt.Sprint(n) || out[n] != "to stderr" || out[n+1] != "last" {
		t.Fatalf("%d lines, the last %q", len(out), out[max(0, len(out)-3):])
	}
	for i, line := range out[:n] {
		if line != fmt.Sprint(i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	exited := slices.IndexFunc(u.events, func(e upEvent) bool { return e.Event == "process.exited" })
	for _, e := range u.events[exited:] {
		if e.Event == "service.output" {
			t.Fatalf("%q stands after the exit", e.Message)
		}
	}
}

func TestUpRestartsWhileAGrandchildHoldsTheOutput(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.a]
command = "mkfifo up; (echo begin; cat up; echo end) & echo run; exit 1"
shell = true
stop.scope = "process"
restart.initial = "1ms"
restart.limit = 2
`+upBystander)
	u.line("a", "run")
	u.line("a", "run") // the second run, and the first one's child lives
	u.until("service.failed", "a")
	openGate(t, u.dir, "up")
	u.line("a", "end")
	u.stop()
}

func TestUpReadsADescendantThatOutlivesItsService(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.a]
command = "mkfifo up; (cat up; echo late) & exit 0"
shell = true
stop.scope = "process"
[services.b]
command = "sleep 60"
`)
	u.until("service.done", "a")
	openGate(t, u.dir, "up")
	u.line("a", "late")
	u.stop()
}

func TestUpPutsOutputWhereItIsWanted(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.inherit]
command = "echo to stdout; echo to stderr >&2"
shell = true
log.to = "inherit"
[services.none]
command = "echo nowhere; echo nowhere >&2; x=$(readlink /proc/$$/fd/1); echo $x > where"
shell = true
log.to = "none"
`)
	u.ends(0)
	if !strings.Contains("\n"+u.told(), "\nto stdout\n") || u.stderr.String() != "to stderr\n" {
		t.Errorf("stdout %q, stderr %q", u.told(), u.stderr.String())
	}
	if strings.Contains(u.told(), "nowhere") {
		t.Error("the output of a service without a log is written")
	}
	if b, _ := os.ReadFile(filepath.Join(u.dir, "where")); string(b) != "/dev/null\n" {
		t.Errorf("its stdout is %q", b)
	}
}

// upTraced starts `supervise up` with a stdout that the test has spoiled; what
// happens is read from its trace, a named pipe.
func upTraced(t testing.TB, config string, stdout *os.File) *upSession {
	t.Helper()
	dir := t.TempDir()
	makeFIFO(t, dir, "trace")
	path := filepath.Join(dir, "trace")
	trace, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // now it does not wait for a writer
	if err != nil {
		t.Fatal(err)
	}
	// Keeps the reader from an early end of file; closed when supervise has it.
	keep, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { // after supervise has ended
		keep.Close()
		trace.Close()
		<-done
	})
	u := upStart(t, upPlan{config: config, stdout: stdout, flags: []string{"--verbose", "--log-format", "json", "--trace", path}})
	stdout.Close()
	go func() {
		defer close(done)
		u.readLines(trace)
	}()
	u.until("supervise.started", "")
	keep.Close()
	return u
}

func TestUpLivesWithAClosedOutput(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	u := upTraced(t, `
[services.a]
command = "while echo line; do sleep 0.01; done"
shell = true
[services.b]
command = "echo x; exit 1"
shell = true
restart = { initial = "1ms", limit = 3 }
`, w)
	u.until("service.running", "a")
	u.until("service.failed", "b")
	u.stop()
	if n := len(u.all("service.started", "a")); n != 1 {
		t.Errorf("the service was started %d times: it should not notice", n)
	}
}

func TestUpIsNotHeldUpByAnOutputThatNobodyReads(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	u := upTraced(t, `
[services.flood]
command = "mkfifo full; exec 3<>full; yes | while read x; do echo $x; done"
shell = true
[services.crashing]
command = "echo run; exit 1"
shell = true
restart = { initial = "1ms", factor = 1, limit = 200, within = "1h" }
[services.quiet]
command = "exit 1"
shell = true
log.to = "none"
restart = { initial = "1ms", factor = 1, limit = 200, within = "1h" }
[services.late]
command = "sleep 60"
after = ["quiet"]
`, w)
	// By the end of so many runs the pipe has long been full.
	u.until("service.failed", "quiet")
	u.until("service.failed", "crashing")
	u.until("service.running", "late")
	u.signal(syscall.SIGTERM)
	u.until("service.stopped", "flood")
	u.ends(0)
}
