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

	"golang.org/x/sys/unix"
)

// upEachLaunch runs a test for both ways to a process: from the fork straight
// into the program, and through the set-up step in the child, which a umask
// asks for.
func upEachLaunch(t *testing.T, test func(t *testing.T, asked string)) {
	t.Run("straight", func(t *testing.T) { t.Parallel(); test(t, "") })
	t.Run("set-up", func(t *testing.T) { t.Parallel(); test(t, "umask = '077'\n") })
}

// upStatus reads the lines "Key:\tvalue" that `cat /proc/self/status` wrote.
func upStatus(u *upSession, service string) map[string]string {
	u.t.Helper()
	u.until("process.exited", service)
	status := map[string]string{}
	for _, line := range u.output(service) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			status[k] = strings.TrimSpace(v)
		}
	}
	return status
}

func TestUpPassesArguments(t *testing.T) {
	t.Parallel()
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upConfig(t, `
[services.list]
command = ["printf", "<%%s>\n", "a b", "", "$HOME", "100%%", "%n", "é\"'"]
`+asked+`
[services.split]
command = '''printf "<%%s>\\n" 'a b' c\ d "" "x'y" $HOME'''
`+asked+`
[services.shell]
command = "for i in 1 2; do echo \"<$i $0>\"; done"
shell = true
`+asked)
		u.ends(0)
		for service, want := range map[string][]string{
			"list":  {"<a b>", "<>", "<$HOME>", "<100%>", "<list>", `<é"'>`},
			"split": {"<a b>", "<c d>", "<>", "<x'y>", "<$HOME>"},
			"shell": {"<1 sh>", "<2 sh>"},
		} {
			if got := u.output(service); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", service, got, want)
			}
		}
	})
}

func TestUpRunsServicesWhereTheyBelong(t *testing.T) {
	t.Parallel()
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upStart(t, upPlan{
			config: `
[services.here]
command = "pwd"
` + asked + `
[services.there]
command = "./where"
dir = "sub/%n"
` + asked,
			files: map[string]string{"sub/there/where": "#!/bin/sh\npwd\n"},
		})
		u.ends(0)
		if got := u.output("here"); !slices.Equal(got, []string{u.dir}) {
			t.Errorf("here: %q", got)
		}
		if got := u.output("there"); !slices.Equal(got, []string{filepath.Join(u.dir, "sub/there")}) {
			t.Errorf("there: %q", got)
		}
	})
}

func TestUpMakesTheEnvironment(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{
		env: []string{"FROM=supervise", "KEPT=yes", "HOME=/somewhere"},
		config: `
[services.layers]
command = "env"
env_file = ["one.env", "-two.env", "-missing.env"]
env = { FROM = "env", INDEX = "%n" }

[services.clear]
command = "/usr/bin/env"
env_clear = true
env = { ONLY = "this" }
`,
		files: map[string]string{
			"one.env": "# comment\nFROM=file\nFILE=one\nONE=1\n",
			"two.env": "FILE=two\nQUOTED=\"a b\"\n",
		},
	})
	u.ends(0)
	layers := u.output("layers")
	for _, want := range []string{"FROM=env", "KEPT=yes", "HOME=/somewhere", "FILE=two", "ONE=1", "QUOTED=a b", "INDEX=layers"} {
		if !slices.Contains(layers, want) {
			t.Errorf("%s is missing: %q", want, layers)
		}
	}
	var clear []string
	for _, v := range u.output("clear") {
		if !strings.HasPrefix(v, "SUPERVISE_") {
			clear = append(clear, v)
		}
	}
	if !slices.Equal(clear, []string{"ONLY=this"}) {
		t.Errorf("env_clear leaves %q", clear)
	}
}

func TestUpReadsEnvironmentFilesAtEachStart(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{
		config: `
[services.a]
command = 'echo "run $RUN"; echo "RUN=$((RUN + 1))" > run.env; test "$RUN" = 3'
shell = true
env_file = "run.env"
[services.a.restart]
initial = "1ms"
`,
		files: map[string]string{"run.env": "RUN=1\n"},
	})
	u.ends(0)
	if got, want := u.output("a"), []string{"run 1", "run 2", "run 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestUpKeepsItsOwnVariablesToItself(t *testing.T) {
	t.Parallel()
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upStart(t, upPlan{
			env: []string{"NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_FDS=1", "LISTEN_PID=1",
				"LISTEN_FDNAMES=x", "SUPERVISE_VERBOSE=true", "SUPERVISE_SOMETHING=x"},
			config: "[services.a]\ncommand = 'env'\n" + asked,
		})
		u.ends(0)
		for _, v := range u.output("a") {
			name, _, _ := strings.Cut(v, "=")
			own := name == "SUPERVISE_TREE" || name == "SUPERVISE_SERVICE"
			if strings.HasPrefix(name, "SUPERVISE_") && !own || strings.HasPrefix(name, "LISTEN_") ||
				strings.HasPrefix(name, "WATCHDOG_") || name == "NOTIFY_SOCKET" {
				t.Errorf("the service sees %s", v)
			}
		}
	})
}

