package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// upDeadline bounds every wait of these tests. It is far above what any of
// them needs: a test that meets it has found something that hangs.
const upDeadline = patience

// upPlan says how to run `supervise up`. What is left out has its default.
type upPlan struct {
	config  string            // text of supervise.toml
	files   map[string]string // further files, by name; what begins with "#!" is executable
	path    string            // -c; "": supervise.toml
	flags   []string          // in place of --verbose --log-format json
	names   []string          // services to start
	env     []string          // over our own environment
	inside  *upInside         // in namespaces of its own
	prepare func(*exec.Cmd)   // the last word before the start
	stdout  *os.File          // in place of a pipe that is read
}

// upSession is a running `supervise up` and what it has told so far.
type upSession struct {
	t      testing.TB
	dir    string // working directory, with the configuration
	cmd    *exec.Cmd
	stderr bytes.Buffer // to be read after end

	mu      sync.Mutex
	events  []upEvent
	text    bytes.Buffer  // stdout as it came
	changed chan struct{} // closed when there is more
	given   map[string]int

	read  chan struct{} // closed at the end of stdout
	ended chan struct{} // closed when supervise has ended
}

// upEvent is a line of --log-format json.
type upEvent struct {
	Time    time.Time
	Event   string
	Seq     uint64
	MonoNS  int64 `json:"mono_ns"`
	Service string
	PID     int
	Signal  string
	Was     string
	From    *struct {
		By   string
		PID  int
		UID  int
		Name string
	}
	To   string
	Exit *struct {
		Code   int
		Signal string
		NotRun string `json:"not_run"`
		Status int
		Missed string `json:"missed"`
	}
	UpNS    int64 `json:"up_ns"`
	DelayNS int64 `json:"delay_ns"`
	Why     string
	Message string
}

// upConfig starts `supervise up` with a configuration, and names if any.
func upConfig(t testing.TB, config string, names ...string) *upSession {
	t.Helper()
	return upStart(t, upPlan{config: config, names: names})
}

// upStart starts `supervise up`. When the test ends nothing of it is left.
func upStart(t testing.TB, plan upPlan) *upSession {
	t.Helper()
	u := &upSession{
		t: t, dir: t.TempDir(), changed: make(chan struct{}), given: map[string]int{},
		read: make(chan struct{}), ended: make(chan struct{}),
	}
	for _, text := range append(slices.Collect(maps.Values(plan.files)), plan.config) {
		if strings.Contains(text, "systemd-notify") {
			needed.Program(t, "systemd-notify")
		}
	}
	plan.write(t, u.dir)
	u.cmd = plan.command(u.dir)
	u.cmd.Stderr = &u.stderr
	u.cmd.WaitDelay = upDeadline
	var out io.ReadCloser
	if plan.stdout != nil {
		u.cmd.Stdout = plan.stdout
	} else {
		var err error
		if out, err = u.cmd.StdoutPipe(); err != nil {
			t.Fatal(err)
		}
	}
	if plan.prepare != nil {
		plan.prepare(u.cmd)
	}
	if err := upFork(u.cmd.Start); errors.Is(err, syscall.EPERM) && plan.inside != nil {
		upNeeds(t, "namespaces", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.cleanUp)
	if out != nil {
		go u.readEvents(out)
	}
	go func() {
		if out != nil {
			<-u.read // Wait closes the pipe
		}
		_ = u.cmd.Wait()
		if out == nil {
			close(u.read)
		}
		close(u.ended)
	}()
	return u
}

func (p upPlan) write(t testing.TB, dir string) {
	t.Helper()
	all := maps.Clone(p.files)
	if p.config != "" {
		if all == nil {
			all = map[string]string{}
		}
		all["supervise.toml"] = p.config
	}
	for name, text := range all {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeProgram(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	// Services may run as somebody else.
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755)
	}
}

func (p upPlan) command(dir string) *exec.Cmd {
	flags := p.flags
	if flags == nil {
		flags = []string{"--verbose", "--log-format", "json"}
	}
	path := p.path
	if path == "" {
		path = "supervise.toml"
	}
	args := slices.Concat([]string{"up", "-c", path}, flags, p.names)
	cmd := exec.Command(binary, args...)
	if p.inside != nil {
		cmd = p.inside.command(append([]string{binary}, args...))
	}
	cmd.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "SUPERVISE_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, p.env...)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return cmd
}

// upForks is the queue of a thread that starts processes and never ends: they
// are to die when the tests do, and the kernel minds the thread, not the
// process.
var upForks = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for f := range upForks {
			f()
		}
	}()
}

