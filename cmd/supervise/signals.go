package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/control"
	"supervise/internal/disposition"
	"supervise/internal/event"
	"supervise/internal/procfs"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// signalsOptions is the command line of `supervise signals`.
type signalsOptions struct {
	clientFlags
	service string
	why     string
}

func newSignalsCommand() *cobra.Command {
	var o signalsOptions
	cmd := &cobra.Command{
		Use:   "signals [PID|SERVICE|SIGNAL...]",
		Short: "what processes do with each signal, and why one did nothing",
		Long: `Without a word, the table of all signals: what each does by default, who sends it,
what it is used for. With a signal's name, all there is to know of that one.

With a process, or a service of a running supervise and all its processes: what it
does with each signal (default, ignored, caught), what is blocked and pending, in
which threads where they differ, and what one should know besides, such as that
npm does not pass TERM on. It is what /proc says, and nothing is guessed: that a
signal is caught does not tell what the handler does.

A number is a process. A word that is a signal's name is that signal (number 15
is written TERM or SIG15); else it is a service, which may be a pattern as in
supervise status. A service that is called as a signal is named with --service.

With --why-no-effect SIGNAL and a process or service: why did this signal do
nothing to it, and what to do? What a running supervise recorded of it is told too.

Exit status: 0 it is shown; with --why-no-effect, a reason was found; 1 there is no
such process, it has ended meanwhile or may not be seen; with --why-no-effect,
nothing keeps the signal from its effect; ` + clientStatuses,
		Example: `  supervise signals
  supervise signals TERM
  supervise signals $(pgrep nginx)
  supervise signals web
  supervise signals --why-no-effect TERM 4711
  supervise signals --json 4711 | jq -r '.[].signals[] | select(.effect == "waits") | .name'`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			names, directive := o.completeServices(cmd, args, begun)
			if o.why == "" {
				names = append(names, signals.Names()...)
			}
			return names, directive
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	newClientCommand(cmd, &o.clientFlags)
	cmd.Flags().StringVar(&o.why, "why-no-effect", "", "explain why this `SIGNAL` did nothing to the process")
	cmd.Flags().StringVar(&o.service, "service", "", "the service `NAME`, also if it is called as a signal or a number")
	cmd.Flags().BoolVar(&o.json, "json", false, "print an array of objects; see docs/commands.md")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("why-no-effect", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return append(signals.Names(), "RTMIN", "RTMAX"), cobra.ShellCompDirectiveNoFileComp
	}))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("service", o.completeServices))
	return cmd
}

func (o *signalsOptions) run(cmd *cobra.Command, args []string) error {
	if cmd.Flags().Changed("why-no-effect") {
		return o.explain(cmd, args)
	}
	var wanted []signals.Signal
	var words []string
	for _, a := range args {
		if s, ok := asSignal(a); ok {
			wanted = append(wanted, s)
		} else {
			words = append(words, a)
		}
	}
	switch {
	case len(args) == 0 && o.service == "":
		return o.catalogue(cmd)
	case len(wanted) == 0:
		targets, err := o.targets(cmd.Context(), words)
		if err != nil {
			return err
		}
		return o.processes(cmd, targets)
	case len(wanted) < len(args) || o.service != "":
		return exit{exitUsage, fmt.Errorf("signals: %s is a signal, the others are not; ask for signals or for processes at a time", wanted[0])}
	}
	o.tellOfNamesakes(cmd, args)
	return o.signals(cmd, wanted)
}

// asSignal says which signal a word names. A number alone is a process.
func asSignal(word string) (signals.Signal, bool) {
	if _, err := strconv.Atoi(word); err == nil {
		return 0, false
	}
	s, err := signals.Parse(word)
	return s, err == nil
}

// tellOfNamesakes tells of services that are called as the signals asked for.
func (o *signalsOptions) tellOfNamesakes(cmd *cobra.Command, args []string) {
	names, _ := o.runningServices()
	for _, line := range names {
		if name, _, _ := strings.Cut(line, "\t"); slices.Contains(args, name) {
			fmt.Fprintf(cmd.ErrOrStderr(), "supervise: a service is called %s, too; for that one: supervise signals --service %s\n", name, name)
		}
	}
}

// target is a process that is asked about.
type target struct {
	pid     int
	service string // whose it is; "": of none that we know
	main    bool
}

