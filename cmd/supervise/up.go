package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/leader"
	"supervise/internal/logs"
	"supervise/internal/metrics"
	"supervise/internal/reaper"
	"supervise/internal/record"
	"supervise/internal/runit"
	"supervise/internal/signals"
	"supervise/internal/slim"
	"supervise/internal/sockets"
	"supervise/internal/supervisor"
	"supervise/internal/tree"
)

// upFlags are the flags of `supervise up`.
type upFlags struct {
	path      string
	socket    string
	logFormat string
	trace     string
	verbose   bool
	runsvdir  bool // we are called by that name
	shown     bool // and show the last of standard error among our words
}

func newUpCommand(receiver *signals.Receiver, before *carried) *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up [-c PATH] [NAME...]",
		Short: "run all services of a configuration, in the foreground",
		Long: `Start the services of a configuration in the order of their needs, keep them
running, and stop them in reverse order on TERM, INT, QUIT or RTMIN+3. A second
INT (Ctrl-C) skips to the last step of each stop. With names, only these
services and what they need are started.

PATH is a TOML file, a directory with a TOML file for each service, or a
Procfile; left out, it is ./supervise.toml, else ./services/, else ./Procfile.

Exit status: 0 when it was told to stop and everything stopped, or when nothing
was left to run; 1 when a service gave up; that of a critical service which
ended; 2 invalid configuration, nothing was started.`,
		Example: `  supervise up
  supervise up -c deploy/services web worker
  supervise up --log-format json | jq 'select(.event == "process.exited")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flagsFromEnvironment(cmd.Flags()); err != nil {
				return exit{exitUsage, err}
			}
			return f.up(args, receiver, before)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.path, "config", "c", "", "`PATH` of the configuration: a TOML file, a directory or a Procfile")
	fs.StringVar(&f.socket, "socket", "", "`PATH` of the control socket, or none (default: in the runtime directory, named after the configuration)")
	fs.StringVar(&f.logFormat, "log-format", "auto", "console, json, or auto: console on a terminal, else json")
	fs.StringVar(&f.trace, "trace", "", "write every event to `FILE` for supervise trace --show: one JSON object a line")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "tell each step of a start and each reaped orphan too")
	return cmd
}

// restLadder is for processes that belong to no service, when all services are
// gone: nobody has configured anything for them.
var restLadder = []config.Rung{
	{Signal: signals.TERM, Wait: 5 * time.Second},
	{Signal: signals.KILL, Wait: 2 * time.Second},
}

func (f *upFlags) up(names []string, receiver *signals.Receiver, before *carried) error {
	if before != nil {
		return f.goOn(receiver, before)
	}
	path, err := configurationPath(f.path)
	if err != nil {
		return exit{exitUsage, err}
	}
	p := &parts{path: path, binary: launch.Executed(), receiver: receiver, read: time.Now(), since: time.Now()}
	cfg, err := f.load(path)
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		fmt.Fprintln(os.Stderr, errs)
		return exit{status: exitUsage}
	} else if err != nil {
		return exit{exitUsage, err}
	}
	p.config = cfg
	if names, err = match(cfg.Services, names); err != nil {
		return exit{exitUsage, err}
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(os.Stderr, "supervise: warning:", w)
	}
	if p.dir, err = f.openDirectory(cfg); err != nil {
		return err
	}
	p.doors, err = f.listen(cfg, path)
	if err != nil && f.runsvdir {
		return exit{exitLocked, err}
	} else if err != nil {
		return exit{exitUsage, err}
	}
	defer func() {
		if p.office == nil {
			p.doors.close()
		}
	}()
	// Before our sockets are opened: what was left may hold them.
	remains, clear := clearUp(cfg, p.doors.socket, receiver)
	if !clear {
		return nil
	}
	p.sockets, err = sockets.Open(cfg.Services)
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		fmt.Fprintln(os.Stderr, errs)
		return exit{status: exitUsage}
	} else if err != nil {
		return exit{exitUsage, err}
	}
	defer p.sockets.Close()
	spareThreads()
	if p.log, p.sinks, err = f.logs(cfg.Services); err != nil {
		return exit{exitUsage, err}
	}
	if p.sinks, p.trace, err = p.sinks.withTrace(f.trace); err != nil {
		return exit{exitUsage, err}
	}
	if err := p.isolate(); err != nil {
		return err
	}
	p.history, p.counts = record.NewRing(historySize), metrics.New()
	p.above = listenUpward()
	var note error
	p.groups, note = openCgroups(cfg)
	if note != nil && f.verbose {
		fmt.Fprintln(os.Stderr, "supervise: descendants are found through /proc:", note)
	}
	p.output = newOutput(p.log, p.sinks)
	if err := f.assemble(p, len(cfg.Services), func(w supervisor.World) (*supervisor.Loop, error) {
		return supervisor.NewLoop(w, cfg.Services, uint64(time.Now().UnixNano())), nil
	}); err != nil {
		return exit{exitFailed, err}
	}
	cfg.Services = nil // each has a place of its own in the loop
	remains.tell(p.loop)
	if err := remains.note(p.host, p.doors.socket); err != nil {
		fmt.Fprintln(os.Stderr, "supervise: warning:", err)
	}
	return f.run(p, func() int { return p.loop.Run(names) })
}

// parts is what `up` consists of.
type parts struct {
	path     string // of the configuration
	binary   string // of ours; "": not known
	replaced int    // how often another binary has taken over
	read     time.Time
	since    time.Time
	receiver *signals.Receiver
	config   *config.Config // that we were started with
	dir      *directory     // nil: there are no files of runit
	doors    doors
	sockets  *sockets.Set
	log      *logs.Log
	trace    *trace // nil: none
	sinks    sinks
	null     *os.File
	history  *record.Ring
	counts   *metrics.Counts
	above    *superior
	groups   *cgroup.Root // nil: none
	host     *tree.Host
	output   *output
	loop     *supervisor.Loop
	office   *office
	rest     *slim.Rest
}

// isolate keeps from services what is ours, and from us what others have left.
func (p *parts) isolate() (err error) {
	// What we inherited is not meant for services.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		closeOnExecAll()
	}
	if p.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return exit{exitFailed, fmt.Errorf("opening the standard input of services: %w", err)}
	}
	if os.Getpid() != 1 {
		if err := reaper.Subreaper(); err != nil {
			return exit{exitFailed, err}
		}
	}
	return nil
}

// assemble makes the loop, and the office where it can be spoken to.
func (f *upFlags) assemble(p *parts, services int, makeLoop func(supervisor.World) (*supervisor.Loop, error)) (err error) {
	var keeper *runit.Keeper
	var left func()
	if p.dir != nil {
		keeper, left, p.output.pipes = p.dir.keeper, p.dir.left, &p.dir.keeper.Pipes
	}
	p.rest = slim.NewRest(quietAfterBoot, longestBoot, giveBack(services))
	p.sinks = p.above.join(append(p.sinks, p.history, p.counts, restSink{p.rest}))
	beat, beatEvery := p.above.beat()
	p.host = tree.NewHost(p.groups)
	p.loop, err = makeLoop(supervisor.World{
		Receiver: p.receiver,
		Launcher: launch.ForServices(p.receiver.Inherited()),
		Host:     p.host,
		Session:  launch.OwnSession,
		Sink:     p.sinks,
		Tree: func(s *config.Service) *tree.Tree {
			t, _ := p.host.Tree(s.Name, s.Stop.Scope)
			return t
		},
		Stdio: func(s *config.Service, matched func()) (launch.Stdio, func(), error) {
			return p.output.streams(s, p.null, matched)
		},
		Sockets: p.sockets,
		Runit:   keeper,
		Left:    left,
		Signals: supervisor.Services{
			Reload: func() { p.office.reload() },
			Resize: p.output.resize,
			EndBy:  f.endBy(),
			Hangup: !slices.Contains(p.receiver.Inherited().Ignored, signals.HUP),
		},
		Adopts:    true,
		Beat:      beat,
		BeatEvery: beatEvery,
		Record:    f.trace != "",
		Thread:    leader.Do,
	})
	if err != nil {
		return err
	}
	p.above.loop = p.loop
	p.office = f.open(p)
	p.output.tellBy(p.loop, p.office.ended)
	if p.dir != nil {
		p.dir.follow(p.loop, p.office, p.read)
	}
	return nil
}

// run does the work until its end.
func (f *upFlags) run(p *parts, work func() int) error {
	if p.dir != nil {
		defer p.dir.end()
	}
	p.rest.Begin()
	status := work()
	status = p.loop.End(status, restLadder)
	p.office.close()
	p.above.close()
	p.output.files.Close()
	_ = p.host.Close() // a survivor's cgroup keeps ours
	p.sinks.Close()
	if status == 0 {
		return nil
	}
	return exit{status: status}
}

// When what only a start needs is given back: when there was no event for the
// first of them, or after the second at the latest.
const (
	quietAfterBoot = time.Second
	longestBoot    = 5 * time.Minute
)

// giveBack is what is done then. Few services leave less garbage than its
// collection costs: 10 are 3.3 MB without and 3.7 with it, 100 are 7.2 and 4.9.
func giveBack(services int) func() {
	if services < 50 {
		return slim.Now
	}
	return slim.All
}

// restSink tells when a start or a reload is over: when no more events come.
type restSink struct{ *slim.Rest }

func (restSink) Wants(n event.Name) bool {
	return n == event.ConfigReloaded || strings.HasPrefix(string(n), "service.")
}

func (s restSink) Emit(e event.Event) {
	if e.Name == event.ConfigReloaded {
		s.Begin()
	}
	s.Happened()
}

// spareThreads makes the threads that will be needed. Go ends the whole process
// when it cannot make one, and a service that forks until no more processes are
// allowed (ulimit -u, the pids limit of a container) would so take us along.
func spareThreads() {
	// The forking one, three that write logs, one that waits for output, one that
	// compresses, as many as run Go code, and some that the runtime has in reserve.
	n := 8 + runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	all.Add(n) // before the first of them waits: the count must not come to 0 before its time
	for range n {
		go func() {
			runtime.LockOSThread()
			all.Done()
			all.Wait() // until each has a thread of its own
			runtime.UnlockOSThread()
		}()
	}
	all.Wait()
}

func openCgroups(cfg *config.Config) (*cgroup.Root, error) {
	if !cfg.Supervisor.Cgroup {
		return nil, nil
	}
	return cgroup.Open()
}

// logs makes the log that also takes the output of services.
func (f *upFlags) logs(services []config.Service) (*logs.Log, sinks, error) {
	_, err := unix.IoctlGetTermios(1, unix.TCGETS)
	onTerminal := err == nil
	var names []string
	for i := range services {
		names = append(names, services[i].Name)
	}
	var text logs.Format = logs.NewText(names, false)
	if onTerminal {
		text = logs.Screen{Text: logs.NewText(names, os.Getenv("NO_COLOR") == "")}
	}
	if f.runsvdir {
		log := problems(names)
		return log, sinks{log}, nil
	}
	var format logs.Format = logs.JSON{}
	switch f.logFormat {
	case "auto":
		if onTerminal {
			format = text
		}
	case "console":
		format = text
	case "json":
	default:
		return nil, nil, fmt.Errorf("--log-format: %q is none: it is auto, console or json", f.logFormat)
	}
	log := logs.New(os.Stdout, format, func(n event.Name) bool {
		switch n {
		case event.OrphanReaped, event.LogRotated, event.SignalOutcome:
			return f.verbose
		case event.ServiceStarting, event.ServiceStarted, event.ConfigReloading: // with "running", "reloaded" enough is said
			return f.verbose || format == (logs.JSON{})
		}
		return true
	})
	return log, sinks{log}, nil
}

// closeOnExecAll does what close_range does, on kernels before 5.11.
func closeOnExecAll() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
