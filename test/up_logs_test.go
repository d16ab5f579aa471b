package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// upLogged is flags for services that write to files.
var upLogged = []string{"--socket", "none", "--verbose", "--log-format", "json"}

// file reads a file below the working directory.
func (u *upSession) file(path ...string) string {
	u.t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{u.dir}, path...)...))
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b)
}

func TestUpWritesLogFiles(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{flags: upLogged, config: `
[defaults]
shell = true
log.to = "file"
[services.plain]
command = "printf 'out\\n'; printf 'err\\n' >&2; printf 'no newline'"
instances = 2
[services.apart]
command = "echo out; echo err >&2"
log = { stderr = "file", path = "logs/%n-%i.log" }
[services.timed]
command = "echo now"
log = { timestamps = "rfc3339" }
[services.tai]
command = "echo now"
log = { timestamps = "tai64n" }
`})
	u.ends(0)
	for path, want := range map[string]string{
		"log/plain@1/current":  "^out\nerr\nno newline$",
		"log/plain@2/current":  "^out\nerr\nno newline$",
		"logs/apart-1.log":     "^out\n$",
		"logs/apart-1.log.err": "^err\n$",
		"log/timed/current":    `^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z now` + "\n$",
		"log/tai/current":      "^@40000000[0-9a-f]{16} now\n$",
	} {
		if got := u.file(path); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %q does not match %q", path, got, want)
		}
	}
}

func TestUpKeepsTheLogOfAGrandchildThatOutlivesItsParent(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{flags: upLogged, config: `
[services.a]
command = '''
sh -c 'trap "echo last words; exit" TERM; echo here; : > ready; while :; do sleep 0.05; done' 2>/dev/null &
until test -e ready; do sleep 0.01; done
echo the parent ends
'''
shell = true
log.to = "file"
`})
	u.ends(0)
	if got, want := u.file("log/a/current"), "here\nthe parent ends\nlast words\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUpAppendsToWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"one\n", "one"} {
		u := upStart(t, upPlan{flags: upLogged, files: map[string]string{"log/a/current": before},
			config: "[services.a]\ncommand = 'echo two'\nlog.to = 'file'\n"})
		u.ends(0)
		if got := u.file("log/a/current"); got != "one\ntwo\n" {
			t.Errorf("before: %q, after: %q", before, got)
		}
	}
}

