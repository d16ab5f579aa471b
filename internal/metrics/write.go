package metrics

import (
	"io"
	"slices"
	"strconv"

	"supervise/internal/api"
	"supervise/internal/supervisor"
)

var states = []supervisor.State{
	supervisor.Stopped, supervisor.Waiting, supervisor.Starting, supervisor.Running,
	supervisor.Stopping, supervisor.Backoff, supervisor.Done, supervisor.Failed,
}

// Write tells what was counted, and what was seen of supervise and all services,
// with their usage. Services that were not seen are forgotten, if they are not
// newer than info.
func (c *Counts) Write(w io.Writer, info api.Info, services []api.Service) error {
	names, seen := make([]string, len(services)), make(map[string]bool, len(services))
	for i := range services {
		names[i], seen[services[i].Name] = services[i].Name, true
	}
	c.Keep(info.Seq, seen)
	received, all := c.snapshot(names)

	t := newText(w)
	t.supervise(info, received)
	t.seen(services)
	t.counted(names, all)
	return t.flush()
}

// supervise tells of supervise itself.
func (t *text) supervise(info api.Info, received []signalCount) {
	t.family("supervise_build_info", "gauge", "The version of supervise, as a label; the value is always 1.")
	t.sample(1, "version", info.Version)
	t.family("supervise_start_time_seconds", "gauge", "When supervise was started, in seconds since 1970.")
	t.sample(float64(info.Since.UnixMilli()) / 1000)
	t.family("supervise_shutting_down", "gauge", "Whether supervise stops everything: 1 or 0.")
	t.sample(oneIf(info.Stopping))
	t.family("supervise_events_total", "counter", "Events so far.")
	t.sample(float64(info.Seq))
	t.family("supervise_orphans_reaped_total", "counter", "Processes without a parent that were adopted and waited for.")
	t.sample(float64(info.Orphans))
	t.family("supervise_signals_received_total", "counter", "Signals that supervise has received.")
	for _, s := range received {
		t.sample(float64(s.n), "signal", s.signal.String())
	}
	t.family("supervise_services", "gauge", "How many services are in each state.")
	for _, s := range states {
		t.sample(float64(info.States[string(s)]), "state", string(s))
	}
}

// seen tells how the services are.
func (t *text) seen(services []api.Service) {
	t.family("supervise_service_state", "gauge", "Whether the service is in the state: 1 or 0.")
	for i := range services {
		for _, s := range states {
			t.sample(oneIf(services[i].State == string(s)), "service", services[i].Name, "state", string(s))
		}
	}
	each := func(name, kind, help string, value func(*api.Service) (float64, bool)) {
		t.family(name, kind, help)
		for i := range services {
			if v, ok := value(&services[i]); ok {
				t.sample(v, "service", services[i].Name)
			}
		}
	}
	each("supervise_service_ready", "gauge", "Whether what needs the service can run: 1 or 0.",
		func(s *api.Service) (float64, bool) { return oneIf(s.Ready), true })
	each("supervise_service_healthy", "gauge", "Whether the looks at the health of a service that runs find it well: 1 or 0. Missing: nobody looks.",
		func(s *api.Service) (float64, bool) { return oneIf(s.Health == "well"), s.Health != "" })
	each("supervise_service_armed", "gauge", "Whether the first connection to the service starts it: 1 or 0. Missing: it has no lazy socket.",
		func(s *api.Service) (float64, bool) { return oneIf(s.Armed), s.Lazy })
	each("supervise_service_uptime_seconds", "gauge", "How long the present run of the service has lasted; 0 when it does not run.",
		func(s *api.Service) (float64, bool) { return s.Uptime, true })
	each("supervise_service_cpu_seconds_total", "counter",
		"Processor time used by the service: in its cgroup, else by its living processes and the children that they waited for.",
		func(s *api.Service) (float64, bool) {
			if s.CPU == nil {
				return 0, false
			}
			return *s.CPU, true
		})
	each("supervise_service_memory_bytes", "gauge",
		"Memory of the service: charged to its cgroup, without droppable file pages, else the resident sets of its processes.",
		func(s *api.Service) (float64, bool) {
			if s.Memory == nil {
				return 0, false
			}
			return float64(*s.Memory), true
		})
}

// counted tells what has happened to the services.
func (t *text) counted(names []string, all []counts) {
	each := func(name, help string, value func(*counts) uint32) {
		t.family(name, "counter", help)
		for i := range all {
			t.sample(float64(value(&all[i])), "service", names[i])
		}
	}
	each("supervise_service_starts_total", "Starts of the service, the first one too.", func(s *counts) uint32 { return s.starts })
	each("supervise_service_restarts_total", "Starts that followed the end of a run, by the restart policy or by request.",
		func(s *counts) uint32 { return s.restarts })
	each("supervise_service_start_failures_total", "Starts for which no process could be made.", func(s *counts) uint32 { return s.startsFailed })
	each("supervise_service_start_timeouts_total", "Starts that were given up because the service was not ready in time.",
		func(s *counts) uint32 { return s.startsTimedOut })
	each("supervise_service_health_failures_total", "Times that the looks at the health of the service, so many in a row as it takes, found it unwell.",
		func(s *counts) uint32 { return s.healthLost })
	each("supervise_service_watchdog_misses_total", "Times that the service did not ping its watchdog in time, or said itself that it has failed.",
		func(s *counts) uint32 { return s.watchdogMissed })
	each("supervise_service_hook_failures_total", "Hooks of the service that did not succeed.", func(s *counts) uint32 { return s.hooksFailed })
	each("supervise_service_notifications_refused_total", "Notifications in the name of the service that were not believed or not understood.",
		func(s *counts) uint32 { return s.notifyRefused })
	each("supervise_service_stop_escalations_total", "Times that a signal did not end the service in its time, and the next was sent.",
		func(s *counts) uint32 { return s.escalations })

	t.family("supervise_service_exits_total", "counter", "Ends of the service's main process, by its exit code or by the signal that ended it.")
	for i := range all {
		for _, x := range all[i].exits {
			code, signal := strconv.Itoa(x.code), ""
			if x.signal != 0 {
				code, signal = "", x.signal.String()
			}
			t.sample(float64(x.n), "service", names[i], "code", code, "signal", signal)
		}
	}
	bySignal := func(name, help string, list func(*counts) []signalCount) {
		t.family(name, "counter", help)
		for i := range all {
			for _, s := range list(&all[i]) {
				t.sample(float64(s.n), "service", names[i], "signal", s.signal.String())
			}
		}
	}
	bySignal("supervise_service_signals_sent_total", "Signals sent to the service, for whatever reason.",
		func(s *counts) []signalCount { return s.sent })
	bySignal("supervise_service_signals_forwarded_total", "Signals sent to the service because supervise received them.",
		func(s *counts) []signalCount { return s.forwarded })
	t.durations("supervise_service_start_duration_seconds", "From a start, with start.before, until the service was ready.", names, all,
		func(s *counts) *histogram { return &s.start })
	t.durations("supervise_service_stop_duration_seconds", "From the beginning of a stop until no process was left.", names, all,
		func(s *counts) *histogram { return s.stop })
}

// durations tells those of services that have any.
func (t *text) durations(name, help string, names []string, all []counts, of func(*counts) *histogram) {
	t.family(name, "histogram", help)
	for i := range all {
		if h := of(&all[i]); h != nil && slices.Max(h.counts[:]) > 0 {
			t.histogram(h, "service", names[i])
		}
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
