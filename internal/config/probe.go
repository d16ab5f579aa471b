package config

import (
	"regexp"
	"slices"
	"time"

	"supervise/internal/signals"
)

// ProbeKind is a way to find out whether a service is ready, or well.
type ProbeKind string

// The kinds. The first three hear of it from the service, and say nothing of
// its health; the others look.
const (
	ProbeNotify ProbeKind = "notify" // the service sends READY=1, see sd_notify(3)
	ProbeFD     ProbeKind = "fd"     // it writes a newline to a descriptor, as s6 has it
	ProbeLog    ProbeKind = "log"    // a line of its output matches
	ProbeTCP    ProbeKind = "tcp"    // a connection is accepted
	ProbeHTTP   ProbeKind = "http"   // a request is answered as it should be
	ProbeExec   ProbeKind = "exec"   // a command succeeds
	ProbeFile   ProbeKind = "file"   // a file is there
)

// Probe is a question whether a service is ready, or well.
type Probe struct {
	Kind     ProbeKind
	Address  string         // tcp: host:port, or unix:///path
	URL      string         // http: http://host:port/path, or unix:///socket:/path
	Method   string         // http: GET, HEAD
	Header   []string       // http: "Name: value"
	Status   []StatusRange  // http: those that are fine
	Body     *regexp.Regexp // http: what the body has to match; nil: anything
	Command  []string       // exec: run as the service is, with its environment and user
	Path     string         // file
	Pattern  *regexp.Regexp // log
	FD       int            // fd: the number of the descriptor
	Interval time.Duration  // between the end of one look and the next
	Timeout  time.Duration  // of one look
}

// StatusRange is some HTTP status codes, both ends included.
type StatusRange struct{ From, To int }

// Health is a probe that is repeated as long as the service runs.
type Health struct {
	Probe     Probe
	Delay     time.Duration // from ready until the first look
	Failures  int           // so many in a row: unhealthy
	Successes int           // so many in a row: healthy again
	Action    HealthAction  // when it becomes unhealthy
	Signal    signals.Signal
}

// HealthAction is what is done about an unhealthy service.
type HealthAction string

// The actions.
const (
	HealthRestart HealthAction = "restart" // stop it, and go by its restart policy: it has failed
	HealthSignal  HealthAction = "signal"  // send it a signal, once
	HealthReport  HealthAction = "report"  // only say so
)

// Hook is a command that is run at a certain moment of a service's life, in its
// directory, with its environment and as its user.
type Hook struct {
	Command []string
	Timeout time.Duration // then it is killed, and has failed; 0: it may take as long as it likes
	// Runit says that it is one as runsv(8) runs it: nothing, if its file is not
	// there, and that it fails changes nothing. After a run it comes at once,
	// whatever that has left, and gets its exit code and signal as arguments.
	Runit bool
}

// Condition is what a need waits for.
type Condition string

// The conditions.
const (
	NeedReady   Condition = "ready"   // a service is ready, a task has succeeded
	NeedStarted Condition = "started" // its process runs
	NeedDone    Condition = "done"    // it has ended, successfully
)

// Need is a service that another cannot do without.
type Need struct {
	Name string // of the service, after instances were made
	For  Condition
	With bool // when the needed service is restarted, this one is too
}

// Socket is something that supervise listens on for a service (sd_listen_fds(3)).
type Socket struct {
	Network   string // tcp, udp, unix, unixgram
	Address   string // IP:port; of a unix socket its path, absolute, or @ and its abstract name
	Name      string // in LISTEN_FDNAMES; several may have one
	Backlog   int    // of listen(2)
	Mode      uint32 // unix: permissions of the socket
	User      string // unix: its owner; "" is our own
	Group     string
	ReusePort bool // SO_REUSEPORT, see socket(7)
	V6Only    bool // [::] takes no IPv4, see ipv6(7)
	Lazy      bool // the service starts at the first connection or datagram
}

// Watch is files on whose change something is done.
type Watch struct {
	Paths    []string // absolute; directories with all that is below them
	Ignore   []string // patterns as in path.Match, of names or of paths below the watched one
	Debounce time.Duration
	Action   WatchAction
	Signal   signals.Signal
}

// WatchAction is what is done when a watched file has changed.
type WatchAction string

// The actions.
const (
	WatchRestart WatchAction = "restart"
	WatchSignal  WatchAction = "signal"
)

// Lazy says whether the service starts at its first connection.
func (s *Service) Lazy() bool {
	return slices.ContainsFunc(s.Sockets, func(s Socket) bool { return s.Lazy })
}
