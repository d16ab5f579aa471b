package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"supervise/internal/api"
)

func newStatusCommand() *cobra.Command {
	var f clientFlags
	boot := false
	cmd := &cobra.Command{
		Use:   "status [NAME...] | --boot",
		Short: "what services do, why, and what comes next",
		Long: `Show services as a table; without names, all. On a terminal it is as wide as
that; elsewhere nothing is cut. One name alone shows all there is to say of this
service: its last exit, who blocks it, its processes with processor time and
memory. With --json, an array of objects, of one service with its processes.

With --boot, show how the start of supervise went: for each service how long it
waited for others, how long it took until its process was there (with
start.before) and then until it was ready, and which of them the whole start
waited for.

NAME may hold * ? and [a-z] as file names do in a shell; quote them. The name of
a service with instances means all of them.

Exit status: 0 all that is shown is as it should be; 1 something is not, and its
names are told on standard error: of those named, one is neither ready nor done;
of all, one is neither ready, done nor stopped. A service whose health was looked
at and found wanting is not as it should be. With --boot: 1 one is not up.
` + clientStatuses,
		Example: `  supervise status
  supervise status web
  supervise status --boot
  supervise status --json | jq -r '.[] | select(.state == "backoff") | .name'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if boot && len(args) > 0 {
				return fmt.Errorf("status --boot is about all services, and takes no name")
			}
			a, err := f.connect()
			if err != nil {
				return err
			}
			if boot {
				return f.boot(cmd, a)
			}
			return f.status(cmd, a, args)
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVar(&boot, "boot", false, "how the start went: what took how long, and what it waited for")
	f.takesJSON(cmd)
	return cmd
}

func (f *clientFlags) status(cmd *cobra.Command, a asker, names []string) error {
	all, raw, err := a.services(cmd.Context(), names)
	if err != nil {
		return err
	}
	one := len(names) == 1 && len(all) == 1 && !strings.ContainsAny(names[0], "*?[")
	if one {
		var single json.RawMessage
		if _, single, err = a.ask(cmd.Context(), "GET", "/v1/services/"+url.PathEscape(all[0].Name), nil, &all[0]); err != nil {
			return err
		}
		raw = json.RawMessage("[" + string(single) + "]")
	}
	look := screenOf(cmd.OutOrStdout())
	switch {
	case f.json:
		err = printJSON(cmd, raw)
	case one:
		err = printed(fmt.Fprint(cmd.OutOrStdout(), detail(&all[0], look)))
	default:
		err = printed(fmt.Fprint(cmd.OutOrStdout(), table(all, look)))
	}
	if err != nil {
		return err
	}
	return verdict(all, len(names) > 0)
}

func printed(_ int, err error) error {
	if err != nil {
		return unwritten(err)
	}
	return nil
}

// verdict is the exit status of a look at services.
func verdict(all []api.Service, named bool) error {
	var sick []string
	for i := range all {
		if s := &all[i]; !well(s) && (named || s.State != "stopped" && s.State != "stopping") {
			sick = append(sick, s.Name)
		}
	}
	switch {
	case len(sick) == 0:
		return nil
	case len(all) == 1:
		return exit{status: exitNotDone} // it was said
	}
	const most = 5
	rest := ""
	if n := len(sick); n > most {
		sick, rest = sick[:most], fmt.Sprintf(" and %d more", n-most)
	}
	return exit{exitNotDone, fmt.Errorf("not as it should be: %s%s", strings.Join(sick, ", "), rest)}
}

// well says whether a service does what it is there for.
func well(s *api.Service) bool { return s.Ready && !unwell(s) || s.State == "done" }

// unwell says whether looks at the health of a service have found something.
func unwell(s *api.Service) bool { return strings.HasPrefix(s.Health, "unwell") }
