package control

import (
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/supervisor"
)

func TestWhatHasHappened(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	asked := now.Add(-time.Second)
	status := func(kind config.Kind, state supervisor.State, started time.Duration, change func(*supervisor.Status)) supervisor.Status {
		spec := service("s", func(s *config.Service) { s.Kind = kind })
		st := supervisor.Status{Spec: &spec}
		st.State, st.Started = state, now.Add(-started)
		if change != nil {
			change(&st)
		}
		return st
	}
	probed := func(st *supervisor.Status) { st.Spec.Ready = &config.Probe{Kind: config.ProbeLog} }
	rolling := func(st *supervisor.Status) { st.Rolling = true }
	armed := func(st *supervisor.Status) { st.Armed, st.Ready = true, true }
	hopeless := func(st *supervisor.Status) { st.Hopeless = true }
	const before, lately, justNow = time.Minute, 500 * time.Millisecond, 10 * time.Millisecond
	for _, c := range []struct {
		what string
		cond condition
		st   supervisor.Status
		want verdict
	}{
		{"a service that is ready as soon as it runs has to outlive its first moment", hasStarted, status(config.Daemon, supervisor.Running, justNow, nil), notYet},
		{"and has then started", hasStarted, status(config.Daemon, supervisor.Running, lately, nil), happened},
		{"one that was found ready has started at once", hasStarted, status(config.Daemon, supervisor.Running, justNow, probed), happened},
		{"one that is not ready has not", hasStarted, status(config.Daemon, supervisor.Starting, before, probed), notYet},
		{"a start that failed is over", hasStarted, status(config.Daemon, supervisor.Backoff, lately, probed), never},
		{"a task is run to its end", hasStarted, status(config.Task, supervisor.Running, before, nil), notYet},
		{"also by several tries", hasStarted, status(config.Task, supervisor.Backoff, lately, nil), notYet},
		{"until it has succeeded", hasStarted, status(config.Task, supervisor.Done, lately, nil), happened},
		{"or there are no more", hasStarted, status(config.Task, supervisor.Failed, lately, nil), never},
		{"who waits in vain does not start", hasStarted, status(config.Daemon, supervisor.Waiting, before, hopeless), never},

		{"the run of before is no restart", hasRestarted, status(config.Daemon, supervisor.Running, before, nil), notYet},
		{"a turn that is still to come", hasRolled, status(config.Daemon, supervisor.Running, before, rolling), notYet},
		{"a turn that has come", hasRolled, status(config.Daemon, supervisor.Starting, lately, rolling), notYet},
		{"and is over", hasRolled, status(config.Daemon, supervisor.Running, lately, nil), happened},
		{"a turn that will not come", hasRolled, status(config.Daemon, supervisor.Running, before, nil), passedBy},
		{"for a task neither", hasRolled, status(config.Task, supervisor.Done, before, nil), passedBy},
		{"nor for what did not run", hasRolled, status(config.Daemon, supervisor.Stopped, before, nil), passedBy},
		{"a task whose turn is over", hasRolled, status(config.Task, supervisor.Done, lately, nil), happened},
		{"the one at which it ended", hasRolled, status(config.Daemon, supervisor.Backoff, lately, nil), never},

		{"what its first connection starts can be needed", isReady, status(config.Daemon, supervisor.Stopped, before, armed), happened},
		{"and is stopped all the same", hasStopped, status(config.Daemon, supervisor.Stopped, before, func(st *supervisor.Status) { armed(st); st.Gone = true }), happened},
	} {
		if got, _ := c.cond(&c.st, asked, now); got != c.want {
			t.Errorf("%s: got %d, want %d", c.what, got, c.want)
		}
	}
}
