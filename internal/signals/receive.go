package signals

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

// Received is one signal as it arrived, with what the kernel says of its
// origin (siginfo_t, see sigaction(2)).
type Received struct {
	Signal Signal
	Origin Origin
	PID    int   // who sent it, when Origin.FromProcess; 0: a process outside our PID namespace
	UID    int   // real user of the sender, when Origin.FromProcess
	Value  int64 // with OriginQueue: the value that came along (sigqueue(3))
	At     time.Time
}

// Origin tells how a signal came about: the si_code of its siginfo.
type Origin int32

// The origins. Positive codes other than OriginKernel belong to one signal
// each (a timer, I/O, a child) and come from the kernel as well.
const (
	OriginKill    Origin = 0    // kill(2)
	OriginQueue   Origin = -1   // sigqueue(3)
	OriginTimer   Origin = -2   // a POSIX timer ran out
	OriginMesgq   Origin = -3   // a message queue
	OriginAsyncIO Origin = -4   // asynchronous I/O
	OriginSigIO   Origin = -5   // O_ASYNC, old style
	OriginTkill   Origin = -6   // tkill(2), tgkill(2), pthread_kill(3), raise(3)
	OriginKernel  Origin = 0x80 // the kernel: a terminal's keys, alarm(2), setitimer(2), a parent's death
	OriginUnknown Origin = -999 // received without siginfo
)

// FromProcess says whether a process sent the signal, so that PID and UID of
// [Received] tell which.
func (o Origin) FromProcess() bool {
	return o == OriginKill || o == OriginQueue || o == OriginTkill || o == OriginMesgq
}

// Came tells how the signal came: kill, tgkill, sigqueue, timer, kernel and so
// on as [Origin.String] has them, and of what the kernel sends, that it was the
// terminal or a timer where it sends that signal for nothing else: INT, QUIT and TSTP
// for keys (tty_ioctl(2)), WINCH for a new size; ALRM, VTALRM and PROF for
// setitimer(2).
func (r Received) Came() string {
	if r.Origin == OriginKernel {
		switch r.Signal {
		case INT, QUIT, TSTP, WINCH:
			return "terminal"
		case ALRM, VTALRM, PROF:
			return OriginTimer.String()
		}
	}
	return r.Origin.String()
}

// String names the system call or the source.
func (o Origin) String() string {
	switch o {
	case OriginKill:
		return "kill"
	case OriginQueue:
		return "sigqueue"
	case OriginTimer:
		return "timer"
	case OriginMesgq:
		return "mesgq"
	case OriginAsyncIO:
		return "aio"
	case OriginSigIO:
		return "sigio"
	case OriginTkill:
		return "tgkill"
	case OriginUnknown:
		return "unknown"
	}
	return "kernel"
}

// Dispositions is what a process inherited from the one that started it: the
// signals it was told to ignore, and those that were blocked.
//
// Go's runtime installs its handlers before main, so that an inherited
// "ignore" can be known only of the six signals that it leaves alone in that
// case: HUP, INT, TSTP, TTIN, TTOU and CONT. From the mask it takes those that
// it never blocks (blockableSig in runtime/signal_unix.go): HUP, INT, QUIT,
// ABRT, TERM, CHLD, URG, PROF, SYS, 32 to 34 and the faults.
type Dispositions struct {
	Ignored []Signal
	Blocked []Signal
}

// Receiver delivers the signals of this process. There is one in a process,
// made first thing in main by [Receive].
type Receiver struct {
	inherited Dispositions
	signals   *os.File // records of infoSize bytes; nil where os/signal is the source
	children  *os.File // anything in it: a child changed its state
	early     []byte   // records that came before there was a pipe
	fence     int      // the write end of signals
	fences    chan struct{}
	fallback  *notified
}

// Inherited gives the dispositions that the process had when it started.
func (r *Receiver) Inherited() Dispositions { return r.inherited }

// infoSize is the size of siginfo_t on every Linux.
const infoSize = 128

// Each calls deliver for each signal that arrives, in order of arrival, and
// returns only when the process's signals can no longer be read. A PIPE of our
// own doing, from a write that nobody reads any more, is none that arrived.
func (r *Receiver) Each(deliver func(Received)) error {
	if r.fallback != nil {
		return r.fallback.each(deliver)
	}
	r.pass(r.early, deliver)
	r.early = nil
	buf := make([]byte, 32*infoSize)
	for {
		n, err := r.signals.Read(buf)
		if err != nil {
			return fmt.Errorf("reading our own signals: %w", err)
		}
		// The pipe holds whole records only, and buf is a multiple of one.
		r.pass(buf[:n], deliver)
	}
}

// pass delivers records.
func (r *Receiver) pass(records []byte, deliver func(Received)) {
	for ; len(records) >= infoSize; records = records[infoSize:] {
		switch one := decode(records); {
		case one.Signal == 0: // see Hold
			r.fences <- struct{}{}
		case !one.ownPipe():
			deliver(one)
		}
	}
}

// EachChild calls changed after children of this process ended, stopped or
// continued: at least once after the last of them, not once for each.
func (r *Receiver) EachChild(changed func()) error {
	if r.fallback != nil {
		return r.fallback.eachChild(changed)
	}
	buf := make([]byte, 32*infoSize)
	for {
		if _, err := r.children.Read(buf); err != nil {
			return fmt.Errorf("reading our own SIGCHLD: %w", err)
		}
		changed()
	}
}

// Dropped counts the signals that were lost because nobody read for so long
// that the pipe filled up (8192 of them with the default limits).
func (r *Receiver) Dropped() int {
	n := 0
	for s := range Catchable() {
		n += int(droppedCount(s))
	}
	return n
}

// ownPipe says whether a signal is what the kernel sends to the writer of a
// pipe without readers: it looks as if that process had sent it.
func (r Received) ownPipe() bool {
	return r.Signal == PIPE && r.Origin.FromProcess() && r.PID == os.Getpid()
}

// decode reads a siginfo_t of a 64-bit Linux: signo, errno and code at 0, 4
// and 8, then the sender's pid and uid and the value at 16, 20 and 24.
func decode(b []byte) Received {
	le := binary.NativeEndian
	r := Received{
		Signal: Signal(le.Uint32(b)),
		Origin: Origin(int32(le.Uint32(b[8:]))),
		At:     time.Now(),
	}
	if r.Origin.FromProcess() {
		r.PID, r.UID = int(int32(le.Uint32(b[16:]))), int(int32(le.Uint32(b[20:])))
	}
	if r.Origin == OriginQueue {
		r.Value = int64(le.Uint64(b[24:]))
	}
	return r
}

// Catchable yields the signals that [Receive] receives, in order: all but KILL
// and STOP, which nothing can catch; CHLD, which is reported by EachChild; the
// faults ILL, TRAP, BUS, FPE and SEGV, which are Go's; and 32 and 33, which
// belong to the C library and to Go.
func Catchable() func(yield func(Signal) bool) {
	return func(yield func(Signal) bool) {
		for s := HUP; s <= RTMAX; s++ {
			if !reserved(s) && !yield(s) {
				return
			}
		}
	}
}

func reserved(s Signal) bool {
	switch s {
	case KILL, STOP, CHLD, 4, 5, 7, 8, 11, 32, 33:
		return true
	}
	return false
}
