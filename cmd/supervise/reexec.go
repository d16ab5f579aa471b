package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/event"
	"supervise/internal/handover"
	"supervise/internal/visible"
)

func newReexecCommand() *cobra.Command {
	var f clientFlags
	var binary string
	cmd := &cobra.Command{
		Use:   "reexec [--binary PATH]",
		Short: "replace the running supervise by another binary; services keep running",
		Long: `Have another binary take the place of the running supervise (up), as after an
upgrade. Services keep running, with their pids, and so does supervise itself, as
PID 1 too: nothing is lost of their output, nobody who connects is refused, and
what was under way goes on, restarts that are due and stops among it.

Without --binary it is the file by whose path the running one was started. First it
is run to say whether it can go on with the present state; if it cannot, nothing
changes. The configuration stays the one that is loaded; see reload.

Exit status: 0 the new binary runs; 1 it does not, and the old one goes on; 2 wrong
usage; 3 no supervise could be asked.`,
		Example: `  supervise reexec
  supervise reexec --binary /opt/supervise-2.0/supervise`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := f.connect()
			if err != nil {
				return err
			}
			return f.reexec(cmd, a, binary)
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().StringVar(&binary, "binary", "", "`PATH` of the new binary (default: that of the running one)")
	f.takesJSON(cmd)
	return cmd
}

func (f *clientFlags) reexec(cmd *cobra.Command, a asker, binary string) error {
	ctx, stop := untilInterrupted(cmd.Context(), goesOn)
	defer stop()
	query := url.Values{}
	if binary != "" {
		path, err := filepath.Abs(binary)
		if err != nil {
			return exit{exitUsage, err}
		}
		query.Set("binary", path)
	}
	var answer api.Reexec
	_, raw, err := a.await(ctx, "POST", "/v1/reexec", query, &answer)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd, raw)
	}
	paused := event.Roughly(time.Duration(answer.Paused * float64(time.Second)))
	_, err = fmt.Fprintln(cmd.OutOrStdout(), visible.Text(fmt.Sprintf("supervise: %s now runs %s (%s before), pid %d, after a pause of %s",
		answer.Binary, answer.Is, answer.Was, answer.PID, paused)))
	return printed(0, err)
}

// rehearsal is the name of a command that people do not use.
const rehearsal = "reexec-rehearsal"

// newRehearsalCommand is for the running supervise, which asks the new binary so whether
// it could go on with the state on standard input.
func newRehearsalCommand() *cobra.Command {
	return &cobra.Command{
		Use: rehearsal, Hidden: true, Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Short: "say whether this binary could take over the state on standard input",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := &carried{}
			_, err := handover.Read(0, c)
			if err == nil {
				err = understands(c.Args)
			}
			if err != nil {
				return exit{exitNotDone, err}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), handover.Answer(version))
			return err
		},
	}
}

// understands says what is wrong with the command line of the running supervise.
func understands(args []string) error {
	if isRunsvdir(args) {
		if _, ok := parseRunsvdir(args); !ok {
			return errors.New("the arguments of runsvdir are not understood")
		}
		return nil
	}
	if len(args) < 2 || args[1] != "up" {
		return fmt.Errorf("only up can be taken over, not %s", filepath.Base(os.Args[0])+" "+strings.Join(args[min(1, len(args)):], " "))
	}
	return newUpCommand(nil, nil).ParseFlags(args[2:])
}
