package main

import (
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
)

func newRestartCommand() *cobra.Command {
	asked := time.Now()
	rolling := false
	cmd := newActCommand(&cobra.Command{
		Use:   "restart NAME... | --all",
		Short: "stop and start services",
		Long: `Stop services and start them again. What needs them goes on running, with its
pid, except what goes with them (with = true). A service that does not run is
started. All are restarted at once, except as their needs order them.

With --rolling they are restarted one after the other, those of one name in the
order of their instances, each when the one before is ready. It ends at the first
that does not come up; those after it are left as they are, and told.

NAME may hold * ? and [a-z] as file names do in a shell; quote them. The name of
a service with instances means all of them.

Exit status: 0 all run again; 1 one does not, and the reason is told;
` + clientStatuses,
		Example: `  supervise restart web
  supervise restart --wait 30s 'worker@*'
  supervise restart --rolling web`,
	}, wish{
		path: "/v1/restart", asked: "asked to restart", not: "did not restart",
		pending: func(s *api.Service) bool {
			return s.Started == nil || s.Started.Before(asked) || !s.Ready && s.State != "done"
		},
		query: func() url.Values {
			if rolling {
				return url.Values{"rolling": {"1"}}
			}
			return url.Values{}
		},
	})
	cmd.Flags().BoolVar(&rolling, "rolling", false, "one after the other, each when the one before is ready")
	return cmd
}
