package main

import (
	"github.com/spf13/cobra"

	"supervise/internal/api"
)

func newStopCommand() *cobra.Command {
	return newActCommand(&cobra.Command{
		Use:   "stop NAME... | --all",
		Short: "stop services, before them what needs them",
		Long: `Stop services and, before them, what needs them. Each is sent the signals of its
stop.ladder, and is stopped when no process of it is left. Stop waits for that;
when it takes more than a second, it says who does not go and what comes next.

A service that was stopped stays so until it is started. supervise itself goes
on, even with nothing left to run: end it with supervise shutdown.

NAME may hold * ? and [a-z] as file names do in a shell; quote them. The name of
a service with instances means all of them.

Exit status: 0 all are stopped, or were; 1 one is not: processes have survived
even KILL, or somebody else has started it again; ` + clientStatuses,
		Example: `  supervise stop web
  supervise stop --wait 30s 'worker@*'
  supervise stop --all`,
	}, wish{
		path: "/v1/stop", asked: "asked to stop", not: "is not stopped",
		pending: func(s *api.Service) bool { return !settled(s) },
	})
}

// settled says whether nothing will become of a service by itself.
func settled(s *api.Service) bool {
	switch s.State {
	case "stopped", "done", "failed":
		return true
	}
	return false
}
