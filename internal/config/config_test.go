package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// write makes files below a new directory and gives its path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, path string) *Config {
	t.Helper()
	cfg, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// loadText loads one TOML file.
func loadText(t *testing.T, text string) *Config {
	t.Helper()
	return load(t, write(t, map[string]string{"supervise.toml": text})+"/supervise.toml")
}

func names(cfg *Config) string {
	var out []string
	for _, s := range cfg.Services {
		out = append(out, s.Name)
	}
	return strings.Join(out, " ")
}

func TestEveryKey(t *testing.T) {
	dir := write(t, map[string]string{"supervise.toml": `
[supervisor]
cgroup = false
allow_uids = [1000, "root", "0"]
metrics = "localhost:9464"

[services.db]
command = "sh"
[services.cache]
command = "sh"
[services.web]
command = "sh -c 'exec %n' %%"
kind = "service"
dir = "sub"
env = { PORT = 8080, DEBUG = true, RATIO = 1.50, TEXT = "a%%b" }
env_file = [".env", "-local.env"]
env_clear = true
user = "www"
group = 33
groups = ["a", 5]
umask = 0o027
nice = -5
oom_score_adj = 100
limits = { nofile = 65536, core = "0:unlimited", memlock = "64MiB", stack = "8MB:unlimited" }
no_new_privs = true
pdeathsig = "none"
needs = ["db", "db"]
after = ["cache"]
autostart = false
critical = true
timeout = "1h"
timeout_signal = "INT"
[services.web.start]
timeout = 0
[services.web.restart]
when = "always"
initial = "1s"
factor = 3
max = "1m"
jitter = 0
reset_after = "5s"
limit = 4
within = "2m"
success = [0, 143, "SIGTERM"]
[services.web.stop]
ladder = [ { signal = "QUIT", wait = "3s" }, { signal = 9, wait = 0 } ]
scope = "group"
[services.web.signals]
map = { TERM = "QUIT", HUP = "drop", "RTMIN+1" = "0" }
forward = ["HUP", "SIGUSR1", "HUP"]
[services.web.log]
to = "inherit"
`, ".env": "PATH=/usr/bin:/bin\n"})
	if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, dir+"/supervise.toml")
	if diff := cmp.Diff(Supervisor{AllowUIDs: []string{"1000", "root", "0"}, Metrics: "127.0.0.1:9464"}, cfg.Supervisor); diff != "" || names(cfg) != "cache db web" {
		t.Fatalf("%+v", cfg)
	}
	want := Service{
		Name: "web", Template: "web", Kind: Daemon, Where: Position{File: dir + "/supervise.toml", Line: 11, Col: 11},
		Command: []string{"sh", "-c", "exec web", "%"}, Dir: dir + "/sub",
		Env: []string{"DEBUG=true", "PORT=8080", "RATIO=1.50", "TEXT=a%b"}, EnvFile: []string{dir + "/.env", "-" + dir + "/local.env"}, EnvClear: true,
		User: "www", Group: "33", Groups: []string{"a", "5"}, Umask: 0o27, Nice: -5, NiceSet: true, OOMScore: 100, OOMSet: true,
		Limits: []Limit{
			{"core", unix.RLIMIT_CORE, 0, unix.RLIM_INFINITY}, {"memlock", unix.RLIMIT_MEMLOCK, 64 << 20, 64 << 20},
			{"nofile", unix.RLIMIT_NOFILE, 65536, 65536}, {"stack", unix.RLIMIT_STACK, 8_000_000, unix.RLIM_INFINITY},
		},
		NoNewPrivs: true, Needs: []Need{{Name: "db", For: NeedReady}}, After: []string{"cache"}, Critical: true,
		RunTimeout: time.Hour, TimeoutSignal: signals.INT,
		Restart: policy.Restart{
			When: policy.Always, Backoff: policy.Backoff{Initial: time.Second, Factor: 3, Max: time.Minute}, ResetAfter: 5 * time.Second,
			Limit: 4, Within: 2 * time.Minute, Success: policy.Success{Codes: []int{0, 143}, Signals: []signals.Signal{signals.TERM}},
		},
		Stop:    Stop{Ladder: []Rung{{signals.QUIT, 3 * time.Second}, {signals.KILL, 0}}, Scope: Group},
		Map:     signals.Translation{signals.TERM: signals.QUIT, signals.HUP: signals.Drop, signals.RTMIN + 1: signals.Drop},
		Forward: []signals.Signal{signals.HUP, 10}, Log: Log{To: ToInherit},
	}
	if diff := cmp.Diff(want, cfg.Services[2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingSaidGivesTheDefaults(t *testing.T) {
	cfg := loadText(t, "[services.a]\ncommand = 'sh'\n[services.b]\ncommand = 'sh'\nkind = 'task'")
	for i, kind := range []Kind{Daemon, Task} {
		want, got := Defaults(kind), cfg.Services[i]
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Service{}, "Name", "Template", "Where", "Command", "Dir")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	if got := cfg.Services[1].Restart.When; got != policy.Never {
		t.Errorf("a task is restarted %s, want never", got)
	}
}

func TestDefaultsOfTheConfigurationGoKeyByKey(t *testing.T) {
	cfg := loadText(t, `
[services.own]
command = "sh"
env = { B = "own" }
limits.core = 0
needs = []
restart = { max = "2s", success = [1] }
stop.ladder = [ { signal = "INT", wait = "1s" } ]
signals.map = { HUP = "TERM" }
[services.plain]
command = "sh"
restart.delays = ["3s"]
[services.job]
command = "sh"
kind = "task"
[defaults]
env = { A = "common", B = "common" }
limits.nofile = 10
restart = { when = "always", initial = "1s", jitter = 0.5, success = [0, 2] }
stop = { scope = "group", ladder = [ { signal = "TERM", wait = "1s" }, { signal = "KILL", wait = "1s" } ] }
signals.map = { INT = "TERM" }
`)
	job, own, plain := cfg.Services[0], cfg.Services[1], cfg.Services[2]
	if diff := cmp.Diff([]string{"A=common", "B=own"}, own.Env); diff != "" {
		t.Errorf("env (-want +got):\n%s", diff)
	}
	if len(own.Limits) != 2 || len(own.Map) != 2 || len(own.Stop.Ladder) != 1 || own.Stop.Scope != Group {
		t.Errorf("tables are not joined or arrays not replaced: %+v", own)
	}
	want := policy.Restart{
		When: policy.Always, Backoff: policy.Backoff{Initial: time.Second, Factor: 2, Max: 2 * time.Second, Jitter: 0.5},
		ResetAfter: 10 * time.Second, Within: time.Minute, Success: policy.Success{Codes: []int{1}},
	}
	if diff := cmp.Diff(want, own.Restart); diff != "" {
		t.Errorf("restart (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(policy.Backoff{Jitter: 0.5, Delays: []time.Duration{3 * time.Second}}, plain.Restart.Backoff); diff != "" {
		t.Errorf("delays do not replace the formula of the defaults (-want +got):\n%s", diff)
	}
	if job.Restart.When != policy.Never {
		t.Errorf("a task is restarted %s because services are", job.Restart.When)
	}
}

func TestInstances(t *testing.T) {
	cfg := loadText(t, `
[services.web]
command = "sh %i %n"
instances = 11
env = { PORT = "80%i" }
[services.proxy]
command = "sh %i"
needs = ["web@2"]
after = ["web"]
[services."one@7"]
command = "sh %i"
`)
	if want := "one@7 proxy web@1 web@2 web@3 web@4 web@5 web@6 web@7 web@8 web@9 web@10 web@11"; names(cfg) != want {
		t.Fatalf("services %s, want %s", names(cfg), want)
	}
	one, proxy, last := cfg.Services[0], cfg.Services[1], cfg.Services[12]
	if last.Template != "web" || last.Instance != 11 || last.Command[1] != "11" || last.Command[2] != "web@11" || last.Env[0] != "PORT=8011" {
		t.Errorf("the last instance is %+v", last)
	}
	if one.Template != "one" || one.Instance != 7 || one.Command[1] != "7" {
		t.Errorf("a table named as an instance gave %+v", one)
	}
	if proxy.Instance != 0 || proxy.Command[1] != "1" || len(proxy.Needs) != 1 || len(proxy.After) != 11 {
		t.Errorf("the service without instances is %+v", proxy)
	}
}

func TestDirectory(t *testing.T) {
	dir := write(t, map[string]string{
		"web.toml":         "command = ['sh']\nneeds = ['db@1']\n[restart]\nwhen = 'always'",
		"db@1.toml":        "command = ['sh']",
		"supervise.toml":   "[defaults]\ncritical = true\n[supervisor]\ncgroup = false",
		".hidden.toml":     "not TOML",
		"README.md":        "not TOML",
		"bin/run":          "",
		"web.toml.orig":    "not TOML",
		"sub/ignored.toml": "not TOML",
	})
	cfg := load(t, dir)
	if names(cfg) != "db@1 web" || !cfg.Services[0].Critical || cfg.Supervisor.Cgroup || cfg.Services[1].Restart.When != policy.Always {
		t.Errorf("%+v", cfg)
	}
	want := []string{dir + "/supervise.toml", dir + "/db@1.toml", dir + "/web.toml"}
	if diff := cmp.Diff(want, cfg.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestWarnings(t *testing.T) {
	dir := write(t, map[string]string{"supervise.toml": `
[services.a]
command = "sh && $HOME"
user = "no-such-user"
groups = ["no-such-group"]
dir = "none"
env_file = ["none.env"]
restart.initial = 0
[services.b]
command = "sh"
restart = { delays = ["1s", 0], limit = 5 }
[services.c]
command = "sh"
restart = { delays = ["1s", 0] }
`})
	t.Chdir(dir)
	got := load(t, "supervise.toml").Warnings.Error()
	want := `supervise.toml:3:11: services.a.command: "&&" is passed on as it stands, since no shell runs this command; write shell = true if that is meant for a shell
supervise.toml:4:8: services.a.user: there is no user called "no-such-user" now; the service will not start without it
supervise.toml:5:10: services.a.groups: there is no group called "no-such-group" now; the service will not start without it
supervise.toml:6:7: services.a.dir: the directory ` + dir + `/none is not there now: no such file or directory; the service will not start without it
supervise.toml:7:12: services.a.env_file: ` + dir + `/none.env cannot be read now: no such file or directory; the service will not start without it; put a - before the name if it may be missing
supervise.toml:8:19: services.a.restart.initial: without a limit, a program that dies at once is restarted without pause; write a delay, or limit = 5 to give up after five starts within a minute
supervise.toml:14:22: services.c.restart.delays: without a limit, a program that dies at once is restarted without pause; write a delay, or limit = 5 to give up after five starts within a minute`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrongLinesOfAnEnvironmentFileAreErrors(t *testing.T) {
	dir := write(t, map[string]string{"supervise.toml": "[services.a]\ncommand = 'sh'\nenv_file = 'a.env'", "a.env": "A=1\nB"})
	_, err := Load(dir + "/supervise.toml")
	want := dir + "/a.env:2:1: is no KEY=value; write # before a comment"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestFindTakesTheFirstOfThree(t *testing.T) {
	dir := t.TempDir()
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "supervise.toml, services/ and Procfile") {
		t.Errorf("Find in an empty directory: %v", err)
	}
	for _, name := range []string{"Procfile", "services", "supervise.toml"} { // each before the one before
		path := filepath.Join(dir, name)
		if name == "services" {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(dir); err != nil || got != path {
			t.Errorf("Find = %q, %v, want %q", got, err, path)
		}
	}
}

func TestTenThousandServices(t *testing.T) {
	begin := processorTime(t)
	cfg := loadText(t, "[services.a]\ncommand = ['sh', '-c', 'sleep %i']\ninstances = 10000")
	if len(cfg.Services) != 10_000 {
		t.Errorf("%d services", len(cfg.Services))
	}
	if took := processorTime(t) - begin; took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

// processorTime is how much this process has used: what others use meanwhile
// does not count.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// FuzzLoad wants any text either to become services or to be refused with
// errors that have their place in it. The machine is not asked: the text could
// name any file on it.
func FuzzLoad(f *testing.F) {
	wrong, _ := filepath.Glob("testdata/wrong/*.toml")
	for _, path := range wrong {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("[services.a]\ncommand = 'sh'\ninstances = 3\nneeds = ['b']\n[services.b]\ncommand = 'sh'\n[defaults.restart]\ndelays = ['1s']")
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{path: "f", supervisor: defaultSupervisor()}
		l.fileText("f", text)
		cfg, err := l.config()
		if (cfg == nil) == (err == nil) {
			t.Fatal(cfg, err)
		}
		for _, e := range l.errors {
			if e.File != "f" || e.Msg == "" || e.Line > strings.Count(text, "\n")+1 || strings.Contains(e.Msg, "gave up") {
				t.Fatalf("%q", e)
			}
		}
		if cfg == nil {
			return
		}
		for _, s := range cfg.Services {
			if len(s.Command) == 0 || s.Command[0] == "" || len(s.Stop.Ladder) == 0 {
				t.Fatalf("incomplete: %+v", s)
			}
		}
		Order(cfg.Services)
		WorstCaseStop(cfg.Services)
	})
}

func TestAddressOfTheMetrics(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:9464": "127.0.0.1:9464", "LocalHost:9464": "127.0.0.1:9464", "127.8.9.10:1": "127.8.9.10:1", "[::1]:65535": "[::1]:65535", "": "",
		"localhost:0": "-", "127.0.0.1": "-", ":9464": "-", "127.0.0.1:http": "-", "127.0.0.1:65536": "-", "[::1%lo]:5": "-", "localhost": "-",
		"0.0.0.0:9464": "-", "[::]:9464": "-", "10.0.0.1:9464": "-", "[::ffff:127.0.0.1]:9464": "[::ffff:127.0.0.1]:9464", "127.0.0.1.example.org:9464": "-", "::1:9464": "-",
	} {
		cfg, err := Load(filepath.Join(write(t, map[string]string{"supervise.toml": fmt.Sprintf("[supervisor]\nmetrics = %q\n[services.a]\ncommand = 'sh'", text)}), "supervise.toml"))
		got := "-"
		if err == nil {
			got = cfg.Supervisor.Metrics
		}
		if got != want {
			t.Errorf("%q: got %q, want %q (%v)", text, got, want, err)
		}
	}
}

func TestUsersThatMayUseTheSocket(t *testing.T) {
	cfg := loadText(t, "[supervisor]\nallow_uids = ['root', 1234, '99', 'no-such-user']\n[services.a]\ncommand = 'sh'")
	if got := cfg.Supervisor.UIDs(); !slices.Equal(got, []int{0, 1234, 99}) {
		t.Errorf("got %v", got)
	}
	if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Error(), `allow_uids[3]: there is no user called "no-such-user" now`) {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
}
