package lab

import (
	"strconv"
	"strings"
	"time"

	"supervise/internal/signals"
)

// Step is one thing that happens in a [Play], or that is waited for: [Await],
// [Soon], [Seen], [Kill], [Pause] or [End].
type Step interface{ step() }

// Await waits until the program has written a line that matches, after the one
// that was awaited before it.
type Await struct{ Line string }

// Soon is [Await] for what comes at once or never.
type Soon struct{ Line string }

// Seen is [Await] for a line that may also have come before the last one that
// was awaited.
type Seen struct{ Line string }

// Kill has a shell send a signal. To supervise, which passes it on, or past it.
type Kill struct {
	Signal signals.Signal
	Times  int    // 0: once
	To     string // "": supervise; Program; else a pattern whose group is the pid as the program wrote it last
}

// Program as the target of a [Kill] is the program itself, past supervise.
const Program = "program"

// Pause lets time pass: for what is to be seen in it, or not.
type Pause time.Duration

// End waits for the end of the run.
type End struct{}

func (Await) step() {}
func (Soon) step()  {}
func (Seen) step()  {}
func (Kill) step()  {}
func (Pause) step() {}
func (End) step()   {}

// Shell is the command that sends the signal to pid, as one would type it.
// Shells differ in which names of real-time signals they know, so these are
// numbers.
func (k Kill) Shell(pid int) string {
	name := k.Signal.String()
	if k.Signal >= signals.RTMIN {
		name = strconv.Itoa(int(k.Signal))
	}
	command := "kill -" + name + " " + strconv.Itoa(pid)
	if k.Times > 1 {
		return "for i in" + strings.Repeat(" .", k.Times) + "; do " + command + "; done"
	}
	return command
}
