package test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// In some scenes a program has to get somewhere before a time limit that is the
// point of the scene: it is to catch TERM before KILL comes, say. How long it
// needs depends on how busy the machine is, so there is no limit that is right.
// Such a scene is played with a short one and, when it fails, with longer ones;
// net/http's own tests do the same (runTimeSensitiveTest). Quick machines are
// not made to wait, slow ones not to fail, and what is wrong with supervise is
// wrong with every limit.

// takes are the limits.
var takes = []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second, 25 * time.Second}

// inTime plays a scene until it succeeds with one of the limits.
func inTime(t *testing.T, play func(t testing.TB, limit time.Duration)) {
	t.Helper()
	for i, limit := range takes {
		x := &take{TB: t, patience: min(20*limit, patience)}
		x.run(func() { play(x, limit) })
		x.clean()
		switch text := x.said.String(); {
		case x.skipped:
			t.Skip(text)
		case !x.failed:
			return
		case i == len(takes)-1:
			t.Fatalf("with a limit of %s:\n%s", limit, text)
		default:
			t.Logf("with a limit of %s, for which the machine may be too busy:\n%s", limit, text)
		}
	}
}

// take is a test that may fail without the whole failing.
type take struct {
	testing.TB
	patience        time.Duration
	mu              sync.Mutex
	failed, skipped bool
	said            strings.Builder
	cleanups        []func()
}

// run runs f where it may end itself, as a failed test does.
func (x *take) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (x *take) clean() {
	for {
		x.mu.Lock()
		n := len(x.cleanups)
		if n == 0 {
			x.mu.Unlock()
			return
		}
		f := x.cleanups[n-1]
		x.cleanups = x.cleanups[:n-1]
		x.mu.Unlock()
		x.run(f)
	}
}

func (x *take) Cleanup(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cleanups = append(x.cleanups, f)
}

func (x *take) say(text string) {
	_, file, line, _ := runtime.Caller(2)
	x.mu.Lock()
	defer x.mu.Unlock()
	fmt.Fprintf(&x.said, "%s:%d: %s\n", file[strings.LastIndexByte(file, '/')+1:], line, strings.TrimSuffix(text, "\n"))
}

func (x *take) Helper()                        {}
func (x *take) Log(a ...any)                   { x.say(fmt.Sprintln(a...)) }
func (x *take) Logf(format string, a ...any)   { x.say(fmt.Sprintf(format, a...)) }
func (x *take) Error(a ...any)                 { x.say(fmt.Sprintln(a...)); x.Fail() }
func (x *take) Errorf(format string, a ...any) { x.say(fmt.Sprintf(format, a...)); x.Fail() }
func (x *take) Fatal(a ...any)                 { x.say(fmt.Sprintln(a...)); x.FailNow() }
func (x *take) Fatalf(format string, a ...any) { x.say(fmt.Sprintf(format, a...)); x.FailNow() }
func (x *take) Skip(a ...any)                  { x.say(fmt.Sprintln(a...)); x.SkipNow() }
func (x *take) Skipf(format string, a ...any)  { x.say(fmt.Sprintf(format, a...)); x.SkipNow() }

func (x *take) Fail() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed = true
}

func (x *take) FailNow() {
	x.Fail()
	runtime.Goexit()
}

func (x *take) SkipNow() {
	x.mu.Lock()
	x.skipped = true
	x.mu.Unlock()
	runtime.Goexit()
}

func (x *take) Failed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.failed
}

// patienceOf is [patience], or less where another take is to follow.
func patienceOf(t testing.TB) time.Duration {
	if x, ok := t.(*take); ok {
		return x.patience
	}
	return patience
}

// late tells when nothing is to be waited for any longer.
func late(t testing.TB) <-chan time.Time { return time.After(patienceOf(t)) }
