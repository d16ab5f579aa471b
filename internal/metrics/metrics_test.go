package metrics

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"supervise/internal/api"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// tell gives counts a story: "event at-milliseconds" of one service.
func tell(c *Counts, service string, steps ...event.Event) {
	for _, e := range steps {
		if e.Service = service; c.Wants(e.Name) {
			c.Emit(e)
		}
	}
}

func at(ms int, n event.Name) event.Event {
	return event.Event{Seq: uint64(ms), Mono: time.Duration(ms) * time.Millisecond, Name: n}
}

func exit(ms int, x policy.Exit) event.Event {
	e := at(ms, event.ProcessExited)
	e.Exit = &x
	return e
}

// families is what Prometheus itself makes of the text.
func families(t *testing.T, c *Counts, info api.Info, services []api.Service) map[string]*dto.MetricFamily {
	t.Helper()
	var out bytes.Buffer
	if err := c.Write(&out, info, services); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatalf("Prometheus cannot read it: %v\n%s", err, out.Bytes())
	}
	problems, err := promlint.New(&out).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	return all
}

// value is that of the sample with the labels "name=value".
func value(all map[string]*dto.MetricFamily, family string, labels ...string) float64 {
	m := sample(all, family, labels...)
	switch {
	case m == nil:
		return math.NaN()
	case m.Counter != nil:
		return m.Counter.GetValue()
	}
	return m.Gauge.GetValue()
}

func sample(all map[string]*dto.MetricFamily, family string, labels ...string) *dto.Metric {
	want := map[string]string{}
	for _, l := range labels {
		name, value, _ := strings.Cut(l, "=")
		want[name] = value
	}
	for _, m := range all[family].GetMetric() {
		fits := len(m.Label) == len(want)
		for _, l := range m.Label {
			fits = fits && want[l.GetName()] == l.GetValue()
		}
		if fits {
			return m
		}
	}
	return nil
}

