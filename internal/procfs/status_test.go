package procfs

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

const statusText = "Name:\ta b:\\n\nUmask:\t0022\nState:\tT (stopped)\nTgid:\t41\nPid:\t42\nPPid:\t7\nTracerPid:\t99\nUid:\t1\t2\t3\t4\n" +
	"NSpid:\t42\t9\t1\nThreads:\t1\nSigQ:\t0/31\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000004000\n" +
	"SigBlk:\t0000000000010000\nSigIgn:\t0000000000000006\nSigCgt:\t8000000000000000\nCapInh:\t0\n"

func TestParseStatus(t *testing.T) {
	s, err := ParseStatus([]byte(statusText))
	want := Status{
		Name: `a b:\n`, State: 'T', PID: 42, TGID: 41, Tracer: 99, RealUID: 1, EffectiveUID: 2, SavedUID: 3, NamespacePIDs: []int{42, 9, 1},
		Pending: 1 << 14, Mine: 1, Blocked: 1 << 16, Ignored: 6, Caught: 1 << 63,
	}
	if diff := cmp.Diff(want, s); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
	if !s.Init() {
		t.Error("it is 1 in its own namespace")
	}
	if !s.Ignored.Has(2) || !s.Ignored.Has(3) || !s.Caught.Has(64) || s.Ignored.Has(1) || s.Caught.Has(63) || s.Caught.Has(0) || s.Caught.Has(65) || s.Caught.Has(-1) {
		t.Errorf("%+v", s)
	}
	for _, text := range []string{
		"", "SigIgn:\t0\n", strings.Replace(statusText, "0000000000000006", "six", 1), strings.Replace(statusText, "SigCgt", "SigCat", 1),
		strings.Replace(statusText, "Tgid:\t41", "Tgid:\t", 1), strings.Replace(statusText, "\t9\t1", "\tx", 1), strings.Replace(statusText, "1\t2\t3\t4", "1\t2", 1),
	} {
		if s, err := ParseStatus([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(statusText))
	f.Add([]byte("SigIgn:\n:\n"))
	if own, err := os.ReadFile("/proc/self/status"); err == nil {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseStatus(b); err != nil && !cmp.Equal(s, Status{}) {
			t.Errorf("an error came with %+v", s)
		}
	})
}

func FuzzParseSignalMask(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1057\nsigmask:\t0000000000004000\n"))
	f.Add([]byte("sigmask:\tx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ParseSignalMask(b) != 0 && !strings.Contains(string(b), "sigmask:") {
			t.Error("it comes from nowhere")
		}
	})
}

func TestStatusOfAChild(t *testing.T) {
	pid, out := child(t, "sh", "-c", "trap '' TERM; trap : USR1; trap : 37; echo ready; read x")
	if line, err := out.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	s, err := StatusOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	if s.PID != pid || s.TGID != pid || s.Name != "sh" || s.Init() || s.RealUID != os.Getuid() || s.Tracer != 0 {
		t.Errorf("%+v", s)
	}
	if !s.Ignored.Has(int(unix.SIGTERM)) || !s.Caught.Has(int(unix.SIGUSR1)) || s.Ignored.Has(int(unix.SIGUSR2)) || s.Caught.Has(int(unix.SIGTERM)) {
		t.Errorf("%+v", s)
	}
	first := Signals(1)<<LastInStat - 1
	if p, err := Stat(pid); err != nil || p.Blocked != s.Blocked&first || p.Ignored != s.Ignored&first || p.Caught != s.Caught&first {
		t.Errorf("its stat has %+v, %v", p, err)
	}
	if _, err := StatusOf(1 << 30); !Ended(err) {
		t.Errorf("of a process that is not: %v", err)
	}
	if _, err := ThreadsOf(1 << 30); !Ended(err) {
		t.Errorf("of the threads of a process that is not: %v", err)
	}
}

// A thread that has a signal blocked does not keep the others from taking it.
func TestBlockedIsWhatEveryThreadBlocks(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := unix.Sigset_t{}
	set.Val[0] = 1<<(unix.SIGUSR2-1) | 1<<(unix.SIGTERM-1)
	var old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	mine, err := readStatus("/proc/thread-self/status")
	if err != nil || !mine.Blocked.Has(int(unix.SIGUSR2)) || mine.PID != unix.Gettid() || mine.TGID != os.Getpid() {
		t.Fatalf("%+v, %v", mine, err)
	}
	if all, err := BlockedByAll(os.Getpid(), &mine); err != nil || all != 0 {
		t.Errorf("all block %x, %v", all, err)
	}
	threads, err := ThreadsOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	blocking := 0
	for _, s := range threads {
		if s.Blocked.Has(int(unix.SIGUSR2)) {
			blocking++
		}
	}
	if blocking != 1 || len(threads) < 2 {
		t.Errorf("%d of %d threads block it", blocking, len(threads))
	}
}

func TestSignalDescriptorsAndWaitOfAProcess(t *testing.T) {
	set := unix.Sigset_t{}
	set.Val[0] = 1 << (unix.SIGWINCH - 1)
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if got := SignalDescriptors(os.Getpid()); got != Signals(set.Val[0]) {
		t.Errorf("%x", got)
	}
	pid, _ := child(t, "sleep", "60")
	for end := time.Now().Add(20 * time.Second); !strings.Contains(Wait(pid, pid), "nanosleep"); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("it waits in %q", Wait(pid, pid))
		}
	}
	if got := Wait(1<<30, 1<<30) + Wait(os.Getpid(), unix.Gettid()); got != "" {
		t.Errorf("who does not wait does in %q", got)
	}
}

func FuzzParseSyscall(f *testing.F) {
	f.Add([]byte("128 0x7ffcedb660d0 0x7ffcedb66000 0x560a70def020 0x8 0x7 0x560a8fa062a0 0x7ffcedb65fd0 0x7f5f50034c2f\n"))
	f.Add([]byte("running\n"))
	f.Add([]byte("-1 0x7ffcedb660d0 0x7ffcedb660d0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, first := ParseSyscall(b); n < 0 && (n != -1 || first != 0) {
			t.Errorf("%d, %d", n, first)
		}
	})
}

func TestAwaitedSignals(t *testing.T) {
	pid, out := child(t, needed.Program(t, "/usr/bin/python3"), "-c", "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [15, 40])\nprint('ready', flush=True)\nsignal.sigwait([15, 40])")
	if line, err := out.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		set, waits := Awaited(pid, pid, Wait(pid, pid))
		if waits {
			if set != 1<<14|1<<39 {
				t.Errorf("%x", set)
			}
			s, err := StatusOf(pid)
			if err != nil || s.Blocked.Has(15) {
				t.Errorf("it counts as blocked: %+v, %v", s, err)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("it does not wait")
		}
	}
}
