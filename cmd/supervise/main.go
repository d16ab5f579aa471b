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

	"supervise/internal/guard"
	"supervise/internal/launch"
	"supervise/internal/signals"
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

func main() {
	launch.Setup()
	defer guard.Recover()
	args := withDefaultCommand(os.Args[1:])
	var receiver *signals.Receiver
	if supervises(args) {
		// Before anything else: as PID 1 the kernel drops what comes earlier.
		var err error
		if receiver, err = signals.Receive(); err != nil {
			fmt.Fprintln(os.Stderr, "supervise:", err)
			os.Exit(exitFailed)
		}
	}
	os.Exit(execute(args, receiver))
}

// supervises says whether the command line is one that runs programs. Help and
// errors are quick; a signal that comes meanwhile is lost with no harm done.
func supervises(args []string) bool {
	return len(args) > 0 && (args[0] == "run" || args[0] == "up")
}

// execute runs the command line and gives the exit status.
func execute(args []string, receiver *signals.Receiver) int {
	root := newRootCommand(receiver)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return 0
	}
	e := exit{status: exitUsage, err: err} // what cobra itself rejects is wrong usage
	if !errors.As(err, &e) && strings.HasPrefix(err.Error(), "unknown command") {
		e.err = fmt.Errorf("%w; to run a program: supervise -- %s", err, strings.Join(args, " "))
	}
	if e.err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", e.err)
	}
	return e.status
}

func newRootCommand(receiver *signals.Receiver) *cobra.Command {
	root := &cobra.Command{
		Use:   "supervise",
		Short: "start programs, keep them running, stop them without leaving anything behind",
		Example: `  supervise -- nginx -g 'daemon off;'        one program, as PID 1 of a container or anywhere
  supervise --timeout 5s --retries 3 -- curl -f http://localhost:8080/
  supervise up                               all services of ./supervise.toml, ./services/ or ./Procfile
  supervise policy --backoff 100ms..30s      when would it be restarted?`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Flags().Bool("version", false, "print the version") // without cobra's -v: that is --verbose of run
	root.SetVersionTemplate("supervise {{.Version}}\n")
	root.AddCommand(newRunCommand(receiver), newUpCommand(receiver), newCheckCommand(), newPolicyCommand())
	return root
}

// withDefaultCommand puts `run` in front of a command line that begins with a
// flag of `run` or with "--": `supervise -- CMD` is `supervise run -- CMD`.
func withDefaultCommand(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") || slices.Contains([]string{"-h", "--help", "--version"}, args[0]) {
		return args
	}
	return append([]string{"run"}, args...)
}
