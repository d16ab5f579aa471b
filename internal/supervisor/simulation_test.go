package supervisor

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The simulation: the owner loop, and below it the set, the machines, the reaper
// and the trees as they are, in a world in memory. Time is that of a
// [synctest.Test]; the processes are those of simulation_kernel_test.go; what
// happens is drawn from a seed, and what must hold is checked after each message
// that the owner has handled. docs/design.md tells more.
//
//	simulation_schedule_test.go   what is drawn, and how a failure is made short
//	simulation_kernel_test.go     the processes
//	simulation_world_test.go      what the loop has around it
//	simulation_services_test.go   configurations
//	simulation_steps_test.go      what happens
//	simulation_wishes_test.go     what was asked for
//	simulation_invariants_test.go what must hold

var (
	simSchedules = flag.Int("sim.schedules", 3000, "how many schedules the simulation plays")
	simSeed      = flag.Uint64("sim.seed", 1, "the seed of the first; 0: another each time")
	simShort     = flag.Bool("sim.short", false, "of a failure, name the invariant only")
	simServices  = flag.String("sim.services", "", "play one schedule, with the services of these numbers, and tell its story")
	simSteps     = flag.String("sim.steps", "", "play one schedule, with the steps of these numbers, and tell its story")
)

func TestSimulation(t *testing.T) {
	if os.Getpid() == 1 {
		t.Fatal("the simulation is not to be run as PID 1")
	}
	seed := *simSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1e12
	}
	if *simServices != "" || *simSteps != "" {
		one := newSchedule(seed)
		var err1, err2 error
		one.services, err1 = parseInts(*simServices, one.services)
		one.steps, err2 = parseInts(*simSteps, one.steps)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		synctest.Test(t, func(t *testing.T) {
			story := &story{}
			problem := play(one, story)
			t.Logf("%s\n%s", one, story)
			if problem != "" {
				t.Error(problem)
			}
		})
		return
	}
	var next atomic.Uint64
	workers := runtime.GOMAXPROCS(0)
	began := time.Now()
	for n := range workers {
		t.Run(fmt.Sprint("worker", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for {
					k := next.Add(1) - 1
					if k >= uint64(*simSchedules) || t.Failed() {
						return
					}
					if problem := play(newSchedule(seed+k), nil); problem != "" {
						next.Store(uint64(*simSchedules))
						report(t, k, seed+k, problem)
						return
					}
				}
			})
		})
	}
	t.Cleanup(func() {
		if !t.Failed() {
			t.Logf("%d schedules from seed %d in %s", *simSchedules, seed, time.Since(began).Round(time.Millisecond))
		}
	})
}

// report shrinks a schedule that failed, and tells its story.
func report(t *testing.T, nth, seed uint64, problem string) {
	if *simShort {
		t.Errorf("after %d schedules: %s", nth+1, problem)
		return
	}
	kind := kindOf(problem)
	short := newSchedule(seed).shrink(func(s schedule) bool { return kindOf(play(s, nil)) == kind })
	story := &story{}
	problem = play(short, story)
	t.Errorf("after %d schedules: %s\n\n%s\nAgain: %s", nth+1, problem, story, short)
}

// kindOf is the invariant that a problem is about: "[name] words".
func kindOf(problem string) string {
	kind, _, _ := strings.Cut(problem, "]")
	return kind
}

// story is what happened, for a reader; nil: nobody reads.
type story struct{ strings.Builder }
