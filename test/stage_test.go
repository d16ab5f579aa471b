package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// patience bounds every wait. It is long because the machine may be busy: a
// thousand forks have taken 20 s on two cores with a load of 25. No test that
// passes elsewhere comes near it.
const patience = 90 * time.Second

// starts is where all processes of the tests are started: on one thread that
// lives as long as the test binary, so that a parent-death signal means the
// death of the whole.
var starts = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

// start starts a command that dies with the test binary.
func start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	result := make(chan error)
	starts() <- func() { result <- cmd.Start() }
	return <-result
}

// stage is where one scene is played: it starts supervise, and probes below it
// call in.
type stage struct {
	t       testing.TB
	dir     string // for files; the path is short, and anybody may enter
	line    *net.UnixListener
	arrived chan *probe
	waiting map[string]*probe // arrived, and not asked for yet
}

func newStage(t testing.TB) *stage {
	t.Helper()
	dir, err := os.MkdirTemp(stageDir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			sweep(lineVariable + "=" + filepath.Join(dir, "line"))
		}
		os.RemoveAll(dir)
	})
	s := &stage{t: t, dir: dir, arrived: make(chan *probe, 64), waiting: map[string]*probe{}}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if s.line, err = net.ListenUnix("unix", &net.UnixAddr{Name: s.path("line")}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.path("line"), 0o777); err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	var conns []*net.UnixConn
	open.Go(func() {
		for {
			c, err := s.line.AcceptUnix()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			open.Go(func() { s.listen(c) })
		}
	})
	t.Cleanup(func() { // every probe that is left ends when its line breaks
		s.line.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return s
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// file writes a file and gives its path.
func (s *stage) file(name, text string, mode os.FileMode) string {
	s.t.Helper()
	if err := writeProgram(s.path(name), []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

// writeProgram is os.WriteFile for what is to be executed. No process can be as
// long as another has it open for writing, and one that is just being started by
// another test would inherit our descriptor until its execve(2) (golang/go#22315).
// So none is started meanwhile.
func writeProgram(path string, text []byte, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, mode)
}

// listen takes what one probe tells.
func (s *stage) listen(c *net.UnixConn) {
	p := &probe{t: s.t, conn: c, told: make(chan report, 4096)}
	defer close(p.told)
	for lines := bufio.NewScanner(c); lines.Scan(); {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			panic(fmt.Sprintf("a probe tells %q: %v", lines.Text(), err))
		}
		if r.What == "hello" {
			p.report, p.outer = r, peerPID(c)
			s.arrived <- p
			continue
		}
		p.told <- r
	}
}

// peerPID is the pid of the process at the other end, as we see it.
func peerPID(c *net.UnixConn) (pid int) {
	raw, err := c.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) {
			if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
				pid = int(cred.Pid)
			}
		})
	}
	return pid
}

// probe waits for the probe of that name to call in.
func (s *stage) probe(name string) *probe {
	s.t.Helper()
	deadline := late(s.t)
	for {
		if p := s.waiting[name]; p != nil {
			delete(s.waiting, name)
			return p
		}
		select {
		case p := <-s.arrived:
			s.waiting[p.Name] = p
		case <-deadline:
			s.t.Fatalf("probe %s has not called in", name)
		}
	}
}

// probe is a probe as the test sees it.
type probe struct {
	report // its hello
	t      testing.TB
	outer  int // its pid, where the test lives
	conn   *net.UnixConn
	told   chan report
}

// say gives it an order.
func (p *probe) say(format string, a ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.conn, format+"\n", a...); err != nil {
		p.t.Fatalf("probe %s cannot be told to %s: %v", p.Name, fmt.Sprintf(format, a...), err)
	}
}

// next is what it tells next.
func (p *probe) next() report {
	p.t.Helper()
	select {
	case r, ok := <-p.told:
		if !ok {
			p.t.Fatalf("probe %s is gone", p.Name)
		}
		return r
	case <-late(p.t):
		p.t.Fatalf("probe %s tells nothing", p.Name)
	}
	return report{}
}

