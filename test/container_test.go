package test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// obedient ends with 7 at TERM.
const obedient = `trap 'echo bye; exit 7' TERM; echo ready; while :; do /busybox sleep 0.1; done`

// runs is the command line of PID 1 for a script.
func runs(script string, flags ...string) []string {
	args := append(append([]string{"/supervise"}, verbose...), flags...)
	return append(args, "--", "/busybox", "sh", "-c", script)
}

// Whatever a container allows or not, supervise does the same in it: PID 1 is
// our binary, another program can be run beside it, what such programs
// leave is reaped, and a stop ends with the program's own status.
func TestContainersOfEachKind(t *testing.T) {
	t.Parallel()
	const nobody = 65532
	for name, kind := range map[string]struct {
		box
		status map[string]string // what /proc/1/status has to say of it
		says   map[string]string // programs, and what they write in such a container
	}{
		"plain": {},
		"read-only root": {box: box{readOnly: true},
			says: map[string]string{"/busybox touch /file": "Read-only"}},
		"read-only root with a writable directory": {box: box{readOnly: true, writable: []string{"/run"}},
			says: map[string]string{"/busybox touch /file": "Read-only", "/busybox mount": "tmpfs on /run"}},
		"no /tmp": {says: map[string]string{"/busybox ls /tmp": "No such file"}},
		"no capabilities": {box: box{stripped: true},
			status: map[string]string{"CapEff": "0000000000000000", "CapBnd": "0000000000000000"}},
		"no new privileges": {box: box{noGain: true},
			status: map[string]string{"NoNewPrivs": "1"}},
		"a user without rights": {box: box{user: nobody},
			status: map[string]string{"Uid": "65532\t65532\t65532\t65532", "CapEff": "0000000000000000"}},
		"default seccomp profile": {box: box{seccomp: true},
			status: map[string]string{"Seccomp": "2"}},
		"a user namespace": {box: box{ownUsers: true},
			says: map[string]string{"/busybox cat /proc/1/uid_map": strconv.Itoa(firstUser)}},
		"limits": {box: box{memory: 48 << 20, pids: 30}},
		"all of it": {box: box{readOnly: true, stripped: true, noGain: true, user: nobody, seccomp: true, memory: 48 << 20, pids: 300},
			status: map[string]string{"NoNewPrivs": "1", "CapBnd": "0000000000000000", "Uid": "65532\t65532\t65532\t65532", "Seccomp": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			inEachContainer(t, func(t *testing.T, s *stage, e engine) {
				kind := kind
				kind.args = runs(obedient)
				c := contain(s, e, kind.box)
				c.writes("ready")
				if exe := c.succeeds("/busybox", "readlink", "/proc/1/exe"); strings.TrimSpace(exe) != "/supervise" {
					t.Errorf("PID 1 is %s", exe)
				}
				status := c.succeeds("/busybox", "cat", "/proc/1/status")
				for field, want := range kind.status {
					if !regexp.MustCompile(`(?m)^` + field + `:\s*` + want + `$`).MatchString(status) {
						t.Errorf("the container is not what this case needs: %s is not %s in\n%s", field, want, status)
					}
				}
				for command, want := range kind.says {
					if out, _ := c.exec(strings.Fields(command)...); !strings.Contains(out, want) {
						t.Errorf("the container is not what this case needs: %s says %s", command, out)
					}
				}
				if _, status := c.exec("/busybox", "sh", "-c", "exit 9"); status != 9 {
					t.Errorf("a program beside PID 1 that exits 9 ends with %d", status)
				}
				c.leavesOrphans(2)
				c.stop(60 * time.Second)
				c.exits(7)
				c.event("supervise.ended")
			})
		})
	}
}

// leavesOrphans runs programs in the container that leave some, as probes of
// orchestrators do, and waits until they are reaped.
func (c *container) leavesOrphans(n int) {
	c.t.Helper()
	for range n {
		c.succeeds("/busybox", "sh", "-c", "(/busybox true; exit 41) & exit 0")
	}
	for range n {
		c.eventWhere("orphan.reaped", func(e told) bool { return e.Exit != nil && e.Exit.Code == 41 })
	}
	c.hasNoZombies()
}

// hasNoZombies waits for a moment without any: one whose parent is about to
// reap it is none that stays.
func (c *container) hasNoZombies() {
	c.t.Helper()
	eventually(c.t, "no zombie is left", func() bool {
		out, _ := c.exec("/busybox", "sh", "-c", "/busybox grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null")
		return out == ""
	})
}

func TestContainersEndWithTheProgramsStatus(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		for script, want := range map[string]int{
			"exit 0": 0, "exit 7": 7, "exit 143": 143, "kill -TERM $$": 143, "kill -SEGV $$": 139, "kill -KILL $$": killed,
		} {
			contain(s, e, box{args: runs(script)}).exits(want)
		}
		contain(s, e, box{args: []string{"/supervise", "--", "/missing"}}).exits(127)
		contain(s, e, box{args: []string{"/supervise", "--remap-exit", "143:0", "--", "/busybox", "sh", "-c", "exit 143"}}).exits(0)
		contain(s, e, box{args: []string{"/supervise", "--map", "X", "--", "/busybox"}}).exits(2)
	})
}

