package config

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/signals"
)

func TestProbesOfEveryKind(t *testing.T) {
	cfg := loadText(t, `
[services.a]
command = "sh"
instances = 2
ready = { kind = "http", url = "http://localhost/%n?q=100%%", headers = { Host = "app%i", Accept = "*/*" }, status = [200, "300-399"], body = 'ok \d+' }
health = { interval = "5s", action = "HUP" }
[services.b]
command = "sh"
ready = { kind = "tcp", address = "tcp://[::1]:5432" }
health = { kind = "exec", command = "sh -c 'exit 0'", delay = 0, failures = 1, successes = 2, action = "report" }
[services.c]
command = "sh"
ready = { kind = "log", pattern = "up at 100%%" }
watchdog = "10s"
[services.d]
command = "sh"
ready.kind = "fd"
health = { kind = "http", url = "unix:///run/app.sock", method = "HEAD", status = 204 }
[services.e]
command = "sh"
ready = { kind = "file", path = "run/%n", interval = "1s", timeout = "2s" }
[services.f]
command = "sh"
ready = { kind = "notify" }
[services.g]
command = "sh"
ready = { kind = "exec", command = ["sh", "-c", "true"] }
[services.h]
command = "sh"
ready = { kind = "tcp", address = "unix://run/%n.sock" }
health = { kind = "http", url = "unix://@%n:/health", failures = 1 }
`)
	dir := cfg.Services[0].Dir
	second := time.Second
	web := Probe{
		Kind: ProbeHTTP, URL: "http://localhost:80/a@2?q=100%", Method: "GET", Header: []string{"Accept: */*", "Host: app2"},
		Status: []StatusRange{{200, 200}, {300, 399}}, Body: regexp.MustCompile(`ok \d+`), Interval: 100 * time.Millisecond, Timeout: second,
	}
	slower := web
	slower.Interval, slower.Timeout = 5*second, 5*second
	for i, want := range map[int]Service{
		1: {Ready: &web, Health: &Health{Probe: slower, Delay: 5 * second, Failures: 3, Successes: 1, Action: HealthSignal, Signal: signals.HUP}},
		2: {
			Ready: &Probe{Kind: ProbeTCP, Address: "[::1]:5432", Interval: 100 * time.Millisecond, Timeout: second},
			Health: &Health{
				Probe:    Probe{Kind: ProbeExec, Command: []string{"sh", "-c", "exit 0"}, Interval: 10 * second, Timeout: 5 * second},
				Failures: 1, Successes: 2, Action: HealthReport,
			},
		},
		3: {Ready: &Probe{Kind: ProbeLog, Pattern: regexp.MustCompile("up at 100%")}, Watchdog: 10 * second},
		4: {
			Ready: &Probe{Kind: ProbeFD, FD: 3},
			Health: &Health{
				Probe: Probe{Kind: ProbeHTTP, URL: "unix:///run/app.sock:/", Method: "HEAD", Status: []StatusRange{{204, 204}}, Interval: 10 * second, Timeout: 5 * second},
				Delay: 10 * second, Failures: 3, Successes: 1, Action: HealthRestart,
			},
		},
		5: {Ready: &Probe{Kind: ProbeFile, Path: dir + "/run/e", Interval: second, Timeout: 2 * second}},
		6: {Ready: &Probe{Kind: ProbeNotify}},
		7: {Ready: &Probe{Kind: ProbeExec, Command: []string{"sh", "-c", "true"}, Interval: 500 * time.Millisecond, Timeout: 5 * second}},
		8: {
			Ready: &Probe{Kind: ProbeTCP, Address: "unix://" + dir + "/run/h.sock", Interval: 100 * time.Millisecond, Timeout: second},
			Health: &Health{
				Probe: Probe{Kind: ProbeHTTP, URL: "unix://@h:/health", Method: "GET", Status: []StatusRange{{200, 399}}, Interval: 10 * second, Timeout: 5 * second},
				Delay: 10 * second, Failures: 1, Successes: 1, Action: HealthRestart,
			},
		},
	} {
		s := cfg.Services[i]
		got := Service{Ready: s.Ready, Health: s.Health, Watchdog: s.Watchdog}
		if diff := cmp.Diff(want, got, samePatterns); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, diff)
		}
	}
	if a, b := cfg.Services[0].Ready.Body, cfg.Services[1].Ready.Body; a != b {
		t.Error("two instances have a pattern each")
	}
}