func TestUpChangesUserAndGroups(t *testing.T) {
	t.Parallel()
	upRoot(t)
	const script = "command = 'echo \"ids=$(id -u) $(id -g) $(id -G)\"; echo \"home=$HOME\"; echo \"user=$USER\"'\nshell = true\n"
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upStart(t, upPlan{
			env: []string{"HOME=/root", "USER=root"},
			config: "[services.nobody]\nuser = 'nobody'\n" + asked + script +
				"[services.number]\nuser = '12345'\n" + asked + script +
				"[services.group]\ngroup = 'daemon'\n" + asked + script +
				"[services.groups]\nuser = 'nobody'\ngroups = ['daemon', 7]\n" + asked + script +
				"[services.none]\nuser = 'nobody'\ngroups = []\nenv = { HOME = '/set' }\n" + asked + script,
		})
		u.ends(0)
		nobody := upAccount(t, "nobody")
		daemon := upAccount(t, "daemon").gid
		for service, want := range map[string][]string{
			"nobody": {fmt.Sprintf("ids=%d %d %d", nobody.uid, nobody.gid, nobody.gid), "home=" + nobody.home, "user=nobody"},
			"number": {"ids=12345 12345 12345", "home=/root", "user=root"},
			"group":  {fmt.Sprintf("ids=0 %d %d", daemon, daemon), "home=/root", "user=root"},
			"groups": {fmt.Sprintf("ids=%d %d %d %d 7", nobody.uid, nobody.gid, nobody.gid, daemon), "home=" + nobody.home, "user=nobody"},
			"none":   {fmt.Sprintf("ids=%d %d %d", nobody.uid, nobody.gid, nobody.gid), "home=/set", "user=nobody"},
		} {
			if got := u.output(service); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", service, got, want)
			}
		}
	})
}

type account struct {
	uid, gid int
	home     string
}

func upAccount(t testing.TB, name string) account {
	t.Helper()
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 7 && f[0] == name {
			uid, _ := strconv.Atoi(f[2])
			gid, _ := strconv.Atoi(f[3])
			return account{uid, gid, f[5]}
		}
	}
	t.Fatalf("there is no user %s here", name)
	return account{}
}

func TestUpSetsWhatAForkCannotSet(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.status]
command = ["cat", "/proc/self/status"]
umask = "027"
no_new_privs = true

[services.stat]
command = ["cat", "/proc/self/stat"]
nice = 7

[services.oom]
command = ["cat", "/proc/self/oom_score_adj"]
oom_score_adj = 900

[services.limits]
command = ["cat", "/proc/self/limits"]
limits = { nofile = 77, core = 0, nproc = "100:200" }
`)
	u.ends(0)
	status := upStatus(u, "status")
	if status["Umask"] != "0027" || status["NoNewPrivs"] != "1" {
		t.Errorf("umask %s, no_new_privs %s", status["Umask"], status["NoNewPrivs"])
	}
	if f := strings.Fields(u.line("stat", "")); f[18] != "7" {
		t.Errorf("nice %s", f[18])
	}
	u.line("oom", "900")
	limits := map[string]string{}
	for _, line := range u.output("limits") {
		if len(line) > 26 {
			limits[strings.TrimSpace(line[:26])] = strings.Join(strings.Fields(line[26:])[:2], ":")
		}
	}
	for name, want := range map[string]string{"Max open files": "77:77", "Max core file size": "0:0", "Max processes": "100:200"} {
		if limits[name] != want {
			t.Errorf("%s is %s, want %s", name, limits[name], want)
		}
	}
}

func TestUpLeavesTheDescriptorLimitAsItWas(t *testing.T) {
	t.Parallel()
	// Go raises the soft limit for itself; a service must not see that.
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upStart(t, upPlan{
			config:  "[services.a]\ncommand = 'ulimit -Sn; ulimit -Hn'\nshell = true\n" + asked,
			prepare: func(cmd *exec.Cmd) { throughShell(cmd, "ulimit -Sn 123; ulimit -Hn 500;") },
		})
		u.ends(0)
		if got, want := u.output("a"), []string{"123", "500"}; !slices.Equal(got, want) {
			t.Errorf("soft and hard limit %q, want %q", got, want)
		}
	})
}

// throughShell has a shell do something before it becomes supervise.
func throughShell(cmd *exec.Cmd, first string) {
	cmd.Args = append([]string{"sh", "-c", first + ` exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
}

