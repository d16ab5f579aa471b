package test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// warned are programs as people meet them, each with what is to be said of it.
// npm, Node and Java are no packages of the machine that runs the tests: a Perl
// program that calls itself as npm does stands in for npm.
var warned = []struct {
	name   string
	argv   []string
	note   string // its code
	says   string // in its text
	signal string
	reason string // why it does nothing
}{
	{"nohup", []string{"nohup", "sh", "-c", "echo ready; exec sleep 300"}, "nohup", "nohup", "HUP", "ignored"},
	{"background", []string{"sh", "-c", "sh -c 'echo ready $$; exec sleep 300' & wait"}, "background", "with &", "INT", "ignored"},
	{"wrapper", []string{"sh", "-c", "sh -c 'echo ready $PPID; exec sleep 300'; :"}, "shell-wrapper", "(sleep) below it, which goes on", "TERM", ""},
	{"trap", []string{"sh", "-c", "trap : TERM; sh -c 'echo ready $PPID; exec sleep 300'; :"}, "shell-trap", "(sleep)", "TERM", "caught"},
	{"ignores", []string{"sh", "-c", "trap '' TERM; echo ready; exec sleep 300"}, "ignores-term", "KILL", "TERM", "ignored"},
	{"stopped", []string{"sh", "-c", "sh -c 'echo ready $$; kill -STOP $$; sleep 300'; :"}, "stopped", "CONT", "TERM", "stopped"},
	{"zombie", []string{python, "-c", pythonReady + "pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\nwait(pid)"},
		"zombie", "(python3)", "KILL", "gone"},
	{"python", []string{python, "-c", pythonReady + "wait()"}, "python", "BrokenPipeError", "PIPE", "ignored"},
	{"handler", []string{python, "-c", pythonReady + "signal.signal(15, lambda *a: None)\nwait()"}, "python", "", "TERM", "caught"},
	{"pending", []string{python, "-c", pythonReady + "signal.pthread_sigmask(signal.SIG_BLOCK, [15])\nos.kill(os.getpid(), 15)\nwait()"},
		"pending", "TERM is blocked and has come: it waits", "TERM", "blocked"},
	{"blocked", []string{python, "-c", pythonReady + "signal.pthread_sigmask(signal.SIG_BLOCK, [15])\nwait()"}, "blocked", "TERM will wait", "TERM", "blocked"},
	{"thread", []string{python, "-c", pythonReady + `
def body():
    signal.pthread_sigmask(signal.SIG_BLOCK, [12])
    signal.pthread_kill(threading.get_ident(), 12)
    time.sleep(0.01)
    wait()
threading.Thread(target=body).start()`}, "pending", "alone, which blocks it", "USR2", "blocked"},
	{"sigwait", []string{"tini", "-s", "--", "sh", "-c", "echo ready $PPID; exec sleep 300"}, "sigwait", "takes them: HUP, INT, QUIT, TERM, USR1 and USR2", "TERM", "sigwait"},
	{"traced", []string{"strace", "-o", "/dev/null", "sh", "-c", "echo ready $$; exec sleep 300"}, "traced", "(strace)", "TERM", "traced"},
	{"go", []string{"SUPERVISE", "run", "--", "sh", "-c", "echo ready $PPID; exec sleep 300"}, "go", "Go program", "TERM", "caught"},
	{"npm", []string{"perl", "-e", `$0 = "npm run start"; $SIG{TERM} = sub {}; system("sh", "-c", "sh -c 'echo ready \$1; exec sleep 300' - \$PPID; :")`},
		"npm", "npm does not pass TERM on to", "TERM", "caught"},
	{"child", []string{"sh", "-c", "echo ready; exec sleep 300"}, "", "", "WINCH", "no-action"},
	{"D", []string{python, "-c", pythonReady + `
import ctypes, platform
signal.signal(15, lambda *a: None)
call = ctypes.CDLL(None).syscall
me = os.getpid()
# A parent waits in the kernel until a child of vfork(2) has executed something.
if call({"x86_64": 56}.get(platform.machine(), 220), 0x4000 | 17, 0, 0, 0, 0) == 0:
    ctypes.CDLL(None).prctl(1, 9)
    wait(me)`}, "uninterruptible", "state D", "TERM", "uninterruptible"},
}

