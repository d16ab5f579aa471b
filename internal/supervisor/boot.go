package supervisor

import (
	"slices"
	"strings"
	"time"

	"supervise/internal/config"
)

// BootStep is how one service came up for the first time.
type BootStep struct {
	Name string
	Boot
	For      string // the last that it waited for; "": nothing
	Critical bool   // the whole start would have been quicker, had this been
}

// Began is when the services were asked for that are to start by themselves;
// zero: not yet.
func (set *Set) Began() time.Time { return set.began }

// atBoot says whether the service was asked for at the beginning, rather than by
// somebody later.
func (set *Set) atBoot(s *service) bool {
	return !s.Boot.Asked.IsZero() && s.Boot.Asked.Equal(set.began)
}

// BootSteps tells how the services came up that were asked for at the beginning:
// in the order in which they were ready. The critical path leads from the last of
// them back, each time to what it waited for longest. Those that have not come up
// follow, by name.
func (set *Set) BootSteps() []BootStep {
	var steps, missing []BootStep
	var critical []*service
	for s := range set.all() {
		switch {
		case !set.atBoot(s):
		case s.Boot.Ready.IsZero():
			missing = append(missing, BootStep{Name: s.spec.Name, Boot: s.Boot, For: nameOf(s.waitedFor())})
		default:
			steps = append(steps, BootStep{Name: s.spec.Name, Boot: s.Boot, For: nameOf(s.waitedFor())})
		}
	}
	slices.SortStableFunc(steps, func(a, b BootStep) int { return a.Ready.Compare(b.Ready) })
	for i := len(steps) - 1; i >= 0 && steps[i].Ready.Equal(steps[len(steps)-1].Ready); i-- {
		if path := set.byName[steps[i].Name].path(); len(path) > len(critical) {
			critical = path
		}
	}
	for i := range steps {
		steps[i].Critical = slices.Contains(critical, set.byName[steps[i].Name])
	}
	slices.SortFunc(missing, func(a, b BootStep) int { return strings.Compare(a.Name, b.Name) })
	return append(steps, missing...)
}

// path leads from s back, each time to what was waited for last.
func (s *service) path() (path []*service) {
	for ; s != nil && !slices.Contains(path, s); s = s.waitedFor() {
		path = append(path, s)
	}
	return path
}

func nameOf(s *service) string {
	if s == nil {
		return ""
	}
	return s.spec.Name
}

// waitedFor is the service that s waited for last before it went; nil: it did
// not have to wait.
func (s *service) waitedFor() *service {
	var last *service
	var lastAt time.Time
	consider := func(n *service, at time.Time) {
		if !at.Before(s.Boot.Asked) && !at.After(s.Boot.Went) && at.After(lastAt) {
			last, lastAt = n, at
		}
	}
	for _, n := range s.needs {
		at := n.Boot.Ready
		if n.For == config.NeedStarted {
			at = n.Boot.Forked
		}
		consider(n.service, at)
	}
	for _, a := range s.after {
		consider(a, a.Boot.Ready)
	}
	return last
}
