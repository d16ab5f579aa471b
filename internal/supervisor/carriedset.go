package supervisor

import (
	"math/rand/v2"
	"slices"
	"time"

	"supervise/internal/config"
)

// carriedSet is a set at rest, with nothing decided that is not carried out. What
// follows from the rest (who needs whom, the next deadline) is left out.
type carriedSet struct {
	Services []*carriedService // nil: none at this index
	Free     []int
	Only     []string
	Began    time.Time
	Attended bool
	Stays    bool
	Lone     bool
	Lettered []int
	Rolls    []carriedRoll
}

type carriedService struct {
	Spec  *config.Service
	State *service
}

type carriedRoll struct {
	Todo []int
	Now  int // -1: none
	Left bool
	Why  string
}

// carry gives a set that is not shutting down.
func (set *Set) carry() carriedSet {
	c := carriedSet{Free: set.free, Only: set.only, Began: set.began, Attended: set.attended, Stays: set.stays, Lone: set.lone}
	for _, s := range set.services {
		var one *carriedService
		if s != nil {
			one = &carriedService{s.spec, s}
		}
		c.Services = append(c.Services, one)
	}
	for _, s := range set.lettered {
		c.Lettered = append(c.Lettered, s.index)
	}
	for _, r := range set.rolls {
		roll := carriedRoll{Now: -1, Left: r.left, Why: r.why}
		for _, s := range r.todo {
			if set.services[s.index] == s { // else it is gone, and would be passed over
				roll.Todo = append(roll.Todo, s.index)
			}
		}
		if r.now != nil && set.services[r.now.index] == r.now {
			roll.Now = r.now.index
		}
		c.Rolls = append(c.Rolls, roll)
	}
	return c
}

// restoreSet makes the set that another was.
func restoreSet(c carriedSet, seed uint64) *Set {
	set := &Set{rand: rand.New(rand.NewPCG(seed, 0)), byName: make(map[string]*service, len(c.Services)), free: c.Free, only: c.Only, began: c.Began,
		attended: c.Attended, stays: c.Stays, lone: c.Lone}
	for _, one := range c.Services {
		if one == nil {
			set.services = append(set.services, nil)
			continue
		}
		s := one.State
		s.spec = one.Spec
		set.services = append(set.services, s)
		set.byName[s.spec.Name] = s
		if s.changing {
			set.changing = append(set.changing, s)
		}
		if !s.Due.IsZero() {
			set.remind(s)
		}
	}
	set.link()
	for _, i := range c.Lettered {
		set.lettered = append(set.lettered, set.services[i])
	}
	for _, one := range c.Rolls {
		r := &roll{left: one.Left, why: one.Why}
		for _, i := range one.Todo {
			r.todo = append(r.todo, set.services[i])
		}
		if one.Now >= 0 {
			r.now = set.services[one.Now]
		}
		set.rolls = append(set.rolls, r)
	}
	return set
}

// attention is what has to be begun anew for services as they are: to look at them, to
// watch their files, to wait for their first connection.
func (set *Set) attention() (out []Output) {
	for s := range set.all() {
		do := func(a Action) { out = append(out, Output{s.index, s.spec, a}) }
		switch {
		case !s.looking:
		case s.State == Starting:
			do(LookReady{})
		default:
			if s.spec.Health != nil {
				do(LookHealth{})
			}
			if s.spec.Lazy() && s.spec.IdleStop > 0 {
				do(LookIdle{})
			}
		}
		if s.watching {
			do(WatchFiles{})
		}
		if s.armed {
			do(Arm{})
		}
	}
	return out
}

// making names a service of which a process is being made; "": there is none.
func (set *Set) making() string {
	i := slices.IndexFunc(set.services, func(s *service) bool { return s != nil && (s.forking || s.hook.forking) })
	if i < 0 {
		return ""
	}
	return set.services[i].spec.Name
}
