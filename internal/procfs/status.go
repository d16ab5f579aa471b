package procfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Signals is a set of signals: signal n is bit n-1.
type Signals uint64

// Has says whether a signal is in the set.
func (s Signals) Has(signal int) bool {
	return signal >= 1 && signal <= 64 && s&(1<<(signal-1)) != 0
}

// Status is what /proc/PID/status says of a process, and /proc/PID/task/TID/status
// of a thread: who it is, and what it does with signals. What is in neither
// Ignored nor Caught has its default effect. Ignored, Caught and Pending are the
// same for all threads of a process; each has its own Blocked and Mine.
type Status struct {
	Name          string // as the kernel writes it: a newline is \n, a backslash \\
	State         byte   // see [Process]
	PID, TGID     int    // a thread's number, and that of its process
	Tracer        int    // who traces it; 0: nobody
	RealUID       int
	EffectiveUID  int
	SavedUID      int
	NamespacePIDs []int // its numbers, from our PID namespace inward; nil: the kernel is older than 4.1

	Pending Signals // sent to the process, and not taken yet by any thread
	Mine    Signals // sent to this thread, and not taken yet
	Blocked Signals // such a signal waits
	Ignored Signals
	Caught  Signals
}

// Init says whether it is PID 1 of its PID namespace.
func (s *Status) Init() bool {
	n := len(s.NamespacePIDs)
	return n > 0 && s.NamespacePIDs[n-1] == 1 || s.TGID == 1
}

// ParseStatus reads the text of a status. An error means that it is none.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	missing := 5 // sets of signals
	for line := range bytes.Lines(b) {
		key, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		value := bytes.TrimSpace(rest)
		var set *Signals
		var number *int
		var err error
		switch string(key) {
		case "Name":
			s.Name = string(bytes.TrimSuffix(bytes.TrimPrefix(rest, []byte("\t")), []byte("\n")))
		case "State":
			if len(value) > 0 {
				s.State = value[0]
			}
		case "Pid":
			number = &s.PID
		case "Tgid":
			number = &s.TGID
		case "TracerPid":
			number = &s.Tracer
		case "Uid":
			var ids []int
			if ids, err = parseInts(value); err == nil && len(ids) < 3 {
				err = errors.New("there are fewer than three")
			}
			if err == nil {
				s.RealUID, s.EffectiveUID, s.SavedUID = ids[0], ids[1], ids[2]
			}
		case "NSpid":
			s.NamespacePIDs, err = parseInts(value)
		case "SigPnd":
			set = &s.Mine
		case "ShdPnd":
			set = &s.Pending
		case "SigBlk":
			set = &s.Blocked
		case "SigIgn":
			set = &s.Ignored
		case "SigCgt":
			set = &s.Caught
		}
		switch {
		case number != nil:
			*number, err = strconv.Atoi(string(value))
		case set != nil:
			var bits uint64
			bits, err = strconv.ParseUint(string(value), 16, 64)
			*set = Signals(bits)
			missing--
		}
		if err != nil {
			return Status{}, fmt.Errorf("reading %s in the status of a process: %w", key, err)
		}
	}
	if missing != 0 {
		return Status{}, errors.New("the signals are missing in the status of a process")
	}
	return s, nil
}

