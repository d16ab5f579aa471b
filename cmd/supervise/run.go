package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/logs"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/slim"
	"supervise/internal/supervisor"
	"supervise/internal/terminal"
	"supervise/internal/tree"
)

// runFlags are the flags of `supervise run`.
type runFlags struct {
	maps          []string
	singleChild   bool
	stopSignal    string
	stopTimeout   time.Duration
	timeout       time.Duration
	timeoutSignal string
	backoff       *backoffFlags
	remapExit     []string
	subreaper     bool
	waitForAll    bool
	pdeathsig     string
	trace         string
	verbose       bool
	logFormat     string
	also          sinks // for the events too: the recorder of `supervise trace`
}

func newRunCommand(receiver *signals.Receiver) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- CMD [ARG...]",
		Short: "run one program: as PID 1 of a container, or with a timeout and retries",
		Long: `Run one program, pass every signal on to it and to its process group, and end
with its exit status. "run" may be left out: supervise -- CMD.

TERM also begins a stop: if the program has not ended within --stop-timeout, it
is killed. As PID 1, or with --subreaper, supervise adopts and reaps orphans;
when the program has ended, whatever else lives gets TERM, and KILL after
--stop-timeout. Otherwise the same is done to its process group. With
--wait-for-all supervise waits for them instead, until a TERM stops them all.

Exit status: that of the program; 128+N when signal N killed it; 124 timed out;
125 supervise itself failed; 126 found, cannot be executed; 127 not found;
2 wrong usage, nothing was started.

Each flag can be given as an environment variable too, for images whose entry
point can't be edited: SUPERVISE_MAP=TERM:QUIT,HUP:0, SUPERVISE_STOP_TIMEOUT=30s,
SUPERVISE_SUBREAPER=true. The command line wins. The program does not see them.`,
		Example: `  supervise -- nginx -g 'daemon off;'
  supervise --map TERM:QUIT -- nginx -g 'daemon off;'
  supervise --timeout 5s --timeout-signal ALRM -- ./job
  supervise --retries 5 --backoff 100ms..30s -- curl -fsS http://localhost:8080/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no program to run: write supervise [flags] -- CMD [ARG...]")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flagsFromEnvironment(cmd.Flags()); err != nil {
				return exit{exitUsage, err}
			}
			return f.run(args, receiver)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// add adds the flags to a command.
func (f *runFlags) add(fs *pflag.FlagSet) {
	fs.SetInterspersed(false)
	fs.StringSliceVar(&f.maps, "map", nil, "translate signals, `FROM:TO` as in TERM:QUIT; FROM:0 drops FROM (repeatable)")
	fs.BoolVar(&f.singleChild, "single-child", false, "signal the program alone, not its process group")
	fs.StringVar(&f.stopSignal, "stop-signal", "", "`SIGNAL` that TERM sends as the first step of a stop (default TERM)")
	fs.DurationVar(&f.stopTimeout, "stop-timeout", 10*time.Second, "KILL what is left this long after a stop began; 0 = never")
	fs.DurationVar(&f.timeout, "timeout", 0, "longest time for one run; 0 = any")
	fs.StringVar(&f.timeoutSignal, "timeout-signal", "TERM", "`SIGNAL` for a run that takes too long; the stop follows")
	f.backoff = addBackoffFlags(fs)
	fs.StringSliceVar(&f.remapExit, "remap-exit", nil, "translate exit statuses, `FROM:TO` as in 143:0 (repeatable)")
	fs.BoolVar(&f.subreaper, "subreaper", false, "adopt and reap orphans without being PID 1")
	fs.BoolVar(&f.waitForAll, "wait-for-all", false, "end only when every descendant has ended by itself, not only the program; adopts orphans")
	fs.StringVar(&f.pdeathsig, "pdeathsig", "KILL", "`SIGNAL` that the program gets when supervise itself is killed; none = nothing")
	fs.StringVar(&f.trace, "trace", "", "write every event to `FILE` for supervise trace --show: one JSON object a line")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "tell every event on stderr, not only what went wrong")
	fs.StringVar(&f.logFormat, "log-format", "console", "console or json, for what is told on stderr")
}

// run runs the program and gives its status as an error.
func (f *runFlags) run(argv []string, receiver *signals.Receiver) error {
	spec, err := f.service(argv)
	if err != nil {
		return exit{exitUsage, err}
	}
	remap, err := parseRemap(f.remapExit)
	if err != nil {
		return exit{exitUsage, err}
	}
	sink, err := f.sink()
	if err != nil {
		return exit{exitUsage, err}
	}
	adopts := os.Getpid() == 1 || f.subreaper || f.waitForAll
	if adopts && os.Getpid() != 1 {
		if err := reaper.Subreaper(); err != nil {
			return exit{exitFailed, err}
		}
	}
	host := tree.NewHost(nil)
	term := terminal.Open()
	program := &supervisor.Program{Map: spec.Map, Lone: f.singleChild, Terminal: term}
	loop := supervisor.NewLoop(supervisor.World{
		Receiver: receiver,
		Launcher: launch.ForProgram(receiver.Inherited()),
		Host:     host,
		Session:  launch.OwnGroup,
		Sink:     sink,
		Tree:     func(*config.Service) *tree.Tree { return f.tree(host, adopts) },
		Stdio: func(*config.Service, func()) (launch.Stdio, func(), error) {
			return ownStreams(term), func() {}, nil
		},
		Signals: program,
		Adopts:  adopts,
		Lingers: f.waitForAll,

		BlockedAfter: blockedAfter,
		Record:       f.trace != "" || f.also != nil,
	}, []config.Service{spec}, uint64(time.Now().UnixNano()))
	slim.Later(afterStart)
	loop.Run(nil)
	last := loop.Machine(0).Last
	status := last.Status()
	if last.Missed != "" {
		status = exitTimedOut
	}
	if to, ok := remap[status]; ok {
		status = to
	}
	loop.End(status, program.Rest(loop))
	sink.Close()
	if status == 0 {
		return nil
	}
	return exit{status: status}
}

// service is the program as a service.
func (f *runFlags) service(argv []string) (config.Service, error) {
	s := config.Service{
		Name: filepath.Base(argv[0]), Command: argv, Kind: config.Daemon, Autostart: true,
		Umask: -1, RunTimeout: f.timeout, Map: signals.Translation{},
	}
	if f.timeout < 0 || f.stopTimeout < 0 {
		return s, errors.New("--timeout and --stop-timeout cannot be negative")
	}
	for _, rule := range f.maps {
		from, to, err := signals.ParseRule(rule)
		if err != nil {
			return s, fmt.Errorf("--map: %w", err)
		}
		s.Map[from] = to
	}
	stop := signals.TERM
	var err error
	if f.stopSignal != "" {
		if stop, err = signals.Parse(f.stopSignal); err != nil {
			return s, fmt.Errorf("--stop-signal: %w", err)
		}
	}
	s.Stop.Ladder = []config.Rung{{Signal: stop, Wait: f.stopTimeout}}
	if stop != signals.KILL && f.stopTimeout > 0 {
		s.Stop.Ladder = append(s.Stop.Ladder, config.Rung{Signal: signals.KILL, Wait: afterKill})
	}
	if s.TimeoutSignal, err = signals.Parse(f.timeoutSignal); err != nil {
		return s, fmt.Errorf("--timeout-signal: %w", err)
	}
	if f.pdeathsig != "none" && f.pdeathsig != "0" {
		if s.Pdeathsig, err = signals.Parse(f.pdeathsig); err != nil {
			return s, fmt.Errorf("--pdeathsig: %w", err)
		}
	}
	s.Restart, err = f.backoff.Restart()
	return s, err
}

// afterStart is when what only a start needs is given back: a program that ends
// before that is not worth it.
const afterStart = time.Second

// afterKill is how long to wait for what was killed: a process that is still
// there then hangs in the kernel, and nothing we do would end it.
const afterKill = 5 * time.Second

// blockedAfter is when somebody who waits for a stop begins to wonder.
const blockedAfter = time.Second

// tree is what is signalled and stopped: as the adoptive parent, in the end
// everything; else the program's group, or it alone.
func (f *runFlags) tree(host *tree.Host, adopts bool) *tree.Tree {
	if adopts {
		return host.Everything(f.singleChild)
	}
	scope := config.Group
	if f.singleChild {
		scope = config.Process
	}
	t, _ := host.Tree("", scope)
	return t
}

// ownStreams hands on our streams, and the terminal if it is ours to give and
// the program's input.
func ownStreams(term *terminal.Terminal) launch.Stdio {
	s := launch.Stdio{In: 0, Out: 1, Err: 2, Terminal: -1}
	if term != nil && term.Input() && term.Ours() {
		s.Terminal = term.Descriptor()
	}
	return s
}

// sink is where events go: stderr, and the trace file.
func (f *runFlags) sink() (sinks, error) {
	var format logs.Format = logs.Bare{}
	switch f.logFormat {
	case "console":
	case "json":
		format = logs.JSON{}
	default:
		return nil, fmt.Errorf("--log-format: %q is none: it is console or json", f.logFormat)
	}
	wants := func(event.Name) bool { return true }
	if !f.verbose {
		// That it failed says its exit status.
		wants = func(n event.Name) bool { return n.Severe() && (n != event.ServiceFailed || f.backoff.retries > 0) }
	}
	all, _, err := append(sinks{logs.New(terminal.Writer{To: os.Stderr}, format, wants)}, f.also...).withTrace(f.trace)
	return all, err
}

// parseRemap reads the rules of --remap-exit.
func parseRemap(rules []string) (map[int]int, error) {
	remap := map[int]int{}
	for _, rule := range rules {
		left, right, _ := strings.Cut(rule, ":")
		from, err1 := strconv.ParseUint(left, 10, 8)
		to, err2 := strconv.ParseUint(right, 10, 8)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("--remap-exit: %q is no rule: write FROM:TO with numbers from 0 to 255, as in 143:0", rule)
		}
		remap[int(from)] = int(to)
	}
	return remap, nil
}
