package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/http1"
	"supervise/internal/signals"
	"supervise/internal/supervisor"
)

func (s *Server) start(w *http1.Writer, r *http1.Request) {
	s.act(w, r, hasStarted, each((*supervisor.Set).Start))
}

func (s *Server) stop(w *http1.Writer, r *http1.Request) {
	s.act(w, r, hasStayedStopped, each((*supervisor.Set).StopByHand))
}

func (s *Server) restart(w *http1.Writer, r *http1.Request) {
	rolling, err := truth(r, "rolling")
	switch {
	case err != nil:
		w.Problem(400, "%v", err)
	case rolling:
		s.act(w, r, hasRolled, func(set *supervisor.Set, indexes []int, why string, now time.Time) {
			slices.SortFunc(indexes, func(i, j int) int { return byInstance(set.Spec(i), set.Spec(j)) })
			set.Roll(indexes, why, now)
		})
	default:
		s.act(w, r, hasRestarted, each((*supervisor.Set).Restart))
	}
}

// each asks the same of several services, one by one.
func each(do func(*supervisor.Set, int, string, time.Time)) deed {
	return func(set *supervisor.Set, indexes []int, why string, now time.Time) {
		for _, i := range indexes {
			do(set, i, why, now)
		}
	}
}

// deed asks something of services. It may put them into another order, in which
// they are then told of.
type deed func(set *supervisor.Set, indexes []int, why string, now time.Time)

// byInstance has web@2 before web@10.
func byInstance(a, b *config.Service) int {
	return cmp.Or(cmp.Compare(a.Template, b.Template), cmp.Compare(a.Instance, b.Instance))
}

// act asks something of services and waits for its outcome.
func (s *Server) act(w *http1.Writer, r *http1.Request, happened condition, do deed) {
	limit, err := waitLimit(r)
	if err != nil {
		w.Problem(400, "%v", err)
		return
	}
	if len(r.Query["name"]) == 0 {
		w.Problem(400, "%s wants at least one name; name=* means all", r.Path)
		return
	}
	var indexes []int
	var shut bool
	wait := &waiting{happened: happened, asked: time.Now()}
	if !s.ask(w, func(l *supervisor.Loop) {
		set := l.Set()
		if shut = set.ShuttingDown(); shut && r.Path != "/v1/stop" {
			return
		}
		shut = false
		if indexes, err = pick(set, r.Query["name"]); err != nil {
			return
		}
		do(set, indexes, "asked for by "+r.Peer.String(), wait.asked)
		wait.begin(set, indexes, limit)
	}) {
		return
	}
	switch {
	case shut:
		w.Problem(409, "supervise is shutting down")
	case err != nil:
		w.Problem(404, "%v", err)
	default:
		s.outcome(w, r, wait, limit)
	}
}

// wait waits for what somebody else may bring about.
func (s *Server) wait(w *http1.Writer, r *http1.Request) {
	limit, err := waitLimit(r)
	if err != nil {
		w.Problem(400, "%v", err)
		return
	}
	happened := conditions[r.Query.Get("for")]
	if happened == nil {
		w.Problem(400, "for=%s is none of ready, stopped and done", r.Query.Get("for"))
		return
	}
	if len(r.Query["name"]) == 0 {
		w.Problem(400, "wait wants at least one name; name=* means all")
		return
	}
	wait := &waiting{happened: happened, asked: time.Now()}
	if !s.ask(w, func(l *supervisor.Loop) {
		var indexes []int
		indexes, err = pick(l.Set(), r.Query["name"])
		wait.begin(l.Set(), indexes, limit)
	}) {
		return
	}
	if err != nil {
		w.Problem(404, "%v", err)
		return
	}
	s.outcome(w, r, wait, limit)
}

// waitLimit reads how long to wait; negative: as long as it takes.
func waitLimit(r *http1.Request) (time.Duration, error) {
	text := r.Query.Get("wait")
	if text == "" {
		return -1, nil
	}
	if text == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("wait=%s is no duration; write it as in 30s or 1m30s", text)
	}
	return d, nil
}

