package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/event"
	"supervise/internal/visible"
)

func newEventsCommand() *cobra.Command {
	var f clientFlags
	var follow bool
	var last int
	var since uint64
	var names []string
	cmd := &cobra.Command{
		Use:   "events [NAME...]",
		Short: "what has happened, and with -f what happens",
		Long: `Print the events that supervise remembers, the oldest first; with names, those of
these services. With -f, go on with what happens; without -n and --since it then
begins with the last ten.

The lines are those of the log; with --json, those of "up --log-format json". See
docs/events.md.

Exit status: 0; with -f: 1 when supervise has ended; ` + clientStatuses,
		Example: `  supervise events -f web
  supervise events --event 'signal.*' --event 'process.*'
  supervise events --json -f | jq 'select(.exit.signal)'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"name": args, "event": names}
			switch flags := cmd.Flags(); {
			case last < 0:
				return fmt.Errorf("-n %d is no number of events", last)
			case flags.Changed("since"):
				query.Set("since", strconv.FormatUint(since, 10))
				if flags.Changed("lines") {
					query.Set("n", strconv.Itoa(last))
				}
			case flags.Changed("lines") || follow:
				query.Set("n", strconv.Itoa(lastOr(flags, last)))
			}
			a, err := f.connect()
			if err != nil {
				return err
			}
			return f.events(cmd, a, query, follow)
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens")
	cmd.Flags().IntVarP(&last, "lines", "n", 0, "the last `N` (default: all, with -f 10)")
	cmd.Flags().Uint64Var(&since, "since", 0, "those after the event with this number (`SEQ`)")
	cmd.Flags().StringArrayVar(&names, "event", nil, "those with such a `NAME`, which may be a pattern; more than once")
	cmd.Flags().BoolVar(&f.json, "json", false, "print events as JSON, one in each line")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("event", completeEvents))
	return cmd
}

func (f *clientFlags) events(cmd *cobra.Command, a asker, query url.Values, follow bool) error {
	ctx, stop := whileRead(cmd.Context())
	defer stop()
	out := cmd.OutOrStdout()
	look := screenOf(out)
	if follow {
		query.Set("follow", "1")
	}
	broken := errors.New("")
	at := a.place(ctx, follow)
	last := at.seq
	each := func(line []byte) error {
		var e eventLine
		if err := json.Unmarshal(line, &e); err != nil {
			broken = fmt.Errorf("an event was cut off: %w", err)
			return broken
		}
		last = max(last, e.Seq)
		if f.json {
			_, err := fmt.Fprintf(out, "%s\n", line)
			return err
		}
		_, err := fmt.Fprintln(out, e.text(look))
		return err
	}
	err := a.Stream(ctx, "/v1/events", query, each)
	for err == nil && ctx.Err() == nil && follow && a.goesOn(ctx, &at) {
		query.Set("since", strconv.FormatUint(last, 10))
		query.Del("n")
		err = a.Stream(ctx, "/v1/events", query, each)
	}
	switch {
	case errors.Is(err, broken):
		return exit{exitNotDone, fmt.Errorf("the supervise at %s went away: %w", a.Socket(), err)}
	case ctx.Err() != nil:
		return nil // nobody reads it
	case err != nil:
		return a.streamFailed(err)
	case follow:
		return exit{exitNotDone, fmt.Errorf("the supervise at %s has ended", a.Socket())}
	}
	return nil
}

// eventLine is what the log shows of an event.
type eventLine struct {
	Seq     uint64
	Time    time.Time
	Level   string
	Event   event.Name
	Service string
	Message string
}

// text is the line that the log has.
func (e *eventLine) text(look screen) string {
	style := dim
	if e.Level == "warn" {
		style = red
	}
	text := visible.Text(e.Message)
	if e.Service != "" {
		text = visible.Text(e.Service) + ": " + text
	}
	return look.paint(dim, e.Time.Local().Format("15:04:05")+" supervise *") + " " + look.paint(style, text)
}

func completeEvents(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, name := range event.Names() {
		all = append(all, string(name))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
