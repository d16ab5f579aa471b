package reaper

import (
	"bytes"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/policy"
	"supervise/internal/rerun"
	"supervise/internal/signals"
)

// The first thread of a Go process never ends. Kept for the main goroutine, it
// can't be the one that forks.
func init() { runtime.LockOSThread() }

// owner is a reaper with what belongs to its owner. The tests with children
// run alone in a process: only one may wait.
type owner struct {
	*Reaper
	t       *testing.T
	results chan Started
	child   chan os.Signal // a child has changed
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	o := &owner{t: t, results: make(chan Started, 16), child: make(chan os.Signal, 1)}
	signal.Notify(o.child, syscall.SIGCHLD)
	o.Reaper = New(nil, nil, func(s Started) { o.results <- s })
	t.Cleanup(o.Close) // and with it, by Pdeathsig, the children
	return o
}

// image is a shell script, in a group of its own.
func image(script string, args ...string) Image {
	return Image{
		Path: "/bin/sh", Argv: append([]string{"sh", "-c", script}, args...),
		ProcAttr: syscall.ProcAttr{
			Env: os.Environ(), Files: []uintptr{0, 1, 2},
			Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
		},
	}
}

func (o *owner) start(key Key, i Image) { o.Start(key, func() (Image, error) { return i, nil }) }

// started starts and registers.
func (o *owner) started(key Key, i Image) int {
	o.t.Helper()
	o.start(key, i)
	s := <-o.results
	if s.Err != nil || s.Key != key || s.PID <= 0 || s.At.IsZero() {
		o.t.Fatalf("starting %v gave %+v", key, s)
	}
	o.Register(s)
	return s.PID
}

// next waits for the next change.
func (o *owner) next() Change {
	o.t.Helper()
	deadline := time.After(90 * time.Second)
	for {
		if c, ok := o.Next(); ok {
			return c
		}
		select {
		case <-o.child:
		case <-deadline:
			o.t.Fatal("no child has changed for 20 s")
		}
	}
}

// expect waits for the next change and compares it.
func (o *owner) expect(want Change) {
	o.t.Helper()
	if got := o.next(); got != want {
		o.t.Errorf("got %+v, want %+v", got, want)
	}
}

// zombie waits until a child has ended, and leaves it.
func zombie(t *testing.T, pid int) {
	t.Helper()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
}

func TestLifeOfAChild(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	if !o.Childless() {
		t.Error("it has children before its first start")
	}
	pid := o.started("web", image(`while :; do sleep 60 & wait; done`))
	if o.Childless() {
		t.Error("it is childless with a child")
	}
	if c, ok := o.Next(); ok {
		t.Errorf("something happened: %+v", c)
	}
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGTSTP} {
		_ = unix.Kill(pid, s)
		o.expect(Change{PID: pid, Key: "web", Kind: Stopped, Signal: signals.Signal(s)})
		_ = unix.Kill(pid, unix.SIGCONT)
		o.expect(Change{PID: pid, Key: "web", Kind: Continued})
	}
	_ = unix.Kill(-pid, unix.SIGTERM)
	o.expect(Change{PID: pid, Key: "web", Exit: policy.Exit{Signal: signals.TERM}})
	if c, ok := o.Next(); ok {
		t.Errorf("something happened after its end: %+v", c)
	}
	if !o.Childless() || len(o.known) != 0 {
		t.Errorf("it has children: %v", o.known)
	}
}

func TestEndsOfChildren(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	t.Chdir(t.TempDir()) // for the core
	for script, want := range map[string]policy.Exit{
		"exit 0":                     {},
		"exit 255":                   {Code: 255},
		"kill -KILL $$":              {Signal: signals.KILL},
		"ulimit -c 0; kill -QUIT $$": {Signal: signals.QUIT},
		"kill -34 $$":                {Signal: signals.RTMIN},
	} {
		pid := o.started(script, image(script))
		o.expect(Change{PID: pid, Key: script, Exit: want})
	}
}

