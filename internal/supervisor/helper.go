package supervisor

import (
	"golang.org/x/sys/unix"

	"supervise/internal/reaper"
)

// Helper is a process that supervise runs for itself, which belongs to no service.
type Helper struct {
	Began chan reaper.Started // gets one
	Ended chan reaper.Change  // gets one, if it began
}

// Help starts a helper. build runs on the thread that forks.
func (l *Loop) Help(build func() (reaper.Image, error)) *Helper {
	h := &Helper{make(chan reaper.Started, 1), make(chan reaper.Change, 1)}
	l.reaper.Start(h, build)
	return h
}

// KillHelper ends a helper, if it has not ended.
func (l *Loop) KillHelper(h *Helper) {
	for pid, key := range l.reaper.Known() {
		if key == h {
			_ = unix.Kill(pid, unix.SIGKILL) // it is a child that was not waited for: the pid is its own
		}
	}
}

func (h *Helper) started(_ *Loop, s reaper.Started) { h.Began <- s }

func (h *Helper) changed(_ *Loop, c reaper.Change) {
	if c.Kind == reaper.Ended {
		h.Ended <- c
	}
}

// Become has another program take the place of this process, see [reaper.Reaper.Exec].
func (l *Loop) Become(path string, argv, env []string, before func() error) error {
	return l.reaper.Exec(path, argv, env, before)
}
