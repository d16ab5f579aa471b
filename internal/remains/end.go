package remains

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/procfs"
	"supervise/internal/tree"
)

// Ending is how what was left is ended.
type Ending struct {
	// Left finds what is there at this moment.
	Left func() ([]Process, error)
	// Ladder is that of a service, which may be none of ours. Each wait has an end.
	Ladder func(service string) []config.Rung
	// Hurry says whether to skip to the last rung; it is asked again and again.
	Hurry func() bool
}

// identity tells a process from a later one with the same pid.
type identity struct {
	pid   int
	start uint64
}

func of(p Process) identity { return identity{p.PID, p.Start} }

// climb is the way of one service's processes up its ladder.
type climb struct {
	ladder []config.Rung
	due    time.Time // when the first rung is over
	told   map[identity]bool
	over   bool // they have survived it all
}

// Run ends them: each service's get the signals of its ladder, until they are
// gone. It tells what became of each that it has seen: a text for each that has
// ended, and those that live.
func (e Ending) Run() (ended []string, survivors []Process, err error) {
	climbs := map[string]*climb{}
	last := map[identity]string{}
	names := map[identity]Process{}
	var order []identity
	hurried := false
	for {
		living, err := e.Left()
		if err != nil {
			return nil, nil, err
		}
		now := time.Now()
		hurried = hurried || e.Hurry()
		lives := map[identity]bool{}
		survivors = nil
		var next time.Time
		for _, p := range living {
			lives[of(p)] = true
			c := climbs[p.Service]
			if c == nil {
				c = &climb{ladder: e.Ladder(p.Service)}
				c.begin(now)
				climbs[p.Service] = c
			}
			c.advance(now, hurried)
			if c.over {
				survivors = append(survivors, p)
				continue
			}
			if !c.told[of(p)] {
				c.told[of(p)] = true
				text := c.ladder[0].Signal.String()
				if err := tree.Signal(p.Process, c.ladder[0].Signal); err != nil {
					text += fmt.Sprintf(", which could not be sent (%v)", err)
				}
				if _, seen := names[of(p)]; !seen {
					order = append(order, of(p))
				}
				last[of(p)], names[of(p)] = text, p
			}
			if next.IsZero() || c.due.Before(next) {
				next = c.due
			}
		}
		if len(survivors) == len(living) {
			for _, id := range order {
				if !lives[id] {
					ended = append(ended, fmt.Sprintf("%s by %s", names[id], last[id]))
				}
			}
			return ended, survivors, nil
		}
		if soon := now.Add(again); !hurried && soon.Before(next) {
			next = soon
		}
		await(living, next)
	}
}

// begin steps on the first rung that sends something.
func (c *climb) begin(now time.Time) {
	for len(c.ladder) > 0 && c.ladder[0].Signal == 0 {
		c.ladder = c.ladder[1:]
	}
	c.told = map[identity]bool{}
	if c.over = len(c.ladder) == 0; !c.over {
		c.due = now.Add(c.ladder[0].Wait)
	}
}

// advance goes on to the next rung, if it is time.
func (c *climb) advance(now time.Time, hurried bool) {
	if c.over {
		return
	}
	if hurried && len(c.ladder) > 1 {
		c.ladder = c.ladder[len(c.ladder)-1:]
		c.begin(now)
	}
	if now.Before(c.due) {
		return
	}
	c.ladder = c.ladder[1:]
	c.begin(now)
}

// again is how often Hurry is asked. This is one of the few things that poll, for
// as long as something that was left takes to end.
const again = 100 * time.Millisecond

// most bounds how many ends are waited for at once: after each we look again.
const most = 32

// await waits until one of the processes has ended, or it is time.
func await(living []Process, until time.Time) {
	var fds []unix.PollFd
	defer func() {
		for _, fd := range fds {
			unix.Close(int(fd.Fd))
		}
	}()
	for _, p := range living[:min(len(living), most)] {
		fd, err := unix.PidfdOpen(p.PID, 0)
		if err == unix.ESRCH {
			return
		}
		if err != nil { // an old kernel, or seccomp
			break
		}
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		if now, err := procfs.Stat(p.PID); err != nil || now.Start != p.Start {
			return
		}
	}
	wait := max(time.Until(until), 0) + time.Millisecond
	_, _ = unix.Poll(fds, int(wait.Milliseconds()))
}
