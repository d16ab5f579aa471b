package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// startup measures what a wrapper adds to the run of a program that does nothing.
func startup(b *bench) (func(int), []*table) {
	const above = ", above nothing"
	rows := append(b.wrapperNames(), b.goFloorRow()...)
	t := newTable("startup", "Start-up: /bin/true run through a wrapper", rows,
		metric{Name: "run", Unit: "ms", Decimals: 2},
		metric{Name: "run" + above, Unit: "ms", Decimals: 2, NoRatio: true},
		metric{Name: "as PID 1", Unit: "ms", Decimals: 2},
		metric{Name: "as PID 1" + above, Unit: "ms", Decimals: 2, NoRatio: true})
	t.note(fmt.Sprintf("Medians of %d runs in each round. As PID 1: of new PID and mount namespaces, making them included. Above nothing: with the run through nothing subtracted, round by round.", b.amounts.starts))
	if len(b.goFloorRow()) > 0 {
		t.note("Go floor: a Go program that ends at once, in place of wrapper and /bin/true.")
	}

	commands := map[string][]string{}
	for _, w := range b.wrappers {
		commands[w.name] = w.run("/bin/true")
	}
	commands[goFloor] = []string{b.tools.path("gosleep"), "end"}

	return func(turn int) {
		b.progress(turn, "startup")
		for _, way := range []struct{ flag, column string }{{"", "run"}, {"-n", "as PID 1"}} {
			took := map[string][]float64{}
			const blocks = 5 // what disturbs the machine for a moment should not hit one row only
			for block := range blocks {
				for _, row := range rotate(rows, turn+block) {
					times, err := b.starts(way.flag, max(1, b.amounts.starts/blocks), commands[row])
					if err != nil {
						t.fail(row, err)
						continue
					}
					took[row] = append(took[row], times...)
				}
			}
			for _, row := range rows {
				if len(took[row]) == 0 {
					continue
				}
				t.add(row, way.column, median(took[row]))
				if row != bare && len(took[bare]) > 0 {
					t.add(row, way.column+above, median(took[row])-median(took[bare]))
				}
			}
		}
	}, []*table{t}
}

// starts gives the milliseconds of each of count runs.
func (b *bench) starts(flag string, count int, command []string) ([]float64, error) {
	args := []string{b.tools.path("starts")}
	if flag != "" {
		args = append(args, flag)
	}
	args = append(append(args, strconv.Itoa(count)), command...)
	out, err := b.output(time.Minute, false, args...)
	if err != nil {
		return nil, err
	}
	return parseNanoseconds(out, time.Millisecond)
}

// parseNanoseconds reads one number a line and gives them in the unit; negative
// ones, which stand for "didn't happen", stay -1.
func parseNanoseconds(text string, unit time.Duration) ([]float64, error) {
	var values []float64
	for line := range strings.Lines(text) {
		ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("expected nanoseconds, got %q", strings.TrimSpace(line))
		}
		value := float64(ns) / float64(unit)
		if ns < 0 {
			value = -1
		}
		values = append(values, value)
	}
	return values, nil
}

// goFloorRow is the name of the Go floor's row, when it could be built.
func (b *bench) goFloorRow() []string {
	if b.tools.has("gosleep") {
		return []string{goFloor}
	}
	return nil
}
