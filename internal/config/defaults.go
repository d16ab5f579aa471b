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

// shortestInterval and shortestTimeout keep a probe from being a busy loop, and
// from failing whatever it looks at.
const (
	shortestInterval = 10 * time.Millisecond
	shortestTimeout  = time.Millisecond
)

// hookTimeout is long enough for a drain or a backup of some size. That a hook
// has none cannot be said: every wait has an end.
const hookTimeout = 30 * time.Second

// defaultReady is a probe of [ready]. What waits for a service waits for the
// look as well: so the looks come often, as long as they are cheap. To start a
// process is not, on a small machine that is busy starting services. The
// interval does not grow: start.timeout ends it.
func defaultReady(kind ProbeKind) Probe {
	p := Probe{
		Interval: 100 * time.Millisecond,
		Timeout:  time.Second, // nothing local takes longer to answer when it is ready
		Method:   "GET",
		Status:   []StatusRange{{200, 399}}, // a redirect, to a login say, shows that it answers
		FD:       3,                         // as in s6's own examples
	}
	if kind == ProbeExec {
		p.Interval = 500 * time.Millisecond
		p.Timeout = 5 * time.Second // an interpreter has to start first
	}
	return p
}

// defaultHealth is [health]. Three failures in a row make half a minute of
// sickness: shorter ones, as under load or in a garbage collection, are not
// cured by a restart.
func defaultHealth() Health {
	p := defaultReady(ProbeHTTP)
	p.Interval, p.Timeout = 10*time.Second, 5*time.Second // a busy service may be slow, and yet be well
	return Health{Probe: p, Failures: 3, Successes: 1, Action: HealthRestart}
}

// defaultWatch is [watch]. To save a file is several events within some
// milliseconds, to change branches or to compile more of them within some
// hundred.
func defaultWatch() Watch {
	return Watch{
		Ignore: []string{
			".git", ".hg", ".svn", "node_modules", "__pycache__",
			"*.swp", "*.swx", "*.swo", "4913", // vim; it makes a file 4913 to see whether it can
			"*~", ".#*", "#*#", // emacs
			".goutputstream-*", "*___jb_tmp___", "*___jb_old___", ".DS_Store",
		},
		Debounce: 200 * time.Millisecond,
		Action:   WatchRestart,
	}
}

// defaultSupervisor is [supervisor] with nothing in it.
func defaultSupervisor() Supervisor { return Supervisor{Cgroup: true} }

// defaultLogFile is [log] of a service that says to = "file" and no more; its
// path is defaultLogPath.
func defaultLogFile() LogFile {
	return LogFile{MaxSize: 10e6, MaxFiles: 10, Timestamps: NoTimestamps, Stderr: StderrMerge, Full: FullBlock}
}

// defaultLogPath is where a log file is when nothing else is said.
const defaultLogPath = "log/%n/current"
