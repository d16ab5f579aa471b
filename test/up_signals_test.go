package test

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"supervise/internal/procfs"
)

func TestUpForwardsSignals(t *testing.T) {
	t.Parallel()
	pause := strings.Repeat(upPause+"; ", 8)
	u := upConfig(t, `
[services.same]
command = "trap 'echo got HUP' HUP; trap 'echo got USR1' USR1; `+pause+`"
shell = true
signals.forward = ["HUP", "USR1"]
[services.mapped]
command = "trap 'echo got HUP' HUP; trap 'echo got USR2' USR2; `+pause+`"
shell = true
signals = { forward = ["HUP", "USR1", "WINCH"], map = { USR1 = "USR2", HUP = "drop" } }
[services.deaf]
command = "trap 'echo got HUP' HUP; `+pause+`"
shell = true
[services.gone]
command = "true"
signals.forward = ["HUP"]
`)
	for _, service := range []string{"same", "mapped", "deaf"} {
		u.line(service, "ready")
		u.until("service.running", service) // its output may come before supervise knows its pid
	}
	u.until("service.done", "gone")

	u.signal(syscall.SIGHUP)
	u.line("same", "got HUP")
	received := u.until("signal.received", "")
	me, _ := procfs.Stat(os.Getpid())
	if f := received.From; received.Signal != "HUP" || f == nil || f.By != "kill" || f.PID != os.Getpid() || f.Name != me.Name || f.UID != os.Getuid() {
		t.Errorf("the sender is told as %+v: %s", f, received.Message)
	}
	if e := u.until("signal.sent", "same"); e.Signal != "HUP" || e.Was != "" {
		t.Errorf("same: %s", e.Message)
	}
	if e := u.until("signal.dropped", "mapped"); e.Signal != "HUP" {
		t.Errorf("mapped: %s", e.Message)
	}
	if e := u.until("signal.dropped", "gone"); !strings.Contains(e.Why, "it is done") {
		t.Errorf("gone: %s", e.Message)
	}

	u.signal(syscall.SIGUSR1)
	u.line("same", "got USR1")
	u.line("mapped", "got USR2")
	if e := u.until("signal.sent", "mapped"); e.Signal != "USR2" || e.Was != "USR1" {
		t.Errorf("mapped: %s", e.Message)
	}
	u.stop()
	for _, service := range []string{"mapped", "deaf"} {
		if slices.Contains(u.output(service), "got HUP") {
			t.Errorf("%s got HUP", service)
		}
	}
}

func TestUpTranslatesItsOwnStopSignal(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.mapped]
command = "trap 'echo got QUIT; exit 0' QUIT; trap 'echo got TERM' TERM; `+upPause+`"
shell = true
signals.map = { TERM = "QUIT" }
[services.dropped]
command = "trap 'echo got TERM; exit 0' TERM; `+upPause+`"
shell = true
signals.map = { TERM = "drop" }
`)
	u.line("mapped", "ready")
	u.line("dropped", "ready")
	u.stop()
	u.line("mapped", "got QUIT")
	u.line("dropped", "got TERM") // a stop that sends nothing would be none
	if e := u.until("signal.sent", "mapped"); e.Was != "TERM" {
		t.Errorf("%s", e.Message)
	}
	u.none("stop.escalated", "*")
}

func TestUpSurvivesSignalsThatNobodyForwards(t *testing.T) {
	t.Parallel()
	u := upConfig(t, "[services.a]\ncommand = 'sleep 60'\n")
	u.until("service.running", "a")
	u.signal(syscall.SIGHUP)
	u.until("config.reloaded", "")
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGABRT,
		syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO, syscall.SIGXCPU, 34, 35, 64} {
		u.signal(s)
		if e := u.until("signal.dropped", ""); e.Why != "no service forwards it" {
			t.Errorf("%v: %s", s, e.Message)
		}
	}
	for _, s := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGCHLD} {
		u.signal(s)
	}
	u.stop()
	if e := u.until("process.exited", "a"); e.Exit.Signal != "TERM" {
		t.Errorf("the service %s", e.Message)
	}
}

func TestUpShutsDownAtEachShutdownSignal(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "RTMIN+3": 37} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := upConfig(t, "[services.a]\ncommand = 'sleep 60'\nsignals.forward = ['HUP']\n")
			u.until("service.running", "a")
			u.signal(s)
			u.ends(0)
			if e := u.until("signal.received", ""); e.Signal != name || e.From == nil || e.From.PID != os.Getpid() {
				t.Errorf("%s", e.Message)
			}
			if why := u.until("shutdown.begun", "").Why; !strings.Contains(why, name) {
				t.Errorf("the reason is %q", why)
			}
		})
	}
}

func TestUpForwardsEveryOneOfManySignals(t *testing.T) {
	t.Parallel()
	// Real-time signals queue: none may be lost on the way.
	const n = 200
	u := upConfig(t, `
[services.a]
command = "trap 'echo got' 40; mkfifo p; exec 3<>p; echo ready; while :; do read x <&3; done"
shell = true
signals.forward = ["RTMIN+6"]
`)
	u.line("a", "ready")
	u.until("service.running", "a")
	for range n {
		u.signal(40)
	}
	for range n {
		u.until("signal.sent", "a")
	}
	u.line("a", "got") // the shell itself runs a trap once for several
	u.stop()
}
