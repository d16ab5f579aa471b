//go:build linux && (amd64 || arm64)

package signals

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How a signal and its sender reach Go code
//
// os/signal tells that a signal came, not from whom, and cannot show some at
// all (PROF, RTMIN, the real URG among the runtime's own). A signalfd would,
// but sees only what is blocked on every thread, and Go's threads unblock. So
// a handler of our own stands where Go's handler was:
//
//	kernel -> handler (handler_ARCH.s) -> write(pipe, siginfo) -> Each
//	                                   -> Go's handler, for URG and PROF
//
// The handler runs on the signal stack that Go gives each thread, with all
// signals masked, and touches no Go state but the tables below, which are
// written once before it is installed. It uses two system calls, getpid and
// write, both async-signal-safe.
//
// Its own rules:
//   - A child between vfork and exec shares our memory and handlers. The
//     handler compares getpid with self and stays silent there.
//   - URG is Go's preemption signal. The false ones come by tgkill from
//     ourselves; they go on to Go's handler alone.
//   - A full pipe drops the signal and counts it; the handler never waits.
//
// Nothing may call signal.Notify, Reset or Ignore afterwards: they would put
// Go's handler back.

// The handler's tables, indexed by signal number.
var (
	pipes   [65]int32   // where to write the siginfo
	next    [65]uintptr // handler to go on to; 0: return to what was interrupted
	faults  [65]uintptr // Go's handler, for what no process has sent
	dropped [65]uint32  // writes that failed
	//lint:ignore U1000 the handler reads it
	self int32 // our pid
)

// handlerPC gives the address of the handler, which is never called from Go.
func handlerPC() uintptr

// sigaction is the kernel's struct sigaction on amd64 and arm64.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	handlerDefault = 0 // SIG_DFL
	handlerIgnore  = 1 // SIG_IGN
)

// pipeBytes is what the signal pipe should hold: 1 MiB, the most that an
// ordinary user may ask for (pipe(7)), is 8192 signals.
const pipeBytes = 1 << 20

var receiveOnce sync.Once

// Receive takes over every signal that can be caught. It is called once, first
// thing in main; a second call fails.
func Receive() (*Receiver, error) {
	r, err := (*Receiver)(nil), fmt.Errorf("the signals of this process are already received")
	receiveOnce.Do(func() { r, err = receive() })
	return r, err
}

func receive() (*Receiver, error) {
	r := &Receiver{inherited: inheritedDispositions()}
	if err := r.begin(); err != nil {
		return nil, err
	}
	if len(r.inherited.Blocked) > 0 {
		unblockOnOneThread()
	}
	return r, nil
}

// begin puts our handler in place.
func (r *Receiver) begin() error {
	var err error
	var signalsW, childrenW int32
	var signalsR, childrenR int
	if signalsR, signalsW, err = signalPipe(pipeBytes); err != nil {
		return err
	}
	if childrenR, childrenW, err = signalPipe(0); err != nil {
		return err
	}
	r.fence = int(signalsW)
	r.signals, r.children = os.NewFile(uintptr(signalsR), "signals"), os.NewFile(uintptr(childrenR), "signals")

	ours, err := prepare(signalsW, childrenW)
	if err != nil {
		return err
	}
	for s := HUP; s <= RTMAX; s++ {
		if s != CHLD && reserved(s) {
			continue
		}
		if err := setAction(s, ours); err != nil {
			return err
		}
	}
	return nil
}

// Waiting lists signals that have arrived and wait for [Receiver.Each], which is
// not called yet.
func (r *Receiver) Waiting() (list []Signal) {
	var ends [2]int
	if unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	raw, err := r.signals.SyscallConn()
	if err != nil {
		return nil
	}
	buf := make([]byte, 64<<10) // as much as the other pipe takes
	_ = raw.Control(func(fd uintptr) {
		// tee(2) copies what is in a pipe, and leaves it there.
		if n, err := unix.Tee(int(fd), ends[1], len(buf), unix.SPLICE_F_NONBLOCK); err != nil || n <= 0 {
			return
		}
		n, _ := unix.Read(ends[0], buf)
		for rec := buf[:max(n, 0)]; len(rec) >= infoSize; rec = rec[infoSize:] {
			list = append(list, decode(rec).Signal)
		}
	})
	return list
}

// prepare fills in the handler's tables, with the pipe for CHLD and the one for all
// others, and gives the action that installs it.
func prepare(signals, children int32) (ours sigaction, err error) {
	// Go kills the process that writes to a closed stdout, unless it thinks
	// that PIPE is ignored. Our handler then takes the disposition's place, so
	// that children do not inherit it.
	signal.Ignore(syscall.SIGPIPE)

	// The action of USR1 is Go's pattern for all: flags, restorer, mask. (That of TERM
	// may be package birth's.)
	if ours, err = getAction(Signal(unix.SIGUSR1)); err != nil {
		return ours, err
	}
	ours.handler = handlerPC()
	self = int32(os.Getpid())
	for s := HUP; s <= RTMAX; s++ {
		pipes[s] = signals
	}
	pipes[CHLD] = children
	for _, s := range []Signal{URG, PROF} {
		was, err := getAction(s)
		if err != nil {
			return ours, err
		}
		if was.handler > handlerIgnore {
			next[s] = was.handler
		}
	}
	return ours, nil
}

// signalPipe makes a pipe for the handler to write to: non-blocking, so that
// the handler never waits, and close-on-exec. The write end stays a bare
// number: it must never be closed.
func signalPipe(size int) (r int, w int32, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, 0, fmt.Errorf("making the pipe that signals come through: %w", err)
	}
	if size > 0 {
		// Not allowed to: the default of 64 KiB holds 512 signals.
		_, _ = unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, size)
	}
	return p[0], int32(p[1]), nil
}

// unblockOnOneThread gives the process one thread that every signal can be
// delivered to. The other threads keep the mask that we were started with,
// because the thread that forks hands it on to the child.
func unblockOnOneThread() {
	ready := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		var none unix.Sigset_t
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil)
		close(ready)
		select {}
	}()
	<-ready
}

func inheritedDispositions() Dispositions {
	var d Dispositions
	var mask unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
	for s := HUP; s <= RTMAX; s++ {
		if s == 32 || s == 33 {
			continue // glibc's own; its posix_spawn(3) leaves 32 ignored, in what make(1) starts for example
		}
		if a, err := getAction(s); err == nil && a.handler == handlerIgnore {
			d.Ignored = append(d.Ignored, s)
		}
		if mask.Val[0]&(1<<(s-1)) != 0 {
			d.Blocked = append(d.Blocked, s)
		}
	}
	return d
}

func getAction(s Signal) (sigaction, error) {
	var a sigaction
	return a, rtSigaction(s, nil, &a)
}

func setAction(s Signal, a sigaction) error { return rtSigaction(s, &a, nil) }

func rtSigaction(s Signal, set, old *sigaction) error {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if e != 0 {
		return fmt.Errorf("rt_sigaction of %s: %w", s, e)
	}
	return nil
}

// notified stands for os/signal elsewhere; here nothing makes one.
type notified struct{}

func (*notified) each(func(Received)) error { return nil }
func (*notified) eachChild(func()) error    { return nil }

func droppedCount(s Signal) uint32 { return atomic.LoadUint32(&dropped[s]) }
