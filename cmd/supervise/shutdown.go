package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"supervise/internal/api"
)

func newShutdownCommand() *cobra.Command {
	var f clientFlags
	var wait waitFlags
	cmd := &cobra.Command{
		Use:   "shutdown",
		Short: "stop everything and end supervise",
		Long: `Stop all services, in reverse order of their needs, and end supervise. Shutdown
waits until supervise has ended; when it takes more than a second, it says who
does not go and what comes next.

Exit status: 0 supervise has ended; 1 it has not, within --wait; 2 wrong usage; 3
no supervise could be asked.`,
		Example: `  supervise shutdown
  supervise shutdown --wait 30s`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := wait.check(cmd); err != nil {
				return err
			}
			a, err := f.connect()
			if err != nil {
				return err
			}
			return f.shutdown(cmd, a, wait)
		},
	}
	newClientCommand(cmd, &f)
	wait.add(cmd)
	f.takesJSON(cmd)
	return cmd
}

func (f *clientFlags) shutdown(cmd *cobra.Command, a asker, wait waitFlags) error {
	ctx, stop := untilInterrupted(cmd.Context(), goesOn)
	defer stop()
	ended, err := a.end(ctx)
	if err != nil {
		return a.failed(0, err)
	}
	var info api.Info
	status, raw, err := a.ask(ctx, "POST", "/v1/shutdown", nil, &info)
	switch {
	case err != nil && (status == 0 || status == 503) && within(ended, lastMoment):
		return nil // before it could answer
	case err != nil:
		return err
	case f.json:
		err = printJSON(cmd, raw)
	}
	if err != nil || wait.none {
		return err
	}
	if wait.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait.limit)
		defer cancel()
	}
	p := progress{asker: a, to: cmd.ErrOrStderr(), screen: screenOf(cmd.ErrOrStderr()), nothing: "waiting for supervise to end",
		pending: func(s *api.Service) bool { return !settled(s) }}
	hide := p.show(ctx)
	select {
	case <-ended:
		hide()
	case <-ctx.Done():
		held, _ := p.look(cmd.Context())
		hide()
		if cause := context.Cause(ctx); cause != context.DeadlineExceeded {
			return a.failed(0, cause)
		}
		for i := range held {
			fmt.Fprintf(cmd.ErrOrStderr(), "waiting for %s: %s\n", held[i].Name, holdUp(&held[i]))
		}
		return exit{exitNotDone, fmt.Errorf("supervise has not ended within %s; %s", wait.limit, goesOn)}
	}
	if !f.json {
		fmt.Fprintf(cmd.OutOrStdout(), "supervise: ended, pid %d\n", info.PID)
	}
	return nil
}

// lastMoment is how long a supervise that has nothing left to stop may take to
// end, once it does not answer any more.
const lastMoment = 3 * time.Second

// within says whether something ends in time.
func within(ended <-chan struct{}, limit time.Duration) bool {
	select {
	case <-ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// end tells of the end of supervise: of its process, where that can be seen,
// else of the connection to it.
func (a asker) end(ctx context.Context) (<-chan struct{}, error) {
	ended := make(chan struct{})
	pid, err := a.PID(ctx)
	if err != nil {
		return nil, err
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil { // not 0, and the kernel is 5.3 or later
		go func() {
			defer unix.Close(fd)
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			for {
				if _, err := unix.Poll(p, -1); !errors.Is(err, unix.EINTR) {
					close(ended)
					return
				}
			}
		}()
		return ended, nil
	}
	go func() {
		defer close(ended)
		_ = a.Stream(ctx, "/v1/events", url.Values{"follow": {"1"}, "n": {"0"}}, func([]byte) error { return nil })
	}()
	return ended, nil
}