func TestAStoryInNumbers(t *testing.T) {
	c := New()
	from := &signals.Received{Signal: signals.HUP}
	tell(c, "", event.Event{Name: event.SignalReceived, Signal: signals.HUP, From: from}, event.Event{Name: event.SignalReceived, Signal: signals.HUP})
	tell(c, "web",
		at(100, event.ServiceStarting), at(350, event.ServiceRunning),
		event.Event{Name: event.SignalSent, Signal: signals.HUP, From: from},
		exit(900, policy.Exit{Code: 3}), at(900, event.BackoffScheduled),
		at(1000, event.ServiceStarting), at(1005, event.ServiceRunning), // a restart by the policy
		at(2000, event.ServiceStopping), event.Event{Name: event.SignalSent, Signal: signals.TERM},
		at(2500, event.StopEscalated), event.Event{Name: event.SignalSent, Signal: signals.KILL},
		exit(2600, policy.Exit{Signal: signals.KILL}),
		at(2700, event.ServiceStarting), at(2800, event.ServiceRunning), // and one that was asked for
		exit(2900, policy.Exit{Code: 3}), at(2900, event.ServiceStopping), at(2950, event.ServiceStopped),
		at(3000, event.ServiceStarting), at(3001, event.StartFailed), at(3001, event.ServiceFailed), // no restart: it was over
		at(3002, event.StartTimedOut), at(3003, event.HealthLost), at(3004, event.HealthLost), at(3005, event.HealthRegained), at(3006, event.WatchdogMissed),
		at(3007, event.HookFailed), at(3008, event.NotifyRefused), at(3009, event.NotifyRefused), at(3010, event.NotifyRefused),
	)
	cpu, memory := 1.25, uint64(1<<40+1)
	all := families(t, c, api.Info{
		Version: "v1", Since: time.UnixMilli(1700000000250), Orphans: 7, Seq: 3001, Stopping: true, States: map[string]int{"failed": 1, "running": 1},
	}, []api.Service{
		{Name: "web", State: "failed", CPU: &cpu, Memory: &memory},
		{Name: "idle", State: "running", Ready: true, Uptime: 12.5, Health: "well"},
		{Name: "ill", State: "running", Ready: true, Health: "unwell: connection refused", Lazy: true},
		{Name: "lazy", State: "stopped", Ready: true, Lazy: true, Armed: true},
	})
	for _, c := range []struct {
		want   float64
		family string
		labels []string
	}{
		{1, "supervise_build_info", []string{"version=v1"}},
		{1700000000.25, "supervise_start_time_seconds", nil},
		{1, "supervise_shutting_down", nil},
		{3001, "supervise_events_total", nil},
		{7, "supervise_orphans_reaped_total", nil},
		{2, "supervise_signals_received_total", []string{"signal=HUP"}},
		{1, "supervise_services", []string{"state=running"}},
		{0, "supervise_services", []string{"state=backoff"}},
		{1, "supervise_service_state", []string{"service=web", "state=failed"}},
		{0, "supervise_service_state", []string{"service=web", "state=running"}},
		{1, "supervise_service_state", []string{"service=idle", "state=running"}},
		{1, "supervise_service_ready", []string{"service=idle"}},
		{12.5, "supervise_service_uptime_seconds", []string{"service=idle"}},
		{1.25, "supervise_service_cpu_seconds_total", []string{"service=web"}},
		{float64(memory), "supervise_service_memory_bytes", []string{"service=web"}},
		{math.NaN(), "supervise_service_memory_bytes", []string{"service=idle"}},
		{4, "supervise_service_starts_total", []string{"service=web"}},
		{2, "supervise_service_restarts_total", []string{"service=web"}},
		{0, "supervise_service_restarts_total", []string{"service=idle"}},
		{1, "supervise_service_start_failures_total", []string{"service=web"}},
		{1, "supervise_service_stop_escalations_total", []string{"service=web"}},
		{1, "supervise_service_start_timeouts_total", []string{"service=web"}},
		{2, "supervise_service_health_failures_total", []string{"service=web"}},
		{1, "supervise_service_watchdog_misses_total", []string{"service=web"}},
		{1, "supervise_service_hook_failures_total", []string{"service=web"}},
		{3, "supervise_service_notifications_refused_total", []string{"service=web"}},
		{math.NaN(), "supervise_service_healthy", []string{"service=web"}},
		{1, "supervise_service_healthy", []string{"service=idle"}},
		{0, "supervise_service_healthy", []string{"service=ill"}},
		{math.NaN(), "supervise_service_armed", []string{"service=idle"}},
		{0, "supervise_service_armed", []string{"service=ill"}},
		{1, "supervise_service_armed", []string{"service=lazy"}},
		{2, "supervise_service_exits_total", []string{"service=web", "code=3", "signal="}},
		{1, "supervise_service_exits_total", []string{"service=web", "code=", "signal=KILL"}},
		{1, "supervise_service_signals_sent_total", []string{"service=web", "signal=TERM"}},
		{1, "supervise_service_signals_sent_total", []string{"service=web", "signal=HUP"}},
		{1, "supervise_service_signals_forwarded_total", []string{"service=web", "signal=HUP"}},
		{math.NaN(), "supervise_service_signals_forwarded_total", []string{"service=web", "signal=TERM"}},
	} {
		if got := value(all, c.family, c.labels...); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s %v is %v, want %v", c.family, c.labels, got, c.want)
		}
	}

	start := sample(all, "supervise_service_start_duration_seconds", "service=web").GetHistogram()
	if start.GetSampleCount() != 3 || math.Abs(start.GetSampleSum()-0.355) > 1e-9 {
		t.Errorf("starts: %v", start)
	}
	for _, b := range start.GetBucket() {
		want := map[float64]uint64{0.01: 1, 0.1: 2}[b.GetUpperBound()]
		if want == 0 {
			want = 3
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("starts within %v s: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
	if stop := sample(all, "supervise_service_stop_duration_seconds", "service=web").GetHistogram(); stop.GetSampleCount() != 2 || math.Abs(stop.GetSampleSum()-0.75) > 1e-9 {
		t.Errorf("stops: %v", stop)
	}
	if m := sample(all, "supervise_service_stop_duration_seconds", "service=idle"); m != nil {
		t.Errorf("a service that was never stopped has %v", m)
	}
}

func TestRemovedServicesDisappear(t *testing.T) {
	c := New()
	for i, name := range []string{"old", "kept", "new"} {
		tell(c, name, at(10*(i+1), event.ServiceStarting))
	}
	// new was added when the snapshot had been taken, after event 20.
	all := families(t, c, api.Info{Seq: 20}, []api.Service{{Name: "kept", State: "running"}})
	for _, f := range all {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "service" && l.GetValue() != "kept" {
					t.Errorf("%s of %s", f.GetName(), l.GetValue())
				}
			}
		}
	}
	all = families(t, c, api.Info{Seq: 30}, []api.Service{{Name: "new"}, {Name: "old"}})
	if got := value(all, "supervise_service_starts_total", "service=new"); got != 1 {
		t.Errorf("new has %v starts", got)
	}
	if got := value(all, "supervise_service_starts_total", "service=old"); got != 0 {
		t.Errorf("another service with the name of one that was removed has %v starts", got)
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	name := "a\"b\\c\nd\x00é\xff{}"
	all := families(t, New(), api.Info{}, []api.Service{{Name: name, State: "running"}})
	if got := value(all, "supervise_service_ready", "service="+strings.ToValidUTF8(name, "\ufffd")); got != 0 {
		t.Errorf("got %v\n%v", got, all["supervise_service_ready"])
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("web@1", "v1")
	f.Add("a\"b\\c\n", "\\\\n\xff")
	f.Fuzz(func(t *testing.T, name, version string) {
		var out bytes.Buffer
		c := New()
		tell(c, name, at(1, event.ServiceStarting), at(2, event.ServiceRunning), exit(3, policy.Exit{Code: 1}))
		if err := c.Write(&out, api.Info{Version: version, Seq: 3}, []api.Service{{Name: name}}); err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		all, err := parser.TextToMetricFamilies(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		name, version = strings.ToValidUTF8(name, "\ufffd"), strings.ToValidUTF8(version, "\ufffd")
		for _, m := range all["supervise_service_ready"].GetMetric() {
			if got := m.Label[0].GetValue(); got != name {
				t.Errorf("the name became %q, want %q", got, name)
			}
		}
		if got := all["supervise_build_info"].GetMetric()[0].Label[0].GetValue(); got != version {
			t.Errorf("the version became %q, want %q", got, version)
		}
	})
}

// Ten thousand services that have started and been restarted once take less
// than 5 MB, and a count nothing.
func TestMemoryOfTenThousandServices(t *testing.T) {
	const n = 10_000
	measure := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("service-", i)
	}
	before := measure()
	c := New()
	for _, name := range names {
		tell(c, name, at(1, event.ServiceStarting), at(2, event.ServiceRunning), exit(3, policy.Exit{Code: 1}), at(3, event.BackoffScheduled),
			at(4, event.ServiceStarting), at(5, event.ServiceRunning))
	}
	used := measure() - before
	t.Logf("%d bytes for each service", used/n)
	if used > n*500 {
		t.Errorf("%d services take %d bytes", n, used)
	}
	e := at(6, event.ServiceRunning)
	e.Service = names[7]
	if allocs := testing.AllocsPerRun(1000, func() { c.Emit(e) }); allocs > 0 {
		t.Errorf("an event costs %v allocations", allocs)
	}
	runtime.KeepAlive(c)
}

func BenchmarkWriteTenThousandServices(b *testing.B) {
	c := New()
	var services []api.Service
	cpu, memory := 1.5, uint64(1<<20)
	for i := range 10_000 {
		name := fmt.Sprint("service-", i)
		tell(c, name, at(1, event.ServiceStarting), at(2, event.ServiceRunning))
		services = append(services, api.Service{Name: name, State: "running", CPU: &cpu, Memory: &memory})
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Write(io.Discard, api.Info{}, services); err != nil {
			b.Fatal(err)
		}
	}
}
