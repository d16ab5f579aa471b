package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/guard"
	"supervise/internal/logs"
	"supervise/internal/signals"
)

// Called through a link named runsvdir, supervise takes its place: it runs a
// directory of service directories, says nothing but what goes wrong, and leaves
// the output of services where its own goes. What is different, docs/runit.md says.

// Exit statuses of runsvdir(8) and runsv(8).
const (
	exitRunsvdirUsage = 1
	exitLocked        = 111 // another has the service in hand
)

// runsvdir is its command line.
type runsvdir struct {
	dir string
	log string // where the last of standard error is shown, in the list of processes; "": nowhere
}

func isRunsvdir(args []string) bool { return len(args) > 0 && filepath.Base(args[0]) == "runsvdir" }

// parseRunsvdir reads [-P] dir [log]. Each service has a session of its own, with
// -P and without.
func parseRunsvdir(args []string) (r runsvdir, ok bool) {
	args = args[1:]
	if len(args) > 0 && (strings.HasPrefix(args[0], "-P") || strings.HasPrefix(args[0], "--")) {
		args = args[1:]
	}
	if len(args) == 0 {
		return r, false
	}
	r.dir = args[0]
	if len(args) > 1 {
		r.log = args[1]
	}
	return r, true
}

// runRunsvdir is main under that name.
func runRunsvdir(args []string, receiver *signals.Receiver, before *carried) int {
	r, ok := parseRunsvdir(args)
	if !ok {
		fmt.Fprintf(os.Stderr, "usage: %s [-P] dir\n", args[0])
		return exitRunsvdirUsage
	}
	const least = 7 // as runsvdir.c has it; the first five are for people to see what it is
	switch {
	case r.log == "":
	case len(r.log) < least:
		fmt.Fprintf(os.Stderr, "runsvdir %s: warning: log must have at least seven characters.\nrunsvdir %s: warning: log service disabled.\n", r.dir, r.dir)
	default:
		if err := showStderr(r.log[5:]); err != nil {
			fmt.Fprintf(os.Stderr, "runsvdir %s: warning: log service disabled: %v\n", r.dir, err)
		}
	}
	f := upFlags{path: r.dir, runsvdir: true, shown: r.log != ""}
	return report(f.up(nil, receiver, before))
}

// load reads the configuration as runsvdir does: a directory is one of services,
// if it is empty too.
func (f *upFlags) load(path string) (*config.Config, error) {
	if !f.runsvdir {
		return config.Load(path)
	}
	cfg, err := config.LoadServices(path)
	if err != nil {
		return nil, err
	}
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Log.To == config.ToConsole {
			s.Log.To = config.ToInherit
		}
	}
	return cfg, nil
}

// problems is the log of runsvdir: what goes wrong, on standard error.
func problems(names []string) *logs.Log {
	return logs.New(os.Stderr, logs.NewText(names, false), func(n event.Name) bool {
		switch n {
		case event.StartFailed, event.HookFailed, event.FilesFailed, event.SignalFailed, event.StopAbandoned, event.ConfigRejected, event.ServiceFailed:
			return true
		}
		return false
	})
}

// dotEvery is how often a dot is added, so that what was written last moves on and
// is seen to be old (runsvdir(8)).
const dotEvery = 15 * time.Minute

// showStderr has the last of what is written to standard error, by services too,
// shown in place of a word of our command line, where ps(1) finds it.
func showStderr(word string) error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	if err := unix.Dup3(ends[1], 2, 0); err != nil {
		return err
	}
	unix.Close(ends[1])
	// The strings of os.Args are the very words that the kernel shows.
	shown := unsafe.Slice(unsafe.StringData(word), len(word))
	written := make(chan []byte)
	from := os.NewFile(uintptr(ends[0]), "standard error")
	guard.Go(func() {
		for {
			buffer := make([]byte, 256)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			written <- buffer[:n]
		}
	})
	guard.Go(func() {
		dots := time.Tick(dotEvery)
		for {
			select {
			case text := <-written:
				shift(shown, text)
			case <-dots:
				shift(shown, []byte{'.'})
			}
		}
	})
	return nil
}

// shift moves text in from the right.
func shift(shown, text []byte) {
	text = text[max(0, len(text)-len(shown)):]
	copy(shown, shown[len(text):])
	copy(shown[len(shown)-len(text):], text)
}
