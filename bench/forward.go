package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// gap is the time between a signal's arrival and the next signal: long enough
// for all to fall asleep again, as they are in life when a signal comes.
const gap = 4 * time.Millisecond

// forwarding measures how long a signal takes through the wrapper to its child.
func forwarding(b *bench) (func(int), []*table) {
	const lost = "lost"
	t := newTable("forward", "Forwarding: from kill(wrapper) until the child's handler runs", b.wrapperNames(),
		metric{Name: "median", Unit: "µs"}, metric{Name: "p99", Unit: "µs"},
		metric{Name: lost, NoRatio: true})
	t.note(fmt.Sprintf("%d signals in each round, each %v after the arrival of the one before; the wrapper is PID 1 of a namespace.", b.amounts.signals, gap))

	return func(turn int) {
		b.progress(turn, "forward")
		for _, w := range rotate(b.wrappers, turn) {
			args := []string{b.tools.path("sender"), strconv.Itoa(b.amounts.signals), strconv.FormatInt(gap.Microseconds(), 10)}
			out, err := b.output(time.Minute, false, append(args, w.run(b.tools.path("echo"))...)...)
			if err != nil {
				t.fail(w.name, err)
				continue
			}
			times, err := parseNanoseconds(out, time.Microsecond)
			if err != nil {
				t.fail(w.name, err)
				continue
			}
			arrived := slices.DeleteFunc(slices.Clone(times), func(v float64) bool { return v < 0 })
			t.add(w.name, lost, float64(len(times)-len(arrived)))
			if len(arrived) > 0 {
				t.add(w.name, "median", median(arrived))
				t.add(w.name, "p99", quantile(arrived, 0.99))
			}
		}
	}, []*table{t}
}