func (s *Server) signal(w *http1.Writer, r *http1.Request) {
	sig, err := signals.Parse(r.Query.Get("signal"))
	if err != nil {
		w.Problem(400, "signal: %v", err)
		return
	}
	aim := supervisor.Aim(r.Query.Get("to"))
	switch aim {
	case "":
		aim = supervisor.AtMain
	case supervisor.AtMain, supervisor.AtGroup, supervisor.AtTree:
	default:
		w.Problem(400, "to=%s is none of main, group and tree", aim)
		return
	}
	pid := 0
	if text := r.Query.Get("pid"); text != "" {
		if pid, err = strconv.Atoi(text); err != nil || pid < 1 {
			w.Problem(400, "pid=%s is no process", text)
			return
		}
	}
	names := r.Query["name"]
	if len(names) == 0 {
		w.Problem(400, "signal wants at least one name; name=* means all")
		return
	}
	answer := api.Sent{Signal: sig.String(), Services: []api.To{}}
	failed := false
	if !s.ask(w, func(l *supervisor.Loop) {
		var indexes []int
		if indexes, err = pick(l.Set(), names); err != nil {
			return
		}
		if pid != 0 && len(indexes) > 1 {
			err = errors.New("with pid, one service is wanted")
			return
		}
		for _, i := range indexes {
			to := api.To{Name: l.Set().Spec(i).Name}
			var e error
			if to.To, e = l.Signal(i, sig, aim, pid, "asked for by "+r.Peer.String()); e != nil {
				to.To, to.Err, failed = "", e.Error(), true
			}
			answer.Services = append(answer.Services, to)
		}
	}) {
		return
	}
	switch {
	case err != nil:
		w.Problem(404, "%v", err)
	case failed:
		w.JSON(409, answer)
	default:
		w.JSON(200, answer)
	}
}

func (s *Server) shutdown(w *http1.Writer, r *http1.Request) {
	var info api.Info
	if s.ask(w, func(l *supervisor.Loop) { // once: it may be the last question
		l.Set().Shutdown("asked for by "+r.Peer.String(), 0, time.Now())
		info = s.infoOf(l)
	}) {
		w.JSON(202, info)
	}
}

// reexec has its turn among the reloads: what one has half done cannot be carried over.
func (s *Server) reexec(w *http1.Writer, r *http1.Request) {
	switch {
	case len(r.Query["name"]) > 0:
		w.Problem(400, "a reexec is about supervise as a whole; it takes no name")
		return
	case s.Reexec == nil:
		w.Problem(409, "this supervise cannot be replaced")
		return
	}
	s.reloading <- struct{}{}
	defer func() { <-s.reloading }()
	s.Reexec(w, r, r.Query.Get("binary"))
}

func (s *Server) reopen(w *http1.Writer, r *http1.Request) { s.files(w, r, s.Files.Reopen) }

func (s *Server) rotate(w *http1.Writer, r *http1.Request) { s.files(w, r, s.Files.Rotate) }

// files does something with the log files of services; without names, of all.
func (s *Server) files(w *http1.Writer, r *http1.Request, do func([]string) error) {
	var names []string
	var err error
	if !s.ask(w, func(l *supervisor.Loop) {
		var indexes []int
		indexes, err = pick(l.Set(), r.Query["name"])
		for _, i := range indexes {
			spec := l.Set().Spec(i)
			switch {
			case spec.Log.To == config.ToFile:
				names = append(names, spec.Name)
			case len(r.Query["name"]) > 0 && err == nil:
				err = fmt.Errorf("%s has no log file: its output goes to %q", spec.Name, spec.Log.To)
			}
		}
	}) {
		return
	}
	if err != nil {
		w.Problem(404, "%v", err)
		return
	}
	if err := do(names); err != nil {
		w.Problem(500, "%v", err)
		return
	}
	answer := api.Outcome{OK: true, Services: []api.Result{}}
	for _, name := range names {
		answer.Services = append(answer.Services, api.Result{Name: name, OK: true})
	}
	w.JSON(200, answer)
}

// limited gives a context that ends after the limit, if there is one.
func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}
