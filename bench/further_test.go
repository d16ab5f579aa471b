package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFurtherMemoryIsTheSlopeOfEachRound(t *testing.T) {
	few, many := sleepers(10, nil), sleepers(100, nil)
	for _, v := range []float64{10, 11} {
		few.add(superviseFleet, fleetMemory, v)
		many.add(superviseFleet, fleetMemory, v+0.9)
	}
	many.add("runit", fleetMemory, 9) // nothing to compare it with
	got := furtherMemory([]*table{few, many}, []int{10, 100, 1000}, []string{superviseFleet, "runit"})
	if got == nil || len(got.Metrics) != 1 || got.Metrics[0].Name != "10 to 100" {
		t.Fatalf("columns: %+v", got)
	}
	for _, v := range got.values(superviseFleet, "10 to 100") {
		if v < 10.23 || v > 10.25 { // 0.9 MB for 90 services
			t.Errorf("a further service costs %v KB, want 10.24", v)
		}
	}
	if n := len(got.values(superviseFleet, "10 to 100")); n != 2 {
		t.Errorf("%d rounds, want 2", n)
	}
	if v := got.values("runit", "10 to 100"); v != nil {
		t.Errorf("a slope out of one size: %v", v)
	}
}

func TestOneSizeHasNoSlope(t *testing.T) {
	if got := furtherMemory([]*table{sleepers(10, nil)}, []int{10}, []string{superviseFleet}); got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestFleetsThatAreTooLargeAreNamed(t *testing.T) {
	machine := room{processes: 32768, descriptors: 20000, memoryKB: 16 << 20}
	for _, c := range []struct {
		size int
		each footprint
		want string
	}{
		{10000, footprint{processes: 1}, ""},
		{10000, footprint{processes: 1, descriptors: 1}, ""},
		{10000, footprint{processes: 2}, "needs 20,000 processes, more than half of the 32,768 that there can be"},
		{10000, footprint{processes: 1, descriptors: 4}, "needs 40,000 descriptors, and a process may have 20,000"},
		{1000, footprint{processes: 2, descriptors: 4}, ""},
	} {
		if got := machine.lacks(c.size, c.each); got != c.want {
			t.Errorf("%d services of %+v: %q, want %q", c.size, c.each, got, c.want)
		}
	}
	machine.memoryKB = 4 << 20
	if got := machine.lacks(10000, footprint{processes: 1}); got != "10,000 processes may need 2,929 MB, more than half of the 4,096 MB that are free" {
		t.Errorf("without memory: %q", got)
	}
}

func TestPeersSayWhatTheyCannotHave(t *testing.T) {
	machine := room{processes: 1 << 22, descriptors: 1 << 20, memoryKB: 1 << 30}
	if got := (peer{most: 1000}).refuses(1001, machine); got != "takes at most 1,000 services" {
		t.Errorf("got %q", got)
	}
	if got := (peer{most: 1000}).refuses(1000, machine); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestRoundsEndBeforeTheLimit(t *testing.T) {
	const m = time.Minute
	for _, c := range []struct {
		done, wanted           int
		elapsed, longest, most time.Duration
		want                   bool
	}{
		{0, 3, m, 0, m, true}, // one there is always
		{1, 3, 8 * m, 7 * m, 25 * m, true},
		{2, 3, 16 * m, 8 * m, 25 * m, false}, // 24 of 22.5 minutes
		{2, 3, 14 * m, 7 * m, 25 * m, true},
		{3, 3, m, m, 25 * m, false},
	} {
		if got := another(c.done, c.wanted, c.elapsed, c.longest, c.most); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestSpendDoesTheLeastWithoutABudget(t *testing.T) {
	var calls []int
	err := spend(2, 5, 0, func(i int) error { calls = append(calls, i); return nil })
	if diff := cmp.Diff([]int{0, 1}, calls); err != nil || diff != "" {
		t.Error(err, diff)
	}
	calls = nil
	err = spend(2, 5, time.Hour, func(i int) error { calls = append(calls, i); return nil })
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, calls); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
