package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// What a process that supervise has started is given, all of it, and nothing else.
// It is looked at from outside: what runs is sleep(1), which changes nothing.
type given struct {
	Descriptors string // "0 /dev/null, 1 pipe, 2 pipe"
	Blocked     string // signals, as /proc/PID/status has them
	Ignored     string
	Caught      string
	UIDs, GIDs  string // real, effective, saved, file system
	Groups      string
	CapInh      string
	CapPrm      string
	CapEff      string
	CapBnd      string
	CapAmb      string
	NoNewPrivs  string
	Umask       string
	Files       string // soft and hard limit of open files
	Nice        string
	OOMScore    string
	Session     string // own, ours (supervise's), or another
	Group       string
	Terminal    string // some or none
	Parent      string // supervise
	Dir         string
	Root        string
	Environment string // the names of the variables, sorted
}

// has wants a process to have been given what it should by the supervise with a
// pid. A program that begins opens its libraries, and closes them again; what it was
// given it keeps.
func (want given) has(t testing.TB, what string, pid, supervise int) {
	t.Helper()
	diff := ""
	for end := late(t); ; {
		if diff = cmp.Diff(want, lookAt(t, pid, supervise)); diff == "" {
			return
		}
		select {
		case <-end:
			t.Errorf("%s (-want +got):\n%s", what, diff)
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// lookAt tells what a process was given.
func lookAt(t testing.TB, pid, supervise int) given {
	t.Helper()
	at := func(name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }
	status := statusFields(t, pid)
	// The number that the C library keeps for itself, and make(1) leaves ignored.
	signals := func(field string) string {
		set, err := strconv.ParseUint(status[field], 16, 64)
		if err != nil {
			t.Fatalf("%s is %q", field, status[field])
		}
		return strconv.FormatUint(set&^(3<<31), 16)
	}
	g := given{
		Blocked: signals("SigBlk"), Ignored: signals("SigIgn"), Caught: signals("SigCgt"),
		UIDs: status["Uid"], GIDs: status["Gid"], Groups: status["Groups"],
		CapInh: status["CapInh"], CapPrm: status["CapPrm"], CapEff: status["CapEff"], CapBnd: status["CapBnd"], CapAmb: status["CapAmb"],
		NoNewPrivs: status["NoNewPrivs"], Umask: status["Umask"],
	}
	entries, err := os.ReadDir(at("fd"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return atoi(t, a.Name()) - atoi(t, b.Name()) })
	var open []string
	for _, e := range entries {
		to, err := os.Readlink(at("fd/" + e.Name()))
		if err != nil {
			to = err.Error() // closed meanwhile
		}
		kind, _, _ := strings.Cut(to, ":")
		open = append(open, e.Name()+" "+strings.TrimRight(kind, "/0123456789"))
	}
	g.Descriptors = strings.Join(open, ", ")
	stat := strings.Fields(readFile(t, at("stat"))[strings.LastIndex(readFile(t, at("stat")), ")"):])
	whose := func(field int) string {
		switch stat[field] {
		case strconv.Itoa(pid):
			return "own"
		case strings.Fields(readFile(t, fmt.Sprintf("/proc/%d/stat", supervise)))[field+1]:
			return "ours"
		}
		return "another"
	}
	g.Group, g.Session, g.Terminal, g.Nice = whose(3), whose(4), "some", stat[17]
	if stat[5] == "0" {
		g.Terminal = "none"
	}
	if g.Parent = "supervise"; stat[2] != strconv.Itoa(supervise) {
		g.Parent = stat[2]
	}
	for line := range strings.Lines(readFile(t, at("limits"))) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			g.Files = strings.Join(strings.Fields(rest)[:2], " ")
		}
	}
	g.OOMScore = strings.TrimSpace(readFile(t, at("oom_score_adj")))
	if g.Dir, err = os.Readlink(at("cwd")); err != nil {
		t.Fatal(err)
	}
	if g.Root, err = os.Readlink(at("root")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for v := range strings.SplitSeq(readFile(t, at("environ")), "\x00") {
		if name, _, ok := strings.Cut(v, "="); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	g.Environment = strings.Join(names, " ")
	return g
}

func statusFields(t testing.TB, pid int) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			fields[k] = strings.Join(strings.Fields(v), " ")
		}
	}
	return fields
}

// sleeping waits until a child of supervise has become `sleep N`.
func sleeping(t testing.TB, supervise int, n string) (pid int) {
	t.Helper()
	eventually(t, "sleep "+n+" runs", func() bool {
		all, err := procfs.All()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.PPID == supervise && p.Name == "sleep" {
				if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID)); string(b) == "sleep\x00"+n+"\x00" {
					pid = p.PID
					return true
				}
			}
		}
		return false
	})
	return pid
}

