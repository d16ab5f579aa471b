package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/control"
)

func newWaitCommand() *cobra.Command {
	var f clientFlags
	var all bool
	var timeout time.Duration
	what := "ready"
	cmd := &cobra.Command{
		Use:   "wait NAME... | --all",
		Short: "wait until services are ready, stopped or done",
		Long: `Wait until something has become of services that somebody else brings about:

  ready    what needs it can run: a service runs and is ready, a task has succeeded
  stopped  it is stopped, done or failed, and no process of it is left
  done     it has ended by itself, as it should

It ends early when that cannot happen any more without somebody asking for it: a
service that has failed will not become ready. A supervise that was started just
now has 10 s to open its socket.

Exit status: 0 it has happened to all; 1 it cannot happen any more, or not
within --timeout; ` + clientStatuses,
		Example: `  supervise up & supervise wait --for ready --timeout 1m web
  supervise wait --for done migrate && ./deploy`,
		Args: wantsNames(&all),
		RunE: func(cmd *cobra.Command, args []string) error {
			pending := map[string]func(*api.Service) bool{
				"ready":   func(s *api.Service) bool { return !s.Ready },
				"stopped": func(s *api.Service) bool { return !settled(s) },
				"done":    func(s *api.Service) bool { return s.State != "done" },
			}[what]
			if pending == nil {
				return fmt.Errorf("--for %s is none of ready, stopped and done", what)
			}
			if cmd.Flags().Changed("timeout") && timeout <= 0 {
				return fmt.Errorf("--timeout %s is no time to wait: write one above 0, as in --timeout 30s", timeout)
			}
			a, err := f.connectPatiently(cmd)
			if err != nil {
				return err
			}
			w := wish{
				method: "GET", path: "/v1/wait", not: "is not " + what, pending: pending,
				stands: "nothing was asked for but to be told",
			}
			return f.fulfil(cmd, a, w, everyOr(all, args), waitFlags{limit: timeout}, url.Values{"for": {what}})
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVar(&all, "all", false, "all services")
	cmd.Flags().StringVar(&what, "for", what, "what to wait for: ready, stopped or done")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "wait no longer than `TIME` (default: as long as it takes)")
	f.takesJSON(cmd)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions([]string{
		"ready\tit runs and is ready, or has succeeded", "stopped\tno process of it is left", "done\tit has ended as it should",
	}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// A supervise in the background of the same script needs a moment until its
// socket is there, and nobody can be told when: not even the directory may be
// there yet. So we look.
const (
	startUp     = 10 * time.Second
	startUpLook = 50 * time.Millisecond
)

// connectPatiently is connect, and waits for a supervise that starts right now.
func (f *clientFlags) connectPatiently(cmd *cobra.Command) (asker, error) {
	for deadline := time.Now().Add(startUp); ; time.Sleep(startUpLook) {
		a, err := f.connect()
		if err == nil {
			if _, err = a.PID(cmd.Context()); err == nil {
				return a, nil
			}
			err = a.failed(0, err)
		}
		if !errors.Is(err, control.ErrNotRunning) || time.Now().After(deadline) {
			return a, err
		}
	}
}
