package compat

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"supervise/internal/signals"
)

// strerror is strerror(3) of glibc. Go's texts are the same, but for their
// first letter.
func strerror(err error) string {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// signalTexts are those of strsignal(3) in glibc, by number.
var signalTexts = [...]string{
	1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap", 6: "Aborted",
	7: "Bus error", 8: "Floating point exception", 9: "Killed", 10: "User defined signal 1", 11: "Segmentation fault",
	12: "User defined signal 2", 13: "Broken pipe", 14: "Alarm clock", 15: "Terminated", 16: "Stack fault",
	17: "Child exited", 18: "Continued", 19: "Stopped (signal)", 20: "Stopped", 21: "Stopped (tty input)",
	22: "Stopped (tty output)", 23: "Urgent I/O condition", 24: "CPU time limit exceeded", 25: "File size limit exceeded",
	26: "Virtual timer expired", 27: "Profiling timer expired", 28: "Window changed", 29: "I/O possible",
	30: "Power failure", 31: "Bad system call",
}

func strsignal(s signals.Signal) string {
	switch {
	case s > 0 && int(s) < len(signalTexts):
		return signalTexts[s]
	case s >= signals.RTMIN && s <= signals.RTMAX:
		return fmt.Sprintf("Real-time signal %d", s-signals.RTMIN)
	}
	return fmt.Sprintf("Unknown signal %d", int(s))
}
