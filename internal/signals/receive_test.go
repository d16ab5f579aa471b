package signals

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/rerun"
)

// The tests of reception need a process whose signals are all received, and
// whose death, if a signal is missed, is not the test's: the test binary
// started once more with this variable set.
const asReceiver = "SIGNALS_TEST_RECEIVER"

func TestMain(m *testing.M) {
	if os.Getenv(asReceiver) != "" {
		receiver(os.Getenv(asReceiver))
	}
	if err := rerun.HearAgain(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot reset signals that are ignored:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// receiver prints "ready", then a line for each signal: number, origin, pid,
// uid, value. USR1 with a queued value of -1 makes it print what it dropped.
func receiver(load string) {
	unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	r, err := Receive()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "inherited", r.Inherited().Ignored, r.Inherited().Blocked)
	fmt.Fprintln(out, "ready")
	if load == "late" { // what comes before Each is called
		for i, s := range []unix.Signal{unix.SIGWINCH, unix.SIGTERM} {
			_ = unix.Kill(os.Getpid(), s)
			for len(r.Waiting()) <= i {
				runtime.Gosched()
			}
		}
		fmt.Fprintln(out, "waiting", r.Waiting(), r.Waiting())
	}
	if load == "busy" {
		go churn()
		go forks()
	}
	go func() { _ = r.EachChild(func() {}) }()
	out.Flush()
	_ = r.Each(func(s Received) {
		fmt.Fprintln(out, int(s.Signal), s.Origin, s.PID, s.UID, s.Value, r.Dropped())
		out.Flush()
	})
	os.Exit(1)
}

// churn keeps the collector busy, and so the runtime's own SIGURG.
func churn() {
	for i := range 4 {
		go func() {
			for n := 0; ; n++ {
				garbage.Store(new([64 << 10]byte))
				if n%64 == i {
					runtime.GC()
				}
			}
		}()
	}
}

var garbage atomic.Pointer[[64 << 10]byte]

// forks starts children without pause, so that signals meet a process that is
// between vfork and exec.
func forks() {
	for {
		p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
		if err == nil {
			_, _ = p.Wait()
		}
	}
}

// emulated gives the command for this test binary. If it is run by an emulator
// of another machine (qemu-aarch64-static), SIGNALS_TEST_EMULATOR names that.
func emulated(binary string) []string {
	if emulator := os.Getenv("SIGNALS_TEST_EMULATOR"); emulator != "" {
		return []string{emulator, binary}
	}
	return []string{binary}
}

// highest is the last signal that there is: an emulator keeps some from what it
// emulates, because its own C library keeps some from it.
func highest() Signal {
	if os.Getenv("SIGNALS_TEST_EMULATOR") != "" {
		return RTMAX - 2
	}
	return RTMAX
}

// peer is a running receiver.
type peer struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	first string // its "inherited" line
}

func TestWaitingLeavesSignalsWhereTheyAre(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, "late")
	if got, want := p.line(), "waiting [WINCH TERM] [WINCH TERM]"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	for _, want := range []string{"28 kill", "15 kill"} {
		if got := p.line(); !strings.HasPrefix(got, want) {
			t.Errorf("it receives %q, want %q", got, want)
		}
	}
}

func startReceiver(t *testing.T, load string, wrap ...string) *peer {
	t.Helper()
	args := append(wrap, emulated(os.Args[0])...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), asReceiver+"="+load)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // Pdeathsig is about the thread
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); runtime.UnlockOSThread() })
	p := &peer{t: t, cmd: cmd, lines: make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	p.first = p.line()
	if got := p.line(); got != "ready" {
		t.Fatalf("the receiver says %q", got)
	}
	return p
}

func (p *peer) line() string {
	p.t.Helper()
	select {
	case l, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("the receiver ended: %v", p.cmd.Wait())
		}
		return l
	case <-time.After(90 * time.Second):
		p.t.Fatal("no answer from the receiver within 20 s")
	}
	return ""
}

func (p *peer) expect(s Signal, origin Origin, value int64) {
	p.t.Helper()
	want := fmt.Sprintln(int(s), origin, os.Getpid(), os.Getuid(), value, 0)
	if got := p.line(); got != strings.TrimSuffix(want, "\n") {
		p.t.Fatalf("after %s: got %q, want %q", s, got, want)
	}
}

