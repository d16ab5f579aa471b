package control

import (
	"errors"
	"fmt"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/http1"
	"supervise/internal/supervisor"
)

func (s *Server) reload(w *http1.Writer, r *http1.Request) {
	dry, err := truth(r, "dry_run")
	if err != nil {
		w.Problem(400, "%v", err)
		return
	}
	if len(r.Query["name"]) > 0 {
		w.Problem(400, "a reload is about the whole configuration; it takes no name")
		return
	}
	status, answer := s.Reload(dry)
	if status == 503 || status == 409 {
		w.Problem(status, "%s", answer.Errors[0])
		return
	}
	w.JSON(status, answer)
}

// Reload reads the configuration again and, unless dry, has it taken over if it
// is valid. status is that of the answer. One reload at a time: a second waits
// for the first.
func (s *Server) Reload(dry bool) (status int, answer api.Reload) {
	s.reloading <- struct{}{}
	defer func() { <-s.reloading }()

	answer = api.Reload{DryRun: dry, Changes: []api.Change{}}
	shut := false
	if !s.Loop.Ask(s.Ended, func(l *supervisor.Loop) {
		if shut = l.Set().ShuttingDown(); !shut && !dry {
			l.Report(event.Event{Name: event.ConfigReloading})
		}
	}) {
		return ended(answer)
	} else if shut {
		return stopping(answer)
	}
	cfg, err := s.Load()
	if err == nil && !dry && s.Prepare != nil {
		err = s.Prepare(cfg)
	}
	if err != nil {
		answer.Errors = lines(err)
		if !dry {
			why := answer.Errors[0]
			if n := len(answer.Errors); n > 1 {
				why += fmt.Sprintf(" (and %d more)", n-1)
			}
			s.Loop.Ask(s.Ended, func(l *supervisor.Loop) {
				l.Report(event.Event{Name: event.ConfigRejected, Why: why})
			})
		}
		return 422, answer
	}
	for _, warning := range cfg.Warnings {
		answer.Warnings = append(answer.Warnings, warning.Error())
	}
	var changes []supervisor.Change
	if !s.Loop.Ask(s.Ended, func(l *supervisor.Loop) {
		switch shut = l.Set().ShuttingDown(); {
		case shut:
		case dry:
			changes = l.Set().Plan(cfg.Services)
		default:
			changes = l.Reload(cfg.Services)
		}
	}) {
		return ended(answer)
	} else if shut { // meanwhile
		return stopping(answer)
	}
	for _, c := range changes {
		if c.Effect == supervisor.Keeps {
			answer.Kept++
			continue
		}
		answer.Changes = append(answer.Changes, api.Change{Name: c.Name, Action: string(c.Effect), Keys: c.Keys})
	}
	if !dry && s.Reloaded != nil {
		s.Reloaded(cfg)
	}
	return 200, answer
}

// Rescan takes over what has come and gone in a directory of service directories, in
// its turn among the reloads. The warnings are those of what was read.
func (s *Server) Rescan() (config.Errors, error) {
	s.reloading <- struct{}{}
	defer func() { <-s.reloading }()

	cfg, err := s.Load()
	if err == nil && s.Prepare != nil {
		err = s.Prepare(cfg)
	}
	if err != nil {
		return nil, err
	}
	s.Loop.Ask(s.Ended, func(l *supervisor.Loop) {
		if !l.Set().ShuttingDown() {
			l.Rescan(cfg.Services)
		}
	})
	if s.Reloaded != nil {
		s.Reloaded(cfg)
	}
	return cfg.Warnings, nil
}

func ended(answer api.Reload) (int, api.Reload) {
	answer.Errors = []string{"supervise has just ended"}
	return 503, answer
}

func stopping(answer api.Reload) (int, api.Reload) {
	answer.Errors = []string{"supervise is shutting down"}
	return 409, answer
}

// lines takes apart what is wrong with a configuration.
func lines(err error) (all []string) {
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		for _, e := range errs {
			all = append(all, e.Error())
		}
		return all
	}
	return []string{err.Error()}
}
