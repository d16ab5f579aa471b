// Package guard ends supervise in an orderly way when a part of it is broken.
package guard

import (
	"fmt"
	"os"
	"runtime/debug"
)

// Go runs f in a goroutine. If it panics, supervise says so and ends with 125,
// its status for failures of its own: Go's would be 2, which for us means wrong
// usage and nothing started.
func Go(f func()) {
	go func() {
		defer Recover()
		f()
	}()
}

// Recover is to be deferred: see [Go].
func Recover() {
	if p := recover(); p != nil {
		fmt.Fprintf(os.Stderr, "supervise: internal error: %v\n%s", p, debug.Stack())
		os.Exit(125)
	}
}