func upFork(start func() error) error {
	done := make(chan error)
	upForks <- func() { done <- start() }
	return <-done
}

func (u *upSession) readEvents(out io.Reader) {
	defer close(u.read)
	u.readLines(out)
}

func (u *upSession) readLines(out io.Reader) {
	r := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			u.take(line)
		}
		if err != nil {
			return
		}
	}
}

// take keeps one line; what is no event counts as text alone.
func (u *upSession) take(line []byte) {
	var e upEvent
	isEvent := json.Unmarshal(line, &e) == nil
	u.mu.Lock()
	defer u.mu.Unlock()
	u.text.Write(line)
	if isEvent {
		u.events = append(u.events, e)
	}
	close(u.changed)
	u.changed = make(chan struct{})
}

// until waits for an event of a service ("": of supervise itself). Each call
// gives the next one of that name and service.
func (u *upSession) until(name, service string) upEvent {
	u.t.Helper()
	return u.find(name, service, "", nil)
}

// line waits for a line of a service's output that contains part. Each call
// with the same part gives the next such line.
func (u *upSession) line(service, part string) string {
	u.t.Helper()
	return u.find("service.output", service, part, func(e upEvent) bool { return strings.Contains(e.Message, part) }).Message
}

// value waits for a line "name=value" of a service's output.
func (u *upSession) value(service, name string) string {
	u.t.Helper()
	line := u.find("service.output", service, name+"=", func(e upEvent) bool { return strings.HasPrefix(e.Message, name+"=") }).Message
	return strings.TrimPrefix(line, name+"=")
}

// number is value as a number, such as a pid.
func (u *upSession) number(service, name string) int {
	u.t.Helper()
	var n int
	if _, err := fmt.Sscan(u.value(service, name), &n); err != nil {
		u.t.Fatalf("%s of %s: %v", name, service, err)
	}
	return n
}

// find waits for the next event that was not given out under this key yet.
func (u *upSession) find(name, service, key string, fits func(upEvent) bool) upEvent {
	u.t.Helper()
	key = name + "\n" + service + "\n" + key
	deadline := late(u.t)
	for at := u.given[key]; ; {
		u.mu.Lock()
		events, changed := u.events, u.changed
		u.mu.Unlock()
		for ; at < len(events); at++ {
			if e := events[at]; e.Event == name && e.Service == service && (fits == nil || fits(e)) {
				u.given[key] = at + 1
				return e
			}
		}
		select {
		case <-changed:
			continue
		default:
		}
		select {
		case <-changed:
		case <-u.read:
			select {
			case <-changed: // it came with the end
				continue
			default:
			}
			u.t.Fatalf("supervise ended without %s of %q (%s)\n%s", name, service, strings.ReplaceAll(key, "\n", " "), u.told()+u.stderr.String())
		case <-deadline:
			u.t.Fatalf("no %s of %q (%s)\n%s", name, service, strings.ReplaceAll(key, "\n", " "), u.told())
		}
	}
}

// when waits until a condition on what was told holds.
func (u *upSession) when(what string, holds func() bool) {
	u.t.Helper()
	deadline := late(u.t)
	for {
		u.mu.Lock()
		changed := u.changed
		u.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-u.ended:
			if !holds() {
				u.t.Fatalf("supervise ended, but not: %s\n%s%s", what, u.told(), u.stderr.String())
			}
			return
		case <-deadline:
			u.t.Fatalf("not: %s\n%s", what, u.told())
		}
	}
}

// all gives the events of a name so far, of a service or, with "*", of any.
func (u *upSession) all(name, service string) []upEvent {
	u.mu.Lock()
	defer u.mu.Unlock()
	var found []upEvent
	for _, e := range u.events {
		if e.Event == name && (service == "*" || e.Service == service) {
			found = append(found, e)
		}
	}
	return found
}

