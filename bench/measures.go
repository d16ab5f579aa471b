package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// measure is one thing that is looked at. It first lays out its tables; then
// each call of round adds one value to each cell.
type measure struct {
	name    string
	prepare func(*bench) (round func(turn int), tables []*table)
}

var measures = []measure{
	{"startup", startup},
	{"memory", idleMemory},
	{"forward", forwarding},
	{"orphans", orphans},
	{"fleet", fleets},
	{"death", eagerRestarts},
	{"strays", strays},
	{"logs", logFiles},
	{"sv", svClients},
}

func measureNames() (names []string) {
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// bench is one run: what all measures share.
type bench struct {
	options
	scratch  string
	since    time.Time
	tools    toolbox
	wrappers []wrapper
	peers    []peer
	outcome  outcome
}

// measureAll does the whole run and gives the exit status.
func measureAll(o options, scratch string) int {
	b := &bench{options: o, scratch: scratch, since: time.Now()}
	b.outcome.Machine = describeMachine(scratch)
	tools, skipped, err := buildTools(scratch)
	if errors.Is(err, errNoCompiler) {
		fmt.Fprintln(os.Stderr, "bench: everything skipped:", err)
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	b.tools, b.outcome.Skipped = tools, skipped
	if err := b.findSubjects(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}

	var rounds []func(int)
	for _, m := range measures {
		if slices.Contains(o.only, m.name) {
			round, tables := m.prepare(b)
			rounds = append(rounds, round)
			b.outcome.Tables = append(b.outcome.Tables, tables...)
		}
	}
	var done int
	for began, longest := time.Now(), time.Duration(0); another(done, o.rounds, time.Since(b.since), longest, o.limit); done++ {
		for _, round := range rounds {
			round(done)
			if err := b.keep(done); err != nil {
				fmt.Fprintln(os.Stderr, "bench: writing the results:", err)
				return 1
			}
		}
		longest = max(longest, time.Since(began))
		began = time.Now()
	}
	b.outcome.Machine.Rounds = done
	return b.report()
}

// keep writes the results so far, in case that the run is ended before it is over.
func (b *bench) keep(turn int) error {
	if b.markdown == "" {
		return nil
	}
	o := b.conclusion()
	o.Machine.Rounds = turn + 1
	o.unfinished = fmt.Sprintf("not finished: ended in round %d of %d", turn+1, b.rounds)
	return o.writeFiles(b.markdown)
}

// conclusion is the outcome with what follows from the figures: it is measured by nobody.
func (b *bench) conclusion() outcome {
	o := b.outcome
	if further := furtherMemory(o.Tables, b.sizes, b.peerNames()); further != nil {
		at := slices.IndexFunc(o.Tables, func(t *table) bool { return strings.HasPrefix(t.Key, "ask ") })
		o.Tables = slices.Insert(slices.Clone(o.Tables), max(at, 0), further)
	}
	o.Machine.LoadEnd = load()
	o.Goals = judge(knownGoals(b.sizes), o.Tables)
	o.charts = fleetCharts(o.Tables, b.sizes)
	return o
}

// findSubjects keeps the wrappers and peers that are installed and asked for, and names
// what is not installed.
func (b *bench) findSubjects() error {
	var known []string
	for _, w := range knownWrappers(b) {
		known = append(known, w.name)
		if b.wanted(w.name) && b.installed(w.name, w.needs, w.version) {
			b.wrappers = append(b.wrappers, w)
		}
	}
	for _, p := range knownPeers(b) {
		known = append(known, p.name)
		if b.wanted(p.name) && b.installed(p.name, p.needs, p.version) {
			b.peers = append(b.peers, p)
		}
	}
	for _, name := range b.subjects {
		if !slices.Contains(known, name) {
			return fmt.Errorf("-subjects: no row is called %q; there are %s", name, strings.Join(slices.Compact(slices.Sorted(slices.Values(known))), ", "))
		}
	}
	return nil
}

// wanted says whether a row is to be measured. The floor that all are compared with is
// always.
func (b *bench) wanted(name string) bool {
	return len(b.subjects) == 0 || name == bare || slices.Contains(b.subjects, name)
}

func (b *bench) installed(name string, needs []string, version func() (program, version string)) bool {
	for _, program := range needs {
		if why := missing(program); why != "" {
			text := name + ": " + why
			if !slices.Contains(b.outcome.Skipped, text) {
				b.outcome.Skipped = append(b.outcome.Skipped, text)
			}
			return false
		}
	}
	if version != nil {
		b.outcome.Machine.version(version())
	}
	return true
}

func (b *bench) report() int {
	o := b.conclusion()
	if b.json {
		if err := o.writeJSON(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing JSON:", err)
			return 1
		}
	} else {
		o.write(os.Stdout, false)
	}
	if b.markdown != "" {
		if err := o.writeFiles(b.markdown); err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing the results:", err)
			return 1
		}
	}
	if o.failed() {
		fmt.Fprintln(os.Stderr, "bench: not everything could be measured; the reasons stand below the tables")
		return 1
	}
	return 0
}

// progress says what is being measured; on stderr, so that it never mixes with results.
func (b *bench) progress(turn int, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0f s  round %d/%d  %s\n", time.Since(b.since).Seconds(), turn+1, b.rounds, fmt.Sprintf(format, args...))
}
