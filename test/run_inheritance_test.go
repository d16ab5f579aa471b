package test

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
	"supervise/internal/signals"
)

// What a program gets from the one that starts it, it gets through supervise
// too. cat(1) is the program, because it changes nothing of that itself.

func TestIgnoredHangupIsInherited(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, ignored := range []string{"", "HUP", "HUP INT QUIT TSTP TTIN TTOU PIPE USR1"} {
		v := s.start(s.command("sh", "-c", `[ -z "$1" ] || trap '' $1; exec "$0" -- cat /proc/self/status`, binary, ignored))
		v.exits(0)
		var got []string
		text := v.text(v.stdout)
		for _, sig := range setFrom(t, text, "SigIgn") {
			got = append(got, sig.String())
		}
		// Of others Go does not tell that they were ignored, see signals.Dispositions.
		want := strings.Fields(strings.NewReplacer("QUIT ", "", "PIPE ", "", "USR1", "").Replace(ignored))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("with %q ignored, the program ignores %q, want %q", ignored, got, want)
		}
		if ignored == "" && strings.Contains(text, "SigBlk:\t0000000000000000") == false {
			t.Errorf("signals are blocked in the program:\n%s", text)
		}
	}
}

func TestNohupStillForwardsHangup(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.start(s.command("nohup", binary, "--", program("probe"), "main", "USR1=0"))
	main := s.probe("main")
	v.kill(signals.HUP)
	main.hears(signals.HUP) // the probe catches it; what does not, ignores it
	v.kill(signals.Signal(unix.SIGUSR1))
	v.exits(0)
}

func TestBlockedSignalsAreInherited(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, flags := range [][]string{{"--"}, {"--subreaper", "--"}} {
		v := s.start(s.command(program("masked"), slices.Concat([]string{"USR1,WINCH,RTMIN+4,TSTP,TERM", binary}, flags, []string{"cat", "/proc/self/status"})...))
		v.exits(0)
		got := setFrom(t, v.text(v.stdout), "SigBlk")
		// TERM is one of those that Go never leaves blocked.
		if want := []signals.Signal{signals.Signal(unix.SIGUSR1), signals.TSTP, signals.WINCH, signals.RTMIN + 4}; !slices.Equal(got, want) {
			t.Errorf("blocked in the program: %v, want %v", got, want)
		}
	}
}

// setFrom reads a set of signals from the text of a /proc/PID/status.
func setFrom(t testing.TB, text, field string) (set []signals.Signal) {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+field+":\t")
	var mask uint64
	if _, err := fmt.Sscanf(rest, "%x", &mask); err != nil || !ok {
		t.Fatalf("no %s in %q: %v", field, text, err)
	}
	for sig := signals.HUP; sig <= signals.RTMAX; sig++ {
		if mask&(1<<(sig-1)) != 0 && sig != 32 && sig != 33 { // the C library's; make(1) leaves 32 ignored
			set = append(set, sig)
		}
	}
	return set
}

