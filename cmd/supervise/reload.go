package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/visible"
)

func newReloadCommand() *cobra.Command {
	var f clientFlags
	var wait waitFlags
	var dry bool
	cmd := &cobra.Command{
		Use:   "reload [--dry-run]",
		Short: "read the configuration again; only what changed restarts",
		Long: `Have supervise read its configuration again, all or nothing: if anything is wrong
with it, all of that is told and nothing has changed. Else it prints what becomes
of each service that is different, and which keys are:

  add      it is new                       restart  its process has to be another
  start    it did not run, and is to       update   without a restart
  remove   it is not there any more

All others keep their process. Reload waits until what is to start is ready and
what is to go has gone.

Exit status: 0 the configuration is in force, or with --dry-run: is valid; 1 it is
in force, but a service did not start, or not within --wait; 2 the configuration
is invalid, or wrong usage; 3 no supervise could be asked.`,
		Example: `  supervise reload --dry-run
  supervise reload`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := wait.check(cmd); err != nil {
				return err
			}
			a, err := f.connect()
			if err != nil {
				return err
			}
			return f.reload(cmd, a, wait, dry)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would happen")
	wait.add(cmd)
	f.takesJSON(cmd)
	return cmd
}

func (f *clientFlags) reload(cmd *cobra.Command, a asker, wait waitFlags, dry bool) error {
	ctx, stop := untilInterrupted(cmd.Context(), goesOn)
	defer stop()
	before, _, err := a.services(ctx, nil)
	if err != nil {
		return err
	}
	query := url.Values{}
	if dry {
		query.Set("dry_run", "1")
	}
	var answer api.Reload
	status, raw, err := a.ask(ctx, "POST", "/v1/reload", query, &answer)
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(cmd, raw)
	} else {
		tellReload(cmd, &answer)
	}
	switch {
	case err != nil:
		return err
	case status == 422:
		return exit{status: exitUsage}
	case dry || wait.none:
		return nil
	}
	return f.settle(ctx, cmd, a, wait, reloading{changes: answer.Changes, before: before})
}

// tellReload prints what a reload does, or what is wrong with a configuration.
func tellReload(cmd *cobra.Command, r *api.Reload) {
	out, errs := cmd.OutOrStdout(), cmd.ErrOrStderr()
	for _, e := range r.Errors {
		fmt.Fprintln(errs, visible.Text(e))
	}
	if len(r.Errors) > 0 {
		if !r.DryRun {
			fmt.Fprintln(errs, "supervise: the configuration is not valid; nothing has changed")
		}
		return
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(errs, "supervise: warning:", visible.Text(w))
	}
	width := 0
	for _, c := range r.Changes {
		width = max(width, len(c.Name))
	}
	for _, c := range r.Changes {
		line := fmt.Sprintf("%-8s %-*s %s", c.Action, width, c.Name, strings.Join(c.Keys, ", "))
		fmt.Fprintln(out, visible.Text(strings.TrimRight(line, " ")))
	}
	kept := "as it was"
	if r.Kept != 1 {
		kept = "as they were"
	}
	fmt.Fprintf(out, "%s, %s %s\n", count(len(r.Changes), "change"), count(r.Kept, "service"), kept)
}

// reloading is a reload under way.
type reloading struct {
	changes []api.Change
	before  []api.Service
}

// settle waits until a reload has had its effect.
func (f *clientFlags) settle(ctx context.Context, cmd *cobra.Command, a asker, wait waitFlags, r reloading) error {
	if wait.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait.limit)
		defer cancel()
	}
	p := progress{asker: a, to: cmd.ErrOrStderr(), screen: screenOf(cmd.ErrOrStderr()),
		pending: func(s *api.Service) bool { v, _ := r.became(s); return !v }}
	hide := p.show(ctx)
	pending, failed, err := r.wait(ctx, a)
	hide()
	switch {
	case err != nil && ctx.Err() != nil && context.Cause(ctx) == context.DeadlineExceeded:
		for i := range pending {
			fmt.Fprintf(cmd.ErrOrStderr(), "supervise: %s is not there within %s: %s\n", pending[i].Name, wait.limit, holdUp(&pending[i]))
		}
		return exit{status: exitNotDone}
	case err != nil && ctx.Err() != nil:
		return a.failed(0, context.Cause(ctx))
	case err != nil:
		return err
	}
	for i := range failed {
		fmt.Fprintf(cmd.ErrOrStderr(), "supervise: %s did not start: %s\n", failed[i].Name, holdUp(&failed[i]))
	}
	if len(failed) > 0 {
		return exit{status: exitNotDone}
	}
	return nil
}

// wait looks at the services after each event until all have become what the
// reload makes of them, and gives those that it did not make run.
func (r reloading) wait(ctx context.Context, a asker) (pending, failed []api.Service, err error) {
	changed := a.changes(ctx, 100*time.Millisecond)
	for {
		now, _, err := a.services(ctx, nil)
		if err != nil {
			return pending, nil, err
		}
		pending, failed = nil, nil
		var settles <-chan time.Time
		for _, s := range now {
			switch over, well := r.became(&s); {
			case !over && r.hopeless(&s, now):
				failed = append(failed, s)
			case !over:
				pending = append(pending, s)
				if s.Ready {
					settles = time.After(firstMoment)
				}
			case !well:
				failed = append(failed, s)
			}
		}
		if len(pending) == 0 {
			return nil, failed, nil
		}
		select {
		case <-settles:
		case _, ok := <-changed:
			if !ok {
				return pending, nil, exit{exitNotDone, fmt.Errorf("the supervise at %s went away", a.Socket())}
			}
		case <-ctx.Done():
			return pending, nil, context.Cause(ctx)
		}
	}
}

// firstMoment is how long a program has to live before its start counts as one,
// as it does for supervise start (see package control).
const firstMoment = 300 * time.Millisecond

// became says whether a service has become what the reload makes of it.
func (r reloading) became(s *api.Service) (over, well bool) {
	at := slices.IndexFunc(r.changes, func(c api.Change) bool { return c.Name == s.Name })
	if at < 0 {
		return true, true
	}
	switch r.changes[at].Action {
	case "remove":
		return false, false
	case "update":
		return true, true
	case "add":
		if !s.Autostart && s.Started == nil {
			return true, true
		}
	}
	switch {
	case r.started(s.Name) != startOf(s): // it is another run
		young := s.State == "running" && s.Uptime < firstMoment.Seconds()
		return s.Ready && !young || settled(s) || s.State == "backoff", s.Ready || s.State == "done"
	case settled(s) && s.Next == "": // nor will there be one
		return true, s.State == "stopped" || s.State == "done"
	}
	return false, false
}

// hopeless says whether a service waits for another that has failed, and so
// for somebody to do something.
func (r reloading) hopeless(s *api.Service, all []api.Service) bool {
	return s.State == "waiting" && slices.ContainsFunc(all, func(n api.Service) bool {
		over, _ := r.became(&n)
		return slices.Contains(s.Needs, n.Name) && over && settled(&n) && !well(&n)
	})
}

// started is when a service was started last before the reload.
func (r reloading) started(name string) time.Time {
	for i := range r.before {
		if r.before[i].Name == name {
			return startOf(&r.before[i])
		}
	}
	return time.Time{}
}

func startOf(s *api.Service) time.Time {
	if s.Started == nil {
		return time.Time{}
	}
	return *s.Started
}
