package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"supervise/internal/api"
)

func newRotateCommand() *cobra.Command {
	return newLogFilesCommand(&cobra.Command{
		Use:   "rotate [NAME...]",
		Short: "rotate log files now",
		Long: `Rotate the log files of services now, whatever their size and age; without names,
those of all services that have one. It prints whose were rotated.

Exit status: 0 done; 1 it failed, and the reason is told; 2 wrong usage, an
unknown service or one without a log file; 3 no supervise could be asked.`,
		Example: `  supervise rotate web`,
	}, "rotated")
}

func newReopenCommand() *cobra.Command {
	return newLogFilesCommand(&cobra.Command{
		Use:   "reopen [NAME...]",
		Short: "close and open log files, for logrotate",
		Long: `Close the log files of services and open them again by their names, for those who
rotate them by other means, as logrotate does; without names, those of all
services that have one. It prints whose were opened.

Exit status: 0 done; 1 it failed, and the reason is told; 2 wrong usage, an
unknown service or one without a log file; 3 no supervise could be asked.`,
		Example: `  postrotate supervise reopen -c /etc/supervise endscript     for logrotate`,
	}, "reopened")
}

func newLogFilesCommand(cmd *cobra.Command, done string) *cobra.Command {
	var f clientFlags
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := f.connect()
		if err != nil {
			return err
		}
		var outcome api.Outcome
		_, raw, err := a.ask(cmd.Context(), "POST", "/v1/"+cmd.Name(), url.Values{"name": args}, &outcome)
		if err != nil {
			return err
		}
		if f.json {
			return printJSON(cmd, raw)
		}
		for _, s := range outcome.Services {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", s.Name, done)
		}
		return nil
	}
	newClientCommand(cmd, &f)
	f.takesJSON(cmd)
	return cmd
}
