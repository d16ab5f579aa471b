package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what came of it.
type report struct {
	Services         int
	Seed             uint64
	Took             time.Duration
	Acts             map[string]int           // what was done, by kind
	Spent            map[string]time.Duration // on these
	Unanswered       int                      // requests without an answer
	Starts, Restarts int
	Orphans          int
	Lines            tally
	Rests            []measures // the first is the beginning
	Compared         int        // states that were held against the model
	Left             int        // processes that a killed supervise had left, and the next one has ended
	Missing          []string
	Wrong            []string
}

func (r *report) wrong(format string, a ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, a...))
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d services, %s, seed %d\n\ndone:\n", r.Services, r.Took.Round(time.Second), r.Seed)
	total := 0
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, kind := range slices.Sorted(maps.Keys(r.Acts)) {
		fmt.Fprintf(w, "  %s\t%d\t%.1fs\n", kind, r.Acts[kind], r.Spent[kind].Seconds())
		total += r.Acts[kind]
	}
	fmt.Fprintf(w, "  together\t%d\t(%d requests without an answer)\n", total, r.Unanswered)
	w.Flush()
	for _, m := range r.Missing {
		fmt.Fprintln(&b, "  not done here:", m)
	}
	fmt.Fprintf(&b, "\nstarts %d, restarts among them %d, orphans reaped %d\n", r.Starts, r.Restarts, r.Orphans)
	fmt.Fprintln(&b, "lines:", r.Lines)
	fmt.Fprintf(&b, "states: %d held against the model; killed hard: %d processes left, all ended by the next up\n\n", r.Compared, r.Left)
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "after\tacts\tdescriptors\tthreads\tanonymous KB\tresident KB\tzombies\t")
	for _, m := range r.Rests {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", m.At.Round(time.Second), m.Acts, m.Descriptors, m.Threads, m.AnonKB, m.ResidentKB, m.Zombies)
	}
	w.Flush()
	if len(r.Rests) > 1 {
		fmt.Fprintln(&b, trendOf(r.Rests))
	}
	b.WriteString("\n")
	for _, text := range r.Wrong {
		fmt.Fprintln(&b, "WRONG:", text)
	}
	if len(r.Wrong) == 0 {
		b.WriteString("all is as it should be\n")
	}
	return b.String()
}
