package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"supervise/internal/config"
	"supervise/internal/control"
	"supervise/internal/visible"
)

// completionTime is how long somebody who pressed Tab is made to wait for the
// running supervise.
const completionTime = 500 * time.Millisecond

// completeServices gives the names of services: of the running supervise with
// what they do, else as they stand in the configuration, valid or not.
func (f *clientFlags) completeServices(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names, ok := f.runningServices()
	if !ok {
		names = config.Names(f.configuration())
	}
	names = slices.DeleteFunc(names, func(line string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return line == a || len(line) > len(a) && line[:len(a)+1] == a+"\t" })
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (f *clientFlags) runningServices() ([]string, bool) {
	socket, err := f.find()
	if err != nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	all, _, err := asker{control.NewClient(socket)}.services(ctx, nil)
	if err != nil {
		return nil, false
	}
	var names []string
	for i := range all {
		names = append(names, all[i].Name+"\t"+visible.Text(all[i].State))
	}
	return names, true
}
