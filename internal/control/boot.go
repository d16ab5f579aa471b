package control

import (
	"slices"
	"time"

	"supervise/internal/api"
	"supervise/internal/http1"
	"supervise/internal/supervisor"
)

// boot tells how the start of supervise went.
func (s *Server) boot(w *http1.Writer, r *http1.Request) {
	if len(r.Query["name"]) > 0 {
		w.Problem(400, "a boot is about all services that began with supervise; it takes no name")
		return
	}
	var began time.Time
	var steps []supervisor.BootStep
	states := map[string]supervisor.Status{}
	if !s.ask(w, func(l *supervisor.Loop) {
		set, now := l.Set(), time.Now()
		began, steps = set.Began(), set.BootSteps()
		for i := range steps {
			if name := steps[i].Name; steps[i].Ready.IsZero() {
				states[name] = set.Status(set.Index(name), now)
			} else {
				states[name] = supervisor.Status{Machine: set.Machine(set.Index(name))}
			}
		}
	}) {
		return
	}
	answer := bootOf(began, steps)
	for i := range answer.Services {
		step := &answer.Services[i]
		st := states[step.Name]
		step.State = string(st.State)
		if !step.Up {
			step.Why = st.Why
			if st.Step != "" {
				step.Why = st.Step
			}
		}
	}
	w.JSON(200, answer)
}

// bootOf takes the start apart.
func bootOf(began time.Time, steps []supervisor.BootStep) api.Boot {
	b := api.Boot{Began: began, Services: make([]api.BootStep, len(steps))}
	var path []int // the critical one
	for i := range steps {
		step := &steps[i]
		b.Services[i] = api.BootStep{
			Name: step.Name, Up: !step.Ready.IsZero(), For: step.For, Critical: step.Critical,
			Waited: between(began, step.Went), Prepared: between(step.Went, step.Forked), Readied: between(step.Forked, step.Ready),
		}
		if step.Ready.IsZero() {
			b.Missing++
			continue
		}
		b.Took = max(b.Took, step.Ready.Sub(began).Seconds())
		if step.Critical {
			path = append(path, i)
		}
	}
	slices.SortStableFunc(path, func(i, j int) int { return steps[i].Went.Compare(steps[j].Went) })
	for at, i := range path {
		until := steps[i].Ready
		if at+1 < len(path) {
			until = steps[path[at+1]].Went
		}
		b.Services[i].Share = until.Sub(steps[i].Went).Seconds()
	}
	return b
}

// between is how long it took from one thing to the next, in seconds; nil: one
// of them has not come.
func between(from, to time.Time) *float64 {
	if from.IsZero() || to.IsZero() {
		return nil
	}
	// What came of another attempt than the last is not counted twice.
	took := max(to.Sub(from), 0).Seconds()
	return &took
}
