package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"supervise/internal/needed"
)

func TestMain(m *testing.M) {
	if role(os.Args) {
		return
	}
	os.Exit(m.Run())
}

// TestChaos is a short run. What it does is bounded by its number, not by time, and
// whatever it waits for it waits for long; CHAOS_SEED plays it again.
func TestChaos(t *testing.T) {
	needed.That(t, os.Geteuid() == 0, "root")
	needed.Program(t, "unshare")
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CHAOS_SEED=%d", seed)
	binary := filepath.Join(t.TempDir(), "supervise")
	if out, err := exec.Command("make", "--no-print-directory", "-C", "../..", "build", "BIN="+binary).CombinedOutput(); err != nil {
		t.Fatalf("cannot build supervise: %v\n%s", err, out)
	}
	r, err := run(t.Context(), order{Supervise: binary, Services: 20, Time: time.Minute, Actions: 120, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
	if len(r.Wrong) > 0 {
		t.Error(r.Wrong)
	}
}

// What counts lines has to see what is wrong with them.
func TestLedgerSeesWhatIsWrong(t *testing.T) {
	line := func(n int) string {
		return strings.TrimSpace(strings.Join([]string{lineMark, "a", "1-1", strconv.Itoa(n), strings.Repeat("x", n%64)}, " ")) + "\n"
	}
	for name, c := range map[string]struct {
		text string
		want tally
	}{
		"all":        {line(1) + "runtime: whatever\n" + line(2) + line(3), tally{Runs: 1, Written: 3, Kept: 3, Foreign: 1}},
		"in between": {line(1) + "runtime: threads (have " + line(2) + "5 already)\n" + line(3), tally{Runs: 1, Written: 3, Kept: 3, Foreign: 2}},
		"one more":   {line(1) + line(2) + line(3) + line(4), tally{Runs: 1, Written: 3, Kept: 4}}, // it was under way
		"lost":       {line(1) + line(3), tally{Runs: 1, Written: 3, Kept: 2, Lost: 1}},
		"the last":   {line(1), tally{Runs: 1, Written: 3, Kept: 1, Lost: 2}},
		"none":       {"", tally{Runs: 1, Written: 3, Lost: 3}},
		"twice":      {line(1) + line(2) + line(2) + line(3), tally{Runs: 1, Written: 3, Kept: 4, Twice: 1}},
		"exchanged":  {line(1) + line(3) + line(2), tally{Runs: 1, Written: 3, Kept: 3, Disordered: 1}},
		"cut":        {line(1) + line(2) + line(3)[:16] + "\n", tally{Runs: 1, Written: 3, Kept: 2, Lost: 1, Disordered: 1}},
		"too many":   {line(1) + line(2) + line(3) + line(4) + line(5), tally{Runs: 1, Written: 3, Kept: 5, Disordered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			journal := t.TempDir()
			note := make([]byte, noteSize)
			note[0], note[8] = 4, 3 // the fourth was under way; the numbers are little-endian here
			if err := os.WriteFile(filepath.Join(journal, "a.1-1"), note, 0o600); err != nil {
				t.Fatal(err)
			}
			l := newLedger()
			if err := l.read(strings.NewReader(c.text)); err != nil {
				t.Fatal(err)
			}
			got, err := l.settle(journal)
			if err != nil {
				t.Fatal(err)
			}
			if got.Examples = nil; got.String() != c.want.String() {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// What grows a little at each rest is not flat; what comes to what it needs and goes up
// and down from there is.
func TestMemoryThatGrowsIsSeen(t *testing.T) {
	leaking := []int{7000, 8000, 9000, 10000, 11000, 12000, 13000, 14000, 15000}
	// A run of six minutes with 40 services.
	flat := []int{7128, 9420, 9308, 10320, 10568, 11012, 10304, 10328, 10916, 11120, 11012, 10636, 10080}
	for name, c := range map[string]struct {
		anon  []int
		wrong int
	}{
		"flat":           {flat, 0},
		"leaking":        {leaking, 1},
		"leaking late":   {append(slices.Clone(flat), 11500, 12100, 12700, 13300, 13900, 14500), 1},
		"falling":        {[]int{9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000}, 0},
		"few":            {[]int{7000, 17000, 18000}, 0},
		"few and double": {[]int{7000, 17000, 34000}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var rests []measures
			for i, kb := range c.anon {
				rests = append(rests, measures{At: time.Duration(i) * partTime, AnonKB: kb, Threads: 14})
			}
			if got := grown(rests); len(got) != c.wrong {
				t.Errorf("got %q; %s", got, trendOf(rests))
			}
		})
	}
	if got := grown([]measures{{Threads: 14}, {Threads: 14}, {Threads: 30}}); len(got) != 1 {
		t.Errorf("threads: %q", got)
	}
}
