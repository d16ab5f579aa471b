package compat

import (
	"fmt"
	"strings"

	"supervise/internal/signals"
)

// dumbInitVersion is the dumb-init that we stand in for. Its users' tests
// compare the whole line.
const dumbInitVersion = "1.2.5"

// dumbInitPlan is what a command line and an environment ask of dumb-init.
type dumbInitPlan struct {
	argv    []string
	debug   bool
	notes   []string // debug lines of the parsing itself
	single  bool     // signal the child alone; else it leads a session, and its group is signalled
	rewrite rewrite
}

// lastRewritten is the highest signal that can be rewritten.
const lastRewritten = 31

// rewrite says what a signal becomes; -1: itself, 0: nothing.
type rewrite [lastRewritten + 1]int

func noRewrite() (r rewrite) {
	for s := range r {
		r[s] = -1
	}
	return r
}

// parseDumbInit reads a command line. args[0] is the name that we were called
// by.
func parseDumbInit(args []string, env lookup) (dumbInitPlan, *ending) {
	p := dumbInitPlan{rewrite: noRewrite()}
	g := getopt{name: args[0], short: "hvVcr:", args: args[1:], long: []longOption{
		{"help", false, 'h'}, {"single-child", false, 'c'}, {"rewrite", true, 'r'}, {"verbose", false, 'v'}, {"version", false, 'V'},
	}}
	for {
		letter, argument, complaint, ok := g.next()
		if !ok {
			break
		}
		if complaint != "" {
			return p, &ending{status: 1, err: complaint}
		}
		switch letter {
		case 'h':
			return p, &ending{err: fmt.Sprintf(dumbInitHelp, dumbInitVersion, args[0])}
		case 'V':
			return p, &ending{err: "dumb-init v" + dumbInitVersion + "\n"}
		case 'v':
			p.debug = true
		case 'c':
			p.single = true
		case 'r':
			if !p.rewrite.parse(argument) {
				return p, &ending{status: 1, err: dumbInitRewriteHelp}
			}
		}
	}
	if p.argv = g.args; len(p.argv) == 0 {
		return p, &ending{status: 1, err: fmt.Sprintf("Usage: %[1]s [option] program [args]\nTry %[1]s --help for full usage.\n", args[0])}
	}
	if text, _ := env("DUMB_INIT_DEBUG"); text == "1" {
		p.debug = true
		p.notes = append(p.notes, "Running in debug mode.")
	}
	if text, _ := env("DUMB_INIT_SETSID"); text == "0" {
		p.single = true
		p.notes = append(p.notes, "Not running in setsid mode.")
	}
	if !p.single {
		for _, s := range []signals.Signal{signals.TSTP, signals.TTOU, signals.TTIN} {
			if p.rewrite[s] == -1 {
				p.rewrite[s] = int(signals.STOP)
			}
		}
	}
	return p, nil
}

// parse reads a rule as sscanf(text, "%d:%d") does, which takes no notice of
// what follows.
func (r *rewrite) parse(text string) bool {
	from, n := integer(text)
	if n == 0 || !strings.HasPrefix(text[n:], ":") {
		return false
	}
	to, n := integer(text[n+1:])
	if n == 0 || from < 1 || from > lastRewritten || to < 0 || to > lastRewritten {
		return false
	}
	r[from] = int(to)
	return true
}

// apply gives what s becomes, and whether a rule says so. 0: nothing.
func (r *rewrite) apply(s signals.Signal) (to signals.Signal, ruled bool) {
	if s > lastRewritten || r[s] == -1 {
		return s, false
	}
	return signals.Signal(r[s]), true
}

const dumbInitRewriteHelp = `Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.
This option can be specified multiple times.
Use --help for full usage.
`

const dumbInitHelp = `dumb-init v%s
Usage: %s [option] command [[arg] ...]

dumb-init is a simple process supervisor that forwards signals to children.
It is designed to run as PID1 in minimal container environments.

Optional arguments:
   -c, --single-child   Run in single-child mode.
                        In this mode, signals are only proxied to the
                        direct child and not any of its descendants.
   -r, --rewrite s:r    Rewrite received signal s to new signal r before proxying.
                        To ignore (not proxy) a signal, rewrite it to 0.
                        This option can be specified multiple times.
   -v, --verbose        Print debugging information to stderr.
   -h, --help           Print this help message and exit.
   -V, --version        Print the current version and exit.

Full help is available online at https://github.com/Yelp/dumb-init
`
