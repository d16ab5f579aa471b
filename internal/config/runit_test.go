package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// directories makes service directories: each file is executable.
func directories(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := write(t, files)
	for name := range files {
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func warnings(cfg *Config) string {
	var out []string
	for _, w := range cfg.Warnings {
		out = append(out, filepath.Base(w.File)+": "+w.Msg)
	}
	return strings.Join(out, "\n")
}

func TestServiceDirectories(t *testing.T) {
	dir := directories(t, map[string]string{
		"web/run": "", "web/log/run": "", "web/finish": "", "off/run": "", "off/down": "", ".hidden/run": "", "README": "",
		"half/readme": "", "quiet/run": "", "quiet/log/run": "", "quiet/log/down": "", "web.8 (old)/run": "",
	})
	if err := os.Symlink("web", dir+"/zz"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", dir+"/dangling"); err != nil {
		t.Fatal(err)
	}
	other := directories(t, map[string]string{"real/run": ""})
	if err := os.Symlink(other+"/real", dir+"/linked"); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, dir)
	if got := names(cfg); got != "half linked off quiet quiet/log web web.8 (old) web/log" {
		t.Errorf("services: %s", got)
	}
	if cfg.Directory == nil || cfg.Directory.Lone || cfg.Directory.Path != dir {
		t.Errorf("%+v", cfg.Directory)
	}
	want := "dangling: leads to nothing: no such file or directory\nrun: is not there, or not executable\nzz: is the same directory as web"
	if got := warnings(cfg); got != want {
		t.Errorf("warnings:\n%s\nwant:\n%s", got, want)
	}
	by := map[string]Service{}
	for _, s := range cfg.Services {
		by[s.Name] = s
	}
	web, log := by["web"], by["web/log"]
	if !slices.Equal(web.Command, []string{"./run"}) || web.Dir != dir+"/web" || !web.Autostart || !slices.Equal(web.After, []string{"web/log"}) {
		t.Errorf("web: %+v", web)
	}
	if *web.Runit != (Runit{Path: dir + "/web", Scripts: true, Reader: "web/log"}) || *log.Runit != (Runit{Path: dir + "/web/log", Writer: "web"}) {
		t.Errorf("%+v, %+v", web.Runit, log.Runit)
	}
	if log.StopAfter != nil || log.StartBefore != nil || log.Dir != dir+"/web/log" {
		t.Errorf("the log service has hooks, or the wrong directory: %+v", log)
	}
	if by["off"].Autostart || !by["quiet"].Autostart || by["quiet/log"].Autostart {
		t.Error("down is not what says what starts")
	}
	if by["linked"].Dir != other+"/real" || by["linked"].Runit.Path != other+"/real" {
		t.Errorf("linked: %+v", by["linked"])
	}
}

// Without a supervise.toml it is as runsv has it.
func TestServiceDirectoryIsAsRunsvHasIt(t *testing.T) {
	dir := directories(t, map[string]string{"web/run": ""})
	for _, cfg := range []*Config{load(t, dir), load(t, dir+"/web")} {
		s := cfg.Services[0]
		r := s.Restart
		if r.When != policy.Always || r.Pace != time.Second || r.Limit != 0 || r.Backoff.Delay(9, 0.5) != 0 {
			t.Errorf("%+v", r)
		}
		if !slices.Equal(s.Stop.Ladder, []Rung{{Signal: signals.TERM}}) || s.Stop.Scope != Main || s.Stop.Unbounded() {
			t.Errorf("%+v", s.Stop)
		}
		if s.Name != "web" || s.StopAfter == nil || s.StopAfter.Timeout != 0 || s.StopAfter.Command[0] != "./finish" {
			t.Errorf("%+v", s)
		}
	}
	if cfg := load(t, dir+"/web"); !cfg.Directory.Lone {
		t.Error("it is not known to be one service")
	}
}

func TestEmptyDirectoryOfServices(t *testing.T) {
	cfg, err := LoadServices(t.TempDir())
	if err != nil || len(cfg.Services) != 0 || cfg.Directory == nil {
		t.Errorf("%+v, %v", cfg, err)
	}
	if _, err := LoadServices("/nonexistent"); err == nil {
		t.Error("a directory that is not there is no error")
	}
}

func TestTOMLBesideRun(t *testing.T) {
	dir := directories(t, map[string]string{
		"db/run":  "",
		"web/run": "", "web/log/run": "", "web/log/supervise.toml": "limits = { nofile = 9 }",
		"web/supervise.toml": `needs = ["db"]
env = { PORT = 80 }
restart = { initial = "1s", max = "1m", limit = 5 }
stop = { ladder = [{ signal = "QUIT", wait = "3s" }, { signal = "KILL", wait = "1s" }], scope = "tree" }
ready = { kind = "tcp", address = "127.0.0.1:80" }
`,
		"supervise.toml": `[supervisor]
cgroup = false
[defaults]
umask = "027"
`,
	})
	cfg := load(t, dir)
	if cfg.Supervisor.Cgroup || names(cfg) != "db web web/log" {
		t.Errorf("%+v", cfg)
	}
	db, web, log := cfg.Services[0], cfg.Services[1], cfg.Services[2]
	if db.Umask != 0o27 || web.Umask != 0o27 || log.Umask != -1 || len(log.Limits) != 1 {
		t.Error("[defaults] are for services, not for their logs")
	}
	if web.Needed()[0] != "db" || web.Env[0] != "PORT=80" || web.Ready == nil || web.Restart.Limit != 5 || web.Restart.Pace != time.Second {
		t.Errorf("%+v", web)
	}
	if web.Stop.Scope != Tree || web.Stop.InShutdown()[0].Signal != signals.QUIT || len(web.Stop.InShutdown()) != 2 {
		t.Errorf("its ladder does not hold in a shutdown: %+v", web.Stop)
	}
}

func TestTOMLBesideRunThatContradictsIt(t *testing.T) {
	dir := directories(t, map[string]string{
		"web/run": "", "web/log/run": "",
		"web/supervise.toml": `command = "x"
kind = "task"
dir = "/"
autostart = false
instances = 2
pty = true
start = { before = "a" }
stop = { after = "b", laddr = [] }
services = {}
`,
	})
	_, err := Load(dir)
	got := strings.ReplaceAll(err.Error(), dir+"/", "")
	want := `web/supervise.toml:1:1: command: does not belong here: the program is ./run; take it out
web/supervise.toml:2:1: kind: does not belong here: what runsv runs is a service; take it out
web/supervise.toml:3:1: dir: does not belong here: ./run is started in its directory; take it out
web/supervise.toml:4:1: autostart: does not belong here: the file down says whether it starts by itself; take it out
web/supervise.toml:5:1: instances: does not belong here: a service directory is one instance; take it out
web/supervise.toml:7:11: start.before: does not belong here: the script control/u is run before each start; take it out
web/supervise.toml:8:10: stop.after: does not belong here: ./finish is run after each run; take it out
web/supervise.toml:9:1: services: does not belong here: this file is about one service; write its keys at the top of the file`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	text := "pty = true\nstop = { laddr = [] }\n"
	if err := os.WriteFile(dir+"/web/supervise.toml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	for _, part := range []string{"1:1: pty: does not go together with log/", "did you mean ladder?"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in\n%v", part, err)
		}
	}
}

func TestRunitFilesForServicesOfTOML(t *testing.T) {
	dir := write(t, map[string]string{"supervise.toml": `[supervisor]
runit_dir = "sv"
[services.web]
command = "sleep 1"
`})
	s := load(t, dir+"/supervise.toml").Services[0]
	if s.Runit == nil || *s.Runit != (Runit{Path: dir + "/sv/web"}) {
		t.Errorf("%+v", s.Runit)
	}
}