// targets finds the processes that are meant by PIDs, and names of services.
func (o *signalsOptions) targets(ctx context.Context, words []string) (all []target, err error) {
	var names []string
	for _, w := range words {
		n, err := strconv.Atoi(w)
		switch {
		case err == nil && n < 1:
			return nil, exit{exitUsage, fmt.Errorf("signals: %s is no process: they are numbered from 1", w)}
		case err == nil:
			all = append(all, target{pid: n})
		default:
			names = append(names, w)
		}
	}
	if o.service != "" {
		names = append(names, o.service)
	}
	if len(names) == 0 {
		return all, nil
	}
	a, err := o.connect()
	if err != nil {
		return nil, noService(names, err)
	}
	services, _, err := a.services(ctx, names)
	if err != nil {
		return nil, noService(names, err)
	}
	if err := a.sameNamespace(ctx); err != nil {
		return nil, err
	}
	for _, s := range services {
		if _, _, err := a.ask(ctx, "GET", "/v1/services/"+url.PathEscape(s.Name), nil, &s); err != nil {
			return nil, err
		}
		if len(s.Processes) == 0 {
			return nil, exit{exitNotDone, fmt.Errorf("%s has no process: it is %s", s.Name, visible.Text(s.State))}
		}
		slices.SortStableFunc(s.Processes, func(a, b api.Process) int {
			if a.Main != b.Main {
				return map[bool]int{true: -1, false: 1}[a.Main]
			}
			return a.PID - b.PID
		})
		for _, p := range s.Processes {
			all = append(all, target{p.PID, s.Name, p.Main})
		}
	}
	return all, nil
}

// noService says of names that are those of no service what they could have
// been besides.
func noService(names []string, err error) error {
	e := exit{}
	if !errors.As(err, &e) {
		return err
	}
	for _, n := range names {
		if _, wrong := signals.Parse(n); wrong != nil && (n == strings.ToUpper(n) || e.status == exitNoSupervise) {
			return exit{e.status, fmt.Errorf("%w; and %w", e.err, wrong)}
		}
	}
	return err
}

// sameNamespace says that the numbers of a supervise's processes mean the same
// here: it is the process that the kernel says it is.
func (a asker) sameNamespace(ctx context.Context) error {
	var info api.Info
	if _, _, err := a.ask(ctx, "GET", "/v1/info", nil, &info); err != nil {
		return err
	}
	pid, err := a.PID(ctx)
	if err != nil {
		return a.failed(0, err)
	}
	if pid != info.PID {
		return exit{exitNotDone, fmt.Errorf("the supervise at %s is in another PID namespace (a container), where numbers of processes mean others: run supervise signals there", a.Socket())}
	}
	return nil
}

// processes tells of each process.
func (o *signalsOptions) processes(cmd *cobra.Command, targets []target) error {
	all, err := procfs.All()
	if err != nil {
		return exit{exitNotDone, fmt.Errorf("cannot tell what processes do with signals: %w", err)}
	}
	var seen []processJSON
	var failed []error
	for _, t := range targets {
		f, err := disposition.Look(t.pid, all)
		if err != nil {
			if t.service == "" || t.main { // the others come and go
				failed = append(failed, err)
			}
			continue
		}
		seen = append(seen, asJSON(f, t))
	}
	if o.json {
		if err := printValue(cmd, seen); err != nil {
			return err
		}
	} else if err := printed(fmt.Fprint(cmd.OutOrStdout(), sections(seen, screenOf(cmd.OutOrStdout())))); err != nil {
		return err
	}
	if len(failed) > 0 {
		return exit{exitNotDone, errors.Join(failed...)}
	}
	return nil
}

// recorded asks a running supervise, if there is one that this process is of,
// what it recorded. That there is none is no error.
func (o *signalsOptions) recorded(ctx context.Context, f *disposition.Facts, t target) (events []disposition.Recorded, service string) {
	socket, err := o.find()
	if err != nil {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	a := asker{control.NewClient(socket)}
	if a.sameNamespace(ctx) != nil {
		return nil, ""
	}
	service = t.service
	if pid, err := a.PID(ctx); err != nil || service == "" && pid != f.PID {
		if service = a.serviceOf(ctx, f.PID); service == "" {
			return nil, ""
		}
	}
	_ = a.Stream(ctx, "/v1/events", url.Values{"event": {"signal.*", string(event.ServiceStarted)}}, func(line []byte) error {
		if r, err := parseRecorded(line); err == nil {
			events = append(events, r)
		}
		return nil
	})
	return events, service
}

// serviceOf gives the service that a process belongs to, "" if to none: it, or
// one that it descends from, is a main process.
func (a asker) serviceOf(ctx context.Context, pid int) string {
	services, _, err := a.services(ctx, nil)
	if err != nil {
		return ""
	}
	for range 100 { // parents are read one after the other: a circle is possible
		for _, s := range services {
			if s.PID == pid {
				return s.Name
			}
		}
		p, err := procfs.Stat(pid)
		if err != nil || p.PPID < 1 {
			return ""
		}
		pid = p.PPID
	}
	return ""
}
