package notify

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Message is what a service says in one datagram, see sd_notify(3). What it
// does not say is zero, or nil where zero says something.
type Message struct {
	Ready     bool           // READY=1: started, or done with reloading
	Reloading bool           // RELOADING=1: reads its configuration; READY=1 will follow
	Stopping  bool           // STOPPING=1: is about to end
	Monotonic *time.Duration // MONOTONIC_USEC: when it was said, on CLOCK_MONOTONIC

	Status       *string // STATUS: one line for people, fit to be printed; "" takes the last one back
	Errno        int     // ERRNO: why it failed; 0: not said
	BusError     string  // BUSERROR: the same as a D-Bus error name
	VarlinkError string  // VARLINKERROR: the same as a Varlink error name
	ExitStatus   *int    // EXIT_STATUS: of a manager to its own, 0 to 255

	MainPID      int     // MAINPID: which process is the main one; 0: not said
	MainPIDFD    bool    // MAINPIDFD=1: the one descriptor that came along is a pidfd of it
	MainPIDInode *uint64 // MAINPIDFDID: inode of a pidfd of MainPID, to be sure

	Watchdog      Watchdog
	WatchdogEvery *time.Duration // WATCHDOG_USEC: the longest pause from now on; 0: no watchdog
	ExtendTimeout time.Duration  // EXTEND_TIMEOUT_USEC: the current timeout ends so much from now at the earliest; 0: not said
	RestartReset  bool           // RESTART_RESET=1: count restarts from zero
	Access        Access         // NOTIFYACCESS: who may send from now on; "": not said
	StoreFiles    bool           // FDSTORE=1: keep the descriptors that came along
	RemoveFiles   bool           // FDSTOREREMOVE=1: drop those called Name; wins over StoreFiles
	Name          string         // FDNAME: valid, or ""
	KeepHungUp    bool           // FDPOLL=0: keep descriptors even if they hang up
	Barrier       bool           // BARRIER=1: everything that was sent before is to be handled
}

// Watchdog is what a service says to its watchdog.
type Watchdog string

// The words to the watchdog.
const (
	WatchdogAlive   Watchdog = "1"       // all is well
	WatchdogTrigger Watchdog = "trigger" // act as if I had been silent for too long
)

// Access is who may send messages for a service, see NotifyAccess= in
// systemd.service(5).
type Access string

// The accesses.
const (
	AccessNone Access = "none" // nobody
	AccessMain Access = "main" // the main process
	AccessExec Access = "exec" // the main process, and hooks
	AccessAll  Access = "all"  // every process of the service
)

// Limits that systemd has, too.
const (
	maxDatagram = 4096 // NOTIFY_BUFFER_MAX is PIPE_BUF
	maxName     = 255  // of a stored descriptor
	maxErrno    = 4095 // ERRNO_MAX
)

// DefaultName is what stored descriptors are called that come without FDNAME.
const DefaultName = "stored"

// Parse reads a datagram. It never fails as a whole for one bad line: that line
// is left out and the others count. The error says which lines were left out
// and why, or why the datagram says nothing at all; the message is valid in any
// case. As with systemd, unknown keys are nobody's mistake, the first of several
// lines with one key counts, one NUL may end the datagram, and CR ends a line
// like LF.
func Parse(datagram []byte) (Message, error) {
	if len(datagram) > maxDatagram {
		return Message{}, fmt.Errorf("a datagram of more than %d bytes; send less at a time", maxDatagram)
	}
	datagram = bytes.TrimSuffix(datagram, []byte{0})
	if bytes.IndexByte(datagram, 0) >= 0 {
		return Message{}, errors.New("a datagram with a NUL byte inside; separate assignments by newlines")
	}
	p := parser{values: map[string]string{}}
	for _, line := range bytes.FieldsFunc(datagram, func(r rune) bool { return r == '\n' || r == '\r' }) {
		p.line(string(line))
	}
	m := p.message()
	if p.more > 0 {
		p.complaints = append(p.complaints, fmt.Errorf("and %d more", p.more))
	}
	return m, errors.Join(p.complaints...)
}

// maxComplaints is how many make the point.
const maxComplaints = 4

// parser collects the values of a datagram, and what is wrong with it: a few
// complaints, since a datagram has room for two thousand.
type parser struct {
	values     map[string]string // the first of each key
	complaints []error
	more       int // complaints beyond maxComplaints
}

func (p *parser) complain(format string, args ...any) {
	if len(p.complaints) == maxComplaints {
		p.more++
		return
	}
	p.complaints = append(p.complaints, fmt.Errorf(format, args...))
}

// line takes one assignment. READY=0 and the like are not defined: only the
// line that says 1 counts, wherever it is.
func (p *parser) line(s string) {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" {
		p.complain("%s is no assignment (KEY=VALUE)", quote(s))
		return
	}
	if flag := onlyValue(key); flag != "" {
		if value == flag {
			p.values[key] = value
		}
		return
	}
	if _, said := p.values[key]; !said {
		p.values[key] = value
	}
}

// onlyValue is the one value with a meaning of a key that has one.
func onlyValue(key string) string {
	switch key {
	case "READY", "RELOADING", "STOPPING", "BARRIER", "RESTART_RESET", "FDSTORE", "FDSTOREREMOVE", "MAINPIDFD":
		return "1"
	case "FDPOLL":
		return "0"
	}
	return ""
}

