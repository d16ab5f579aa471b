package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// theExample gives the files of examples/services.
func theExample(t testing.TB) map[string]string {
	t.Helper()
	from := filepath.Join("..", "examples", "services")
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// TestTheExampleTellsItsStory runs what `make run` runs, on a copy.
func TestTheExampleTellsItsStory(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{files: theExample(t)})

	check := exec.Command(binary, "check", "-c", filepath.Join(u.dir, "supervise.toml"))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}

	for service, line := range map[string]string{
		"db": "open for connections", "migrate": "done", "web@1": "port 8081", "web@2": "port 8082",
		"worker": "working", "hello": "hello from", "stubborn": "I ignore TERM",
	} {
		u.line(service, line)
	}
	u.until("service.done", "hello")
	order := []string{"service.running db", "service.done migrate", "service.starting web@1", "service.starting worker"}
	var last uint64
	for _, step := range order {
		name, service, _ := strings.Cut(step, " ")
		seq := u.until(name, service).Seq
		if seq < last {
			t.Errorf("%s came too early", step)
		}
		last = seq
	}

	var escaped int
	if _, err := fmt.Sscanf(u.line("escape", "daemon: pid"), "daemon: pid %d", &escaped); err != nil {
		t.Fatal(err)
	}
	u.line("escape", "left a daemon behind")
	if !upAlive(escaped) {
		t.Error("the daemon is not there")
	}

	for i, delay := range []time.Duration{500, 1000} {
		least, most := delay*time.Millisecond*9/10, delay*time.Millisecond*11/10
		e := u.until("backoff.scheduled", "flaky")
		if d := time.Duration(e.DelayNS); d > most || d < least-u.sinceTheEnd(e) {
			t.Errorf("delay %d of flaky is %v: %s", i+1, d, e.Message)
		}
	}

	u.until("service.running", "worker")
	u.signal(syscall.SIGUSR1)
	u.line("worker", "jobs are done")

	u.signal(syscall.SIGINT)
	u.ends(0)
	if upAlive(escaped) {
		t.Error("the daemon has escaped")
	}
	for _, web := range []string{"web@1", "web@2"} {
		if e := u.until("signal.sent", web); e.Signal != "QUIT" || e.Was != "TERM" {
			t.Errorf("%s: %s", web, e.Message)
		}
		u.line(web, "all are answered")
	}
	u.line("db", "TERM: closing files")
	u.line("worker", "TERM: stopping after")
	if e := u.until("stop.escalated", "stubborn"); e.Signal != "KILL" {
		t.Errorf("stubborn: %s", e.Message)
	}
	if u.until("service.stopping", "db").Seq < u.until("service.stopped", "web@1").Seq {
		t.Error("db is stopped before web is gone")
	}
	if n := len(u.all("stop.escalated", "*")); n != 1 {
		t.Errorf("%d stops were escalated, want that of stubborn alone", n)
	}
}
