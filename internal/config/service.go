package config

import (
	"time"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Config is a whole configuration, valid and with every default filled in.
type Config struct {
	Supervisor Supervisor
	Services   []Service  // by name; instances follow each other
	Files      []string   // what was read, for messages and for reload
	Warnings   Errors     // nothing wrong, but probably not meant; sorted by place
	Directory  *Directory // of runit's service directories; nil: it is no such configuration
}

// Supervisor is the [supervisor] table: what concerns supervise itself.
type Supervisor struct {
	Cgroup    bool     // give each service a cgroup v2 of its own where that can be done
	AllowUIDs []string // names or numbers of users that may use the control socket, beside root and our own; see [Supervisor.UIDs]
	Metrics   string   // loopback TCP address that has the metrics too, "127.0.0.1:9464"; "": none
	RunitDir  string   // absolute: where each service gets a directory with the files of runit, for sv(8); "": nowhere
}

// Kind tells a program that is to stay from one that is to end.
type Kind string

// The kinds.
const (
	Daemon Kind = "service" // runs until it is stopped
	Task   Kind = "task"    // runs to its end once; what needs it waits for its success
)

// Scope says to which processes the stop ladder speaks.
type Scope string

// The scopes.
const (
	Tree    Scope = "tree"    // all descendants, those that changed their session too
	Group   Scope = "group"   // the process group of the main process
	Process Scope = "process" // the main process alone
	Main    Scope = "main"    // the main process, and when it is gone all that it has left (systemd.kill(5) has it as mixed)
)

// Service is what to run and how: one instance of one service.
type Service struct {
	Name     string // unique; "web@2" for the second of several instances
	Template string // the name in the file: "web"
	Instance int    // from 1; 0 when the service has no instances
	Kind     Kind
	Where    Position // where it is defined

	Command    []string // program and arguments; with Shell, "sh -c" is already there
	Dir        string   // absolute; "" is supervise's own
	Env        []string // KEY=value, over EnvFile, over our own environment
	EnvFile    []string // absolute; read at each start; one that begins with "-" may be missing
	EnvClear   bool     // start from an empty environment
	User       string   // name or number; "" is our own
	Group      string
	Groups     []string // supplementary; nil: those of User
	Umask      int      // -1: our own
	Nice       int
	NiceSet    bool
	OOMScore   int // oom_score_adj
	OOMSet     bool
	Limits     []Limit
	NoNewPrivs bool
	Pdeathsig  signals.Signal // sent by the kernel when supervise dies; 0: none

	Needs     []Need
	After     []string // names of services (after instances were made)
	Autostart bool
	Critical  bool

	StartTimeout  time.Duration // from exec until ready; 0: none
	Ready         *Probe        // nil: running is ready
	Health        *Health       // nil: running is well
	Watchdog      time.Duration // longest time between two WATCHDOG=1 (sd_notify(3)); 0: no watchdog
	StartBefore   *Hook         // has to succeed before the program is started
	StartAfter    *Hook         // has to succeed once the program is ready, before it counts as such
	StopBefore    *Hook         // is run before the ladder of a running service, to drain it
	StopAfter     *Hook         // is run after each run, however it ended
	RunTimeout    time.Duration // longest run; 0: none
	TimeoutSignal signals.Signal

	Restart policy.Restart
	Stop    Stop

	Map     signals.Translation
	Forward []signals.Signal

	Log Log
	PTY bool // its standard streams are a terminal of its own

	Sockets  []Socket
	IdleStop time.Duration // a lazy service without a connection for so long is stopped; 0: never
	Watch    *Watch

	Runit *Runit // nil: no files are kept for it
}

// Limit is one resource limit, see setrlimit(2).
type Limit struct {
	Name       string // "nofile"
	Resource   int    // unix.RLIMIT_NOFILE
	Soft, Hard uint64 // unix.RLIM_INFINITY for none
}

// Stop says how a service is stopped.
type Stop struct {
	Ladder []Rung
	Scope  Scope
	// Shutdown takes the place of Ladder in a shutdown of supervise, and for what
	// a main process has left behind. nil: Ladder holds there too.
	Shutdown []Rung
}

// Rung is one step of a stop: a signal, and how long to wait for its effect
// before the next. A Wait of 0 on the last rung waits without end.
type Rung struct {
	Signal signals.Signal
	Wait   time.Duration
}

// Position is a place in a file.
type Position struct {
	File      string
	Line, Col int // from 1; 0 when unknown
}