func TestUpMakesInstances(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.web]
command = ["echo", "%n", "%i", "%%i"]
env = { PORT = "80%i" }
instances = 3
`)
	u.ends(0)
	for i := 1; i <= 3; i++ {
		u.line(fmt.Sprintf("web@%d", i), fmt.Sprintf("web@%d %d %%i", i, i))
	}
}

func TestUpLeaksNoDescriptor(t *testing.T) {
	t.Parallel()
	upEachLaunch(t, func(t *testing.T, asked string) {
		leak, err := os.Open("/dev/zero")
		if err != nil {
			t.Fatal(err)
		}
		defer leak.Close()
		u := upStart(t, upPlan{
			// What comes last has the most of supervise's own around it.
			config: "[services.a]\ncommand = 'sleep 60'\n[services.b]\ncommand = 'ls -l /proc/self/fd'\nafter = ['a']\n" + asked,
			prepare: func(cmd *exec.Cmd) {
				cmd.ExtraFiles = []*os.File{leak, leak, nil, leak}
				cmd.Stdin = strings.NewReader("not for services")
			},
		})
		u.until("process.exited", "b")
		var open []string
		for _, line := range u.output("b") {
			if name, to, ok := strings.Cut(line, " -> "); ok {
				f := strings.Fields(name)
				open = append(open, f[len(f)-1]+" "+to)
			}
		}
		if len(open) != 4 || open[0] != "0 /dev/null" || !strings.HasPrefix(open[1], "1 pipe:") ||
			open[2][2:] != open[1][2:] || !strings.HasSuffix(open[3], "/fd") { // the last is the directory that ls reads
			t.Errorf("open in the service: %q", open)
		}
		u.stop()
	})
}

func TestUpGivesEachServiceASession(t *testing.T) {
	t.Parallel()
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upConfig(t, "[services.a]\ncommand = ['cat', '/proc/self/stat']\n"+asked)
		f := strings.Fields(u.line("a", "(cat)"))
		if pid, group, session, tty := f[0], f[4], f[5], f[6]; group != pid || session != pid || tty != "0" {
			t.Errorf("process %s is in group %s, session %s, terminal %s", pid, group, session, tty)
		}
		if f[3] != strconv.Itoa(u.pid()) {
			t.Errorf("its parent is %s, not %d", f[3], u.pid())
		}
		u.ends(0)
	})
}

func TestUpGivesServicesCleanSignals(t *testing.T) {
	t.Parallel()
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upConfig(t, "[services.a]\ncommand = ['cat', '/proc/self/status']\n"+asked)
		status := upStatus(u, "a")
		for _, key := range []string{"SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"} {
			if strings.Trim(status[key], "0") != "" || status[key] == "" {
				t.Errorf("%s is %q", key, status[key])
			}
		}
		u.ends(0)
	})
}

func TestUpPassesOnWhatItsCallerIgnored(t *testing.T) {
	t.Parallel()
	u := upStart(t, upPlan{
		config:  "[services.a]\ncommand = ['cat', '/proc/self/status']\n",
		prepare: func(cmd *exec.Cmd) { throughShell(cmd, "trap '' HUP;") }, // nohup(1)
	})
	if got := upStatus(u, "a")["SigIgn"]; strings.TrimLeft(got, "0") != "1" {
		t.Errorf("SigIgn is %q, want that of HUP alone", got)
	}
	u.ends(0)
}

func TestUpSetsTheParentDeathSignal(t *testing.T) {
	t.Parallel()
	const script = "trap 'echo usr1 > died; exit' USR1; " + upPause
	upEachLaunch(t, func(t *testing.T, asked string) {
		u := upConfig(t, fmt.Sprintf(`
[services.killed]
command = "sleep 60"
%[1]s
[services.told]
command = "%[2]s"
shell = true
pdeathsig = "USR1"
%[1]s
[services.none]
command = "sleep 60"
pdeathsig = "none"
%[1]s`, asked, script))
		u.line("told", "ready")
		killed, told := u.until("service.running", "killed").PID, u.until("service.running", "told").PID
		none := u.until("service.running", "none").PID
		u.signal(syscall.SIGKILL)
		upGone(t, killed)
		upGone(t, told)
		if b, _ := os.ReadFile(filepath.Join(u.dir, "died")); string(b) != "usr1\n" {
			t.Errorf("the service that was to get USR1 wrote %q", b)
		}
		if !upAlive(none) {
			t.Error("the service without a parent-death signal is gone")
		}
		_ = unix.Kill(none, unix.SIGKILL)
	})
}