// A URL has no other end of the socket's path than a colon.
func TestTheSocketOfAURLIsInADirectoryWithoutAColon(t *testing.T) {
	dir := write(t, map[string]string{"a:b/supervise.toml": `
[services.a]
command = "sh"
ready = { kind = "http", url = "unix://run/a.sock:/health" }
`})
	_, err := Load(dir + "/a:b/supervise.toml")
	if err == nil || !strings.Contains(err.Error(), "a:b/run/a.sock has a ':' in it; a colon ends the path") {
		t.Errorf("the error is %v", err)
	}
}

// What [defaults] says of one kind is left behind by a service that chooses
// another, and what it says without a kind is for those that have one.
func TestProbesAndDefaults(t *testing.T) {
	cfg := loadText(t, `
[defaults]
ready = { kind = "tcp", address = "127.0.0.1:808%i", interval = "1s" }
health = { interval = "3s", failures = 7 }
watch = { debounce = "1s", ignore = ["*.log"] }
stop.before = "true"
start.after = "true"
watchdog = "1m"
[services.a]
command = "sh"
[services.b]
command = "sh"
ready = { kind = "file", path = "x" }
health = {}
watch.paths = "src"
stop.before = []
[services.c]
command = "sh"
ready.kind = "none"
health = { kind = "file", path = "y" }
[services.d]
command = "sh"
kind = "task"
[services.e]
command = "sh"
ready.kind = "notify"
`)
	a, b, c, d, e := cfg.Services[0], cfg.Services[1], cfg.Services[2], cfg.Services[3], cfg.Services[4]
	if a.Ready == nil || a.Ready.Address != "127.0.0.1:8081" || a.Health != nil || a.Watch != nil || a.StopBefore == nil || a.StartAfter == nil {
		t.Errorf("a: %+v", a)
	}
	if b.Ready.Kind != ProbeFile || b.Ready.Address != "" || b.Ready.Interval != time.Second || b.StopBefore != nil {
		t.Errorf("b: %+v", b)
	}
	if b.Health == nil || b.Health.Probe.Path != b.Dir+"/x" || b.Health.Probe.Interval != 3*time.Second || b.Health.Failures != 7 {
		t.Errorf("the health of b: %+v", b.Health)
	}
	if b.Watch == nil || b.Watch.Debounce != time.Second || b.Watch.Ignore[len(b.Watch.Ignore)-1] != "*.log" || b.Watch.Ignore[0] != ".git" {
		t.Errorf("the watch of b: %+v", b.Watch)
	}
	if c.Ready != nil || c.Health == nil || c.Health.Probe.Path != c.Dir+"/y" {
		t.Errorf("c: %+v", c)
	}
	if d.Ready != nil || d.Health != nil || d.Watchdog != 0 || d.StartAfter != nil || d.StopBefore == nil {
		t.Errorf("the task: %+v", d)
	}
	if e.Ready.Kind != ProbeNotify || e.Ready.Interval != 0 {
		t.Errorf("e: %+v", e.Ready)
	}
}

func TestHooks(t *testing.T) {
	s := loadText(t, `
[services.a]
command = "sh"
instances = 2
start = { before = "sh -c 'echo %n'", after = ["sh", "%i"] }
stop = { before = { command = "sh drain", timeout = "5m" }, after = { command = ["sh"] } }
`).Services[1]
	got := []*Hook{s.StartBefore, s.StartAfter, s.StopBefore, s.StopAfter}
	want := []*Hook{
		{Command: []string{"sh", "-c", "echo a@2"}, Timeout: 30 * time.Second}, {Command: []string{"sh", "2"}, Timeout: 30 * time.Second},
		{Command: []string{"sh", "drain"}, Timeout: 5 * time.Minute}, {Command: []string{"sh"}, Timeout: 30 * time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWatchedPaths(t *testing.T) {
	cfg := loadText(t, `
[services.a]
command = "sh"
watch = { paths = ["src/%n", ".", "src/%n/"], ignore = ["build/", "./tmp", ".git"], debounce = 0, action = "HUP" }
`)
	s := cfg.Services[0]
	want := &Watch{
		Paths: []string{s.Dir + "/src/a", s.Dir}, Ignore: append(defaultWatch().Ignore, "build", "tmp"),
		Action: WatchSignal, Signal: signals.HUP,
	}
	if diff := cmp.Diff(want, s.Watch); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(cfg.Warnings) != 1 || cfg.Warnings[0].Msg != s.Dir+"/src/a is not there now: no such file or directory" {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
}