// A program that ignores TERM is killed by us, who can tell of it, before the
// engine kills the whole container.
func TestContainersThatIgnoreTERMAreKilledWithinTheGracePeriod(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := contain(s, e, box{args: runs(`trap '' TERM; echo ready; while :; do /busybox sleep 1; done`, "--stop-timeout", "300ms")})
		c.writes("ready")
		c.stop(60 * time.Second)
		c.exits(killed)
		if up := c.event("stop.escalated"); up.Signal != "KILL" {
			t.Errorf("the next step is %s, want KILL", up.Signal)
		}
		c.event("supervise.ended") // had the engine killed it, it would not say so
	})
}

// For images whose entry point can't be changed.
func TestContainersAreSetUpByTheirEnvironment(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := contain(s, e, box{
			args: []string{"/supervise", "--", "/busybox", "sh", "-c", `trap 'exit 12' QUIT; trap 'exit 13' TERM; echo ready; while :; do /busybox sleep 0.1; done`},
			env:  []string{"SUPERVISE_MAP=TERM:QUIT", "SUPERVISE_VERBOSE=true", "SUPERVISE_LOG_FORMAT=json", "SUPERVISE_REMAP_EXIT=12:0"},
		})
		c.writes("ready")
		c.stop(60 * time.Second)
		c.exits(0)
		// runc, a Go program, also passes on URG, which its own runtime sends to it.
		if e := c.eventWhere("signal.sent", func(e told) bool { return e.Signal != "URG" }); e.Signal != "QUIT" || e.Was != "TERM" {
			t.Errorf("supervise sends %s for %s", e.Signal, e.Was)
		}
	})
}

// What a program leaves behind, in a session of its own too, is stopped after it.
func TestContainersStopWhateverIsLeft(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := contain(s, e, box{args: runs(`/busybox setsid /busybox sh -c "trap 'echo daemon stops; exit' TERM; echo daemon; while :; do /busybox sleep 0.1; done" &
			read go; exit 5`)})
		c.writes("daemon")
		fmt.Fprintln(c.stdin)
		c.writes("daemon stops")
		c.exits(5)
	})
}

// A program that uses up what it is allowed does not take PID 1 along.
func TestContainersAtTheirLimits(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		inEachContainer(t, func(t *testing.T, s *stage, e engine) {
			c := contain(s, e, box{memory: 48 << 20, args: runs(`/busybox dd if=/dev/zero of=/dev/null bs=256M count=1; echo dd=$?; exit 6`)})
			if line := c.writes("dd="); line == "dd=0" {
				t.Error("it got more memory than there should be")
			}
			c.exits(6)
			c.event("supervise.ended")
		})
	})
	t.Run("pids", func(t *testing.T) {
		var user atomic.Int32 // one of no other process, since RLIMIT_NPROC counts a user's
		user.Store(1_234_567)
		inEachContainer(t, func(t *testing.T, s *stage, e engine) {
			c := contain(s, e, box{pids: 30, user: int(user.Add(1)), args: runs(
				`i=0; while [ $i -lt 60 ]; do /busybox sleep 60 & i=$((i+1)); done; echo full`, "--stop-timeout", "100ms")})
			if status := c.wait(); status == 0 {
				t.Error("there is room for more processes than there should be")
			}
			c.event("supervise.ended")
		})
	})
}

// The program of a container with a terminal has it.
func TestContainersWithATerminal(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		x, c := containAtTerminal(s, e, box{args: []string{"/supervise", "--", "/busybox", "sh", "-c",
			`trap 'echo interrupted; exit 8' INT; echo ready; read line; echo "it is <$line>"; while :; do /busybox sleep 1; done`}})
		x.shows("ready")
		x.types("words\n")
		x.shows("it is <words>")
		x.types(ctrlZ) // there is no shell that could continue it: it goes on
		x.types(ctrlC)
		x.shows("interrupted")
		c.exits(8)
	})
}

// Standard input reaches the program, and so does its end.
func TestContainersPassStandardInput(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := contain(s, e, box{args: runs(`while read line; do echo "got $line"; done; exit 3`)})
		fmt.Fprintln(c.stdin, "words")
		c.writes("got words")
		c.stdin.Close()
		c.exits(3)
	})
}

// Signals of all kinds come through an engine; what ends no shell by default
// is passed on.
func TestContainersPassSignals(t *testing.T) {
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		c := contain(s, e, box{args: runs(`trap 'echo got HUP' HUP; trap 'echo got USR1' USR1; trap 'exit 4' USR2; echo ready; while :; do /busybox sleep 0.1; done`)})
		c.writes("ready")
		for _, name := range []string{"HUP", "USR1"} {
			c.succeeds("/busybox", "kill", "-"+name, "1")
			c.writes("got " + name)
			// Nor here is it of interest what runc gets of its own runtime.
			got := c.eventWhere("signal.received", func(e told) bool { return e.Signal != "URG" })
			if got.Signal != name || got.From == nil || got.From.By != "kill" {
				t.Errorf("of %s it tells %q", name, got.Message)
			}
		}
		c.exec("/busybox", "kill", "-USR2", "1") // it may be gone with the container before it ends
		c.exits(4)
	})
}
