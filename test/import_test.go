package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"supervise/internal/needed"
)

func TestImport(t *testing.T) { runScripts(t, "import") }

func TestExport(t *testing.T) { runScripts(t, "export") }

// outcome runs a command of supervise to its end.
func outcome(t *testing.T, dir string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), upDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return out.String(), errs.String(), e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), 0
}

// The units of programs that the tests need become configurations that are
// accepted; named without a directory, they are found where systemd finds them. All
// units of the machine are tried in internal/imports.
func TestUnitsOfDebianAreImported(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	dir := t.TempDir()
	for _, unit := range []string{"nginx.service", "redis-server.service", "haproxy.service", "postgresql@15-main.service"} {
		of, _, _ := strings.Cut(unit, "@")
		found, _ := filepath.Glob("/lib/systemd/system/" + strings.TrimSuffix(of, ".service") + "*.service")
		needed.That(t, len(found) > 0, unit)
		file := filepath.Join(dir, unit+".toml")
		if _, told, status := outcome(t, dir, "import", unit, "-o", file); status != 0 || !strings.Contains(told, "not carried over") {
			t.Errorf("%s: import ends with %d: %s", unit, status, told)
			continue
		}
		if out, errs, status := outcome(t, dir, "check", "-c", file); status != 0 || !strings.Contains(out, "valid, ") {
			t.Errorf("%s: check ends with %d: %s%s", unit, status, out, errs)
		}
	}
}

// ranImported imports a file and runs what came of it, until nothing is left
// that runs.
func ranImported(t *testing.T, files map[string]string, args ...string) string {
	t.Helper()
	dependOnSources(t)
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, errs, status := outcome(t, dir, append([]string{"import", "-o", "supervise.toml"}, args...)...); status != 0 {
		t.Fatalf("import ends with %d: %s", status, errs)
	}
	if out, errs, status := outcome(t, dir, "check"); status != 0 {
		t.Fatalf("check ends with %d: %s%s", status, out, errs)
	}
	out, errs, status := outcome(t, dir, "up", "--socket", "none", "--log-format", "console")
	if status > 1 { // 1: one of them has given up, as it is to
		t.Fatalf("up ends with %d: %s%s", status, out, errs)
	}
	return out
}

// said are the lines that services wrote, without the time.
func said(out string) []string {
	var all []string
	for line := range strings.Lines(out) {
		if _, text, found := strings.Cut(line, " "); found && !strings.Contains(line, " supervise * ") {
			name, text, _ := strings.Cut(text, "|")
			all = append(all, strings.TrimSpace(name)+": "+strings.TrimSpace(text))
		}
	}
	slices.Sort(all)
	return all
}

func TestAnImportedSupervisordConfRuns(t *testing.T) {
	t.Parallel()
	out := ranImported(t, map[string]string{
		"etc/supervisord.conf": `; two of one program, and one that fails
[supervisord]
nodaemon=true
environment=COMMON="every, where"

[include]
files = conf.d/*.conf

[program:early]
command=sh -c 'echo "early in $PWD: $COMMON"'
directory=/
autorestart=false
priority=1
`,
		"etc/conf.d/web.conf": `[program:web]
command=sh -c "echo web %(process_num)02d with \"$GREETING\" 100%%; exit 2"   ; the comment
numprocs=2
process_name=%(program_name)s_%(process_num)02d
environment=GREETING="hello, %(program_name)s"
autorestart=unexpected
exitcodes=0,2
`,
		"etc/conf.d/broken.conf": `[program:broken]
command=sh -c 'echo broken; exit 3'
startretries=1
`,
	}, "etc/supervisord.conf")
	want := []string{"broken: broken", "broken: broken", "early: early in /: every, where", "web@1: web 00 with hello, web 100%", "web@2: web 01 with hello, web 100%"}
	if got := said(out); !slices.Equal(got, want) {
		t.Errorf("the services wrote %q, expected %q\n%s", got, want, out)
	}
	if !strings.Contains(out, "broken: failed") {
		t.Errorf("broken has not given up:\n%s", out)
	}
}

func TestAnImportedProcfileRuns(t *testing.T) {
	t.Parallel()
	out := ranImported(t, map[string]string{
		".env":     "PORT=6000\nNAME='the app'\n",
		"Procfile": "web: echo \"$NAME on $PORT\" 50% # done\nworker: echo worker on $PORT\nspare: echo spare\n",
	}, "Procfile", "--formation", "web=2,spare=0")
	want := []string{"web@1: the app on 6000 50%", "web@2: the app on 6001 50%", "worker: worker on 6100"}
	if got := said(out); !slices.Equal(got, want) {
		t.Errorf("the services wrote %q, expected %q\n%s", got, want, out)
	}
}

