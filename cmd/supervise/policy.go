package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/config"
	"supervise/internal/nearest"
	"supervise/internal/policy"
)

// policyOptions is the command line of `supervise policy`.
type policyOptions struct {
	*backoffFlags
	config     string
	when       string
	delays     []time.Duration
	limit      int
	within     time.Duration
	resetAfter time.Duration
	rows       int
	json       bool
	noPlot     bool
}

func newPolicyCommand() *cobra.Command { return newPolicyCommandWith(&policyOptions{}) }

func newPolicyCommandWith(o *policyOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy [SERVICE] [flags]",
		Short: "when a program that fails is restarted, before it happens",
		Long: `Shows when a program that fails at once, each time, would be restarted: a table,
a plot of the delays, and what it comes to in words. Nothing is started.

With SERVICE, it is the restart policy of that service; else it is the default.
Flags change it, to try another one. For each restart the table has the delay
before it (the least, the nominal and the most: jitter picks one between) and
the time since the first failure.

--json prints an array with one object for each restart:
  restart                    its number, from 1
  least_s, nominal_s, most_s the delay before it, in seconds; null if it never happens
  earliest_s, latest_s       seconds from the first failure to it; where it never
                             happens, to the failure at which the service gives up
  gives_up                   whether the limit takes its place: "no", "surely", or
                             "perhaps" if that depends on jitter
  why                        the reason, where gives_up first says so`,
		Example: `  supervise policy                                    the default
  supervise policy web                                service web of the configuration here
  supervise policy web -c prod.toml --factor 1.5      the same, if its factor were 1.5
  supervise policy --backoff 1s..5m --jitter 0.5
  supervise policy --backoff 100ms..30s --retries 5   as in: supervise run --retries 5 -- CMD
  supervise policy --delays 0s,1s,5s --limit 10 --within 1m
  supervise policy --json -n 100`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("policy tells of one service at a time, not of %s: see supervise policy --help", strings.Join(args, " and "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVarP(&o.config, "config", "c", "", "the configuration `PATH`, a file or a directory (default: the one here)")
	o.backoffFlags = addBackoffFlags(fs)
	fs.Lookup("retries").Usage = "restart at most N times, as run does (0: never; left out: without end)"
	fs.Var(&parsed{kind: "D,D,...", parse: o.parseDelays}, "delays", "these delays in place of the formula; the last one repeats")
	fs.Var(&parsed{kind: "N", text: "0", parse: intoCount(&o.limit)}, "limit", "give up rather than start more than N times within --within (0: never)")
	fs.Var(&parsed{kind: "TIME", text: "1m", parse: intoTime(&o.within)}, "within", "the window of --limit (0s: for ever)")
	fs.Var(&parsed{kind: "TIME", text: "10s", parse: intoTime(&o.resetAfter)}, "reset-after", "after a run this long, delays begin anew (0s: never)")
	fs.Var(&parsed{kind: "WHEN", text: string(policy.OnFailure), parse: o.parseWhen}, "when", "always, on-failure or never")
	fs.VarP(&parsed{kind: "ROWS", text: "0", parse: o.parseRows}, "rows", "n", "restarts to show (0: as many as it takes to see how it goes on)")
	fs.BoolVar(&o.json, "json", false, "print an array of objects in place of the table")
	fs.BoolVar(&o.noPlot, "no-plot", false, "leave the plot out")
	return cmd
}

func (o *policyOptions) run(cmd *cobra.Command, args []string) error {
	name, r := "", policy.Default()
	if len(args) == 1 || o.config != "" {
		s, err := o.service(args)
		if err != nil {
			return exit{exitUsage, err}
		}
		name, r = s.Name, s.Restart
	}
	r, err := o.change(r)
	if err != nil {
		return exit{exitUsage, err}
	}
	f := foresee(r, max(o.rows, horizon))
	rows := f.rows(o.rows)
	out := cmd.OutOrStdout()
	if o.json {
		return printStepsAsJSON(out, rows)
	}
	if name != "" {
		name += ": "
	}
	fmt.Fprintf(out, "%s%s\n", name, describe(r))
	if len(rows) > 0 {
		fmt.Fprintln(out)
		printSteps(out, rows)
		if !o.noPlot && anyDelay(rows) {
			fmt.Fprintln(out)
			plotDelays(out, rows, screenOf(out))
		}
	}
	fmt.Fprintln(out)
	for _, sentence := range f.explain() {
		fmt.Fprintln(out, sentence)
	}
	return nil
}

// service reads the configuration and finds the service that args names.
func (o *policyOptions) service(args []string) (config.Service, error) {
	path := o.config
	if path == "" {
		var err error
		if path, err = config.Find("."); err != nil {
			return config.Service{}, err
		}
	}
	c, err := config.Load(path)
	if err != nil {
		return config.Service{}, err
	}
	return pickService(c.Services, path, args)
}

// pickService finds the service that args names. Instances of one template
// have the same policy: the first stands for all.
func pickService(services []config.Service, path string, args []string) (config.Service, error) {
	var names, templates []string
	for _, s := range services {
		if len(args) == 1 && (s.Name == args[0] || s.Template == args[0]) {
			return s, nil
		}
		names, templates = append(names, s.Name), append(templates, s.Template)
	}
	if len(args) == 0 {
		return config.Service{}, fmt.Errorf("which service of %s? It has %s", path, someNames(names))
	}
	hint := ": it has " + someNames(names)
	if near := nearest.Word(args[0], append(templates, names...)); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return config.Service{}, fmt.Errorf("%s has no service %q%s", path, args[0], hint)
}

// someNames is some of the names, as many as one wants to read in an error.
func someNames(names []string) string {
	const some = 10
	if len(names) > some {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:some], ", "), len(names)-some)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// change makes of r what the flags say.
func (o *policyOptions) change(r policy.Restart) (policy.Restart, error) {
	given := o.set.Changed
	for _, pair := range [][2]string{{"delays", "backoff"}, {"delays", "factor"}, {"retries", "limit"}, {"retries", "within"}} {
		if given(pair[0]) && given(pair[1]) {
			return r, fmt.Errorf("--%s and --%s say the same in two ways: give one of them", pair[0], pair[1])
		}
	}
	if given("when") {
		r.When = policy.When(o.when)
	}
	if given("delays") {
		r.Backoff.Delays = o.delays
	}
	if given("limit") {
		r.Limit = o.limit
	}
	if given("within") {
		r.Within = o.within
	}
	if given("reset-after") {
		r.ResetAfter = o.resetAfter
	}
	if given("within") && r.Limit == 0 {
		return r, errors.New("--within is the window of a limit, and there is none: add --limit N")
	}
	return o.apply(r), nil
}

func (o *policyOptions) parseDelays(text string) error {
	o.delays = nil
	for part := range strings.SplitSeq(text, ",") {
		d, err := parseDelay(part)
		if err != nil {
			return fmt.Errorf("%w; several are written 1s,1s,5s", err)
		}
		o.delays = append(o.delays, d)
	}
	return nil
}

func (o *policyOptions) parseWhen(text string) error {
	o.when = text
	if !slices.Contains([]policy.When{policy.Always, policy.OnFailure, policy.Never}, policy.When(text)) {
		return errors.New("write always, on-failure or never")
	}
	return nil
}

// mostRows is more than anybody reads and still fits in memory.
const mostRows = 100_000

func (o *policyOptions) parseRows(text string) error {
	if err := intoCount(&o.rows)(text); err != nil || o.rows > mostRows {
		return fmt.Errorf("write a whole number from 0 to %d", mostRows)
	}
	return nil
}

// stepJSON is a step as programs read it; the keys are told in the help.
type stepJSON struct {
	Restart  int              `json:"restart"`
	Least    *float64         `json:"least_s"`
	Nominal  *float64         `json:"nominal_s"`
	Most     *float64         `json:"most_s"`
	Earliest float64          `json:"earliest_s"`
	Latest   float64          `json:"latest_s"`
	GivesUp  policy.Certainty `json:"gives_up"`
	Why      string           `json:"why"`
}

func printStepsAsJSON(w io.Writer, steps []policy.Step) error {
	out := []stepJSON{} // not nil: an empty array, not null
	for _, s := range steps {
		j := stepJSON{Restart: s.N, Earliest: s.Earliest.Seconds(), Latest: s.Latest.Seconds(), GivesUp: s.GivesUp, Why: s.Why}
		if s.GivesUp != policy.Surely {
			j.Least, j.Nominal, j.Most = new(s.Least.Seconds()), new(s.Nominal.Seconds()), new(s.Most.Seconds())
		}
		out = append(out, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
