package supervisor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// schedule is all that is drawn of one run of the simulation. What a service is
// and what happens at a step is drawn from the seed and its number alone, so
// that any other may be left out.
type schedule struct {
	seed     uint64
	services []int // their numbers
	steps    []int
}

// The most of a schedule that is not shrunk.
const (
	mostServices = 6
	mostSteps    = 60
)

// newSchedule draws how long it is.
func newSchedule(seed uint64) schedule {
	d := diceFor(seed, 0)
	return schedule{seed, upTo(d.n(mostServices) + 1), upTo(d.n(mostSteps) + 1)}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// dice are what is drawn from. Each use of them has its own number.
type dice struct{ pcg rand.PCG }

// The numbers of dice: 0 is for the schedule as a whole.
const (
	diceOfServices = 1
	diceOfSteps    = 1000
)

func diceFor(seed, number uint64) *dice {
	d := &dice{}
	d.pcg.Seed(seed, number)
	d.pcg.Uint64() // the first of neighbours are alike
	return d
}

// n is a number below most.
func (d *dice) n(most int) int { return int(d.pcg.Uint64() >> 33 % uint64(most)) }

// one says yes in one of so many cases.
func (d *dice) one(of int) bool { return d.n(of) == 0 }

func (d *dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.pcg.Uint64()%uint64(most-least+1))
}

// seconds are whole ones, so that several things come at one moment.
func (d *dice) seconds(least, most int) time.Duration {
	return time.Duration(least+d.n(most-least+1)) * time.Second
}

func pick[T any](d *dice, from ...T) T { return from[d.n(len(from))] }

// shrink leaves out what a failure can do without: services, then steps, first
// many at once. fails plays a schedule.
func (s schedule) shrink(fails func(schedule) bool) schedule {
	for shrunk := true; shrunk; {
		shrunk = false
		for _, part := range []func(*schedule) *[]int{
			func(s *schedule) *[]int { return &s.steps },
			func(s *schedule) *[]int { return &s.services },
		} {
			for size := len(*part(&s)); size > 0; size /= 2 {
				for at := 0; at+size <= len(*part(&s)); {
					less := schedule{s.seed, slices.Clone(s.services), slices.Clone(s.steps)}
					*part(&less) = slices.Delete(*part(&less), at, at+size)
					if fails(less) {
						s, shrunk = less, true
					} else {
						at += size
					}
				}
			}
		}
	}
	return s
}

// String is how make sim is told of it.
func (s schedule) String() string {
	return fmt.Sprintf("make sim SEED=%d SERVICES=%s STEPS=%s", s.seed, joinInts(s.services), joinInts(s.steps))
}

func joinInts(all []int) string {
	if len(all) == 0 {
		return "none"
	}
	var texts []string
	for _, n := range all {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ",")
}

// parseInts is the other way round; "" is those that are drawn.
func parseInts(text string, drawn []int) ([]int, error) {
	switch text {
	case "":
		return drawn, nil
	case "none":
		return nil, nil
	}
	var all []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no list of numbers", text)
		}
		all = append(all, n)
	}
	return all, nil
}
