package supervisor

import (
	"fmt"
	"time"

	"supervise/internal/event"
	"supervise/internal/tree"
)

// tellBlocked sees to it that a rung that takes long is told of: with whom it
// is that does not end, what keeps each, and what comes next.
func (l *Loop) tellBlocked(service int) {
	m := l.set.Machine(service)
	if l.BlockedAfter > 0 && m.State == Stopping {
		set, due := l.set, m.Due
		time.AfterFunc(l.BlockedAfter, func() { l.Send(rungLooked{set, service, due}) })
	}
}

// rungLooked: it is time to look how far a rung has come, the one that ends at
// due.
type rungLooked struct {
	set     *Set
	service int
	due     time.Time
}

func (r rungLooked) handle(l *Loop) {
	if l.set != r.set || l.set.Spec(r.service) == nil || !l.Sink.Wants(event.StopBlocked) { // a reload may have removed it
		return
	}
	now := time.Now()
	st := l.set.Status(r.service, now)
	if st.State != Stopping || !st.Due.Equal(r.due) {
		return // it is over, or another rung is on
	}
	if why := tree.Blockers(l.trees[r.service].Living(), st.Rung); why != "" {
		l.tell(r.service, event.Event{Name: event.StopBlocked, Signal: st.Rung, PID: st.PID, Why: fmt.Sprintf("%s; %s", why, st.Next)})
	}
}
