package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/control"
)

// Exit statuses of the commands that speak to a running supervise, beside
// exitUsage, which an unknown service has too. docs/commands.md tells them.
const (
	exitNotDone     = 1 // it did not happen, or is not well
	exitNoSupervise = 3 // no supervise could be asked
)

// clientStatuses is the part of each help text that says the same.
const clientStatuses = `2 wrong usage or an unknown service; 3 no supervise could be asked.`

// clientFlags say which supervise is meant, and who reads the answer.
type clientFlags struct {
	config string
	socket string
	json   bool
}

// newClientCommand completes a command that speaks to a running supervise.
func newClientCommand(cmd *cobra.Command, f *clientFlags) *cobra.Command {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVarP(&f.config, "config", "c", "", "`PATH` of the configuration that the supervise was started with; it need not be valid")
	fs.StringVar(&f.socket, "socket", "", "`PATH` of its control socket (default: SUPERVISE_SOCKET, else from the configuration)")
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = f.completeServices
	}
	return cmd
}

func (f *clientFlags) takesJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print what supervise answers, as JSON; see docs/api.md")
}

// find gives the socket of the supervise that is meant, in the order in which
// `up` decides where to listen.
func (f *clientFlags) find() (string, error) {
	socket := f.socket
	if socket == "" {
		socket = os.Getenv("SUPERVISE_SOCKET")
	}
	return control.Discover(socket, f.configuration())
}

// configuration is the path of the one that is meant; "": there is none here,
// and perhaps only one supervise runs.
func (f *clientFlags) configuration() string {
	if f.config != "" {
		return f.config
	}
	if path := os.Getenv("SUPERVISE_CONFIG"); path != "" {
		return path
	}
	path, _ := config.Find(".")
	return path
}

// asker speaks to one supervise.
type asker struct{ *control.Client }

func (f *clientFlags) connect() (asker, error) {
	socket, err := f.find()
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return asker{}, exit{exitNoSupervise, err}
	case err != nil:
		return asker{}, exit{exitUsage, err}
	}
	return asker{control.NewClient(socket)}, nil
}

// answerTime bounds a request that supervise answers without waiting for
// anything: far more than a busy machine needs.
const answerTime = 30 * time.Second

var errNoAnswer = errors.New("supervise did not answer in time; is it stopped, or the machine overloaded?")

// ask asks for what needs no waiting, decodes the answer into the value at into
// and gives it as it came, too.
func (a asker) ask(ctx context.Context, method, path string, query url.Values, into any) (status int, raw json.RawMessage, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errNoAnswer)
	defer cancel()
	return a.await(ctx, method, path, query, into)
}

// await is ask without a bound of its own.
func (a asker) await(ctx context.Context, method, path string, query url.Values, into any) (status int, raw json.RawMessage, err error) {
	if status, err = a.Call(ctx, method, path, query, &raw); err != nil {
		return status, nil, a.failed(status, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return status, nil, exit{exitNotDone, fmt.Errorf("the answer of supervise is not understood: %w", err)}
	}
	return status, raw, nil
}

// failed gives an error of a request its exit status.
func (a asker) failed(status int, err error) error {
	problem, stopped := (*api.Problem)(nil), interrupted{}
	switch {
	case errors.Is(err, errReaderGone):
		return exit{}
	case errors.As(err, &stopped):
		return exit{128 + int(stopped.signal), err}
	case errors.Is(err, control.ErrNotRunning):
		return exit{exitNoSupervise, fmt.Errorf("%w; start one with: supervise up", err)}
	case errors.Is(err, control.ErrNotAllowed):
		return exit{exitNoSupervise, err}
	case errors.As(err, &problem):
		switch status {
		case 400, 404:
			return exit{exitUsage, err}
		case 403:
			return exit{exitNoSupervise, err}
		}
		return exit{exitNotDone, err}
	case errors.Is(err, errNoAnswer):
		return exit{exitNotDone, err}
	}
	return exit{exitNotDone, fmt.Errorf("the supervise at %s went away: %w", a.Socket(), err)}
}

// streamFailed is failed for a stream, which we print meanwhile.
func (a asker) streamFailed(err error) error {
	if status := (*control.StatusError)(nil); errors.As(err, &status) {
		return a.failed(status.Status, err)
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) { // our own output
		return unwritten(err)
	}
	return a.failed(0, err)
}

// services asks for the status of services; without names, of all.
func (a asker) services(ctx context.Context, names []string) (all []api.Service, raw json.RawMessage, err error) {
	_, raw, err = a.ask(ctx, "GET", "/v1/services", url.Values{"name": names}, &all)
	return all, raw, err
}

// printJSON prints an answer as it came, for people to read too.
func printJSON(cmd *cobra.Command, raw json.RawMessage) error {
	if err := writeJSON(cmd.OutOrStdout(), raw); err != nil {
		return unwritten(err)
	}
	return nil
}

// unwritten says that our own output failed. That nobody reads it any more is
// no error.
func unwritten(err error) error {
	if errors.Is(err, errReaderGone) {
		return exit{}
	}
	return exit{exitFailed, fmt.Errorf("cannot write the result: %w", err)}
}

// wantsNames says how to name services, where none is not all of them.
func wantsNames(all *bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && !*all:
			return fmt.Errorf("%s: name at least one service, or all with --all; supervise status lists them", cmd.Name())
		case len(args) > 0 && *all:
			return fmt.Errorf("%s: --all and names exclude each other", cmd.Name())
		}
		for _, name := range args {
			if name == "" {
				return fmt.Errorf("%s: \"\" is no name of a service", cmd.Name())
			}
		}
		return nil
	}
}

// everyOr gives the names, or the pattern for all.
func everyOr(all bool, names []string) []string {
	if all {
		return []string{"*"}
	}
	return names
}
