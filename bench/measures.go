package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	b.findSubjects()

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
		}
		longest = max(longest, time.Since(began))
		began = time.Now()
	}
	b.outcome.Machine.Rounds = done
	b.outcome.Machine.LoadEnd = load()
	b.conclude()
	return b.report()
}

// conclude adds what follows from the figures: it is measured by nobody.
func (b *bench) conclude() {
	tables := b.outcome.Tables
	if further := furtherMemory(tables, b.sizes, b.peerNames()); further != nil {
		at := slices.IndexFunc(tables, func(t *table) bool { return strings.HasPrefix(t.Key, "ask ") })
		tables = slices.Insert(tables, max(at, 0), further)
	}
	b.outcome.Tables = tables
	b.outcome.Goals = judge(knownGoals(b.sizes), tables)
	b.outcome.charts = fleetCharts(tables, b.sizes)
}

// findSubjects keeps the wrappers and peers that are installed, and names the others.
func (b *bench) findSubjects() {
	for _, w := range knownWrappers(b) {
		if b.installed(w.name, w.needs, w.version) {
			b.wrappers = append(b.wrappers, w)
		}
	}
	for _, p := range knownPeers(b) {
		if b.installed(p.name, p.needs, p.version) {
			b.peers = append(b.peers, p)
		}
	}
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
	if b.json {
		if err := b.outcome.writeJSON(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing JSON:", err)
			return 1
		}
	} else {
		b.outcome.write(os.Stdout, false)
	}
	if b.markdown != "" {
		f, err := os.Create(b.markdown)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing the results:", err)
			return 1
		}
		b.outcome.write(f, true)
		err = f.Close()
		for _, c := range b.outcome.charts {
			if err == nil {
				err = os.WriteFile(filepath.Join(filepath.Dir(b.markdown), c.file), []byte(c.svg), 0o644)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing the results:", err)
			return 1
		}
	}
	if b.outcome.failed() {
		fmt.Fprintln(os.Stderr, "bench: not everything could be measured; the reasons stand below the tables")
		return 1
	}
	return 0
}

// progress says what is being measured; on stderr, so that it never mixes with results.
func (b *bench) progress(turn int, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0f s  round %d/%d  %s\n", time.Since(b.since).Seconds(), turn+1, b.rounds, fmt.Sprintf(format, args...))
}
