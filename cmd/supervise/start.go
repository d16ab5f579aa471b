package main

import (
	"net/url"

	"github.com/spf13/cobra"

	"supervise/internal/api"
)

func newStartCommand() *cobra.Command {
	return newActCommand(&cobra.Command{
		Use:   "start NAME... | --all",
		Short: "start services, and what they need",
		Long: `Start services and, before them, what they need. A service is started when it is
ready; one that has no readiness probe must also have run for 300 ms. A task is
run, and has to succeed, in as many tries as its [restart] gives it. Start waits
for that, says what it waits for when it takes more than a second, and shows the
last lines of what failed. A lazy service is started now, not at its first
connection.

NAME may hold * ? and [a-z] as file names do in a shell; quote them. The name of
a service with instances means all of them.

Exit status: 0 all are started, or were; 1 one is not, and the reason is told;
` + clientStatuses,
		Example: `  supervise start web
  supervise start --wait 30s 'worker@*'
  supervise start migrate && ./deploy            a task with autostart = false
  supervise start --no-wait --all`,
	}, wish{
		path: "/v1/start", asked: "asked to start", not: "did not start",
		pending: func(s *api.Service) bool { return !s.Ready && s.State != "done" },
	})
}

// newActCommand makes a command that asks something of services.
func newActCommand(cmd *cobra.Command, w wish) *cobra.Command {
	var f clientFlags
	var wait waitFlags
	var all bool
	w.method, w.stands = "POST", goesOn
	if w.query == nil {
		w.query = func() url.Values { return url.Values{} }
	}
	cmd.Args = wantsNames(&all)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := wait.check(cmd); err != nil {
			return err
		}
		a, err := f.connect()
		if err != nil {
			return err
		}
		return f.fulfil(cmd, a, w, everyOr(all, args), wait, w.query())
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVar(&all, "all", false, "all services")
	wait.add(cmd)
	f.takesJSON(cmd)
	return cmd
}