// hears says that the next thing it tells is this signal.
func (p *probe) hears(s signals.Signal) report {
	p.t.Helper()
	r := p.next()
	if r.What != "signal" || r.Signal != s {
		p.t.Fatalf("probe %s tells %s %s %s, want signal %s", p.Name, r.What, r.Signal, r.Text, s)
	}
	return r
}

// answers gives an order and waits for the answer.
func (p *probe) answers(order, what string) report {
	p.t.Helper()
	p.say("%s", order)
	r := p.next()
	if r.What != what {
		p.t.Fatalf("probe %s answers %q with %s %s", p.Name, order, r.What, r.Signal)
	}
	return r
}

// heardNothing says that it told nothing, up to now.
func (p *probe) heardNothing() {
	p.t.Helper()
	select {
	case r, ok := <-p.told:
		if ok {
			p.t.Fatalf("probe %s tells %s %s, want nothing", p.Name, r.What, r.Signal)
		}
	default:
	}
}

// ends waits for its end. What it still told before is given back.
func (p *probe) ends() (last []report) {
	p.t.Helper()
	deadline := late(p.t)
	for {
		select {
		case r, ok := <-p.told:
			if !ok {
				return last
			}
			last = append(last, r)
		case <-deadline:
			p.t.Fatalf("probe %s does not end", p.Name)
		}
	}
}

// lives says that it still answers.
func (p *probe) lives() {
	p.t.Helper()
	p.answers("write lives", "written")
}

// stops stops it, as by a key, and waits until it has stopped.
func (p *probe) stops() {
	p.t.Helper()
	p.say("stop")
	eventually(p.t, p.Name+" has stopped", func() bool { return statusField(p.t, p.outer, "State")[0] == 'T' })
}

// supervised is a running supervise.
type supervised struct {
	*stage
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *output
	stderr *output
	ended  chan struct{}
}

// output keeps what was written and tells of each line.
type output struct {
	mu    sync.Mutex
	all   bytes.Buffer
	lines chan string // closed at the end
	done  chan struct{}
}

func newOutput() *output { return &output{lines: make(chan string, 8192), done: make(chan struct{})} }

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

func (o *output) follow(r io.Reader) {
	defer close(o.done)
	defer close(o.lines)
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadString('\n')
		if line != "" {
			o.mu.Lock()
			o.all.WriteString(line)
			o.mu.Unlock()
			select {
			case o.lines <- strings.TrimSuffix(line, "\n"):
			default: // nobody asks for them
			}
		}
		if err != nil {
			return
		}
	}
}

// supervise starts `supervise ARG...`.
func (s *stage) supervise(args ...string) *supervised {
	s.t.Helper()
	return s.start(s.command(binary, args...))
}

// command prepares a program that can reach the stage.
func (s *stage) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), lineVariable+"="+s.path("line"))
	cmd.Dir = s.dir
	return cmd
}

// start starts a command with pipes for its streams, those that it has none
// for. It does not outlive the test.
func (s *stage) start(cmd *exec.Cmd) *supervised {
	s.t.Helper()
	v := &supervised{stage: s, cmd: cmd, ended: make(chan struct{}),
		stdout: newOutput(), stderr: newOutput()}
	var following sync.WaitGroup
	var ours []*os.File // the child's ends
	pipe := func(o *output) *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			s.t.Fatal(err)
		}
		following.Go(func() { defer r.Close(); o.follow(r) })
		ours = append(ours, w)
		return w
	}
	if cmd.Stdin == nil {
		r, w, err := os.Pipe()
		if err != nil {
			s.t.Fatal(err)
		}
		cmd.Stdin, v.stdin = r, w
		ours = append(ours, r)
		s.t.Cleanup(func() { w.Close() })
	}
	if cmd.Stdout == nil {
		cmd.Stdout = pipe(v.stdout)
	}
	if cmd.Stderr == nil {
		cmd.Stderr = pipe(v.stderr)
	}
	err := start(cmd)
	for _, f := range ours {
		f.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(v.ended)
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-v.ended
		if s.t.Failed() {
			s.t.Logf("%s\nstdout: %s\nstderr: %s", strings.Join(cmd.Args, " "), v.stdout, v.stderr)
		}
	})
	return v
}

func (v *supervised) pid() int { return v.cmd.Process.Pid }