func parseInts(text []byte) (all []int, err error) {
	for f := range bytes.FieldsSeq(text) {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// StatusOf reads the status of a process (of its first thread).
func StatusOf(pid int) (Status, error) {
	if err := ours(); err != nil {
		return Status{}, err
	}
	return readStatus("/proc/" + strconv.Itoa(pid) + "/status")
}

// ThreadsOf reads the status of every thread of a process, in order of their
// numbers. Those that end meanwhile are left out.
func ThreadsOf(pid int) ([]Status, error) {
	if err := ours(); err != nil {
		return nil, err
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := make([]Status, 0, len(names))
	for _, n := range names {
		s, err := readStatus(dir + n.Name() + "/status")
		if Ended(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int { return a.PID - b.PID })
	return all, nil
}

func readStatus(path string) (Status, error) {
	b, err := readAll(path)
	if err != nil {
		return Status{}, err
	}
	return ParseStatus(b)
}

// BlockedByAll reads which signals all threads of a process block. The kernel
// gives a signal that was sent to a process to any thread that does not block it.
// Without first, the status of the process, blocking any, no thread is read.
func BlockedByAll(pid int, first *Status) (Signals, error) {
	if first.Blocked == 0 {
		return 0, nil
	}
	threads, err := ThreadsOf(pid)
	return Common(threads, first.Blocked), err
}

// Common gives the signals that all of these threads block, of those in among.
func Common(threads []Status, among Signals) Signals {
	for i := range threads {
		among &= threads[i].Blocked
	}
	return among
}

// Wait gives the function of the kernel in which a thread waits, "" when it does
// not wait, or that can't be known: it takes the rights of a debugger.
func Wait(pid, tid int) string {
	if ours() != nil {
		return ""
	}
	var buf [128]byte
	b, err := readInto(buf[:], "/proc/"+strconv.Itoa(pid)+"/task/"+strconv.Itoa(tid)+"/wchan")
	if err != nil || string(b) == "0" {
		return ""
	}
	return string(b)
}

// Awaited gives the signals that a thread waits for in sigtimedwait(2), which
// takes them when they come: while it does, they count as blocked nowhere. waits
// says that it is in there; which signals it waits for takes the rights of a
// debugger, else they are none.
func Awaited(pid, tid int, wait string) (set Signals, waits bool) {
	if ours() != nil {
		return 0, false
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid)
	var buf [256]byte
	b, err := readInto(buf[:], dir+"/syscall")
	number, pointer := ParseSyscall(b)
	// Compilers add to the name of a function, as in do_sigtimedwait.isra.0; kernels
	// without names have only the number.
	if waits = strings.HasPrefix(wait, "do_sigtimedwait") || err == nil && number == unix.SYS_RT_SIGTIMEDWAIT; !waits {
		return 0, false
	}
	mem, err := unix.Open(dir+"/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, true
	}
	defer unix.Close(mem)
	var word [8]byte
	if n, err := unix.Pread(mem, word[:], int64(pointer)); n != len(word) || err != nil {
		return 0, true
	}
	return Signals(binary.NativeEndian.Uint64(word[:])), true
}

// ParseSyscall reads the text of /proc/PID/syscall: the number of the system call
// that is under way, and its first argument. -1: none is.
func ParseSyscall(b []byte) (number int, first uint64) {
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return -1, 0
	}
	number, err := strconv.Atoi(fields[0])
	if err != nil || number < 0 {
		return -1, 0
	}
	if first, err = strconv.ParseUint(fields[1], 0, 64); err != nil {
		return -1, 0
	}
	return number, first
}

// SignalDescriptors gives the signals that a process can read from signalfds
// (signalfd(2)), as far as it can be known: it takes the rights of a debugger.
func SignalDescriptors(pid int) (read Signals) {
	if ours() != nil {
		return 0
	}
	dir := "/proc/" + strconv.Itoa(pid)
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return 0
	}
	for _, fd := range fds {
		if to, err := os.Readlink(dir + "/fd/" + fd.Name()); err != nil || to != "anon_inode:[signalfd]" {
			continue
		}
		if b, err := readAll(dir + "/fdinfo/" + fd.Name()); err == nil {
			read |= ParseSignalMask(b)
		}
	}
	return read
}

// ParseSignalMask reads the text of /proc/PID/fdinfo/FD of a signalfd; 0: it is
// none.
func ParseSignalMask(b []byte) Signals {
	for line := range bytes.Lines(b) {
		if value, ok := bytes.CutPrefix(line, []byte("sigmask:")); ok {
			set, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
			if err == nil {
				return Signals(set)
			}
		}
	}
	return 0
}
