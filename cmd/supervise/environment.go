package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// flagsFromEnvironment sets each flag that is not on the command line from its
// variable: --stop-timeout from SUPERVISE_STOP_TIMEOUT.
func flagsFromEnvironment(fs *pflag.FlagSet) (err error) {
	fs.VisitAll(func(f *pflag.Flag) {
		name := "SUPERVISE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || f.Name == "help" {
			return
		}
		if e := fs.Set(f.Name, value); e != nil && err == nil {
			err = fmt.Errorf("environment variable %s: %w", name, e)
		}
	})
	return err
}
