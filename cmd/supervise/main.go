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
	os.Exit(execute(os.Args[1:]))
}

// execute runs the command line and gives the exit status.
func execute(args []string) int {
	root := newRootCommand()
	root.SetArgs(withDefaultCommand(root, args))
	err := root.Execute()
	if err == nil {
		return 0
	}
	e := exit{status: exitUsage, err: err} // what cobra itself rejects is wrong usage
	errors.As(err, &e)
	if e.err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", e.err)
	}
	return e.status
}

func newRootCommand() *cobra.Command {
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
	root.SetVersionTemplate("supervise {{.Version}}\n")
	root.AddCommand(newCheckCommand(), newPolicyCommand())
	return root
}

// withDefaultCommand puts `run` in front of a command line that begins with a
// flag of `run` or with "--": `supervise -- CMD` is `supervise run -- CMD`.
func withDefaultCommand(root *cobra.Command, args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") || slices.Contains([]string{"-h", "--help", "--version"}, args[0]) {
		return args
	}
	return append([]string{"run"}, args...)
}
