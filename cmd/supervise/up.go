package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/logs"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/supervisor"
	"supervise/internal/tree"
)

// upFlags are the flags of `supervise up`.
type upFlags struct {
	path      string
	logFormat string
	trace     string
	verbose   bool
}

func newUpCommand(receiver *signals.Receiver) *cobra.Command {
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
			return f.up(args, receiver)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.path, "config", "c", "", "`PATH` of the configuration: a TOML file, a directory or a Procfile")
	fs.StringVar(&f.logFormat, "log-format", "auto", "console, json, or auto: console on a terminal, else json")
	fs.StringVar(&f.trace, "trace", "", "write every event to `FILE`, one JSON object a line")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "tell each step of a start and each reaped orphan too")
	return cmd
}

// restLadder is for processes that belong to no service, when all services are
// gone: nobody has configured anything for them.
var restLadder = []config.Rung{
	{Signal: signals.TERM, Wait: 5 * time.Second},
	{Signal: signals.KILL, Wait: 2 * time.Second},
}

func (f *upFlags) up(names []string, receiver *signals.Receiver) error {
	path, err := configurationPath(f.path)
	if err != nil {
		return exit{exitUsage, err}
	}
	cfg, err := config.Load(path)
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		fmt.Fprintln(os.Stderr, errs)
		return exit{status: exitUsage}
	} else if err != nil {
		return exit{exitUsage, err}
	}
	if names, err = match(cfg.Services, names); err != nil {
		return exit{exitUsage, err}
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(os.Stderr, "supervise: warning:", w)
	}
	spareThreads()
	log, all, err := f.logs(cfg)
	if err != nil {
		return exit{exitUsage, err}
	}
	// What we inherited is not meant for services.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		closeOnExecAll()
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return exit{exitFailed, fmt.Errorf("opening the standard input of services: %w", err)}
	}
	if os.Getpid() != 1 {
		if err := reaper.Subreaper(); err != nil {
			return exit{exitFailed, err}
		}
	}
	groups, note := openCgroups(cfg)
	host := tree.NewHost(groups)
	loop := supervisor.NewLoop(supervisor.World{
		Receiver: receiver,
		Launcher: launch.ForServices(receiver.Inherited()),
		Host:     host,
		Session:  launch.OwnSession,
		Sink:     all,
		Tree: func(s *config.Service) *tree.Tree {
			t, _ := host.Tree(s.Name, s.Stop.Scope)
			return t
		},
		Stdio:   func(s *config.Service) (launch.Stdio, func(), error) { return serviceStreams(s, null, log) },
		Signals: supervisor.Services{},
		Adopts:  true,
	}, cfg.Services, uint64(time.Now().UnixNano()))
	if note != nil && f.verbose {
		fmt.Fprintln(os.Stderr, "supervise: descendants are found through /proc:", note)
	}
	status := loop.Run(names)
	status = loop.End(status, restLadder)
	_ = host.Close() // a survivor's cgroup keeps ours
	all.Close()
	if status == 0 {
		return nil
	}
	return exit{status: status}
}

// spareThreads makes the threads that will be needed. Go ends the whole process
// when it cannot make one, and a service that forks until no more processes are
// allowed (ulimit -u, the pids limit of a container) would so take us along.
func spareThreads() {
	// The forking one, two that write logs, one that waits for output, as many
	// as run Go code, and some that the runtime has in reserve.
	var all sync.WaitGroup
	for range 6 + runtime.GOMAXPROCS(0) {
		all.Add(1)
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

// logs makes the log that also takes the services' output, and all sinks.
func (f *upFlags) logs(cfg *config.Config) (*logs.Log, sinks, error) {
	_, err := unix.IoctlGetTermios(1, unix.TCGETS)
	onTerminal := err == nil
	var names []string
	for i := range cfg.Services {
		names = append(names, cfg.Services[i].Name)
	}
	text := logs.NewText(names, onTerminal && os.Getenv("NO_COLOR") == "")
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
		case event.OrphanReaped:
			return f.verbose
		case event.ServiceStarting, event.ServiceStarted: // with "running" enough is said
			return f.verbose || format == (logs.JSON{})
		}
		return true
	})
	all, err := sinks{log}.withTrace(f.trace)
	return log, all, err
}

// serviceStreams are the standard streams for one start of a service.
func serviceStreams(s *config.Service, null *os.File, log *logs.Log) (launch.Stdio, func(), error) {
	streams := launch.Stdio{In: null.Fd(), Out: null.Fd(), Err: null.Fd(), Terminal: -1}
	switch s.Log.To {
	case config.ToInherit:
		streams.Out, streams.Err = 1, 2
	case config.ToConsole:
		w, err := log.Pipe(s.Name)
		if err != nil {
			return streams, nil, err
		}
		// One pipe for both keeps their order.
		streams.Out, streams.Err = uintptr(w), uintptr(w)
		return streams, func() { unix.Close(w) }, nil
	}
	return streams, func() {}, nil
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
