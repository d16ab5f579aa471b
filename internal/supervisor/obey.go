package supervisor

import (
	"slices"
	"time"

	"supervise/internal/runit"
)

// maxLetters bounds the letters that wait for a script to end: as many as a pipe
// takes that nobody reads.
const maxLetters = 64 << 10

// Letter takes a letter of runit's for a service. Letters are obeyed in their
// order, each when what the one before it began does not stand in its way.
func (set *Set) Letter(index int, c byte, now time.Time) {
	s := set.services[index]
	if s == nil || len(s.letters) == maxLetters {
		return
	}
	if len(s.letters) == 0 {
		set.lettered = append(set.lettered, s)
	}
	s.letters = append(s.letters, c)
	set.settleQueue(now)
}

// obeyOne obeys the first letter of the first service that can, and says whether
// there was one.
func (set *Set) obeyOne(now time.Time) bool {
	at := slices.IndexFunc(set.lettered, func(s *service) bool { return !s.Busy() })
	if at < 0 {
		return false
	}
	s := set.lettered[at]
	c := s.letters[0]
	if s.letters = s.letters[1:]; len(s.letters) == 0 {
		s.letters, set.lettered = nil, slices.Delete(set.lettered, at, at+1)
	}
	if set.services[s.index] != s { // forgotten meanwhile
		return true
	}
	why := "letter " + string(rune(c)) + " received"
	if c == 'u' || c == 'd' || c == 'o' {
		set.comeBack(s, why, now)
	}
	switch {
	case c == 'u' && !set.shut:
		set.start(s, why, now)
	case c == 'o' && !set.shut:
		set.once(s, why, now)
	case c == 'd':
		s.byHand = true
		stopping := s.State == Stopping
		set.walk++
		set.stop(s, why)
		if stopping {
			set.feed(s, Stop{Why: why}, now)
			set.feed(s, Letter{c}, now)
		}
	case c == 'x' && s.spec.Runit.Writer == "":
		stopping := s.State == Stopping
		set.leave(s, why)
		if stopping {
			set.feed(s, Leave{Why: why}, now)
			set.feed(s, Letter{c}, now)
		}
	case c != 'u' && c != 'o' && c != 'x':
		set.feed(s, Letter{c}, now)
	}
	set.touch(s)
	return true
}

// once asks for one run of a service.
func (set *Set) once(s *service, why string, now time.Time) {
	if s.leaves || s.newer != nil || s.again {
		return // it is on its way out, or is being changed
	}
	s.byHand = false
	set.disarm(s)
	if s.State.Settled() || s.State == Backoff {
		set.startNeeds(s, now)
	}
	set.feed(s, Once{Why: why}, now)
}

// leave has a service stop for good, and its log service after it.
func (set *Set) leave(s *service, why string) {
	for _, s := range []*service{s, set.byName[s.spec.Runit.Reader]} {
		if s == nil || s.leaves {
			continue
		}
		set.disarm(s)
		s.leaves, s.exits, s.again, s.toRestart = true, true, false, ""
		if !s.State.Settled() {
			s.toStop = why
		}
		set.underWay(s)
		set.look(s)
		set.touch(s)
	}
}

// comeBack: another letter takes the place of an x that has not had its effect yet.
func (set *Set) comeBack(s *service, why string, now time.Time) {
	if !s.exits || s.State.Settled() || set.shut {
		return
	}
	for _, s := range []*service{s, set.byName[s.spec.Runit.Reader]} {
		if s != nil && s.exits {
			s.leaves, s.exits, s.toStop = false, false, ""
			set.touch(s)
		}
	}
	set.feed(s, Stop{Why: why}, now) // what the letter itself asks for comes after it
}

// Stay says that the set is not finished when nothing is left that could run:
// other services may come, or with lone, as long as this one does not leave.
func (set *Set) Stay(lone bool) { set.stays, set.lone = true, lone }

// touch notes that the files of a service may tell something else now.
func (set *Set) touch(s *service) {
	if s.spec.Runit != nil && !s.touched {
		s.touched = true
		set.touched = append(set.touched, s)
	}
}

// Touched hands over the services whose files may tell something else than at the
// last call.
func (set *Set) Touched() (indexes []int) {
	for _, s := range set.touched {
		s.touched = false
		if set.services[s.index] == s {
			indexes = append(indexes, s.index)
		}
	}
	set.touched = set.touched[:0]
	return indexes
}

// Runit is what the files of a service are to tell.
func (set *Set) Runit(index int) runit.Status {
	s := set.services[index]
	st := s.Machine.Runit()
	switch {
	case s.leaves, set.shut && !s.State.Settled():
		st.Want = runit.WantExit
	case s.toStop != "" && st.Want == runit.WantUp:
		st.Want = runit.WantDown
	}
	return st
}
