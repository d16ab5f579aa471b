package test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// containUp starts `supervise up` as PID 1, with a configuration.
func containUp(s *stage, e engine, b box, config string) *container {
	b.files = map[string]string{"app/supervise.toml": config}
	b.args = []string{"/supervise", "up", "-c", "/app/supervise.toml"}
	return contain(s, e, b)
}

const twoServices = `
[services.db]
command = ["/busybox", "sh", "-c", "trap 'echo db ends; exit' TERM; echo db here; while :; do /busybox sleep 0.1; done"]
ready = { kind = "log", pattern = "here" }
[services.web]
command = ["/busybox", "sh", "-c", "trap 'echo web ends; exit' TERM; echo web here; while :; do /busybox sleep 0.1; done"]
ready = { kind = "log", pattern = "here" }
needs = ["db"]
`

// tells waits for an event of `up`, which tells on standard output.
func (c *container) tells(event, service string) told {
	c.t.Helper()
	for {
		line := c.writes(`"event":"` + event + `"`)
		var e told
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			c.t.Fatalf("%q is no event: %v", line, err)
		}
		if e.Service == service {
			return e
		}
	}
}

func TestContainersOfServicesStopInOrder(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := containUp(s, e, box{writable: []string{"/run"}}, twoServices)
		c.writes("web here")
		c.stop(60 * time.Second)
		c.tells("service.stopped", "web")
		c.tells("service.stopped", "db")
		c.exits(0)
		for _, line := range []string{"web ends", "db ends"} {
			if !strings.Contains(c.text(c.stdout), line) {
				t.Errorf("no %q: it was not ended by TERM", line)
			}
		}
	})
}

// A critical service that ends takes the container along, and its status is
// that of the container.
func TestContainersEndWithTheirCriticalService(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := containUp(s, e, box{readOnly: true, stripped: true}, twoServices+`
[services.main]
command = ["/busybox", "sh", "-c", "exit 42"]
critical = true
needs = ["web"]
restart.when = "never"
`)
		c.exits(42)
		if !strings.Contains(c.text(c.stdout), "db ends") {
			t.Error("db was not ended by TERM")
		}
	})
}

// With a place for its socket a running `up` answers to programs beside it,
// such as probes.
func TestContainersOfServicesAnswer(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]box{
		"root":                  {writable: []string{"/run"}},
		"a user without rights": {readOnly: true, stripped: true, noGain: true, user: 65532, writable: []string{"/tmp"}},
		"a socket that is named": {readOnly: true, stripped: true, user: 65532, writable: []string{"/var"},
			env: []string{"SUPERVISE_SOCKET=/var/control"}},
	} {
		t.Run(name, func(t *testing.T) {
			inEachContainer(t, func(t *testing.T, s *stage, e engine) {
				c := containUp(s, e, b, twoServices)
				c.writes("web here")
				client := func(words ...string) []string {
					if len(b.env) > 0 {
						words = append(words, "--socket", "/var/control")
					}
					return append([]string{"/supervise"}, words...)
				}
				if out := c.succeeds(client("wait", "--timeout", "20s", "web")...); !strings.Contains(out, "web: running") {
					t.Errorf("wait says %s", out)
				}
				if out := c.succeeds(client("health")...); !strings.Contains(out, "2") {
					t.Errorf("health says %s", out)
				}
				if out := c.succeeds(client("status", "--json")...); strings.Count(out, `"running"`) != 2 {
					t.Errorf("status says %s", out)
				}
				c.succeeds(client("stop", "db")...)
				if out, status := c.exec(client("health", "web")...); status != 1 {
					t.Errorf("health of what is stopped ends with %d: %s", status, out)
				}
				c.exec(client("shutdown", "--no-wait")...) // the end of the container may be its own
				c.exits(0)
			})
		})
	}
}

// Without a place for its socket it says so, and goes on.
func TestContainersOfServicesWithoutAPlaceForTheSocket(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := containUp(s, e, box{readOnly: true, stripped: true}, twoServices)
		c.writes("web here")
		out, status := c.exec("/supervise", "health")
		if status != 1 {
			t.Errorf("health ends with %d: %s", status, out)
		}
		for range 3 {
			c.succeeds("/busybox", "sh", "-c", "(/busybox true; exit 41) & exit 0")
		}
		c.hasNoZombies()
		c.stop(60 * time.Second)
		c.exits(0)
		if warning := c.text(c.stderr); !strings.Contains(warning, "warning: no control socket") || !strings.Contains(warning, "read-only file system") {
			t.Errorf("it says %q", warning)
		}
	})
}

// A socket that was asked for is one that somebody relies on: without it nothing starts.
func TestContainersOfServicesWithoutThePlaceThatIsNamed(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := containUp(s, e, box{readOnly: true, env: []string{"SUPERVISE_SOCKET=/control"}}, twoServices)
		c.exits(2)
		if says := c.text(c.stderr); !strings.Contains(says, "/control.lock: read-only file system; name one in a directory that can be written to") {
			t.Errorf("it says %q", says)
		}
	})
}

// podman puts us in the place of its own init, under the name podman-init.
func TestContainersWithOurInit(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	needContainers(t)
	if err := works(podman{}); err != nil {
		t.Logf("podman does not work on this machine: %v; PID 1 by that name is tried without it", err)
		contain(newStage(t), harness{}, box{args: []string{"/supervise", "--", "/busybox", "sh", "-c", "exit 3"}}).exits(3)
		return
	}
	s := newStage(t)
	p := podman{}
	c := prepare(s, p, box{})
	flags := append(p.flags(c), "--init", "--init-path", binary, "--rootfs", c.root, "/busybox", "sh", "-c", obedient)
	c.supervised = s.start(p.call(flags...))
	c.writes("ready")
	if out := c.succeeds("/busybox", "readlink", "/proc/1/exe"); strings.TrimSpace(out) != "/run/podman-init" {
		t.Errorf("PID 1 is %s", out)
	}
	c.stop(60 * time.Second)
	c.exits(7)
}
