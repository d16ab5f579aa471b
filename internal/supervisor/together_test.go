package supervisor

import (
	"slices"
	"testing"
	"time"

	"supervise/internal/config"
	"supervise/internal/policy"
)

func (s *stage) roll(names ...string) *stage {
	var indexes []int
	for _, name := range names {
		indexes = append(indexes, s.Index(name))
	}
	s.Roll(indexes, "test", s.now)
	return s.play()
}

// rolled says to whom a roll has still to come, or has come and is not over.
func (s *stage) rolled(want ...string) *stage {
	s.t.Helper()
	var got []string
	for i := range s.services {
		if s.Status(i, s.now).Rolling {
			got = append(got, s.services[i].spec.Name)
		}
	}
	if !slices.Equal(got, want) {
		s.t.Fatalf("%q are being rolled, want %q", got, want)
	}
	return s
}

func TestRollGoesOnWhenTheOneBeforeIsReady(t *testing.T) {
	s := newStage(t, named("a"), task("b"), named("c")).begin()
	s.exit("b", 0)
	s.did = nil
	s.roll("a", "b", "c").want("TERM a").rolled("a", "b", "c")
	if got := s.status("c").Next; got != "restarts when its turn comes" {
		t.Errorf("got %q", got)
	}
	s.exit("a", 0).want("start a", "start b").rolled("b", "c")
	s.exit("b", 0).want("TERM c").rolled("c") // a task is up when it has succeeded
	s.exit("c", 0).want("start c").rolled()
}

func TestRollEndsAtTheFirstThatDoesNotComeUp(t *testing.T) {
	bad := named("b")
	bad.Ready = &config.Probe{Kind: config.ProbeNotify}
	s := newStage(t, named("a"), bad, named("c"))
	s.begin()
	s.Apply(s.Index("b"), IsReady{}, s.now)
	s.play()
	s.did = nil
	s.roll("a", "b", "c").exit("a", 0).want("TERM a", "start a", "TERM b")
	s.exit("b", 0).want("start b").rolled("b", "c")
	s.exit("b", 1).want().rolled()
	s.states("a running, b backoff, c running")
}

func TestRollEndsWhereItWouldWaitForEver(t *testing.T) {
	s := newStage(t, named("a", "job"), task("job"), named("b")).begin()
	s.exit("job", 1).states("a waiting, job failed, b running")
	s.did = nil
	s.roll("a", "b").rolled("a", "b").want("start job")
	s.exit("job", 1).rolled().states("a waiting, job failed, b running")
}

func TestBootStepsAreOfTheBeginning(t *testing.T) {
	late := named("late")
	late.Autostart = false
	s := newStage(t, named("up"), task("bad"), named("needy", "bad"), late).begin()
	s.Apply(s.Index("bad"), Exited{Exit: policy.Exit{Code: 1}}, s.now)
	s.play()
	s.now = s.now.Add(time.Hour)
	s.Start(s.Index("late"), "test", s.now)
	s.play()
	var got []string
	for _, step := range s.BootSteps() {
		name := step.Name
		if step.Ready.IsZero() {
			name += " is missing"
		}
		got = append(got, name)
	}
	if want := []string{"up", "bad is missing", "needy is missing"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
