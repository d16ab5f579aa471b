package config

import (
	"time"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Defaults is a service of which nothing was said but its kind. Every default
// of a service stands here; those of the restart policy in [policy.Default],
// because `run` and `policy` have them too.
func Defaults(kind Kind) Service {
	restart := policy.Default()
	if kind == Task {
		// A migration that failed half-way is rarely made better by running
		// it again at once; who wants that says so.
		restart.When = policy.Never
	}
	return Service{
		Kind:          kind,
		Umask:         -1,
		Pdeathsig:     signals.KILL,
		Autostart:     true,
		StartTimeout:  30 * time.Second,
		TimeoutSignal: signals.TERM,
		Restart:       restart,
		Stop: Stop{
			Ladder: []Rung{
				{Signal: signals.TERM, Wait: 10 * time.Second},
				{Signal: signals.KILL, Wait: 5 * time.Second},
			},
			Scope: Tree,
		},
		Log: Log{To: ToConsole},
	}
}

// defaultSupervisor is [supervisor] with nothing in it.
func defaultSupervisor() Supervisor { return Supervisor{Cgroup: true} }
