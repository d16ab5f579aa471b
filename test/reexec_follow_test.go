package test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// slowly writes so few lines that all of them are kept until a follower is back, however
// busy the machine is.
const slowly = `
exec 2>/dev/null
i=0
trap 'echo last $i; exit' TERM
while :; do i=$((i+1)); echo line $i; sleep 0.01; done`

// Who follows goes on by itself, and has each line and each event once: when another
// binary takes over, and also when one cannot and the one before goes on.
func TestFollowersGoOnOverAnUpgrade(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	u := upStart(t, upPlan{flags: spoken, env: []string{"TURNCOAT=" + binary}, config: `
[defaults]
shell = true
stop.ladder = [{ signal = "TERM", wait = "1m" }, { signal = "KILL", wait = "1m" }]
[services.console]
command = '''` + slowly + `'''
[services.file]
command = '''` + slowly + `'''
log = { to = "file", timestamps = "rfc3339" }
[services.quiet]
command = "` + upAwait("go") + `echo at last; exec sleep 1000"
[services.burst]
command = "seq 20; exec sleep 1000"
[services.plain]
command = "echo plain; exec sleep 1000"
log.to = "file"
`, files: map[string]string{"turncoat": "#!/bin/sh\nexec " + program("turncoat") + " \"$@\"\n"}})
	u.line("console", "line 1")
	u.line("burst", "20")
	for _, name := range []string{"console", "file", "quiet", "burst", "plain"} {
		u.until("service.running", name)
	}
	s := newStage(t)
	follow := func(args ...string) *supervised { return s.start(u.client(args...)) }
	console, file := follow("logs", "-f", "--since", "1h", "console"), follow("logs", "-f", "--since", "1h", "file")
	asJSON, several := follow("logs", "-f", "--since", "1h", "--json", "console"), follow("logs", "-f", "console", "file", "quiet")
	events, plain := follow("events", "-f", "--json", "--since", "0"), follow("logs", "-f", "plain")
	later, burst := follow("events", "-f", "--json", "-n", "0", "--event", "service.*"), follow("logs", "-f", "burst")
	waits := follow("wait", "--for", "done", "quiet")
	for v, first := range map[*supervised]string{console: "line 1\n", file: "line 1\n", asJSON: "line 1\"", several: "line ", events: `"seq":1,`, plain: "plain", burst: "20\n"} {
		eventually(t, "what was before: "+first, func() bool { return strings.Contains(v.stdout.String(), first) })
	}
	eventually(t, "all are connected", func() bool { return connections(t, filepath.Join(u.dir, "s")) == 9 })
	for range 3 {
		u.clientDoes("reexec")
	}
	waits.exits(1)
	if text := waits.text(waits.stderr); !strings.Contains(text, "supervise is being replaced by another binary") {
		t.Errorf("who waits is told %q", text)
	}
	if _, errs, status := u.clientRuns("reexec", "--binary", "./turncoat"); status != 1 || !strings.Contains(errs, "the one before goes on") {
		t.Errorf("%d, %s", status, errs)
	}
	u.clientDoes("reexec")
	u.touch("go")
	u.line("quiet", "at last")
	u.clientDoes("stop", "console", "file")
	for _, v := range []*supervised{console, file, asJSON} {
		eventually(t, "the last line", func() bool { return strings.Contains(v.stdout.String(), "last ") })
	}
	eventually(t, "the line of the quiet one", func() bool { return strings.Contains(several.stdout.String(), "at last") })
	u.signal(syscall.SIGTERM)
	u.ends(0)

	plain.exits(1)
	if text := plain.text(plain.stderr); !strings.Contains(text, "going on after supervise was replaced: plain: its file has no times to go by") {
		t.Errorf("plain: %q", text)
	}
	for what, v := range map[string]*supervised{"console": console, "file": file, "JSON": asJSON, "several": several, "events": events, "later": later, "burst": burst} {
		v.exits(1)
		text, errs := v.text(v.stdout), v.text(v.stderr)
		if errs != "supervise: the supervise at "+filepath.Join(u.dir, "s")+" has ended\n" {
			t.Errorf("%s: %q", what, errs)
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		switch what {
		case "JSON":
			for i := range lines {
				var l struct{ Line string }
				if err := json.Unmarshal([]byte(lines[i]), &l); err != nil {
					t.Fatalf("%q: %v", lines[i], err)
				}
				lines[i] = l.Line
			}
			fallthrough
		case "console", "file":
			if wrong := counted(lines); wrong != "" {
				t.Errorf("%s: %s\n%s", what, wrong, text)
			}
		case "several":
			if n := strings.Count(text, "quiet   | at last\n"); n != 1 {
				t.Errorf("at last came %d times\n%s", n, text)
			}
			last := map[string]int{}
			for _, line := range lines {
				name, rest, _ := strings.Cut(line, "|")
				var n int
				if _, err := fmt.Sscanf(rest, " line %d", &n); err != nil {
					continue
				}
				if before := last[name]; before != 0 && n != before+1 {
					t.Errorf("%s: line %d follows line %d", name, n, before)
				}
				last[name] = n
			}
		case "burst":
			if text != "11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n" {
				t.Errorf("of a burst came %q", text)
			}
		case "later":
			if !strings.Contains(text, `"service.stopped"`) || strings.Contains(text, `"service.started"`) {
				t.Errorf("what was before came too, or not what was later:\n%s", text)
			}
		case "events":
			for i := range lines {
				var e upEvent
				if err := json.Unmarshal([]byte(lines[i]), &e); err != nil || e.Seq != uint64(i+1) {
					t.Fatalf("event %d: %q, %v", i+1, lines[i], err)
				}
			}
			for name, want := range map[string]int{"supervise.replaced": 4, "supervise.stays": 1} {
				if n := strings.Count(text, `"`+name+`"`); n != want {
					t.Errorf("%d times %s, want %d", n, name, want)
				}
			}
		}
	}
}

// The screen comes back by itself, and shows what happens afterwards.
func TestTopGoesOnOverAnUpgrade(t *testing.T) {
	u, x, socket := top(t)
	cmd := u.client("reexec", "--socket", socket)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd = u.client("stop", "--socket", socket, "beta")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	x.shows(`^  beta +○ stopped`)
	x.keys("x", "y")
	u.until("service.stopped", "alpha")
	x.shows(`^▸ alpha +○ stopped`)
}
