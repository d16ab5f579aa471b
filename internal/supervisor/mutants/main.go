// Mutants puts mistakes into the supervisor, one at a time, and runs the simulation
// on each until it finds it. Nothing of the tree is changed: the compiler is told to
// read one file from elsewhere (go build -overlay).
//
// It fails if the simulation does not find one, or if what a mutant replaces is not
// there any more.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	schedules := flag.Int("schedules", 100_000, "how many schedules the simulation may take for one mutant")
	seed := flag.Uint64("seed", 1, "the seed of the first")
	from := flag.Int("from", 0, "begin with this mutant, counted from 0")
	most := flag.Int("most", len(mutants), "try so many mutants at most")
	limit := flag.Duration("limit", 10*time.Minute, "how long one mutant may take")
	flag.Parse()
	some := mutants[max(0, min(*from, len(mutants))):]
	some = some[:max(0, min(*most, len(some)))]
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	missed := 0
	for _, m := range some {
		found, err := m.run(dir, *schedules, *seed, *limit)
		if err != nil {
			missed++
			found = "NOT FOUND: " + err.Error()
		}
		fmt.Printf("%s: %s\n    %s\n", m.file, m.what, found)
	}
	_ = os.RemoveAll(dir)
	fmt.Printf("%d of %d found\n", len(some)-missed, len(some))
	if missed > 0 {
		os.Exit(1)
	}
}

// verdict is how the simulation tells of a schedule that failed.
var verdict = regexp.MustCompile(`after \d+ schedules: \[.*`)

// run says after how many schedules, and by which invariant, a mutant was found.
func (m mutant) run(dir string, schedules int, seed uint64, limit time.Duration) (string, error) {
	path, err := filepath.Abs(filepath.Join("internal", m.file))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%w; run it from the top of the tree", err)
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%q is there %d times", m.old, n)
	}
	mutated := filepath.Join(dir, "mutated.go")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		return "", err
	}
	over := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(over, overlay, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "simulation")
	if out, err := exec.Command("go", "test", "-c", "-overlay", over, "-o", binary, "./internal/supervisor").CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %s", out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "-test.run", "^TestSimulation$",
		"-sim.schedules", fmt.Sprint(schedules), "-sim.seed", fmt.Sprint(seed), "-sim.short").CombinedOutput()
	line := verdict.FindString(string(out))
	switch {
	case line != "":
		return line, nil
	case err == nil:
		return "", fmt.Errorf("%d schedules went well", schedules)
	case ctx.Err() != nil:
		return "", errors.New("the simulation takes too long")
	}
	return "", fmt.Errorf("%w: %s", err, out)
}
