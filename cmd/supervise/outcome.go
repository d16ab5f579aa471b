package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/visible"
)

// waitFlags say how long a client waits for the outcome of what it asked for.
type waitFlags struct {
	none  bool
	limit time.Duration
}

func (w *waitFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.none, "no-wait", false, "ask, and do not wait for the outcome")
	cmd.Flags().DurationVar(&w.limit, "wait", 0, "wait for the outcome no longer than `TIME` (default: as long as it takes)")
	cmd.MarkFlagsMutuallyExclusive("no-wait", "wait")
}

// check refuses a limit that is none.
func (w *waitFlags) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("wait") && w.limit <= 0 {
		return fmt.Errorf("--wait %s is no time to wait: write one above 0, as in --wait 30s, or --no-wait", w.limit)
	}
	return nil
}

// query is the limit as the control socket takes it.
func (w *waitFlags) query(query url.Values) url.Values {
	switch {
	case w.none:
		query.Set("wait", "0")
	case w.limit > 0:
		query.Set("wait", w.limit.String())
	}
	return query
}

// bound gives a context that ends when an answer is overdue.
func (w *waitFlags) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.none || w.limit > 0 {
		return context.WithTimeoutCause(ctx, w.limit+answerTime, errNoAnswer)
	}
	return context.WithCancel(ctx)
}

// wish is something that is asked of services, and how to tell of it.
type wish struct {
	method, path string
	asked        string                  // "asked to start"
	not          string                  // "did not start"
	pending      func(*api.Service) bool // it has not happened yet
	stands       string                  // what becomes of it when we are interrupted
	query        func() url.Values       // its parameters, once the flags are known; nil: it has none
}

// fulfil asks for something, waits for the outcome and tells it.
func (f *clientFlags) fulfil(cmd *cobra.Command, a asker, w wish, names []string, wait waitFlags, query url.Values) error {
	query["name"] = names
	ctx, stop := untilInterrupted(cmd.Context(), w.stands)
	defer stop()
	ctx, cancel := wait.bound(ctx)
	defer cancel()
	p := progress{asker: a, names: names, pending: w.pending, to: cmd.ErrOrStderr(), screen: screenOf(cmd.ErrOrStderr())}
	hide := p.show(ctx)
	var outcome api.Outcome
	status, raw, err := a.await(ctx, w.method, w.path, wait.query(query), &outcome)
	hide()
	if err != nil {
		return err
	}
	if f.json {
		if err := printJSON(cmd, raw); err != nil {
			return err
		}
	} else {
		for i := range outcome.Services {
			r := &outcome.Services[i]
			switch {
			case r.OK:
				fmt.Fprintln(cmd.OutOrStdout(), happily(r))
			case status == 202:
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, it is %s%s\n", r.Name, w.asked, r.State, visible.Text(bracketed(r.Why)))
			case status == 504:
				unhappily(cmd.ErrOrStderr(), r, fmt.Sprintf("%s within %s", w.not, wait.limit))
			default:
				unhappily(cmd.ErrOrStderr(), r, w.not)
			}
		}
	}
	if !outcome.OK && status != 202 {
		return exit{status: exitNotDone}
	}
	return nil
}

func happily(r *api.Result) string {
	if r.PID != 0 {
		return fmt.Sprintf("%s: %s, pid %d", r.Name, r.State, r.PID)
	}
	return r.Name + ": " + r.State
}

// unhappily tells what went wrong, and the last that the service said.
func unhappily(w io.Writer, r *api.Result, not string) {
	fmt.Fprintf(w, "supervise: %s %s: %s%s\n", r.Name, not, r.State, visible.Text(bracketed(r.Why)))
	for _, line := range r.Lines {
		fmt.Fprintf(w, "  | %s\n", visible.Text(line))
	}
}

func bracketed(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