// hostileStart has supervise started by a caller that leaves behind all it can:
// open descriptors, signals that are ignored and blocked, a umask, a limit and
// variables that are meant for supervise itself.
func hostileStart(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	leak, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leak.Close() })
	cmd.ExtraFiles = []*os.File{leak, nil, leak, leak}
	cmd.Stdin = strings.NewReader("not for services")
	const first = `trap '' HUP; umask 027; ulimit -Sn 500; ulimit -Hn 600; exec 77</dev/zero; exec env -u PWD -u OLDPWD -u SHLVL -u _ "$@"`
	cmd.Args = append([]string{"masked", "USR1,WINCH,RTMIN+4,TERM", "/bin/bash", "-c", first, "bash", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = program("masked")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C", "NOTIFY_SOCKET=/run/nobody", "WATCHDOG_USEC=100000000", "WATCHDOG_PID=1",
		"LISTEN_FDS=3", "LISTEN_PID=1", "LISTEN_FDNAMES=x", "SUPERVISE_SOCKET=" + filepath.Join(shortDir(t), "s"), "SUPERVISE_NOTHING=x"}
}

// Each kind of process that `up` starts, by a service that asks for nothing and by
// one that asks for all there is.
const children = `
[supervisor]
cgroup = %t
[services.plain]
command = ["sleep", "70001"]
[services.nothing]
command = ["sleep", "70002"]
log.to = "none"
[services.before]
command = ["true"]
start.before = { command = ["sleep", "70003"], timeout = "1h" }
start.timeout = "2h"
[services.after]
command = ["sleep", "70004"]
start.after = { command = ["sleep", "70005"], timeout = "1h" }
start.timeout = "2h"
[services.probed]
command = ["sleep", "70006"]
ready = { kind = "exec", command = ["sleep", "70007"], timeout = "1h", interval = "1h" }
start.timeout = "2h"
[services.told]
command = ["sleep", "70008"]
ready.kind = "notify"
start.timeout = "2h"
[services.fd]
command = ["sleep", "70009"]
ready = { kind = "fd", fd = 7 }
start.timeout = "2h"
[services.served]
command = ["sleep", "70010"]
[[services.served.sockets]]
listen = "unix://@supervise-child-test-%d-%[1]t"
[services.terminal]
command = ["sleep", "70011"]
pty = true
[services.stopped]
command = ["sleep", "70012"]
stop.before = { command = ["sleep", "70013"], timeout = "1h" }

[services.asks]
command = ["sleep", "70021"]
user = "nobody"
group = "daemon"
groups = [12345, 54321]
umask = "077"
nice = 5
oom_score_adj = 900
no_new_privs = true
limits = { nofile = "77:88" }
dir = "/"
env_clear = true
env = { ONLY = "this" }
[services.asks-before]
command = ["sleep", "70026"]
user = "nobody"
group = "daemon"
groups = [12345, 54321]
umask = "077"
nice = 5
oom_score_adj = 900
no_new_privs = true
limits = { nofile = "77:88" }
dir = "/"
env_clear = true
env = { ONLY = "this" }
start.before = { command = ["sleep", "70022"], timeout = "1h" }
start.timeout = "2h"
[services.straight]
command = ["sleep", "70023"]
user = "nobody"
[services.number]
command = ["sleep", "70024"]
user = 12345
[services.number.health]
kind = "exec"
command = ["sleep", "70025"]
timeout = "1h"
interval = "10ms"
`

// What is right for all of them: signals are what the caller had ignored and
// blocked, as far as Go lets that be known (TERM it never leaves blocked).
func givenByDefault(own map[string]string) given {
	priority, _ := unix.Getpriority(unix.PRIO_PROCESS, 0) // of this process it can be had
	return given{
		Blocked: "2008000200", Ignored: "1", Caught: "0",
		UIDs: "0 0 0 0", GIDs: "0 0 0 0", Groups: own["Groups"],
		CapInh: own["CapInh"], CapPrm: own["CapPrm"], CapEff: own["CapEff"], CapBnd: own["CapBnd"], CapAmb: own["CapAmb"],
		NoNewPrivs: own["NoNewPrivs"], Umask: "0027", Files: "500 600", Nice: strconv.Itoa(20 - priority), OOMScore: "0",
		Session: "own", Group: "own", Terminal: "none", Parent: "supervise", Root: "/",
	}
}