// kill sends it a signal.
func (v *supervised) kill(s signals.Signal) {
	v.t.Helper()
	if err := unix.Kill(v.pid(), unix.Signal(s)); err != nil {
		v.t.Fatalf("sending %s to supervise: %v", s, err)
	}
}

// wait waits for its end and gives its exit status; one that died of a signal
// has its negative number.
func (v *supervised) wait() int {
	v.t.Helper()
	select {
	case <-v.ended:
	case <-late(v.t):
		v.t.Fatal("supervise does not end")
	}
	status := v.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

// exits says with which status it ends.
func (v *supervised) exits(want int) {
	v.t.Helper()
	if got := v.wait(); got != want {
		v.t.Errorf("supervise ends with %d, want %d", got, want)
	}
}

// text waits for the end of an output and gives all of it. The end comes when
// the last process that holds it has ended.
func (v *supervised) text(o *output) string {
	v.t.Helper()
	select {
	case <-o.done:
	case <-late(v.t):
		v.t.Fatal("the output does not end: somebody still holds it")
	}
	return o.String()
}

// runs says that it has not ended, up to now.
func (v *supervised) runs() {
	v.t.Helper()
	select {
	case <-v.ended:
		v.t.Fatalf("supervise has ended: %s", v.cmd.ProcessState)
	default:
	}
}

// told is one event as --log-format json tells it.
type told struct {
	Event, Signal, Was, To, Why, Message, Service string
	Signo, PID                                    int
	From                                          *struct {
		By, Name       string
		Code, PID, UID int
	}
	Exit *struct {
		Code, Status int
		Signal       string
		NotRun       string `json:"not_run"`
		Missed       string `json:"missed"`
	}
	DelayNS int64 `json:"delay_ns"`
	UpNS    int64 `json:"up_ns"`
}

// verbose are the flags with which supervise tells every event in JSON.
var verbose = []string{"-v", "--log-format", "json"}

// superviseVerbosely starts `supervise ARG...` such that event can follow it.
func (s *stage) superviseVerbosely(args ...string) *supervised {
	s.t.Helper()
	return s.supervise(append(verbose[:len(verbose):len(verbose)], args...)...)
}

// event waits for an event, passing over others.
func (v *supervised) event(name string) told {
	v.t.Helper()
	return v.eventWhere(name, func(told) bool { return true })
}

func (v *supervised) eventWhere(name string, is func(told) bool) told {
	v.t.Helper()
	deadline := late(v.t)
	for {
		select {
		case line, ok := <-v.stderr.lines:
			if !ok {
				v.t.Fatalf("supervise has ended without telling of %s", name)
			}
			if e, ok := parseEvent(line); ok && e.Event == name && is(e) {
				return e
			}
		case <-deadline:
			v.t.Fatalf("supervise does not tell of %s", name)
		}
	}
}

func parseEvent(line string) (e told, ok bool) {
	return e, strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil
}

// events reads all events from a text.
func events(text string) (all []told) {
	for line := range strings.Lines(text) {
		if e, ok := parseEvent(line); ok {
			all = append(all, e)
		}
	}
	return all
}

// named gives those events of a name.
func named(all []told, name string) (some []told) {
	for _, e := range all {
		if e.Event == name {
			some = append(some, e)
		}
	}
	return some
}

// eventually waits for what no event tells, such as a state in /proc. It looks
// again and again, in the end in vain.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patienceOf(t)); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came: %s", what)
		}
	}
}

// follow reads events from a file, a FIFO for example, as they come.
func (s *stage) follow(path string) *supervised {
	s.t.Helper()
	// For writing too, so that opening a FIFO does not wait; its end is not
	// seen then.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	v := &supervised{stage: s, stderr: newOutput()}
	go v.stderr.follow(f)
	s.t.Cleanup(func() {
		f.Close()
		if s.t.Failed() {
			s.t.Logf("%s: %s", path, v.stderr)
		}
	})
	return v
}

// statusField reads a line of /proc/PID/status.
func statusField(t testing.TB, pid int, field string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("/proc/%d/status has no %s", pid, field)
	return ""
}

func itoa(n int) string { return fmt.Sprint(n) }
