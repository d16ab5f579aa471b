package sv

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"supervise/internal/birth"
)

// check is a run of the script ./check of a service.
type check struct {
	process *os.Process
	ended   chan bool // gets whether it passed
	result  *bool
}

// startCheck starts ./check where we are. wake is called when it has ended. What is
// not there, or cannot be run, has passed; the latter is said.
func startCheck(service string, wake func()) *check {
	var s unix.Stat_t
	switch err := unix.Stat("check", &s); err {
	case nil:
	case unix.ENOENT:
		return concluded(true)
	default:
		grumble("unable to stat " + service + "/check: " + reason(err))
		return concluded(false)
	}
	stdin := os.Stdin
	if birth.Closed(0) {
		stdin = nil
	}
	// As with sv it has no standard output: what it says goes to nobody.
	p, err := os.StartProcess("check", []string{"./check"}, &os.ProcAttr{Files: []*os.File{stdin, nil, os.Stderr}})
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM): // of fork
		grumble("unable to fork for " + service + "/check: " + reason(err))
		return concluded(false)
	case err != nil:
		grumble("unable to run " + service + "/check: " + reason(err))
		return concluded(true)
	}
	c := &check{process: p, ended: make(chan bool, 1)}
	go func() {
		state, err := p.Wait()
		c.ended <- err == nil && state.Success()
		wake()
	}()
	return c
}

func concluded(passed bool) *check { return &check{result: &passed} }

// running says whether there is no answer yet.
func (c *check) running() bool {
	if c.result != nil {
		return false
	}
	select {
	case passed := <-c.ended:
		c.result = &passed
		return false
	default:
		return true
	}
}

// passed is the answer of one that runs no more.
func (c *check) passed() bool { return *c.result }

// kill ends it. What it started is not touched: it may be somebody's daemon.
func (c *check) kill() { _ = c.process.Kill() }
