package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// Each of the 64 signals, and what becomes of the wrapper and of the child.
func TestCompatSignals(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"tini -s -vvv --", "tini -s --", "dumb-init -v", "dumb-init -c", "dumb-init -v -r 1:10 -r 2:0 -r 15:3 -r 20:15 -r 21:0"} {
		t.Run(line, func(t *testing.T) {
			for s := signals.HUP; s <= signals.RTMAX; s++ {
				compare(t, s.String(), func(w wrap) string { return w.effect(line, s) })
			}
		})
	}
}

// effect sends a signal to a wrapper of a probe, and tells what happens. Who is
// stopped by it is continued.
func (w wrap) effect(line string, s signals.Signal) string {
	const marker = signals.Signal(12) // USR2
	words := w.words(line)
	v := w.start(w.command(words[0], append(words[1:], program("probe"), "main", "TSTP=default", "TTIN=default", "TTOU=default")...))
	main := w.probe("main")
	saw := ""
	note := func(format string, a ...any) { saw += fmt.Sprintf(format, a...) + "\n" }
	hears := func(r report, ok bool) bool {
		switch {
		case !ok: // it has ended, or the wrapper killed it
			note("wrapper ends with %d", v.wait())
			return false
		case r.Signal != marker || s == marker:
			note("child hears %s", r.Signal)
		}
		return true
	}

	v.kill(s)
	nothing := time.After(300 * time.Millisecond)
	for happened := false; !happened; {
		select {
		case <-v.ended:
			note("wrapper ends with %d", v.wait())
			return saw
		case r, ok := <-main.told:
			if !hears(r, ok) {
				return saw
			}
			happened = true
		case <-nothing:
			happened = true
		}
	}
	// Forwarded first, stopped afterwards: give it the time to come about, and more
	// as long as one of them is at work.
	stopped := func(pid int) bool { return strings.HasPrefix(stateOf(pid), "T") }
	working := func(pid int) bool { return strings.HasPrefix(stateOf(pid), "R") }
	wrapper, child := false, false
	if s >= signals.STOP && s <= signals.TTOU {
		least, most := time.Now().Add(300*time.Millisecond), time.Now().Add(patience)
		for now := time.Now(); now.Before(least) || now.Before(most) && (working(v.pid()) || working(main.outer)); now = time.Now() {
			time.Sleep(5 * time.Millisecond)
		}
		wrapper, child = stopped(v.pid()), stopped(main.outer)
	}
	if wrapper || child {
		note("stopped: wrapper %t, child %t", wrapper, child)
		v.kill(signals.CONT)
		hears(main.next(), true)
	}
	// The marker comes after whatever else was on its way, which may be the end.
	_ = unix.Kill(v.pid(), unix.Signal(marker))
	for deadline := time.After(patience); ; {
		select {
		case r, ok := <-main.told:
			if !hears(r, ok) {
				return saw
			}
			if r.Signal != marker {
				continue
			}
		case <-deadline:
			w.t.Fatalf("the marker does not come; until then:\n%s", saw)
		}
		break
	}
	main.say("exit 7")
	note("wrapper ends with %d", v.wait())
	return saw
}

// stateOf gives the state of a process, "" when there is none.
func stateOf(pid int) string {
	p, err := procfs.Stat(pid)
	if err != nil {
		return ""
	}
	return string(p.State)
}