func TestCoreDumpIsTold(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || bytes.HasPrefix(pattern, []byte("|")) || bytes.HasPrefix(pattern, []byte("/")) {
		t.Skipf("cores go to %q here", pattern)
	}
	o := newOwner(t)
	t.Chdir(t.TempDir())
	pid := o.started("core", image("ulimit -c unlimited || exit 9; kill -SEGV $$"))
	c := o.next()
	if c.Exit.Code == 9 {
		t.Skip("no right to a core")
	}
	if want := (Change{PID: pid, Key: "core", Exit: policy.Exit{Signal: signals.Signal(syscall.SIGSEGV), Core: true}}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestEndBeforeRegistration(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	known := o.started("known", image(`while :; do sleep 60 & wait; done`))
	o.start("quick", image("exit 7"))
	s := <-o.results
	zombie(t, s.PID)
	if c, ok := o.Next(); ok {
		t.Errorf("an end came out before its start: %+v", c)
	}
	if o.Childless() {
		t.Error("it is childless while a start is under way")
	}
	// What is known comes out behind the unknown one's back.
	_ = unix.Kill(known, unix.SIGSTOP)
	o.expect(Change{PID: known, Key: "known", Kind: Stopped, Signal: signals.STOP})
	_ = unix.Kill(known, unix.SIGCONT)
	o.expect(Change{PID: known, Key: "known", Kind: Continued})
	_ = unix.Kill(-known, unix.SIGKILL)
	o.expect(Change{PID: known, Key: "known", Exit: policy.Exit{Signal: signals.KILL}})
	o.Register(s)
	o.expect(Change{PID: s.PID, Key: "quick", Exit: policy.Exit{Code: 7}})
}

func TestOrphansAreAdopted(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	if err := Subreaper(); err != nil {
		t.Fatal(err)
	}
	o := newOwner(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// The orphan ends when its input does.
	i := image(`(sh -c 'read line; exit 5' <&3 &) ; exit 0`)
	i.Files = append(i.Files, read.Fd())
	pid := o.started("daemon", i)
	o.expect(Change{PID: pid, Key: "daemon"})
	if o.Childless() {
		t.Error("it is childless with an orphan")
	}
	// It ends while a start is under way: then it may be the one that is started.
	hold := make(chan struct{})
	o.Start("later", func() (Image, error) { <-hold; return image("exit 0"), nil })
	write.Close()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if c, ok := o.Next(); ok {
		t.Errorf("an unknown end came out while a start is under way: %+v", c)
	}
	close(hold)
	s := <-o.results
	o.Register(s)
	got := map[Key]int{}
	for range 2 {
		c := o.next()
		got[c.Key] = c.Exit.Code
		if c.Key == nil && c.PID == s.PID {
			t.Error("the started one was taken for an orphan")
		}
	}
	if got[nil] != 5 || got["later"] != 0 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if !o.Childless() {
		t.Error("it has children")
	}
}

func TestErrorsOfAStart(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script := file("script", "#!/no/such/interpreter\n", 0o755)
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	plain := func(path string) Image { i := image(""); i.Path, i.Argv = path, []string{"x"}; return i }
	inDir := func(i Image) Image { i.Dir = dir; return i }
	big := plain("/bin/true")
	big.Argv = append(big.Argv, strings.Repeat("x", 1<<20))
	nul := plain("/bin/true")
	nul.Argv = append(nul.Argv, "a\x00b")
	o := newOwner(t)
	for name, c := range map[string]struct {
		image  Image
		status int
		err    error
		says   string
	}{
		"missing":              {plain("/no/such"), 127, syscall.ENOENT, "no such file"},
		"below a file":         {plain(script + "/x"), 127, syscall.ENOTDIR, "not a directory"},
		"interpreter":          {plain(script), 127, nil, "not its interpreter"},
		"interpreter, in dir":  {inDir(plain("./script")), 127, nil, "not its interpreter"},
		"missing in dir":       {inDir(plain("./none")), 127, syscall.ENOENT, "no such file"},
		"not executable":       {plain(file("data", "x", 0o644)), 126, syscall.EACCES, "permission denied"},
		"directory":            {plain(dir), 126, syscall.EACCES, "permission denied"},
		"no program":           {plain(file("garbage", "\x00\x01garbage", 0o755)), 126, syscall.ENOEXEC, "exec format"},
		"link to itself":       {plain(loop), 126, syscall.ELOOP, "symbolic links"},
		"too long":             {plain("/" + strings.Repeat("x", 5000)), 126, syscall.ENAMETOOLONG, "too long"},
		"too many arguments":   {big, 126, syscall.E2BIG, "arguments and environment are too long"},
		"an argument with NUL": {nul, 125, syscall.EINVAL, "invalid argument"},
	} {
		o.start(name, c.image)
		s := <-o.results
		o.Register(s)
		e, ok := errors.AsType[*StartError](s.Err)
		if !ok || e.Status != c.status || c.err != nil && !errors.Is(e, c.err) || !strings.Contains(e.Error(), c.says) || s.PID != 0 {
			t.Errorf("%s: got %+v", name, s)
		}
	}
	if !o.Childless() || o.starting != 0 {
		t.Error("starts that failed left children")
	}
}

func TestErrorOfBuildingAnImage(t *testing.T) {
	o := newOwner(t)
	want := &StartError{Status: 126, Err: errors.New("no")}
	o.Start("x", func() (Image, error) { return Image{}, want })
	s := <-o.results
	o.Register(s)
	if s.Err != error(want) || s.Key != "x" || o.starting != 0 {
		t.Errorf("got %+v", s)
	}
}

// A program that somebody still writes is tried again, but not for ever.
func TestProgramThatIsBeingWritten(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	sh, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "true")
	if err := os.WriteFile(path, sh, 0o755); err != nil {
		t.Fatal(err)
	}
	open, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	i := image("")
	i.Path, i.Argv = path, []string{"true"}
	o := newOwner(t)
	o.start("busy", i)
	s := <-o.results
	o.Register(s)
	if e, ok := errors.AsType[*StartError](s.Err); !ok || e.Status != 126 || !errors.Is(e, syscall.ETXTBSY) {
		t.Errorf("got %+v", s)
	}
	open.Close()
	pid := o.started("free", i)
	o.expect(Change{PID: pid, Key: "free"})
}

func TestNoProcessesAllowed(t *testing.T) {
	err := explain(Image{Path: "x"}, syscall.EAGAIN)
	if e, ok := errors.AsType[*StartError](err); !ok || e.Status != 125 || !errors.Is(e, syscall.EAGAIN) || !strings.Contains(e.Error(), "pids limit") {
		t.Errorf("got %v", err)
	}
}

// Descriptors that only the child needs are closed, whatever becomes of it.
func TestImageIsReleasedOnceWhateverHappens(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	for _, path := range []string{"/bin/sh", "/no/such"} {
		closed := make(chan struct{}, 2)
		i := image("exit 0")
		i.Path = path
		i.Close = func() { closed <- struct{}{} }
		o.start(path, i)
		s := <-o.results
		o.Register(s)
		if len(closed) != 1 {
			t.Errorf("%s: closed %d times", path, len(closed))
		}
		if s.Err == nil {
			o.expect(Change{PID: s.PID, Key: path})
		}
	}
}

// withSetup gives an image whose child has the setup pipe as descriptor 3.
func withSetup(t *testing.T, script string) Image {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	i := image(script)
	i.Files = append(i.Files, w.Fd())
	i.Setup, i.Close = r, func() { w.Close() }
	return i
}

func TestSetupPipe(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	pid := o.started("fine", withSetup(t, `exec 3>&-; exit 4`))
	o.expect(Change{PID: pid, Key: "fine", Exit: policy.Exit{Code: 4}})
	for name, c := range map[string]struct {
		script string
		status int
		says   string
	}{
		"told":                     {`printf '127 starting x: no such file' >&3; exit 1`, 127, "starting x: no such file"},
		"told, and goes on":        {`printf '126 no' >&3; exec 3>&-; sleep 60`, 126, "no"},
		"a number alone":           {`printf 126 >&3; exit 1`, 125, "the set-up of the child failed: 126"},
		"no status":                {`printf 'panic: x' >&3; exit 2`, 125, "the set-up of the child failed: panic: x"},
		"more than anybody writes": {`head -c 100000 /dev/zero >&3; exit 2`, 125, "the set-up of the child failed"},
	} {
		o.start(name, withSetup(t, c.script))
		s := <-o.results
		o.Register(s)
		e, ok := errors.AsType[*StartError](s.Err)
		if !ok || e.Status != c.status || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: got %+v", name, s)
		}
		if c, ok := o.Next(); ok {
			t.Errorf("%s: something is left to wait for: %+v", name, c)
		}
	}
	if !o.Childless() {
		t.Error("a set-up that failed left a child")
	}
}

func TestSetupPipeOfAProgramThatIsNot(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	i := withSetup(t, "")
	i.Path = "/no/such"
	o.start("x", i)
	s := <-o.results
	o.Register(s)
	if e, ok := errors.AsType[*StartError](s.Err); !ok || e.Status != 127 {
		t.Errorf("got %+v", s)
	}
	if _, err := i.Setup.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Error("the setup pipe is open:", err)
	}
}

