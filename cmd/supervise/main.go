// Command supervise starts programs, keeps them running, passes signals on,
// and stops them so that nothing is left behind.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"supervise/internal/birth"
	"supervise/internal/compat"
	"supervise/internal/guard"
	"supervise/internal/launch"
	"supervise/internal/leader"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// version is stamped by the Makefile.
var version = "devel"

// Exit statuses of supervise's own, beside those of the programs it runs.
const (
	exitUsage    = 2   // wrong usage or invalid configuration; nothing was started
	exitTimedOut = 124 // the run took longer than --timeout
	exitFailed   = 125 // supervise itself failed
	exitNotExec  = 126 // found, cannot be executed
	exitNotFound = 127 // not found
)

// exit is an error that carries the exit status to end with. An exit without
// err ends silently.
type exit struct {
	status int
	err    error
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// Services are started by the first thread, so that they outlive an exec of ours.
func init() {
	if runsServices(os.Args) {
		leader.Hold()
	}
}

func main() {
	if status, ok := compat.Main(os.Args, version); ok {
		os.Exit(status)
	}
	deepen(false)
	launch.Setup()
	defer guard.Recover()
	args := withDefaultCommand(os.Args[1:])
	var receiver *signals.Receiver
	var before *carried
	var err error
	switch {
	case birth.Reexecuted() && runsServices(os.Args):
		receiver, before, err = takeOver()
	case runsServices(os.Args) || supervises(args):
		// Before anything else: as PID 1 the kernel drops what comes earlier.
		receiver, err = signals.Receive()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		os.Exit(exitFailed)
	}
	work := func() int { return execute(args, receiver, before) }
	if isRunsvdir(os.Args) {
		work = func() int { return runRunsvdir(os.Args, receiver, before) }
	}
	if !runsServices(os.Args) {
		os.Exit(work())
	}
	leader.Serve(func() {
		defer guard.Recover()
		os.Exit(work())
	})
}

// deepen gives this goroutine at once the stack that it is going to need: when it grows
// step by step the runtime copies it each time, which is a twentieth of a short run.
//
//go:noinline
func deepen(never bool) byte {
	if !never {
		return 0
	}
	var room [24 << 10]byte
	return touch(room[:])
}

//go:noinline
func touch(room []byte) byte { return room[len(os.Args)] }

// runsServices says whether a command line, with our name, is that of `up` or runsvdir.
func runsServices(args []string) bool {
	return isRunsvdir(args) || len(args) > 1 && args[1] == "up"
}

// supervises says whether the command line is one that runs programs. Help and
// errors are quick; a signal that comes meanwhile is lost with no harm done.
func supervises(args []string) bool {
	return len(args) > 0 && (args[0] == "run" || args[0] == "trace" && !showsOnly(args[1:]))
}

// execute runs the command line and gives the exit status. before is what an image of
// this process before us has left for `up` to go on with; nil: there was none.
func execute(args []string, receiver *signals.Receiver, before *carried) int {
	root := newRootCommand(receiver, before)
	root.SetArgs(args)
	err := root.Execute()
	if err != nil && !errors.As(err, &exit{}) && strings.HasPrefix(err.Error(), "unknown command") {
		err = fmt.Errorf("%w; to run a program: supervise -- %s", err, strings.Join(args, " "))
	}
	return report(err)
}

// report says what went wrong, and gives the exit status for it.
func report(err error) int {
	if err == nil {
		return 0
	}
	e := exit{status: exitUsage, err: err} // what cobra itself rejects is wrong usage
	errors.As(err, &e)
	if e.err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", visible.Lines(e.err.Error())) // a path in it may be anybody's
	}
	return e.status
}

func newRootCommand(receiver *signals.Receiver, before *carried) *cobra.Command {
	root := &cobra.Command{
		Use:   "supervise",
		Short: "start programs, keep them running, stop them without leaving anything behind",
		Example: `  supervise -- nginx -g 'daemon off;'        one program, as PID 1 of a container or anywhere
  supervise --timeout 5s --retries 3 -- curl -f http://localhost:8080/
  supervise up                               all services of ./supervise.toml, ./services/ or ./Procfile
  supervise status                           what do they do?
  supervise policy --backoff 100ms..30s      when would it be restarted?`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Flags().Bool("version", false, "print the version") // without cobra's -v: that is --verbose of run
	root.SetVersionTemplate("supervise {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	cobra.EnableCommandSorting = false // they stand in the order in which one needs them
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run programs:"},
		&cobra.Group{ID: groupAsk, Title: "Ask a running supervise:"},
		&cobra.Group{ID: groupBefore, Title: "Before you run:"},
		&cobra.Group{ID: groupMove, Title: "Move in or out:"},
		&cobra.Group{ID: groupLook, Title: "Look at signals:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupRun, newRunCommand(receiver), newUpCommand(receiver, before), newTraceCommand(receiver))
	if receiver == nil { // else only one of these is meant
		add(groupAsk, newStatusCommand(), newTopCommand(), newStartCommand(), newStopCommand(), newRestartCommand(),
			newSignalCommand(), newWaitCommand(), newHealthCommand(), newEventsCommand(), newLogsCommand(), newRotateCommand(), newReopenCommand(),
			newReloadCommand(), newReexecCommand(), newShutdownCommand())
		root.AddCommand(newRehearsalCommand())
		add(groupBefore, newCheckCommand(), newPolicyCommand())
		add(groupMove, newImportCommand(), newExportCommand())
		add(groupLook, newSignalsCommand(), newLabCommand())
	}
	return root
}

// The groups of commands in the help text.
const (
	groupRun    = "run"
	groupAsk    = "ask"
	groupBefore = "before"
	groupMove   = "move"
	groupLook   = "look"
)

// withDefaultCommand puts `run` in front of a command line that begins with a
// flag of `run` or with "--": `supervise -- CMD` is `supervise run -- CMD`.
func withDefaultCommand(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") || slices.Contains([]string{"-h", "--help", "--version"}, args[0]) {
		return args
	}
	return append([]string{"run"}, args...)
}