// Extra descriptors are the program's, and none of supervise's own are.
func TestDescriptorsAreInherited(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, trap string }{
		{"plain", ""},
		{"with a set-up step", "trap '' HUP;"}, // what is ignored is set by a step in the child
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			cmd := s.command("sh", "-c", c.trap+` exec "$@"`, "sh", binary, "--trace", s.path("trace"), "--", program("listing"), s.path("list"))
			want := ""
			for n := range 3 { // 3, 4 and 5
				path := s.file("extra"+itoa(n), "", 0o644)
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
				want += itoa(3+n) + " " + path + "\n"
			}
			s.start(cmd).exits(5)
			_, got, _ := strings.Cut(readFile(t, s.path("list")), "\n2 ")
			if _, got, _ = strings.Cut(got, "\n"); got != want {
				t.Errorf("the program has these descriptors after the standard streams:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// Whoever starts supervise with standard streams closed gets /dev/null in
// their place, for supervise and for the program. Above all, nothing of
// supervise's own takes their numbers.
func TestClosedStandardStreams(t *testing.T) {
	t.Parallel()
	for _, closed := range []string{"0", "1", "2", "01", "12", "02", "012"} {
		for _, trap := range []string{"", "trap '' HUP;"} {
			s := newStage(t)
			cmd := s.command(program("closing"), closed, "/bin/sh", "-c", trap+` exec "$@"`, "sh", binary,
				"-v", "--trace", s.path("trace"), "--", program("listing"), s.path("list"))
			s.start(cmd).exits(5)
			var got []string
			for line := range strings.Lines(readFile(t, s.path("list"))) {
				fd, to, _ := strings.Cut(strings.TrimSpace(line), " ")
				got = append(got, fd)
				if isClosed := strings.Contains(closed, fd); isClosed && to != "/dev/null" || !isClosed && !strings.HasPrefix(to, "pipe:") {
					t.Errorf("with %s closed, the program's descriptor %s is %s", closed, fd, to)
				}
			}
			if !slices.Equal(got, []string{"0", "1", "2"}) {
				t.Errorf("with %s closed, the program has descriptors %s", closed, got)
			}
			if all := events(readFile(t, s.path("trace"))); len(named(all, "supervise.ended")) != 1 {
				t.Errorf("with %s closed, the trace has no end", closed)
			}
		}
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStandardInputIsThePrograms(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.supervise("--", "cat")
	if _, err := io.WriteString(v.stdin, "through the pipe\n"); err != nil {
		t.Fatal(err)
	}
	v.stdin.Close()
	v.exits(0)
	if got := v.text(v.stdout); got != "through the pipe\n" {
		t.Errorf("the program writes %q", got)
	}
}

// A reader of the output that has gone away kills neither supervise nor, by
// supervise's doing, the program.
func TestClosedPipeDoesNotKillSupervise(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	cmd := s.command(binary, "-v", "--", program("probe"), "main")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	v := s.start(cmd)
	w.Close()
	main := s.probe("main")
	r.Close()
	for range 20 { // supervise tells of each
		v.kill(signals.HUP)
		main.hears(signals.HUP)
	}
	if r := main.answers("write text", "written"); r.Text == "<nil>" {
		t.Error("the program could write to a pipe that nobody reads")
	}
	v.runs()
	main.say("exit 12")
	v.exits(12)
	main.heardOnly()
}

// A reader that does not read holds up neither the program nor signals.
func TestFullPipeDoesNotHoldUpSupervise(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := s.command(binary, slices.Concat(verbose, []string{"--", program("probe"), "main"})...)
	cmd.Stderr = w
	v := s.start(cmd)
	w.Close()
	main := s.probe("main")
	for range 1000 { // 65536 bytes are full long before
		v.kill(signals.HUP)
		main.hears(signals.HUP)
	}
	main.say("exit 0")
	v.exits(0) // it waits a moment for the reader, not for ever
}

func TestParentDeathSignal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		flags []string
		hears signals.Signal // 0: the program is just dead
	}{
		{"by default", nil, 0},
		{"chosen", []string{"--pdeathsig", "USR2"}, signals.Signal(unix.SIGUSR2)},
	} {
		for _, trap := range []string{"", "trap '' HUP;"} {
			t.Run(c.name+trap, func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				args := slices.Concat([]string{"-c", trap + ` exec "$@"`, "sh", binary}, c.flags, []string{"--", program("probe"), "main"})
				v := s.start(s.command("/bin/sh", args...))
				main := s.probe("main")
				v.kill(signals.KILL)
				if c.hears != 0 {
					// Perhaps once more: its parent was a thread, and each dies for itself.
					main.hears(c.hears)
					main.say("exit 0")
				}
				for _, r := range main.ends() {
					if r.Signal != c.hears {
						t.Errorf("the program hears %s, want %s", r.Signal, c.hears)
					}
				}
			})
		}
	}
}

func TestNoParentDeathSignal(t *testing.T) {
	t.Parallel()
	for _, none := range []string{"none", "0"} {
		s := newStage(t)
		v := s.supervise("--pdeathsig", none, "--", program("probe"), "main")
		main := s.probe("main")
		v.kill(signals.KILL)
		v.exits(-int(unix.SIGKILL))
		main.lives()
	}
}

// noProc prepares a command that runs where /proc is empty.
func (s *stage) noProc(args ...string) *supervised {
	s.t.Helper()
	cmd := s.command(program("as-init"), slices.Concat([]string{"noproc"}, args)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	needed.That(s.t, os.Getuid() == 0, "root, to hide /proc")
	return s.start(cmd)
}

func TestWithoutProc(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.noProc(slices.Concat([]string{binary}, verbose, []string{"--", program("probe"), "main"})...)
	main := s.probe("main")
	v.kill(signals.HUP)
	main.hears(signals.HUP)
	if e := v.event("signal.received"); e.From.PID != os.Getpid() || e.From.Name != "" {
		t.Errorf("HUP came from %+v, want the pid and no name", e.From)
	}
	main.say("exit 15")
	v.exits(15)
}

func TestRestOfTheGroupIsStoppedWithoutProc(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	// With a shell for PID 1, which reaps: without /proc a zombie cannot be told
	// from the living.
	w := world{name: "without proc", proc: "noproc"}
	w.needed(t)
	v := s.start(w.command(s, slices.Concat([]string{"/bin/sh", "-c", `"$@"; exit $?`, "sh", binary}, verbose,
		[]string{"--stop-timeout", "1h", "--", program("probe"), "main"})...))
	main := s.probe("main")
	main.say("spawn rest TERM=0")
	rest := s.probe("rest")
	main.say("exit 16")
	rest.heard(signals.TERM)
	v.exits(16) // at once: nobody is left
}

func TestIgnoredHangupIsInheritedWithoutProc(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v := s.noProc("/bin/sh", "-c", `trap '' HUP; exec "$0" -- sh -c 'kill -HUP $$; exit 17'`, binary)
	v.exits(17)
}
