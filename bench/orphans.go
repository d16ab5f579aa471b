package main

import (
	"fmt"
	"strconv"
	"time"
)

// orphans measures how fast a PID 1 reaps what others leave to it.
func orphans(b *bench) (func(int), []*table) {
	rows := b.wrapperNames(bare)
	stream := fmt.Sprintf("%d in a stream", b.amounts.streamed)
	burst := fmt.Sprintf("%d at once", b.amounts.burst)
	t := newTable("Orphans: until PID 1 has reaped them all", rows,
		metric{Name: stream, Unit: "ms"}, metric{Name: burst, Unit: "ms", Decimals: 1},
		metric{Name: "left", NoRatio: true})
	t.note("The stream's time holds making them, two forks for each; the burst's begins when all of them end. left: processes, zombies too, that are still there 20 s later, both together.")

	return func(turn int) {
		b.progress(turn, "orphans")
		for _, w := range rotate(b.wrappersBut(bare), turn) {
			left := 0
			for _, run := range []struct {
				kind, column string
				count        int
			}{{"stream", stream, b.amounts.streamed}, {"burst", burst, b.amounts.burst}} {
				command := w.run(b.tools.path("orphans"), run.kind, strconv.Itoa(run.count))
				out, err := b.output(2*time.Minute, true, append([]string{b.tools.path("stage")}, command...)...)
				if err != nil {
					t.fail(w.name, err)
					continue
				}
				var ns, unreaped int
				if _, err := fmt.Sscan(out, &ns, &unreaped); err != nil {
					t.fail(w.name, fmt.Errorf("%s of orphans: expected two numbers, got %q", run.kind, out))
					continue
				}
				left += unreaped
				t.add(w.name, run.column, float64(ns)/1e6)
			}
			t.add(w.name, "left", float64(left))
		}
	}, []*table{t}
}