// Many at once, each with its own end, none lost and none taken for another.
func TestManyChildren(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	const children = 100
	for i := range children {
		o.start(i, image(`exit "$0"`, string(rune('0'+i%10))))
	}
	registered, ended := 0, map[Key]bool{}
	deadline := time.After(90 * time.Second)
	for len(ended) < children {
		select {
		case s := <-o.results:
			if s.Err != nil {
				t.Fatal(s.Err)
			}
			o.Register(s)
			registered++
		case <-o.child:
		case <-deadline:
			t.Fatalf("%d registered, %d ended", registered, len(ended))
		}
		for c, ok := o.Next(); ok; c, ok = o.Next() {
			i, known := c.Key.(int)
			if !known || c.Kind != Ended || c.Exit.Code != i%10 || ended[c.Key] {
				t.Fatalf("got %+v", c)
			}
			ended[c.Key] = true
		}
	}
	if !o.Childless() {
		t.Error("it has children")
	}
}

// Children bound to the thread that forks outlive every other thread of ours.
func TestChildrenOutliveOtherThreads(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	o := newOwner(t)
	pid := o.started("web", image(`exec sleep 60`))
	for range 20 {
		done := make(chan struct{})
		go func() { // the thread ends with the goroutine
			defer close(done)
			runtime.LockOSThread()
		}()
		<-done
	}
	if c, ok := o.Next(); ok {
		t.Errorf("got %+v", c)
	}
	o.Close() // ends the one that counts
	o.Reaper = New(nil, nil, func(Started) {})
	o.known[pid] = "web"
	o.expect(Change{PID: pid, Key: "web", Exit: policy.Exit{Signal: signals.KILL}})
}

func TestExecTellsWhyNot(t *testing.T) {
	err := Exec("/no/such", []string{"x"}, nil)
	if e, ok := errors.AsType[*StartError](err); !ok || e.Status != 127 {
		t.Errorf("got %v", err)
	}
}
