package sv

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/runit"
)

// client is a running sv. Like the original it goes into each service directory
// to look at it, so that what cannot be entered is told in the same words.
type client struct {
	command
	start    time.Time
	home     int  // where it was started: a descriptor
	failures int  // of services
	answer   *int // the exit status, when it is not the number of failures
	watcher  watcher
}

func newClient(c command) *client { return &client{command: c, start: time.Now()} }

// run tells each service what it is to do, then waits for all of them at once.
func (c *client) run() int {
	var err error
	if c.home, err = unix.Open(".", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		c.fatal("unable to open current directory", err)
	}
	var waiters []*waiter
	for _, name := range c.services {
		if c.begin(name) && c.wait {
			waiters = append(waiters, &waiter{name: name, waiting: newWaiting(c.letters, c.start, c.limit), ok: -1})
		}
	}
	if len(waiters) > 0 {
		c.await(waiters)
	}
	if c.answer != nil {
		return *c.answer
	}
	return min(c.failures, 99)
}

// begin does what is to be done with a service at once, and says whether it can
// be waited for.
func (c *client) begin(name string) (going bool) {
	c.within(name, func() {
		switch c.kind {
		case ask:
			c.status(name)
		case tell:
			going = c.tell(name, c.letters)
		case await:
			going = true
		}
	})
	return going
}

func (c *client) tell(name, letters string) bool {
	s, err := runit.ReadStatus(".")
	if err == nil && !given(letters, s) {
		err = runit.SendControl(".", letters)
	}
	return c.fine(name, err)
}

// status says what a service does, and its log.
func (c *client) status(name string) {
	s, err := runit.ReadStatus(".")
	if !c.fine(name, err) {
		if c.lsb && !errors.Is(err, runit.ErrNotSupervised) {
			c.answers(statusUnknown)
		}
		return
	}
	line, state := c.described(name, name, s, c.start)
	switch err := unix.Chdir("log"); err {
	case nil:
		say(line + "; ")
		if s, err := runit.ReadStatus("."); c.fine(name+"/log", err) {
			line, state = c.described(name, "log", s, c.start)
			say(line + "\n")
		}
	case unix.ENOENT:
		say(line + "\n")
	default:
		say(line + "; ")
		c.warn(name+"/log", "unable to change directory: "+reason(err))
	}
	if c.lsb {
		c.answers(state)
	}
}

// The exit statuses of `status` in an init script.
const (
	statusUp      = 0
	statusDown    = 3
	statusUnknown = 4
)

func (c *client) answers(status int) { c.answer = &status }

// described gives the line of a status, read in the directory where we are: that
// of a service, or its log's. It comes with the state in numbers of LSB.
func (c *client) described(service, name string, s runit.Status, now time.Time) (line string, state int) {
	var down unix.Stat_t
	err := unix.Stat("down", &down)
	if err != nil && err != unix.ENOENT {
		grumble("unable to stat " + service + "/down: " + reason(err))
		return "", statusUnknown
	}
	state = statusUp
	if s.PID == 0 {
		state = statusDown
	}
	return describe(name, s, now, err == unix.ENOENT), state
}

// fine says whether there was no error, and says which one there was.
func (c *client) fine(name string, err error) bool {
	var p *runit.Problem
	switch {
	case err == nil:
		return true
	case errors.Is(err, runit.ErrNotSupervised) && c.letters == "x":
		say("ok: " + name + ": " + err.Error() + "\n") // that was the aim
	case errors.Is(err, runit.ErrNotSupervised):
		c.fail(name, err.Error())
	case errors.As(err, &p):
		c.warn(name, "unable to "+p.Doing+": "+reason(p.Err))
	}
	return false
}

// within does something in the directory of a service: below the services
// directory, unless its name begins with a dot or a slash or ends with a slash. It
// says whether it could; if not, it has said why.
func (c *client) within(name string, do func()) bool {
	var err error
	if name != "" && name[0] != '/' && name[0] != '.' && name[len(name)-1] != '/' {
		err = unix.Chdir(c.base)
	}
	if err == nil {
		err = unix.Chdir(name)
	}
	if err != nil {
		c.fail(name, "unable to change to service directory: "+reason(err))
	} else {
		do()
	}
	if err := unix.Fchdir(c.home); err != nil {
		c.fatal("unable to change to original directory", err)
	}
	return err == nil
}

func (c *client) fail(name, text string) { c.failures++; say("fail: " + name + ": " + text + "\n") }
func (c *client) warn(name, text string) { c.failures++; say("warning: " + name + ": " + text + "\n") }

func (c *client) fatal(text string, err error) {
	os.Stderr.WriteString("fatal: " + text + ": " + reason(err) + "\n")
	status := 100
	if c.lsb {
		status = 151
	}
	os.Exit(status)
}

// say writes an answer, grumble what is no answer.
func say(text string)     { os.Stdout.WriteString(text) }
func grumble(text string) { os.Stderr.WriteString("warning: " + text + "\n") }
