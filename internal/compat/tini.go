package compat

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"syscall"

	"supervise/internal/signals"
)

// tiniVersion is the tini that we stand in for.
const tiniVersion = "0.19.0"

// license is what `tini -l` prints. It is tini's, whose messages we repeat.
//
//go:embed license.txt
var license string

// tiniPlan is what a command line and an environment ask of tini.
type tiniPlan struct {
	argv        []string
	parentDeath signals.Signal // 0: none
	subreaper   bool
	group       bool      // signal the child's process group
	warn        bool      // of each orphan that was reaped
	verbosity   uint32    // 0 fatal, 1 warnings, 2 info, 3 debug, 4 trace
	expected    [256]bool // these exit codes become 0
}

// parseTini reads a command line. args[0] is the name that we were called by.
func parseTini(args []string, env lookup, pid int, version string) (tiniPlan, *ending) {
	p := tiniPlan{verbosity: 1}
	full := "tini version " + tiniVersion + " - supervise " + version
	if len(args) == 2 && args[1] == "--version" {
		return p, &ending{out: full + "\n"}
	}
	usage := tiniUsage(filepath.Base(args[0]), full)
	invalid := func(option, value string) *ending {
		return &ending{status: 1, err: fmt.Sprintf("[FATAL tini (%d)] Not a valid option for -%s: %s\n", pid, option, value)}
	}
	g := getopt{name: args[0], short: "p:hvwgle:s", args: args[1:]}
	for {
		letter, argument, complaint, ok := g.next()
		if !ok {
			break
		}
		if complaint != "" {
			return p, &ending{status: 1, err: complaint + usage}
		}
		switch letter {
		case 'h':
			return p, &ending{out: usage}
		case 'l':
			return p, &ending{out: license}
		case 's':
			p.subreaper = true
		case 'v':
			p.verbosity++
		case 'w':
			p.warn = true
		case 'g':
			p.group = true
		case 'p':
			if p.parentDeath, ok = tiniSignal(argument); !ok {
				return p, invalid("p", argument)
			}
		case 'e':
			code, n := integer(argument)
			if n != len(argument) || code < 0 || code > 255 { // the empty one is 0
				return p, invalid("e", argument)
			}
			p.expected[code] = true
		}
	}
	if p.argv = g.args; len(p.argv) == 0 {
		return p, &ending{status: 1, err: usage}
	}
	if _, set := env("TINI_SUBREAPER"); set {
		p.subreaper = true
	}
	if _, set := env("TINI_KILL_PROCESS_GROUP"); set {
		p.group = true
	}
	if text, set := env("TINI_VERBOSITY"); set {
		n, _ := integer(text)
		p.verbosity = uint32(n)
	}
	return p, nil
}

// tiniSignal knows the names that -p takes: those of the standard signals, in
// full, but for STKFLT, IO and PWR.
func tiniSignal(name string) (signals.Signal, bool) {
	for s := signals.HUP; s < 32; s++ {
		switch syscall.Signal(s) {
		case syscall.SIGSTKFLT, syscall.SIGIO, syscall.SIGPWR:
			continue
		}
		if name == "SIG"+s.String() {
			return s, true
		}
	}
	return 0, false
}

// status is what tini ends with after the child has.
func (p *tiniPlan) status(w syscall.WaitStatus) int {
	code := w.ExitStatus()
	if w.Signaled() {
		code = 128 + int(w.Signal())
	}
	if p.expected[code&255] {
		return 0
	}
	return code & 255
}

func tiniUsage(name, version string) string {
	return fmt.Sprintf(`%[1]s (%[2]s)
Usage: %[1]s [OPTIONS] PROGRAM -- [ARGS] | --version

Execute a program under the supervision of a valid init process (%[1]s)

Command line options:

  --version: Show version and exit.
  -h: Show this help message and exit.
  -s: Register as a process subreaper (requires Linux >= 3.4).
  -p SIGNAL: Trigger SIGNAL when parent dies, e.g. "-p SIGKILL".
  -v: Generate more verbose output. Repeat up to 3 times.
  -w: Print a warning when processes are getting reaped.
  -g: Send signals to the child's process group.
  -e EXIT_CODE: Remap EXIT_CODE (from 0 to 255) to 0.
  -l: Show license and exit.

Environment variables:

  TINI_SUBREAPER: Register as a process subreaper (requires Linux >= 3.4).
  TINI_VERBOSITY: Set the verbosity level (default: 1).
  TINI_KILL_PROCESS_GROUP: Send signals to the child's process group.

`, name, version)
}
