package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/config"
	"supervise/internal/nearest"
)

// checkFlags are the flags of `supervise check`.
type checkFlags struct {
	config string
	print  bool
	json   bool
	graph  string
	grace  time.Duration
}

func newCheckCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [-c PATH] [flags] [NAME...]",
		Short: "validate a configuration; show its start order and how long a shutdown may take",
		Long: `Check reads a configuration and starts nothing.

If anything is wrong with it, all of that is printed to standard error, one
"file:line:column: key: message" a line, and the exit status is 2. Else check
prints what was read, the order in which the services start (those of one line
at the same time), and the longest time that a shutdown can take, with the
services whose stop ladders add up to it. What is allowed but probably not
meant comes last, as warnings.

With NAME..., all that concerns these services and what they need alone; the
whole configuration is validated all the same.

With --grace, the exit status is 1 when a shutdown may take longer: compare it
with terminationGracePeriodSeconds of a pod, TimeoutStopSec of a unit, or the
-t of "docker stop".

The configuration is a TOML file, a directory with a NAME.toml for each service,
or a Procfile. Without -c: ./supervise.toml, else ./services/, else ./Procfile.`,
		Example: `  supervise check                       what is here
  supervise check -c /etc/supervise     a directory of services
  supervise check --grace 30s           does it fit into the grace period of a pod?
  supervise check --print web           web with all its defaults filled in
  supervise check --graph               what needs what
  supervise check --graph=dot | dot -Tsvg > graph.svg
  supervise check --json | jq .shutdown`,
		ValidArgsFunction: func(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return serviceNames(f.config), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("grace") && f.grace <= 0 {
				return fmt.Errorf("--grace %s is no length of time to stop in: write one above 0, as in --grace 30s", f.grace)
			}
			if f.graph != "" && f.graph != "text" && f.graph != "dot" {
				return fmt.Errorf("--graph=%s is no form of a graph: it is text or dot", f.graph)
			}
			return check(cmd, f, args)
		},
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "`PATH` of the configuration: a TOML file, a directory or a Procfile")
	cmd.Flags().BoolVar(&f.print, "print", false, "print the services as TOML, with all defaults filled in")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as JSON")
	cmd.Flags().DurationVar(&f.grace, "grace", 0, "end with status 1 when a shutdown may take longer than `TIME`")
	cmd.Flags().StringVar(&f.graph, "graph", "", "print what needs what: as `text`, or as dot for Graphviz")
	cmd.Flags().Lookup("graph").NoOptDefVal = "text"
	cmd.MarkFlagsMutuallyExclusive("print", "json", "graph")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("graph", cobra.FixedCompletions([]string{"text", "dot"}, cobra.ShellCompDirectiveNoFileComp)))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("grace", cobra.FixedCompletions([]string{"10s", "30s", "90s"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// serviceNames completes the names of services.
func serviceNames(path string) []string {
	path, err := configurationPath(path)
	if err != nil {
		return nil
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range cfg.Services {
		names = append(names, s.Name+"\t"+strings.Join(s.Command, " "))
	}
	return names
}

// configurationPath is the path that was given, or the one that is found here.
func configurationPath(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	return config.Find(".")
}

func check(cmd *cobra.Command, f checkFlags, names []string) error {
	path, err := configurationPath(f.config)
	if err != nil {
		return err
	}
	cfg, err := config.Load(path)
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		if f.json {
			return errors.Join(writeJSON(cmd.OutOrStdout(), checkErrors(errs)), exit{status: exitUsage})
		}
		fmt.Fprintln(cmd.ErrOrStderr(), errs)
		return exit{status: exitUsage}
	} else if err != nil {
		return err
	}
	named, err := match(cfg.Services, names)
	if err != nil {
		return err
	}
	r := newCheckResult(path, cfg, named, f.grace)
	switch {
	case f.print && len(named) == 0:
		err = cfg.Print(cmd.OutOrStdout())
	case f.print:
		err = config.Print(cmd.OutOrStdout(), only(cfg.Services, named)...)
	case f.json:
		err = writeJSON(cmd.OutOrStdout(), r)
	case f.graph != "":
		services := cfg.Services
		if len(named) > 0 {
			services = config.Needed(services, named)
		}
		_, err = io.WriteString(cmd.OutOrStdout(), graphForms()[f.graph](services))
	default:
		err = r.write(cmd.OutOrStdout())
	}
	if err != nil {
		return exit{status: exitFailed, err: fmt.Errorf("cannot write the result: %w", err)}
	}
	if why := r.Shutdown.tooLong(); why != "" {
		return exit{status: 1, err: errors.New(why)}
	}
	return nil
}

// match turns the names of the command line into names of services.
func match(services []config.Service, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		found := config.Match(services, name)
		if found == nil {
			var known []string
			for _, s := range services {
				known = append(known, s.Name, s.Template)
			}
			known = slices.Compact(known) // services are sorted, and most are their own template
			hint := "the services are " + strings.Join(known, ", ")
			if best := nearest.Word(name, known); best != "" {
				hint = "did you mean " + best + "?"
			}
			return nil, fmt.Errorf("no service is called %q; %s", name, hint)
		}
		out = append(out, found...)
	}
	return out, nil
}

// only gives the services with these names.
func only(services []config.Service, names []string) []config.Service {
	in := map[string]bool{}
	for _, name := range names {
		in[name] = true
	}
	var out []config.Service
	for _, s := range services {
		if in[s.Name] {
			out = append(out, s)
		}
	}
	return out
}
