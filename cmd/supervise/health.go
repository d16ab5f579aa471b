package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/visible"
)

func newHealthCommand() *cobra.Command {
	var f clientFlags
	timeout := 5 * time.Second
	cmd := &cobra.Command{
		Use:   "health [NAME...]",
		Short: "is all well? for HEALTHCHECK and probes",
		Long: `Say in one line whether all is well. With names: whether these services are
ready, or are tasks that have succeeded. Without: whether that holds for all that
were not stopped on purpose.

Exit status: 0 all is well; 1 it is not, and for whatever reason it could not be
found out: nobody answered within --timeout, no supervise is running, no service
has such a name; 2 wrong usage.`,
		Example: `  HEALTHCHECK CMD ["supervise", "health"]           in a Dockerfile
  exec: { command: ["supervise", "health", "web"] }   in a probe of Kubernetes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 {
				return fmt.Errorf("--timeout %s is no time to wait: write one above 0, as in --timeout 5s", timeout)
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), timeout, fmt.Errorf("supervise did not answer within %s", timeout))
			defer cancel()
			err := f.health(ctx, cmd, args)
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if e := (exit{}); errors.As(err, &e) && e.err == nil {
				return err
			} else if err != nil {
				return exit{exitNotDone, err}
			}
			return nil
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long supervise may take to answer")
	f.takesJSON(cmd)
	return cmd
}

func (f *clientFlags) health(ctx context.Context, cmd *cobra.Command, names []string) error {
	a, err := f.connect()
	if err != nil {
		return err
	}
	var h api.Health
	_, raw, err := a.await(ctx, "GET", "/v1/health", url.Values{"name": names}, &h)
	if err != nil {
		return err
	}
	if f.json {
		if err := printJSON(cmd, raw); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(cmd.OutOrStdout(), visible.Text(h.Why))
	}
	if !h.OK {
		return exit{status: exitNotDone}
	}
	return nil
}