// full runs a service that writes numbers into a file system that has no room
// for all of them, until there is.
func full(t testing.TB, mode string) (u *upSession, lines []string) {
	t.Helper()
	upRoot(t)
	const numbers = 700_000 // nearly 5 MB
	u = upStart(t, upPlan{
		flags:  upLogged,
		files:  map[string]string{"small/x": ""},
		inside: &upInside{Tmpfs: map[string]string{"small": "6m"}},
		config: fmt.Sprintf(`
[services.ballast]
command = "head -c 4m /dev/zero > small/ballast"
shell = true
kind = "task"
[services.a]
command = "seq 1 %d; : > written; until test -e go; do sleep 0.05; done; echo the end; exec sleep 1000"
shell = true
needs = ["ballast"]
log = { to = "file", path = "small/a", max_size = 0, full = %q }
`, numbers, mode)})
	if e := u.until("log.blocked", "a"); !strings.Contains(e.Why, "no space left on device") {
		t.Errorf("why: %q", e.Why)
	}
	small := fmt.Sprintf("/proc/%d/root%s/small/", u.pid(), u.dir)
	if mode == "drop" { // it is not held up
		eventually(t, "everything is written", func() bool { _, err := os.Stat(filepath.Join(u.dir, "written")); return err == nil })
	}
	if err := os.Remove(small + "ballast"); err != nil {
		t.Fatal(err)
	}
	u.until("log.resumed", "a")
	if err := os.WriteFile(filepath.Join(u.dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// The file is seen as long as somebody is there.
	var text string
	eventually(t, "the last line is in the file", func() bool {
		b, err := os.ReadFile(small + "a")
		text = string(b)
		return err == nil && strings.HasSuffix(text, "\nthe end\n")
	})
	return u, strings.Split(strings.TrimSuffix(text, "\nthe end\n"), "\n")
}

func TestUpWaitsForAFullDisk(t *testing.T) {
	t.Parallel()
	u, lines := full(t, "block")
	if len(lines) != 700_000 {
		t.Errorf("%d lines", len(lines))
	}
	for i, line := range lines {
		if line != fmt.Sprint(i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
	if n := len(u.all("log.blocked", "a")); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	u.none("log.dropped", "a")
	u.stop()
}

func TestUpDropsWhatAFullDiskDoesNotTake(t *testing.T) {
	t.Parallel()
	u, lines := full(t, "drop")
	e := u.until("log.dropped", "a")
	var bytes, count int
	if _, err := fmt.Sscanf(e.Why, "%d bytes in %d lines", &bytes, &count); err != nil {
		t.Fatal(e.Why, err)
	}
	last, kept := 0, 0
	for _, line := range lines {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil || n <= last || fmt.Sprint(n) != line {
			t.Fatalf("line %q after %d", line, last)
		}
		last, kept = n, kept+len(line)+1
	}
	all := 0
	for n := 1; n <= 700_000; n++ {
		all += len(fmt.Sprint(n)) + 1
	}
	if len(lines)+count != 700_000 || kept+bytes != all {
		t.Errorf("%d lines and %d bytes are in the file, %d and %d were dropped, of 700000 and %d", len(lines), kept, count, bytes, all)
	}
	if count == 0 {
		t.Error("nothing was dropped")
	}
	u.stop()
}

func TestUpGivesATerminalToAService(t *testing.T) {
	t.Parallel()
	config := `
[defaults]
shell = true
pty = true
[services.a]
command = '''
test -t 0 && test -t 1 && test -t 2 && echo all three
stty size
mkdir -p d/sub; ls --color=auto d
echo through the terminal > /dev/tty
printf half'''
[services.b]
command = "test -t 1 && echo yes; id -u; echo again > /dev/stdout"
log.to = "file"
user = "nobody"
`
	upRoot(t)
	u := upStart(t, upPlan{flags: upLogged, config: config})
	u.ends(0)
	if want := []string{"all three", "24 80", "\x1b[0m\x1b[01;34msub\x1b[0m", "through the terminal", "half"}; !slices.Equal(u.output("a"), want) {
		t.Errorf("got %q, want %q", u.output("a"), want)
	}
	if got := u.file("log/b/current"); got != "yes\n65534\nagain\n" {
		t.Errorf("got %q", got)
	}
}

func TestUpResizesTheTerminalsOfServices(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "supervise.toml")
	err := os.WriteFile(config, []byte(`
[defaults]
command = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.1 & wait $!; done"
shell = true
pty = true
[services.a]
[services.b]
log.to = "file"
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := s.terminal(s.command(binary, "up", "-c", config, "--socket", "none"))
	x.shows("ready")
	file := func(want string) {
		t.Helper()
		eventually(t, "the file has "+want, func() bool {
			b, _ := os.ReadFile(filepath.Join(dir, "log/b/current"))
			return strings.Contains(string(b), want)
		})
	}
	file("ready")
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 33, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	x.shows("33 77")
	file("33 77")
}

// Many programs, nginx for one, open /dev/stderr. With a pipe the kernel asks
// whose that is.
func TestUpLetsServicesOfAnotherUserOpenTheirOutput(t *testing.T) {
	t.Parallel()
	upRoot(t)
	u := upStart(t, upPlan{flags: upLogged, config: `
[defaults]
shell = true
command = "id -u; echo out > /dev/stdout; echo err > /dev/stderr"
user = "nobody"
[services.console]
[services.file]
log.to = "file"
[services.apart]
log = { to = "file", stderr = "file" }
[services.settings]
no_new_privs = true
limits = { nofile = 100 }
`})
	u.ends(0)
	for _, name := range []string{"console", "settings"} {
		if got := u.output(name); !slices.Equal(got, []string{"65534", "out", "err"}) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := u.file("log/file/current"); got != "65534\nout\nerr\n" {
		t.Errorf("got %q", got)
	}
	if got := u.file("log/apart/current"); got != "65534\nout\n" {
		t.Errorf("got %q", got)
	}
}

// peak is the most memory that a process has had, in bytes.
func peak(t testing.TB, pid int) int {
	t.Helper()
	var kb int
	if _, err := fmt.Sscan(statusField(t, pid, "VmHWM"), &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestUpTakesALineWithoutAnEnd(t *testing.T) {
	t.Parallel()
	const size = 128 << 20
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	write := fmt.Sprintf(`"head -c %d /dev/zero | tr '\\0' x; : > $SUPERVISE_SERVICE.done; sleep 1000"`, size)
	u := upStart(t, upPlan{flags: []string{"--socket", "none", "--log-format", "console"}, stdout: null, config: fmt.Sprintf(`
[defaults]
shell = true
[services.console]
command = %s
[services.plain]
command = %s
log = { to = "file", max_size = 0 }
[services.timed]
command = %s
log = { to = "file", max_size = "1MB", max_files = 3, timestamps = "tai64n" }
`, write, write, write)})
	eventually(t, "all is written", func() bool {
		done, err := filepath.Glob(filepath.Join(u.dir, "*.done"))
		return err == nil && len(done) == 3
	})
	if got := peak(t, u.pid()); got > 48<<20 {
		t.Errorf("it has taken %d MB", got>>20)
	}
	u.stop()
	if info, err := os.Stat(filepath.Join(u.dir, "log/plain/current")); err != nil || info.Size() != size {
		t.Error(info.Size(), err)
	}
}

// Two that write as fast as they can, one to the console and one to a file,
// starve nobody: others are heard, and stopped.
func TestUpHearsTheQuietBesideTheLoud(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	u := upStart(t, upPlan{flags: []string{"--socket", "none", "--trace", "trace", "--log-format", "console"}, stdout: null, config: `
[services.loud]
command = "yes"
[services.louder]
command = "yes and louder"
log = { to = "file", max_size = "1MB", max_files = 2 }
[services.quiet]
command = "echo 1; until test -e go; do sleep 0.01; done; echo 2; exec sleep 1000"
shell = true
log.to = "file"
`})
	text := func() string {
		b, _ := os.ReadFile(filepath.Join(u.dir, "log/quiet/current"))
		return string(b)
	}
	eventually(t, "the first line", func() bool { return text() == "1\n" })
	eventually(t, "the loud one is heard", func() bool {
		names, _ := filepath.Glob(filepath.Join(u.dir, "log/louder/current.*"))
		return len(names) == 2
	})
	if err := os.WriteFile(filepath.Join(u.dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second line", func() bool { return text() == "1\n2\n" })
	u.stop()
}

func TestUpNeverMixesTwoLines(t *testing.T) {
	t.Parallel()
	const lines = 20_000
	var config strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		fmt.Fprintf(&config, "[services.%s]\ncommand = \"seq -f '%s-%%%%g-%s' 1 %d\"\n", name, name, strings.Repeat(name, 50), lines)
	}
	u := upStart(t, upPlan{flags: []string{"--socket", "none", "--log-format", "console"}, config: config.String()})
	u.ends(0)
	next := map[string]int{}
	for line := range strings.Lines(u.written()) {
		_, line, ours := strings.Cut(line, " | ")
		if !ours {
			continue
		}
		name := line[:1]
		next[name]++
		if want := fmt.Sprintf("%s-%d-%s\n", name, next[name], strings.Repeat(name, 50)); line != want {
			t.Fatalf("got %q, want %q", line, want)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		if next[name] != lines {
			t.Errorf("%s: %d lines of %d", name, next[name], lines)
		}
	}
}

// upAnswering starts `supervise up` with a control socket.
func upAnswering(t testing.TB, config string) (*upSession, *http.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") // a short path, as sockets need it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	u := upStart(t, upPlan{flags: []string{"--socket", socket, "--verbose", "--log-format", "json"}, config: config})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	u.until("supervise.started", "")
	return u, client
}

// toldLine is a line of GET /v1/logs.
type toldLine struct {
	Time          *time.Time
	Service, Line string
	Part          bool
	Lost          int
}

func askLogs(t testing.TB, client *http.Client, query string) (int, []toldLine, string) {
	t.Helper()
	r, err := client.Get("http://supervise/v1/logs?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var lines []toldLine
	if r.StatusCode == 200 {
		for line := range strings.Lines(string(body)) {
			var l toldLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lines = append(lines, l)
		}
	}
	return r.StatusCode, lines, string(body)
}

func textsOf(lines []toldLine) (all []string) {
	for _, l := range lines {
		all = append(all, l.Service+" "+l.Line)
	}
	return all
}

func TestUpTellsWhatServicesWrote(t *testing.T) {
	t.Parallel()
	u, client := upAnswering(t, `
[defaults]
shell = true
[services.console]
command = "seq 1 5; exec sleep 1000"
[services.file]
command = "seq 1 1000; exec sleep 1000"
log = { to = "file", max_size = "1KB", compress = true }
[services.timed]
command = "echo early; exec sleep 1000"
log = { to = "file", timestamps = "rfc3339" }
[services.none]
command = "echo nothing; exec sleep 1000"
log.to = "none"
`)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"name=console&n=2", []string{"console 4", "console 5"}},
		{"name=file&n=3", []string{"file 998", "file 999", "file 1000"}},
		{"name=timed&since=1h", []string{"timed early"}},
		{"name=timed&since=2100-01-01T00:00:00Z", nil},
		{"name=console&since=1h&n=1", []string{"console 5"}},
		{"n=1", []string{"file 1000", "console 5", "timed early"}},
	} {
		var got []string
		eventually(t, c.query, func() bool {
			_, lines, _ := askLogs(t, client, c.query)
			if got = textsOf(lines); len(c.want) == 3 && c.query == "n=1" {
				slices.Sort(got[min(1, len(got)):])
			}
			return slices.Equal(got, c.want)
		})
	}
	_, lines, _ := askLogs(t, client, "name=file")
	if len(lines) != 1000 && len(lines) < 900 { // ten files of 1 KB are kept, and there are not so many
		t.Errorf("%d lines of the file and its rotated parts", len(lines))
	}
	for query, want := range map[string]string{
		"name=none":              "its output is not kept",
		"name=none&follow=1":     "its output is not kept",
		"name=file&since=5m":     "no times to go by",
		"name=console&name=none": "its output is not kept",
	} {
		if status, _, body := askLogs(t, client, query); status != 409 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
	u.stop()
}

func TestUpFollowsOverRotationAndRestart(t *testing.T) {
	t.Parallel()
	const lines, runs = 2000, 5
	u, client := upAnswering(t, fmt.Sprintf(`
[services.a]
command = "touch run; run=$(wc -l < run); echo >> run; seq $((run*%d+1)) $((run*%d+%d)); test $run = %d && exec sleep 1000"
shell = true
restart = { when = "always", initial = "1ms", max = "1ms" }
log = { to = "file", max_size = "2KB", max_files = 0 }
`, lines, lines, lines, runs-1))
	r, err := client.Get("http://supervise/v1/logs?name=a&follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	timer := time.AfterFunc(upDeadline, func() { r.Body.Close() })
	defer timer.Stop()
	in := bufio.NewScanner(r.Body)
	next := 1
	for next <= lines*runs && in.Scan() {
		var l toldLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(next); l.Line != want || l.Lost != 0 {
			t.Fatalf("got %+v where %s was due", l, want)
		}
		next++
	}
	if next != lines*runs+1 {
		t.Errorf("only %d lines came", next-1)
	}
	r.Body.Close()
	u.stop()
}

func TestUpReopensAndRotatesOnDemand(t *testing.T) {
	t.Parallel()
	u, client := upAnswering(t, `
[services.a]
command = "echo 1; until test -e two; do sleep 0.01; done; echo 2; until test -e three; do sleep 0.01; done; echo 3; exec sleep 1000"
shell = true
log.to = "file"
`)
	current := filepath.Join(u.dir, "log/a/current")
	has := func(path, want string) {
		t.Helper()
		eventually(t, path+" has "+want, func() bool { b, _ := os.ReadFile(path); return string(b) == want })
	}
	post := func(what string) {
		t.Helper()
		r, err := client.Post("http://supervise/v1/"+what+"?name=a", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if body, _ := io.ReadAll(r.Body); r.StatusCode != 200 {
			t.Fatalf("%s: %s", what, body)
		}
	}
	touch := func(name string) {
		if err := os.WriteFile(filepath.Join(u.dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	has(current, "1\n")
	if err := os.Rename(current, current+".moved"); err != nil {
		t.Fatal(err)
	}
	post("reopen")
	touch("two")
	has(current, "2\n")
	has(current+".moved", "1\n")
	post("rotate")
	touch("three")
	has(current, "3\n")
	parts, err := filepath.Glob(current + ".2*")
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	has(parts[0], "2\n")
	u.signal(syscall.SIGTERM)
	u.ends(0)
}