func (p *parser) message() Message {
	if p.said("BARRIER") {
		if len(p.values) > 1 || len(p.complaints) > 0 {
			p.complain("BARRIER=1 has to be alone in its datagram: everything in it was ignored")
		}
		return Message{Barrier: true}
	}
	m := Message{
		Ready:     p.said("READY"),
		Reloading: p.said("RELOADING"),
		Stopping:  p.said("STOPPING"),
		Monotonic: p.microseconds("MONOTONIC_USEC"),

		Status:       p.status(),
		Errno:        p.errno(),
		BusError:     p.word("BUSERROR"),
		VarlinkError: p.word("VARLINKERROR"),

		MainPID:      int(p.number("MAINPID", 1, math.MaxInt32)),
		MainPIDFD:    p.said("MAINPIDFD"),
		MainPIDInode: p.optional("MAINPIDFDID", 0, math.MaxUint64),

		Watchdog:      p.watchdog(),
		WatchdogEvery: p.microseconds("WATCHDOG_USEC"),
		RestartReset:  p.said("RESTART_RESET"),
		Access:        p.access(),
		StoreFiles:    p.said("FDSTORE"),
		RemoveFiles:   p.said("FDSTOREREMOVE"),
		Name:          p.name(),
		KeepHungUp:    p.said("FDPOLL"),
	}
	if status := p.optional("EXIT_STATUS", 0, 255); status != nil {
		n := int(*status)
		m.ExitStatus = &n
	}
	if extend := p.microseconds("EXTEND_TIMEOUT_USEC"); extend != nil {
		m.ExtendTimeout = *extend
	}
	if m.RemoveFiles && m.Name == "" {
		p.complain("FDSTOREREMOVE=1 without a valid FDNAME: nothing was removed")
		m.RemoveFiles = false
	}
	return m
}

func (p *parser) said(key string) bool {
	_, said := p.values[key]
	return said
}

// number reads decimal digits, which is what the manual promises.
func (p *parser) number(key string, low, high uint64) uint64 {
	n := p.optional(key, low, high)
	if n == nil {
		return 0
	}
	return *n
}

func (p *parser) optional(key string, low, high uint64) *uint64 {
	value, said := p.values[key]
	if !said {
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n < low || n > high {
		p.complain("%s=%s is no number from %d to %d", key, quote(value), low, high)
		return nil
	}
	return &n
}

// microseconds reads a time. What is longer than a time.Duration, 292 years,
// is "for ever" in systemd: it is cut to that, except that the highest number
// of all stands for none.
func (p *parser) microseconds(key string) *time.Duration {
	n := p.optional(key, 0, math.MaxUint64)
	if n == nil {
		return nil
	}
	var d time.Duration
	switch {
	case *n == math.MaxUint64:
	case *n > math.MaxInt64/uint64(time.Microsecond):
		d = math.MaxInt64
	default:
		d = time.Duration(*n) * time.Microsecond
	}
	return &d
}

// status makes the text fit for a terminal: it comes from a service that may
// not be trusted with it.
func (p *parser) status() *string {
	s, said := p.values["STATUS"]
	if !said {
		return nil
	}
	if !utf8.ValidString(s) {
		p.complain("STATUS=%s is not UTF-8", quote(s))
		return nil
	}
	s = strings.Map(func(r rune) rune {
		if r != ' ' && !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
	return &s
}

// errno reads a number or a name.
func (p *parser) errno() int {
	value := p.values["ERRNO"]
	if strings.HasPrefix(value, "E") {
		for n := syscall.Errno(1); n <= maxErrno; n++ {
			if unix.ErrnoName(n) == value {
				return int(n)
			}
		}
	}
	return int(p.number("ERRNO", 0, maxErrno))
}

// word reads the name of an error.
func (p *parser) word(key string) string {
	value := p.values[key]
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		p.complain("%s=%s has something else than printable ASCII in it", key, quote(value))
		return ""
	}
	return value
}

func (p *parser) watchdog() Watchdog {
	value, said := p.values["WATCHDOG"]
	switch w := Watchdog(value); {
	case !said:
	case w == WatchdogAlive || w == WatchdogTrigger:
		return w
	default:
		p.complain("WATCHDOG=%s is neither 1 nor trigger", quote(value))
	}
	return ""
}

func (p *parser) access() Access {
	value, said := p.values["NOTIFYACCESS"]
	switch a := Access(value); {
	case !said:
	case a == AccessNone || a == AccessMain || a == AccessExec || a == AccessAll:
		return a
	default:
		p.complain("NOTIFYACCESS=%s is none of none, main, exec, all", quote(value))
	}
	return ""
}

// name reads the name of descriptors. It will stand between colons in
// LISTEN_FDNAMES.
func (p *parser) name() string {
	value, said := p.values["FDNAME"]
	bad := func(r rune) bool { return r < ' ' || r > '~' || r == ':' }
	if said && (value == "" || len(value) > maxName || strings.ContainsFunc(value, bad)) {
		p.complain("FDNAME=%s is not 1 to %d printable ASCII characters other than a colon", quote(value), maxName)
		return ""
	}
	return value
}

// quote shows a value in an error message, which is for people and not long.
func quote(s string) string {
	const enough = 60
	if len(s) > enough {
		return strconv.QuoteToASCII(s[:enough]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
