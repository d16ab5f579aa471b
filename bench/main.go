// Command bench measures supervise beside the other supervisors and wrappers
// that are installed, all in one run, and prints what it found.
//
//	go run ./bench -supervise bin/supervise
//	go run ./bench -quick
//	go run ./bench -only fleet -sizes 100,1000 -rounds 5 -o bench/RESULTS.md
//
// README.md beside this file says what is measured and how to read it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	supervise string
	only      []string
	subjects  []string // empty: all
	sizes     []int
	rounds    int
	quick     bool
	json      bool
	markdown  string
	limit     time.Duration
	amounts   amounts
}

// amounts are how much of everything is done in one round.
type amounts struct {
	starts       int           // runs of /bin/true per wrapper
	signals      int           // signals per wrapper
	streamed     int           // orphans one after the other
	burst        int           // orphans at once
	settle       time.Duration // from the last event until all is at rest; above 1 s, the horizon of most peers
	idle         time.Duration // the window in which wake-ups are counted
	kills        int           // services killed, one after the other
	deaths       int           // of one service that is restarted eagerly
	dying        time.Duration // no longer than this
	questions    int           // times that a fleet is asked the same
	asking       time.Duration // no longer than this
	eagerServing int           // services in the fleet that is restarted eagerly
	logged       int           // bytes of output
}

var (
	full  = amounts{starts: 50, signals: 1000, streamed: 20000, burst: 1500, settle: 2 * time.Second, idle: 5 * time.Second, kills: 20, deaths: 200, dying: 4 * time.Second, questions: 5, asking: time.Second, eagerServing: 10, logged: 256 << 20}
	quick = amounts{starts: 5, signals: 50, streamed: 500, burst: 200, settle: 100 * time.Millisecond, idle: 100 * time.Millisecond, kills: 1, deaths: 2, dying: time.Second, questions: 1, asking: time.Second, eagerServing: 5, logged: 4 << 20}
)

// init keeps main on the first thread: the parent-death signal, by which
// everything ends with us, comes when the *thread* ends that started a process.
func init() { runtime.LockOSThread() }

func main() {
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	scratch := os.Getenv(scratchVar)
	if scratch == "" {
		os.Exit(runIsolated(o.limit))
	}
	if err := enterNamespace(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(measureAll(o, scratch))
}

func parseOptions(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.StringVar(&o.supervise, "supervise", "bin/supervise", "the supervise `binary` to measure; left out when it doesn't exist")
	only := f.String("only", "", "measures, comma-separated: "+strings.Join(measureNames(), ", ")+"; wrapper means the first four, fleets the next two")
	subjects := f.String("subjects", "", "only these rows, comma-separated, as the tables call them: \"tini,supervise\"")
	sizes := f.String("sizes", "10,100,1000,10000", "numbers of services in a fleet")
	f.IntVar(&o.rounds, "rounds", 3, "rounds, each with every subject once; fewer when the next would not fit into -limit")
	logged := f.Int("log-mib", full.logged>>20, "`MiB` of output that each log tool is given")
	f.BoolVar(&o.quick, "quick", false, "small numbers, one round: shows that everything works, in less than 30 s; the figures mean nothing")
	f.BoolVar(&o.json, "json", false, "print JSON, with the value of every round")
	f.StringVar(&o.markdown, "o", "", "also write Markdown to this `file`, and charts beside it")
	f.DurationVar(&o.limit, "limit", 25*time.Minute, "end everything when it takes longer than this")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	o.amounts = full
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.quick {
		o.amounts = quick
		if !given["rounds"] {
			o.rounds = 1
		}
		if !given["sizes"] {
			*sizes = "10"
		}
	}
	if given["log-mib"] {
		if *logged < 1 {
			return o, fmt.Errorf("-log-mib %d: at least one is needed", *logged)
		}
		o.amounts.logged = *logged << 20
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("-rounds %d: at least one is needed", o.rounds)
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return o, fmt.Errorf("-sizes %s: %q is no number of services", *sizes, text)
		}
		o.sizes = append(o.sizes, n)
	}
	o.only, err = chooseMeasures(*only)
	if err != nil {
		return o, err
	}
	if *subjects != "" {
		o.subjects = strings.Split(*subjects, ",")
	}
	o.supervise, err = filepath.Abs(o.supervise)
	return o, err
}

// chooseMeasures reads the list of -only; all measures when it is empty.
func chooseMeasures(list string) ([]string, error) {
	names := measureNames()
	if list == "" {
		return names, nil
	}
	var chosen []string
	for name := range strings.SplitSeq(list, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "wrapper":
			chosen = append(chosen, names[:4]...)
		case name == "fleets":
			chosen = append(chosen, names[4:7]...)
		case slices.Contains(names, name):
			chosen = append(chosen, name)
		default:
			return nil, fmt.Errorf("-only: no measure is called %q; there are wrapper, fleets, %s", name, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}
