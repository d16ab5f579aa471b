package main

import (
	"testing"
	"time"

	"supervise/internal/api"
)

func TestWhatBecomesOfAServiceByAReload(t *testing.T) {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t1 := t0.Add(time.Second)
	for _, c := range []struct {
		what, action string
		now          api.Service
		over, well   bool
	}{
		{"not changed", "", api.Service{Name: "other", State: "failed"}, true, true},
		{"still the old run", "restart", api.Service{State: "running", Ready: true, Started: &t0, Uptime: 50}, false, false},
		{"stopping", "restart", api.Service{State: "stopping", Started: &t0}, false, false},
		{"stopped, and to start", "restart", api.Service{State: "stopped", Started: &t0, Next: "starts when"}, false, false},
		{"the new run, too young", "restart", api.Service{State: "running", Ready: true, Started: &t1, Uptime: 0.1}, false, true},
		{"the new run", "restart", api.Service{State: "running", Ready: true, Started: &t1, Uptime: 0.4}, true, true},
		{"not ready yet", "restart", api.Service{State: "starting", Started: &t1, Uptime: 5}, false, false},
		{"it died", "restart", api.Service{State: "backoff", Started: &t1}, true, false},
		{"it gave up", "start", api.Service{State: "failed", Started: &t1}, true, false},
		{"a task ran", "restart", api.Service{State: "done", Started: &t1, Ready: true}, true, true},
		{"somebody stopped it meanwhile", "restart", api.Service{State: "stopped", Started: &t0}, true, true},
		{"new, not to start", "add", api.Service{State: "stopped"}, true, true},
		{"new, to start", "add", api.Service{State: "waiting", Autostart: true}, false, false},
		{"without a restart", "update", api.Service{State: "backoff", Started: &t0}, true, true},
		{"going", "remove", api.Service{State: "stopping", Started: &t0}, false, false},
	} {
		if c.now.Name == "" {
			c.now.Name = "web"
		}
		r := reloading{changes: []api.Change{{Name: "web", Action: c.action}}}
		if c.action != "add" {
			r.before = []api.Service{{Name: "web", Started: &t0}}
		}
		if over, well := r.became(&c.now); over != c.over || over && well != c.well {
			t.Errorf("%s: over %v, well %v", c.what, over, well)
		}
	}
}

func TestAReloadDoesNotWaitForWhatHasFailed(t *testing.T) {
	app := api.Service{Name: "app", State: "waiting", Autostart: true, Needs: []string{"db"}}
	r := reloading{changes: []api.Change{{Name: "app", Action: "add"}}}
	for state, want := range map[string]bool{"failed": true, "stopped": true, "done": false, "starting": false, "backoff": false} {
		if got := r.hopeless(&app, []api.Service{app, {Name: "db", State: state}, {Name: "else", State: "failed"}}); got != want {
			t.Errorf("it needs db, which is %s: hopeless is %v", state, got)
		}
	}
}
