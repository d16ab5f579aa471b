package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// flagsFromEnvironment sets each flag that is not on the command line from its
// variable: --stop-timeout from SUPERVISE_STOP_TIMEOUT. An empty variable is
// none: who builds or runs an image often can't unset what a layer below set.
func flagsFromEnvironment(fs *pflag.FlagSet) (err error) {
	fs.VisitAll(func(f *pflag.Flag) {
		name := "SUPERVISE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := os.Getenv(name)
		if value == "" || f.Changed || f.Name == "help" {
			return
		}
		if e := fs.Set(f.Name, value); e != nil && err == nil {
			err = fmt.Errorf("environment variable %s: %w", name, e)
		}
	})
	return err
}
