package config

import (
	"time"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Defaults is a service of which nothing was said but its kind. Every default
// of a service stands here and nowhere else.
func Defaults(kind Kind) Service {
	when := policy.OnFailure
	if kind == Task {
		// A migration that failed half-way is rarely made better by running
		// it again at once; who wants that says so.
		when = policy.Never
	}
	return Service{
		Kind:          kind,
		Umask:         -1,
		Pdeathsig:     signals.KILL,
		Autostart:     true,
		StartTimeout:  30 * time.Second,
		TimeoutSignal: signals.TERM,
		Restart: policy.Restart{
			When: when,
			Backoff: policy.Backoff{
				Initial: 100 * time.Millisecond,
				Factor:  2,
				Max:     30 * time.Second,
				Jitter:  0.1,
			},
			ResetAfter: 10 * time.Second,
			Within:     time.Minute,
			Success:    policy.Success{Codes: []int{0}},
		},
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
