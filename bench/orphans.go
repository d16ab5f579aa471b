package main

import (
	"fmt"
	"strconv"
	"time"
)

// Columns of the table; its title has the numbers.
const (
	orphanStream = "in a stream"
	orphanBurst  = "at once"
)

// orphans measures how fast a PID 1 reaps what others leave to it.
func orphans(b *bench) (func(int), []*table) {
	rows := b.wrapperNames(bare)
	t := newTable("orphans", fmt.Sprintf("Orphans: until PID 1 has reaped them all, %s in a stream, %s at once", thousands(b.amounts.streamed), thousands(b.amounts.burst)), rows,
		metric{Name: orphanStream, Unit: "ms"}, metric{Name: orphanBurst, Unit: "ms", Decimals: 1},
		metric{Name: "left", NoRatio: true})
	t.note("The stream's time holds making them, two forks for each; the burst's begins when all of them end. left: processes, zombies too, that are still there 20 s later, both together.")

	return func(turn int) {
		b.progress(turn, "orphans")
		for _, w := range rotate(b.wrappersBut(bare), turn) {
			left := 0
			for _, run := range []struct {
				kind, column string
				count        int
			}{{"stream", orphanStream, b.amounts.streamed}, {"burst", orphanBurst, b.amounts.burst}} {
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