// finish gets what runsv would give it: the exit code, or -1 and the signal.
func TestAnImportedRunitServiceFinishes(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"run":     "#!/bin/sh\nexec 2>&1\ncd " + dir + "\nexport A='a b'\nexec sh ./program once\n",
		"finish":  "#!/bin/sh\necho \"finish $1 $2\"\n",
		"program": "echo \"$A $1\"\nif [ -e ran ]; then kill -TERM $$; sleep 100; fi\ntouch ran\nexit 3\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, errs, status := outcome(t, dir, "import", dir)
	if status != 0 {
		t.Fatalf("import ends with %d: %s", status, errs)
	}
	u := upConfig(t, text)
	name := filepath.Base(dir)
	u.line(name, "a b once")
	u.line(name, "finish 3 0")
	u.line(name, "finish -1 15")
	u.stop()
}

// What import and export are made of must not be initialised in every PID 1.
func TestRunPaysNothingForImports(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	cmd := exec.Command(binary, "run", "--", "true")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "init supervise/internal/config ") {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		for _, part := range []string{"internal/imports", "internal/exports", "unitfile", "yaml", "jsonschema", "go-systemd"} {
			if strings.Contains(line, part) {
				t.Error(line)
			}
		}
	}
}

// The page's example is what import says today.
func TestTheImportPage(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	page, err := os.ReadFile("../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) string {
		m := regexp.MustCompile("(?ms)^```" + kind + "\n(.*?)^```$").FindStringSubmatch(string(page))
		if m == nil {
			t.Fatalf("the page has no block of %s", kind)
		}
		return m[1]
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.service"), []byte(block("ini")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, told, _ := outcome(t, dir, "import", "app.service")
	here := strings.NewReplacer(dir+"/", "")
	if got, want := here.Replace(out), block("toml"); got != want {
		t.Errorf("import writes\n%s\nbut the page has\n%s", got, want)
	}
	_, want, _ := strings.Cut(block("console"), "\n")
	if got := here.Replace(told); got != want {
		t.Errorf("import tells\n%s\nbut the page has\n%s", got, want)
	}
}

// systemd itself takes the units that are exported.
func TestExportedUnitsAreVerifiedBySystemd(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"supervise.toml": `
[services.migrate]
command = ["/bin/true", "100%%", "$5", "two words", "it's"]
kind = "task"
needs = ["db"]
restart = { when = "on-failure", limit = 3 }

[services.db]
command = ["/bin/sleep", "100"]
umask = "077"
nice = 5
no_new_privs = true
limits = { nofile = "1024:4096", core = 0 }
ready = { kind = "exec", command = ["/bin/true"] }
stop.ladder = [{ signal = "INT", wait = "30s" }, { signal = "QUIT", wait = "5s" }]
log = { to = "file", path = "/var/log/app/db.log" }

[services.web]
command = "./server --port 808%i"
instances = 2
needs = ["migrate", { service = "db", with = true }]
env = { GREETING = "hello $USER 50%%", EMPTY = "" }
env_file = ["-.env"]
watchdog = "10s"
ready = { kind = "notify" }
start.before = ["/bin/true"]
stop = { before = ["/bin/true"], after = ["/bin/true"] }
restart = { when = "always", initial = "1s", factor = 1, max = "1s", limit = 10, within = "1h", success = [0, 143, "USR1"] }

[[services.web.sockets]]
listen = "tcp://127.0.0.1:808%i"

[services.lazy]
command = "./server"
restart = { when = "never" }
stop.ladder = [{ signal = "TERM", wait = "0s" }]

[[services.lazy.sockets]]
listen = "unix:///run/app/lazy.sock"
lazy = true
`,
		"server": "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, errs, status := outcome(t, dir, "export", "systemd", "--name", "app", "-o", "units"); status != 0 {
		t.Fatalf("export ends with %d: %s", status, errs)
	}
	units, _ := filepath.Glob(filepath.Join(dir, "units", "*"))
	if len(units) != 9 {
		t.Fatalf("units: %v", units)
	}
	verify := exec.Command(needed.Program(t, "systemd-analyze"), append([]string{"verify", "--man=no"}, units...)...)
	out, err := verify.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// They are of systemd 254, and harmless before.
		if strings.Contains(line, "units/app-") && !strings.Contains(line, "RestartSteps") && !strings.Contains(line, "RestartMaxDelaySec") {
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(units[0], []byte("[Service]\nExecStart=relative/path\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", units[0]).CombinedOutput(); err == nil {
		t.Errorf("systemd-analyze takes anything: %s", out)
	}
}