// names sorts the names of variables.
func names(all ...string) string {
	words := strings.Fields(strings.Join(all, " "))
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestUpGivesItsChildrenWhatTheyAreToHave(t *testing.T) {
	t.Parallel()
	upRoot(t)
	for _, cgroup := range []bool{true, false} {
		t.Run(fmt.Sprintf("cgroup %t", cgroup), func(t *testing.T) {
			t.Parallel()
			u := upStart(t, upPlan{config: fmt.Sprintf(children, cgroup, os.Getpid()), prepare: func(cmd *exec.Cmd) { hostileStart(t, cmd) }})
			supervise := u.pid()
			own := statusFields(t, supervise)
			environment := func(more ...string) string {
				return names(append(more, "HOME", "LANG", "PATH", "SUPERVISE_SERVICE", "SUPERVISE_TREE")...)
			}
			plain := givenByDefault(own)
			plain.Descriptors, plain.Dir, plain.Environment = "0 /dev/null, 1 pipe, 2 pipe", u.dir, environment()
			with := func(change func(*given)) given {
				g := plain
				change(&g)
				return g
			}
			const none = "0000000000000000"
			nobody := upAccount(t, "nobody")
			four := func(id int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) }
			dropped := with(func(g *given) { // what becomes of all that drop root's rights
				g.UIDs, g.GIDs, g.Groups = four(nobody.uid), four(nobody.gid), strconv.Itoa(nobody.gid)
				g.CapPrm, g.CapEff, g.CapAmb = none, none, none
				g.Environment = environment("USER", "LOGNAME")
			})
			asks := with(func(g *given) {
				*g = dropped
				g.GIDs, g.Groups = four(upAccount(t, "daemon").gid), "12345 54321"
				g.Umask, g.Nice, g.OOMScore, g.NoNewPrivs, g.Files, g.Dir = "0077", "5", "900", "1", "77 88", "/"
				g.Environment = names("ONLY", "SUPERVISE_SERVICE", "SUPERVISE_TREE")
			})
			check := func(n string, want given) {
				t.Helper()
				want.has(t, "sleep "+n, sleeping(t, supervise, n), supervise)
			}
			for n, want := range map[string]given{
				"70001": plain,
				"70002": with(func(g *given) { g.Descriptors = "0 /dev/null, 1 /dev/null, 2 /dev/null" }),
				"70003": with(func(g *given) { g.Environment = environment("SUPERVISE_HOOK") }),
				"70004": plain,
				"70005": with(func(g *given) { g.Environment = environment("SUPERVISE_HOOK", "MAINPID") }),
				"70006": plain,
				"70007": with(func(g *given) { g.Environment = environment() }),
				"70008": with(func(g *given) { g.Environment = environment("NOTIFY_SOCKET") }),
				"70009": with(func(g *given) { g.Descriptors += ", 7 pipe" }),
				"70010": with(func(g *given) {
					g.Descriptors += ", 3 socket"
					g.Environment = environment("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID")
				}),
				"70011": with(func(g *given) { g.Descriptors, g.Terminal = "0 /dev/pts, 1 /dev/pts, 2 /dev/pts", "some" }),
				"70012": plain,
				"70021": asks,
				"70022": with(func(g *given) {
					*g = asks
					g.Environment = names("ONLY", "SUPERVISE_HOOK", "SUPERVISE_SERVICE", "SUPERVISE_TREE")
				}),
				"70023": dropped,
				"70024": with(func(g *given) {
					*g = dropped
					g.UIDs, g.GIDs, g.Groups, g.Environment = four(12345), four(12345), "", environment()
				}),
				"70025": with(func(g *given) {
					*g = dropped
					g.UIDs, g.GIDs, g.Groups, g.Environment = four(12345), four(12345), "", environment()
				}),
			} {
				check(n, want)
			}
			u.signal(syscall.SIGTERM)
			check("70013", with(func(g *given) { g.Environment = environment("SUPERVISE_HOOK", "MAINPID") }))
		})
	}
}

func TestRunGivesItsProgramWhatItIsToHave(t *testing.T) {
	t.Parallel()
	upRoot(t)
	for _, c := range []struct {
		name   string
		link   string // the name that supervise is called by
		flags  []string
		differ func(*given)
	}{
		{"run", "supervise", []string{"run", "--"}, func(*given) {}},
		{"run with all there is", "supervise", []string{"run", "--trace", "trace", "--subreaper", "-v", "--retries", "3", "--"}, func(*given) {}},
		// As the originals have it, with which TestCompatViews compares more: all
		// variables; tini the whole mask, dumb-init no signal of the caller's.
		{"tini", "tini", []string{"-s", "--"}, func(g *given) {
			g.Blocked = "2008004200"
			g.Environment = names(g.Environment, "SUPERVISE_NOTHING", "SUPERVISE_SOCKET")
		}},
		{"dumb-init", "dumb-init", nil, func(g *given) {
			g.Session, g.Blocked, g.Ignored = "own", "0", "0"
			g.Environment = names(g.Environment, "SUPERVISE_NOTHING", "SUPERVISE_SOCKET")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if err := os.Symlink(binary, s.path(c.link)); err != nil {
				t.Fatal(err)
			}
			number := map[string]string{"run": "70101", "run with all there is": "70102", "tini": "70103", "dumb-init": "70104"}[c.name]
			cmd := s.command(s.path(c.link), append(c.flags, "sleep", number)...)
			hostileStart(t, cmd)
			s.start(cmd)
			supervise := cmd.Process.Pid
			pid := sleeping(t, supervise, number)
			// What the caller left open was meant for the program, and so were all
			// variables but those that are flags of ours.
			want := givenByDefault(statusFields(t, supervise))
			want.Descriptors = "0 pipe, 1 pipe, 2 pipe, 3 /dev/zero, 5 /dev/zero, 6 /dev/zero, 77 /dev/zero"
			want.Session, want.Dir = "ours", s.dir
			want.Environment = names("HOME", "LANG", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "PATH", "WATCHDOG_PID", "WATCHDOG_USEC")
			c.differ(&want)
			want.has(t, c.name, pid, supervise)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		})
	}
}
