// Package signals is everything supervise knows about signals: their names
// and numbers, how one is translated into another, and how they are received
// together with their sender.
//
// It is the only place where a name becomes a number. Names follow signal(7);
// real-time signals are counted as glibc counts them, from 34 (the kernel's 32
// and 33 belong to the C library, and 33 also to Go), so that RTMIN+3 here is
// the RTMIN+3 of kill(1) and of systemd.
package signals

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"supervise/internal/nearest"
)

// Signal is a signal number. Its text form is the name without SIG, "TERM" or
// "RTMIN+3"; "SIGTERM" and "15" are read as well.
type Signal int32

// The signals that the code names. Numbers are those of Linux on every
// architecture that Go has but mips.
const (
	HUP    = Signal(syscall.SIGHUP)
	INT    = Signal(syscall.SIGINT)
	QUIT   = Signal(syscall.SIGQUIT)
	ABRT   = Signal(syscall.SIGABRT)
	KILL   = Signal(syscall.SIGKILL)
	USR1   = Signal(syscall.SIGUSR1)
	SEGV   = Signal(syscall.SIGSEGV)
	USR2   = Signal(syscall.SIGUSR2)
	PIPE   = Signal(syscall.SIGPIPE)
	ALRM   = Signal(syscall.SIGALRM)
	TERM   = Signal(syscall.SIGTERM)
	CHLD   = Signal(syscall.SIGCHLD)
	CONT   = Signal(syscall.SIGCONT)
	STOP   = Signal(syscall.SIGSTOP)
	TSTP   = Signal(syscall.SIGTSTP)
	TTIN   = Signal(syscall.SIGTTIN)
	TTOU   = Signal(syscall.SIGTTOU)
	URG    = Signal(syscall.SIGURG)
	WINCH  = Signal(syscall.SIGWINCH)
	VTALRM = Signal(syscall.SIGVTALRM)
	PROF   = Signal(syscall.SIGPROF)
	RTMIN  = Signal(34) // first real-time signal that a C library leaves free
	RTMAX  = Signal(64)
	lastNo = int(RTMAX)
)

var names = map[Signal]string{
	HUP: "HUP", INT: "INT", QUIT: "QUIT", Signal(syscall.SIGILL): "ILL", Signal(syscall.SIGTRAP): "TRAP",
	ABRT: "ABRT", Signal(syscall.SIGBUS): "BUS", Signal(syscall.SIGFPE): "FPE", KILL: "KILL",
	USR1: "USR1", SEGV: "SEGV", USR2: "USR2", PIPE: "PIPE", ALRM: "ALRM", TERM: "TERM", Signal(syscall.SIGSTKFLT): "STKFLT", CHLD: "CHLD", CONT: "CONT",
	STOP: "STOP", TSTP: "TSTP", TTIN: "TTIN", TTOU: "TTOU", URG: "URG",
	Signal(syscall.SIGXCPU): "XCPU", Signal(syscall.SIGXFSZ): "XFSZ", VTALRM: "VTALRM", PROF: "PROF",
	WINCH: "WINCH", Signal(syscall.SIGIO): "IO", Signal(syscall.SIGPWR): "PWR", Signal(syscall.SIGSYS): "SYS",
}

// synonyms are read, never written.
var synonyms = map[string]Signal{
	"IOT": ABRT, "CLD": CHLD, "POLL": Signal(syscall.SIGIO), "UNUSED": Signal(syscall.SIGSYS),
}

// String gives the name without SIG: "TERM", "RTMIN+3", "RTMAX"; a number
// that has no name stays a number.
func (s Signal) String() string {
	switch {
	case names[s] != "":
		return names[s]
	case s == RTMIN:
		return "RTMIN"
	case s == RTMAX:
		return "RTMAX"
	case s > RTMIN && s < RTMAX:
		return "RTMIN+" + strconv.Itoa(int(s-RTMIN))
	}
	return strconv.Itoa(int(s))
}

// Syscall is the same number in the standard library's type.
func (s Signal) Syscall() syscall.Signal { return syscall.Signal(s) }

// MarshalText writes the name.
func (s Signal) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [Parse] reads.
func (s *Signal) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	*s = v
	return err
}

// Parse reads a signal as people write it: "TERM", "SIGTERM", "term", "15",
// "RTMIN+3", "RTMAX-2". The error names the nearest right name.
func Parse(text string) (Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "SIG")
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > lastNo {
			return 0, fmt.Errorf("no signal has number %d: they go from 1 to %d", n, lastNo)
		}
		return Signal(n), nil
	}
	for s, n := range names {
		if n == name {
			return s, nil
		}
	}
	if s, ok := synonyms[name]; ok {
		return s, nil
	}
	if s, ok := parseRealTime(name); ok {
		return s, nil
	}
	return 0, fmt.Errorf("no signal is called %q%s", text, suggestion(name))
}

// parseRealTime reads RTMIN, RTMIN+n, RTMAX and RTMAX-n.
func parseRealTime(name string) (Signal, bool) {
	base, rest := RTMIN, ""
	switch {
	case strings.HasPrefix(name, "RTMIN"):
		rest = strings.TrimPrefix(name, "RTMIN")
	case strings.HasPrefix(name, "RTMAX"):
		base, rest = RTMAX, strings.TrimPrefix(name, "RTMAX")
	default:
		return 0, false
	}
	if rest == "" {
		return base, true
	}
	sign := byte('+')
	if base == RTMAX {
		sign = '-'
	}
	n, err := strconv.ParseUint(rest[1:], 10, 8) // takes no second sign
	if rest[0] != sign || err != nil || n > uint64(RTMAX-RTMIN) {
		return 0, false
	}
	if sign == '-' {
		return base - Signal(n), true
	}
	return base + Signal(n), true
}

// suggestion is "; did you mean X?" for the nearest name, or how names look.
func suggestion(name string) string {
	if best := nearest.Word(name, Names()); best != "" {
		return "; did you mean " + best + "?"
	}
	return ": signals are written TERM, SIGTERM or 15, real-time ones RTMIN+3"
}

// Names lists the names of the standard signals, in order of their number.
func Names() []string {
	all := make([]Signal, 0, len(names))
	for s := range names {
		all = append(all, s)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = names[s]
	}
	return out
}
