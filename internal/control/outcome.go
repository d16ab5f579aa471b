package control

import (
	"context"
	"errors"
	"slices"
	"time"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/http1"
	"supervise/internal/supervisor"
)

// verdict is whether something has happened to a service.
type verdict int

const (
	notYet verdict = iota
	happened
	never    // and will not by itself
	passedBy // never, since a rolling restart ended before it came to it
)

// condition says whether something has happened to a service since it was
// asked for. again, if it is not zero, is when to look again though nothing
// else may change until then.
type condition func(st *supervisor.Status, asked, now time.Time) (v verdict, again time.Time)

// conditions are those that one can wait for by name.
var conditions = map[string]condition{"ready": isReady, "stopped": hasStopped, "done": isDone}

// firstMoment is how long a program has to live before its start counts as one.
// What is wrong with a command line, a configuration file or a port shows
// within it; to wait longer would annoy whoever starts what works.
const firstMoment = 300 * time.Millisecond

// hasStarted: it is ready, or a task has succeeded. Where running is ready, it
// must also have survived its first moment. A start that failed is over, though
// the policy may have others follow; a task that it has run again is not.
func hasStarted(st *supervisor.Status, asked, now time.Time) (verdict, time.Time) {
	if st.Returns {
		return notYet, time.Time{}
	}
	task := st.Spec != nil && st.Spec.Kind == config.Task
	switch st.State {
	case supervisor.Running:
		if st.Leaving || task {
			return notYet, time.Time{}
		}
		if settled := st.Started.Add(firstMoment); st.Spec.Ready == nil && now.Before(settled) {
			return notYet, settled
		}
		return happened, time.Time{}
	case supervisor.Done:
		return happened, time.Time{}
	case supervisor.Backoff:
		if task || st.Paced {
			return notYet, time.Time{}
		}
		return never, time.Time{}
	case supervisor.Failed, supervisor.Stopped:
		return never, time.Time{}
	case supervisor.Waiting:
		if st.Hopeless {
			return never, time.Time{}
		}
	}
	return notYet, time.Time{}
}

// hasRestarted: it has started after it was asked to.
func hasRestarted(st *supervisor.Status, asked, now time.Time) (verdict, time.Time) {
	if st.State == supervisor.Running && st.Started.Before(asked) {
		return notYet, time.Time{}
	}
	return hasStarted(st, asked, now)
}

// hasRolled: it has restarted when its turn came. It does not come when one
// before it did not come up.
func hasRolled(st *supervisor.Status, asked, now time.Time) (verdict, time.Time) {
	switch {
	case st.Rolling:
		return notYet, time.Time{}
	case st.State == supervisor.Running && st.Started.Before(asked),
		(st.State == supervisor.Done || st.State == supervisor.Stopped) && st.Started.Before(asked) && st.Ended.Before(asked):
		return passedBy, time.Time{}
	}
	return hasRestarted(st, asked, now)
}

// hasStopped: it is over, and no process is left.
func hasStopped(st *supervisor.Status, _, _ time.Time) (verdict, time.Time) {
	switch {
	case st.State.Settled() && st.Gone:
		return happened, time.Time{}
	case st.State.Settled(): // processes survived KILL
		return never, time.Time{}
	}
	return notYet, time.Time{}
}

// hasStayedStopped is hasStopped for who asked for it: when somebody else has
// asked for a start since, it is of no use to wait on, and who goes on to remove
// a database's files must not be told that all is well.
func hasStayedStopped(st *supervisor.Status, asked, now time.Time) (verdict, time.Time) {
	v, again := hasStopped(st, asked, now)
	if v == notYet && st.State != supervisor.Stopping && !st.Leaving {
		return never, time.Time{}
	}
	return v, again
}

func isReady(st *supervisor.Status, _, _ time.Time) (verdict, time.Time) {
	switch {
	case st.Ready && !st.Leaving:
		return happened, time.Time{}
	case st.Returns:
	case st.State.Settled(), st.Hopeless:
		return never, time.Time{}
	}
	return notYet, time.Time{}
}

func isDone(st *supervisor.Status, _, _ time.Time) (verdict, time.Time) {
	switch {
	case st.State == supervisor.Done:
		return happened, time.Time{}
	case st.Returns:
	case st.State.Settled(), st.Hopeless:
		return never, time.Time{}
	}
	return notYet, time.Time{}
}

// waited is one service that somebody waits for.
type waited struct {
	name    string
	verdict verdict
	last    supervisor.Status
}

// waiting is what somebody waits for. Its look runs at the owner; the handler
// reads it only when the owner has said that it is through with it.
type waiting struct {
	services []waited
	happened condition
	asked    time.Time
	again    time.Time
	first    int // of services: those before it are decided
}

func (w *waiting) decided() bool {
	return !slices.ContainsFunc(w.services, func(v waited) bool { return v.verdict == notYet })
}