func TestNotesOnRealPrograms(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	for _, c := range warned {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			argv := append([]string{}, c.argv...)
			if argv[0] == "SUPERVISE" {
				argv[0] = binary
			}
			path, err := exec.LookPath(argv[0])
			needed.That(t, err == nil, argv[0])
			s := newStage(t)
			_, pid := s.ready(s.command(path, argv[1:]...))
			// What it executes after it was ready, and its stop, take a moment.
			var l looked
			eventually(t, "the note on "+c.name, func() bool {
				l = signalsOf(t, pid)
				return c.note == "" && len(l.Notes) == 0 || c.note != "" && strings.Contains(l.note(c.note), c.says)
			})
			if c.name == "D" || c.name == "stopped" {
				_ = unix.Kill(pid, unix.SIGTERM) // and it stays pending
				eventually(t, "TERM is pending", func() bool { return signalsOf(t, pid).Signals[14].Pending })
			}
			e := whyNoEffect(t, c.signal, pid)
			if e.Reason != c.reason || e.Text == "" || e.Remedy == "" {
				t.Errorf("%+v", e)
			}
			out, _, status := superviseOnce(t, "signals", itoa(pid))
			if status != 0 || !strings.HasPrefix(out, itoa(pid)+"  ") || c.note != "" && !strings.Contains(out, "  ! ") {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
}

func TestAnInteractiveShellIgnoresTerm(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	s := newStage(t)
	x := s.shell()
	x.types("echo shell=$$\n")
	pid := atoi(t, x.shows(`shell=(\d+)\s`))
	l := signalsOf(t, pid)
	if text := l.note("interactive-shell"); text != "this shell ignores TERM because it is interactive; HUP ends it" {
		t.Errorf("%q of %+v", text, l.Notes)
	}
	if e := whyNoEffect(t, "TERM", pid); e.Reason != "ignored" || !strings.Contains(e.Text, "interactive shell") {
		t.Errorf("%+v", e)
	}
	// What it has started with & does not hear of Ctrl-C.
	x.prompts()
	x.types("sleep 300 &\n")
	x.prompts()
	x.types("echo job=$!\n")
	job := atoi(t, x.shows(`job=(\d+)\s`))
	eventually(t, "the background is told", func() bool { return whyNoEffect(t, "INT", job).Reason == "background" })
}

func TestWhoMayNotSignalIsTold(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	needed.That(t, os.Geteuid() == 0, "root")
	s := newStage(t)
	_, pid := s.ready(s.arrange("sleep"))
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, errs, status := superviseBy(t, nobody, "signals", "--why-no-effect", "TERM", itoa(pid))
	if status != 0 || !strings.Contains(out, "belongs to root, and uid 65534 may not signal it: kill(2) answers EPERM") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if out, _, _ := superviseBy(t, nobody, "signals", itoa(pid)); !strings.Contains(out, "! uid 65534 may not signal it") {
		t.Errorf("%s", out)
	}
}

// A /proc that hides other users' processes is told apart from a process that
// is not there.
func TestAProcessThatProcHides(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	needed.That(t, os.Geteuid() == 0, "root")
	cmd := exec.CommandContext(t.Context(), "timeout", "-k", "5", "60", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
		`mount -o remount,hidepid=2 /proc && setpriv --reuid 65534 --regid 65534 --clear-groups "$0" signals 1; echo status $?; setpriv --reuid 65534 --regid 65534 --clear-groups "$0" signals 999; echo status $?`, binary)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `supervise: process 1 is there, but /proc does not show it to uid 65534 (mounted with hidepid?): ask as its user, or as root
status 1
supervise: process 999: there is no such process
status 1
`
	if string(out) != want {
		t.Errorf("got\n%s", out)
	}
}

func TestAKernelThreadIsNoProcess(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	if b, err := os.ReadFile("/proc/2/comm"); err != nil || string(b) != "kthreadd\n" {
		return // a container shows none; the pure tests have one
	}
	if text := signalsOf(t, 2).note("kernel-thread"); text == "" {
		t.Error("it is taken for a process")
	}
	if e := whyNoEffect(t, "KILL", 2); e.Reason != "kernel-thread" {
		t.Errorf("%+v", e)
	}
}

func TestAThreadsNumberMeansItsProcess(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tids, err := os.ReadDir("/proc/self/task")
	if err != nil || len(tids) < 2 {
		t.Fatal(tids, err)
	}
	for _, tid := range tids {
		if n := atoi(t, tid.Name()); n != os.Getpid() {
			l := signalsOf(t, n)
			if l.PID != os.Getpid() || !strings.Contains(l.note("thread"), "a thread of process "+itoa(os.Getpid())) {
				t.Errorf("%d is told to be %d: %+v", n, l.PID, l.Notes)
			}
			return
		}
	}
}
