package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUpRunsAFile(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.a]
command = ["echo", "from a"]
[services.b]
command = "echo 'from b'"
`)
	u.line("a", "from a")
	u.line("b", "from b")
	u.ends(0)
}

func TestUpRunsADirectory(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{path: "conf", files: map[string]string{
		"conf/supervise.toml": "[defaults.env]\nFROM = \"the defaults\"\n",
		"conf/one.toml":       "command = 'echo $FROM'\nshell = true\n",
		"conf/two.toml":       "command = 'pwd'\n",
		"conf/README":         "no service",
	}})
	u.line("one", "the defaults")
	if dir := u.line("two", ""); filepath.Base(dir) != "conf" {
		t.Errorf("the services run in %s, not beside their files", dir)
	}
	u.ends(0)
}

func TestUpRunsAProcfile(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{path: "Procfile", env: []string{"PORT="}, files: map[string]string{
		"Procfile": "# two processes\nweb: echo \"web $PORT $COLOUR\"\nworker: echo \"worker $PORT $COLOUR\" | tr a-z A-Z\n",
		".env":     "COLOUR=blue\n",
	}})
	u.line("web", "web 5000 blue")
	u.line("worker", "WORKER 5100 BLUE")
	u.ends(0)
}

func TestUpFindsItsConfiguration(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"supervise.toml":  "[services.a]\ncommand = 'echo from supervise.toml'\n",
		"services/a.toml": "command = 'echo from services'\n",
		"Procfile":        "a: echo from Procfile\n",
	}
	for _, name := range []string{"supervise.toml", "services/a.toml", "Procfile"} {
		u := upStart(t, upPlan{files: files, path: ".", prepare: withoutConfigFlag})
		u.line("a", "from "+strings.TrimSuffix(name, "/a.toml"))
		u.ends(0)
		delete(files, name)
	}
	said := upRefused(t, upPlan{prepare: withoutConfigFlag}, 2)
	if !strings.Contains(said, "supervise.toml") {
		t.Errorf("it does not say what it looked for: %s", said)
	}
}

func TestUpStartsTheNamedServicesAndWhatTheyNeed(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.db]
command = "echo db is there"
kind = "task"
[services.web]
command = "echo 'web %i'"
needs = ["db"]
instances = 2
[services.extra]
command = "echo extra"
[services.lazy]
command = "echo lazy"
autostart = false
`, "web@2", "lazy")
	u.ends(0)
	u.line("db", "db is there")
	u.line("web@2", "web 2")
	u.line("lazy", "lazy")
	u.none("service.starting", "web@1")
	u.none("service.starting", "extra")
}

func TestUpLeavesOutWhatIsNotToStartByItself(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.a]
command = "true"
[services.lazy]
command = "true"
autostart = false
`)
	u.ends(0)
	u.none("service.starting", "lazy")
}

func TestUpRefusesAnUnknownName(t *testing.T) {
	t.Parallel()
	said := upRefused(t, upPlan{config: "[services.worker]\ncommand = 'touch started'\n", names: []string{"wroker"}}, 2)
	if !strings.Contains(said, "did you mean worker") {
		t.Errorf("it says: %s", said)
	}
}

func TestUpTellsAllThatIsWrongAndStartsNothing(t *testing.T) {
	t.Parallel()
	var dir string
	plan := upPlan{config: `
[services.good]
command = "touch started"
[services.bad]
comand = "true"
umask = "9"
needs = ["god"]
[services.worse]
command = "./not-there"
[services.worse.stop]
ladder = [ { signal = "TREM", wait = "1s" } ]
[services.round]
command = "true"
needs = ["about"]
[services.about]
command = "true"
needs = ["round"]
`}
	u := upStart(t, plan)
	dir = u.dir
	u.ends(2)
	said := u.stderr.String()
	for _, part := range []string{"comand", "umask", "god", "not-there", "TREM", "round"} {
		if !strings.Contains(said, part) {
			t.Errorf("nothing is said of %s:\n%s", part, said)
		}
	}
	if out := u.told(); out != "" {
		t.Errorf("stdout: %s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
		t.Error("a service was started")
	}
}

func TestUpRefusesAnUnknownLogFormat(t *testing.T) {
	t.Parallel()
	said := upRefused(t, upPlan{config: "[services.a]\ncommand = 'true'\n", flags: []string{"--log-format", "xml"}}, 2)
	if !strings.Contains(said, "xml") {
		t.Errorf("it says: %s", said)
	}
}

func TestUpRefusesATraceFileThatItCannotWrite(t *testing.T) {
	t.Parallel()
	said := upRefused(t, upPlan{config: "[services.a]\ncommand = 'true'\n", flags: []string{"--trace", "no/such/directory"}}, 2)
	if !strings.Contains(said, "--trace") {
		t.Errorf("it says: %s", said)
	}
}

func withoutConfigFlag(cmd *exec.Cmd) {
	at := slices.Index(cmd.Args, "-c")
	cmd.Args = slices.Delete(cmd.Args, at, at+2)
}