func TestEverySignalArrivesWithItsSender(t *testing.T) {
	for _, load := range []string{"idle", "busy"} {
		t.Run(load, func(t *testing.T) {
			p := startReceiver(t, load)
			n := 0
			for s := range Catchable() {
				n++
				err := unix.Kill(p.cmd.Process.Pid, unix.Signal(s))
				if err == unix.EINVAL && s > highest() {
					continue
				}
				if err != nil {
					t.Fatal(s, err)
				}
				p.expect(s, OriginKill, 0)
			}
			if n != 54 {
				t.Errorf("%d signals can be received, want 54", n)
			}
		})
	}
}

func TestBurstOfTermsIsNotLost(t *testing.T) {
	p := startReceiver(t, "busy")
	for range 1000 {
		// One at a time: a pending TERM swallows the next, see signal(7).
		if err := unix.Kill(p.cmd.Process.Pid, unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.expect(TERM, OriginKill, 0)
	}
}

func TestRealTimeSignalsQueueWithTheirValues(t *testing.T) {
	p := startReceiver(t, "busy")
	const each = 100
	for v := range each {
		for s := RTMIN; s <= highest(); s += 9 {
			if err := sigqueue(p.cmd.Process.Pid, s, int64(v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The kernel gives them out in order, but to any thread, and two threads may
	// pass each other on the way to the pipe. So all come, each once, and order
	// is not asked of neighbours.
	seen := map[string]bool{}
	for range each * 4 {
		f := strings.Fields(p.line())
		if f[1] != "sigqueue" || f[2] != strconv.Itoa(os.Getpid()) {
			t.Fatalf("got %q, want sigqueue from us", f)
		}
		if key := f[0] + " " + f[4]; seen[key] {
			t.Fatalf("signal and value %s came twice", key)
		} else {
			seen[key] = true
		}
	}
}

// sigqueue is sigqueue(3): a signal with a value.
func sigqueue(pid int, s Signal, value int64) error {
	info := struct {
		signo, errno, code, _ int32
		pid, uid              int32
		value                 int64
		_                     [96]byte
	}{signo: int32(s), code: int32(OriginQueue), pid: int32(os.Getpid()), uid: int32(os.Getuid()), value: value}
	_, _, e := unix.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(s), uintptr(unsafe.Pointer(&info)))
	if e != 0 {
		return e
	}
	return nil
}

func TestRuntimesOwnURGIsNotReported(t *testing.T) {
	p := startReceiver(t, "busy")
	// The collector runs all the while; if one of its URGs came through, it
	// would come instead of one of these.
	for range 200 {
		if err := unix.Kill(p.cmd.Process.Pid, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
		p.expect(URG, OriginKill, 0)
	}
}

func TestBlockedSignalsAreReceivedAndToldOf(t *testing.T) {
	old := blockOnThisThread(t, Signal(unix.SIGUSR1), 40)
	p := startReceiver(t, "idle")
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil); err != nil {
		t.Fatal(err)
	}
	if want := "inherited [] [USR1 RTMIN+6]"; p.first != want {
		t.Errorf("got %q, want %q", p.first, want)
	}
	for _, s := range []Signal{Signal(unix.SIGUSR1), 40} {
		if err := unix.Kill(p.cmd.Process.Pid, unix.Signal(s)); err != nil {
			t.Fatal(err)
		}
		p.expect(s, OriginKill, 0)
	}
}

// blockOnThisThread makes the next child of this thread start with the
// signals blocked, and gives the mask to go back to.
func blockOnThisThread(t *testing.T, blocked ...Signal) (old unix.Sigset_t) {
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	var set unix.Sigset_t
	for _, s := range blocked {
		set.Val[0] |= 1 << (s - 1)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		t.Fatal(err)
	}
	return old
}

func TestIgnoredHangupIsReceivedAndToldOf(t *testing.T) {
	p := startReceiver(t, "idle", "sh", "-c", `trap "" HUP; exec "$0" "$@"`)
	if want := "inherited [HUP] []"; p.first != want {
		t.Errorf("got %q, want %q", p.first, want)
	}
	if err := unix.Kill(p.cmd.Process.Pid, unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.expect(HUP, OriginKill, 0)
}
