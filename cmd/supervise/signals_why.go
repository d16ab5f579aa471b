package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/disposition"
	"supervise/internal/event"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// explain says why a signal did nothing. The signal and the process may be given
// in either order.
func (o *signalsOptions) explain(cmd *cobra.Command, args []string) error {
	word := o.why
	if s, ok := asSignal(strings.Join(args, " ")); ok && len(args) == 1 && o.service == "" { // --why-no-effect 4711 TERM
		word, args = s.String(), []string{o.why}
	}
	s, err := signals.Parse(word)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--why-no-effect: %w", err)}
	}
	if len(args) == 0 && o.service == "" {
		return exit{exitUsage, fmt.Errorf("signals: name the process, as in: supervise signals --why-no-effect %s 4711", s)}
	}
	targets, err := o.targets(cmd.Context(), args)
	if err != nil {
		return err
	}
	var all []disposition.Explanation
	explained := true
	for _, t := range targets {
		if t.service != "" && !t.main {
			continue // a service's signals go to its main process, in the first place
		}
		e, err := o.why1(cmd, t, s)
		if err != nil {
			return exit{exitNotDone, err}
		}
		all = append(all, e)
		explained = explained && e.Explained
	}
	if o.json {
		err = printValue(cmd, all)
	} else {
		for _, e := range all {
			if err = printed(fmt.Fprint(cmd.OutOrStdout(), explanation(e))); err != nil {
				break
			}
		}
	}
	if err == nil && !explained {
		err = exit{status: exitNotDone}
	}
	return err
}

func (o *signalsOptions) why1(cmd *cobra.Command, t target, s signals.Signal) (disposition.Explanation, error) {
	f, err := disposition.Look(t.pid, nil)
	if errors.Is(err, disposition.ErrNone) {
		return disposition.Missing(s, t.pid, disposition.Elsewhere(t.pid)), nil
	}
	if err != nil {
		return disposition.Explanation{}, err
	}
	e := f.Why(s)
	events, service := o.recorded(cmd.Context(), f, t)
	e.Record(events, service)
	return e, nil
}

func explanation(e disposition.Explanation) string {
	var b strings.Builder
	text := []rune(e.Text)
	fmt.Fprintf(&b, "%s.\n", strings.ToUpper(string(text[0]))+string(text[1:]))
	if e.Remedy != "" {
		fmt.Fprintf(&b, "What to do: %s.\n", e.Remedy)
	}
	for _, line := range e.Recorded {
		fmt.Fprintf(&b, "Recorded: %s\n", visible.Text(line))
	}
	return b.String()
}

// parseRecorded reads an event of the control socket.
func parseRecorded(line []byte) (disposition.Recorded, error) {
	var r struct {
		Time    time.Time
		Event   event.Name
		Service string
		Signal  signals.Signal
		Was     signals.Signal
		To      string
		Why     string
		Message string
	}
	err := json.Unmarshal(line, &r)
	return disposition.Recorded(r), err
}

// printValue prints a value as JSON, for people to read too.
func printValue(cmd *cobra.Command, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if string(raw) == "null" {
		raw = []byte("[]")
	}
	return printJSON(cmd, raw)
}