// none fails the test if there was such an event.
func (u *upSession) none(name, service string) {
	u.t.Helper()
	if found := u.all(name, service); len(found) > 0 {
		u.t.Errorf("%s of %s: %q\n%s", name, service, found[0].Message, u.told())
	}
}

// output gives what a service has written, line by line.
func (u *upSession) output(service string) []string {
	var lines []string
	for _, e := range u.all("service.output", service) {
		lines = append(lines, e.Message)
	}
	return lines
}

// written is all of stdout so far.
func (u *upSession) written() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.text.String()
}

// told is the story so far, for people who look at a failure.
func (u *upSession) told() string {
	text := u.written()
	if len(text) > 20_000 {
		text = "...\n" + text[len(text)-20_000:]
	}
	return text
}

func (u *upSession) pid() int { return u.cmd.Process.Pid }

// signal signals supervise.
func (u *upSession) signal(s syscall.Signal) {
	u.t.Helper()
	if err := u.cmd.Process.Signal(s); err != nil {
		u.t.Fatalf("sending %v to supervise: %v", s, err)
	}
}

// hurry presses Ctrl-C until it counts: two that come at once are one.
func (u *upSession) hurry() {
	u.t.Helper()
	over := func() bool {
		select {
		case <-u.ended:
			return true
		default:
			return len(u.all("shutdown.hurried", "")) > 0
		}
	}
	for !over() {
		before := len(u.all("signal.received", ""))
		_ = u.cmd.Process.Signal(syscall.SIGINT) // it may have ended just now
		u.when("INT is received", func() bool { return over() || len(u.all("signal.received", "")) > before })
	}
}

// end waits for supervise to end and gives its exit status, -1 if a signal
// killed it.
func (u *upSession) end() int {
	u.t.Helper()
	select {
	case <-u.ended:
	case <-late(u.t):
		u.t.Fatalf("supervise does not end\n%s", u.told())
	}
	return u.cmd.ProcessState.ExitCode()
}

// ends waits for supervise to end with a status, and expects that no process
// of its services is left.
func (u *upSession) ends(status int) {
	u.t.Helper()
	if got := u.end(); got != status {
		u.t.Errorf("exit status %d, want %d\n%s%s", got, status, u.told(), u.stderr.String())
	}
	for _, p := range u.left() {
		u.t.Errorf("left behind: process %d (%s)\n%s", p, upCommandLine(p), u.told())
	}
}

// stop ends supervise with TERM; everything must stop.
func (u *upSession) stop() {
	u.t.Helper()
	u.signal(syscall.SIGTERM)
	u.ends(0)
}

// left lists the living processes of the services, by the mark that each has
// in its environment.
func (u *upSession) left() []int {
	if u.cmd.SysProcAttr.Cloneflags&unix.CLONE_NEWPID != 0 {
		return nil // the kernel has killed them with their PID 1
	}
	mark := fmt.Appendf(nil, "SUPERVISE_TREE=/%d.", u.pid())
	return upProcesses(func(pid int, environ []byte) bool { return bytes.Contains(environ, mark) })
}

// cleanUp ends what a failed test has left.
func (u *upSession) cleanUp() {
	_ = u.cmd.Process.Kill()
	select {
	case <-u.ended:
	case <-time.After(upDeadline):
		u.t.Error("supervise survives KILL")
	}
	for range 100 {
		left := u.left()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// upRefused runs `supervise up` that is to fail at once, and gives what it
// says on stderr.
func upRefused(t testing.TB, plan upPlan, status int) string {
	t.Helper()
	u := upStart(t, plan)
	u.ends(status)
	if out := u.told(); out != "" {
		t.Errorf("stdout: %s", out)
	}
	return u.stderr.String()
}

// upNeeds skips a test that needs something which is not there; where
// everything has to be there, it fails.
func upNeeds(t testing.TB, what string, err error) {
	t.Helper()
	needed.That(t, err == nil, fmt.Sprintf("%s: %v", what, err))
}

// upRoot skips a test that needs root.
func upRoot(t testing.TB) {
	t.Helper()
	var err error
	if os.Geteuid() != 0 {
		err = errors.New("this is user " + fmt.Sprint(os.Geteuid()))
	}
	upNeeds(t, "root", err)
}
