package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

func newSignalCommand() *cobra.Command {
	var f clientFlags
	var all bool
	var pid int
	to := "main"
	named := wantsNames(&all)
	cmd := &cobra.Command{
		Use:   "signal SIGNAL NAME... | SIGNAL --all",
		Short: "send a signal to services, or to one process of theirs",
		Long: `Send a signal to services, as it is: their signals.map is for signals that
supervise receives, and for stops. It prints to whom the signal went.

SIGNAL is written TERM, SIGTERM or 15, real-time ones RTMIN+3. It goes to the
main process; with --to group to its process group; with --to tree to all
processes of the service; with --pid to one of them.

supervise takes an end that such a signal causes for the service's own: it is
restarted as its [restart] says. To stop it, say supervise stop.

Exit status: 0 it was sent to all; 1 to one it was not, and the reason is told;
` + clientStatuses,
		Example: `  supervise signal HUP web
  supervise signal --to tree USR1 'worker@*'
  supervise signal --pid 4711 QUIT web@1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("signal: name a signal and at least one service, as in: supervise signal HUP web")
			}
			if _, err := signals.Parse(args[0]); err != nil {
				return fmt.Errorf("signal: %w", err)
			}
			return named(cmd, args[1:])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return append(signals.Names(), "RTMIN", "RTMAX"), cobra.ShellCompDirectiveNoFileComp
			}
			return f.completeServices(cmd, args[1:], begun)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"signal": args[:1], "name": everyOr(all, args[1:])}
			switch to {
			case "main", "group", "tree":
				query.Set("to", to)
			default:
				return fmt.Errorf("--to %s is none of main, group and tree", to)
			}
			if cmd.Flags().Changed("pid") {
				if pid < 1 {
					return fmt.Errorf("--pid %d is no process", pid)
				}
				query.Set("pid", strconv.Itoa(pid))
			}
			a, err := f.connect()
			if err != nil {
				return err
			}
			return f.signal(cmd, a, query)
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVar(&all, "all", false, "all services")
	cmd.Flags().StringVar(&to, "to", to, "whom to send it to: main, group or tree")
	cmd.Flags().IntVar(&pid, "pid", 0, "send it to this one `PROCESS` of the service")
	cmd.MarkFlagsMutuallyExclusive("to", "pid")
	f.takesJSON(cmd)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{
		"main\tthe main process", "group\tits process group", "tree\tall processes of the service",
	}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (f *clientFlags) signal(cmd *cobra.Command, a asker, query url.Values) error {
	var sent api.Sent
	status, raw, err := a.ask(cmd.Context(), "POST", "/v1/signal", query, &sent)
	if err != nil {
		return err
	}
	if f.json {
		if err := printJSON(cmd, raw); err != nil {
			return err
		}
	} else {
		for _, s := range sent.Services {
			if s.Err != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "supervise: %s: %s could not be sent: %s\n", s.Name, sent.Signal, visible.Text(s.Err))
			} else {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s sent to %s\n", s.Name, sent.Signal, visible.Text(s.To))
			}
		}
	}
	if status >= 400 {
		return exit{status: exitNotDone}
	}
	return nil
}