// look updates the verdicts, and says whether there is nothing to wait for any
// more until w.again.
func (w *waiting) look(set *supervisor.Set, now time.Time) (enough bool) {
	w.again = time.Time{}
	for i := w.first; i < len(w.services); i++ {
		v := &w.services[i]
		if v.verdict != notYet {
			if i == w.first {
				w.first++
			}
			continue
		}
		again := w.lookAt(v, set, now)
		if v.verdict != notYet {
			continue
		}
		if again.IsZero() {
			return false
		}
		if w.again.IsZero() || again.Before(w.again) {
			w.again = again
		}
	}
	return true
}

// lookAt updates one verdict, and says when to look again though nothing else
// may change until then.
func (w *waiting) lookAt(v *waited, set *supervisor.Set, now time.Time) (again time.Time) {
	if index := set.Index(v.name); index >= 0 {
		v.last = set.Status(index, now)
	} else {
		v.last = supervisor.Status{Gone: true}
		v.last.State, v.last.Why = supervisor.Stopped, "it was removed from the configuration"
	}
	v.verdict, again = w.happened(&v.last, w.asked, now)
	return again
}

// lookAtAll updates all that is not decided, to be told of.
func (w *waiting) lookAtAll(set *supervisor.Set, now time.Time) {
	for i := range w.services {
		if v := &w.services[i]; v.verdict == notYet {
			w.lookAt(v, set, now)
		}
	}
}

// begin adds the services that are waited for. Who does not wait is told what is seen
// now: soon after, supervise may have ended.
func (w *waiting) begin(set *supervisor.Set, indexes []int, limit time.Duration) {
	for _, i := range indexes {
		w.services = append(w.services, waited{name: set.Spec(i).Name})
	}
	if limit == 0 {
		w.lookAtAll(set, time.Now())
	}
}

// outcome waits until something has happened to services, or will not, or for
// limit, and answers.
func (s *Server) outcome(w *http1.Writer, r *http1.Request, wait *waiting, limit time.Duration) {
	ctx, cancel := limited(r.Context(), limit)
	defer cancel()
	for s.watch(ctx, wait) && !wait.again.IsZero() {
		timer := time.NewTimer(time.Until(wait.again))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	if !wait.decided() && errors.Is(context.Cause(r.Context()), http1.ErrPaused) {
		w.Problem(503, "%v; what was asked for stands", http1.ErrPaused)
		return
	}
	// What is decided stays so, even if supervise has ended meanwhile.
	if limit != 0 && !wait.decided() && !s.ask(w, func(l *supervisor.Loop) { wait.lookAtAll(l.Set(), time.Now()) }) {
		return
	}
	answer := api.Outcome{OK: true, Services: make([]api.Result, 0, len(wait.services))}
	status := 200
	for i := range wait.services {
		v := &wait.services[i]
		result := s.result(v, wait.asked)
		answer.OK = answer.OK && result.OK
		answer.Services = append(answer.Services, result)
		switch v.verdict {
		case never, passedBy:
			status = max(status, 409)
		case notYet:
			status = 504
			if limit == 0 {
				status = 202
			}
		}
	}
	w.JSON(status, answer)
}

// watch waits until there is no need to wait, and then the owner does not touch
// wait any more; false: ctx is done, or supervise has ended.
func (s *Server) watch(ctx context.Context, wait *waiting) bool {
	enough := make(chan struct{})
	own := *wait // the owner's copy: it may go on after ctx is done
	own.services = append([]waited(nil), wait.services...)
	if ctx.Err() != nil {
		return false
	}
	check := func(set *supervisor.Set) bool {
		if !own.look(set, time.Now()) {
			return false
		}
		close(enough)
		return true
	}
	s.Loop.Ask(s.Ended, func(l *supervisor.Loop) { l.Watch(supervisor.Watch{Check: check, Cancelled: ctx.Done()}) })
	select {
	case <-enough:
	case <-ctx.Done():
	case <-s.Ended:
	}
	select {
	case <-enough:
		*wait = own
		return true
	default:
		return false
	}
}

// result tells what became of one service.
func (s *Server) result(v *waited, asked time.Time) api.Result {
	st := &v.last
	r := api.Result{Name: v.name, OK: v.verdict == happened, State: string(st.State), PID: st.PID, Why: st.Why}
	switch {
	case r.OK:
		return r
	case v.verdict == passedBy:
		r.Why = "left as it was: the rolling restart ended before it"
		return r
	case st.Step != "" && st.State == supervisor.Starting:
		r.Why = st.Step
	}
	if st.Next != "" {
		if r.Why != "" {
			r.Why += "; "
		}
		r.Why += st.Next
	}
	failed := st.State == supervisor.Backoff || st.State == supervisor.Failed
	if v.verdict == never && failed && st.HasRun && st.Ended.After(asked) && st.Spec != nil && st.Spec.Log.To.Captured() {
		r.Lines = s.Output.LastOfRun(st.Spec, st.Started)
	}
	return r
}
