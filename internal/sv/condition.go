package sv

import (
	"strings"
	"time"

	"supervise/internal/runit"
)

// condition is when letters that were sent have taken effect: all of them in one
// status.
type condition struct {
	letters string
	sent    time.Time
}

// asTold is the letter of `sv check`, which sends nothing. It is content with a
// service that is down, whether or not it is to be up, as sv 2.1.2 is.
const asTold = "C"

// met says whether a status meets the condition, and whether the script check
// has to agree. Times are compared by the second, as sv does: a service that was
// started in the second in which it is restarted counts as restarted.
func (c condition) met(s runit.Status) (met, script bool) {
	since := s.Since.Unix() >= c.sent.Unix()
	for _, letter := range c.letters {
		switch letter {
		case 'x': // only the end of the supervisor
			return false, false
		case 'u':
			if s.PID == 0 || s.State != runit.Run {
				return false, false
			}
			script = true
		case 'd':
			if s.PID != 0 || s.State != runit.Down {
				return false, false
			}
		case 't', 'k':
			if s.PID == 0 && s.Want == runit.WantDown {
				continue
			}
			if s.PID == 0 || !since || s.Termed {
				return false, false
			}
			script = true
		case 'o':
			if s.PID == 0 && !since || s.PID != 0 && s.Want == runit.WantUp {
				return false, false
			}
		case 'p':
			if s.PID != 0 && !s.Paused {
				return false, false
			}
		case 'c':
			if s.PID != 0 && s.Paused {
				return false, false
			}
		case 'C':
			script = script || s.PID != 0
		}
	}
	return true, script
}

// starts says whether what is waited for is a process that has been started.
func (c condition) starts() bool { return strings.ContainsAny(c.letters, "utk") }

// given says whether a service has been told so already, and need not be again.
func given(letters string, s runit.Status) bool {
	switch letters[0] {
	case 'u':
		return s.Want == runit.WantUp
	case 'd':
		return s.Want != runit.WantUp && s.Termed // without TERM it is one that was to run once
	}
	return false
}
