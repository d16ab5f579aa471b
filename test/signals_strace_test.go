package test

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// straced is what a process has arranged, as strace saw it arrange it.
type straced struct {
	caught, ignored map[int]bool         // of the process that was started
	blocked         map[int]map[int]bool // by thread
}

var (
	straceLine   = regexp.MustCompile(`^(\d+) +(.*)$`)
	straceAction = regexp.MustCompile(`^rt_sigaction\((\w+), (?:\{sa_handler=(\w+)[,}])?`)
	straceMask   = regexp.MustCompile(`^rt_sigprocmask\((SIG_\w+), (~?)\[([^]]*)\]`)
)

// parseStrace reads what strace -f wrote about rt_sigaction, rt_sigprocmask and
// execve of one process. A thread begins with the mask that it sets first.
func parseStrace(t testing.TB, text string) straced {
	t.Helper()
	st := straced{map[int]bool{}, map[int]bool{}, map[int]map[int]bool{}}
	begun := map[int]string{}
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); {
		m := straceLine.FindStringSubmatch(in.Text())
		if m == nil {
			t.Fatalf("strace wrote %q", in.Text())
		}
		tid, call := atoi(t, m[1]), m[2]
		if head, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			begun[tid] = head
			continue
		}
		if strings.HasPrefix(call, "<... ") {
			_, rest, _ := strings.Cut(call, " resumed>")
			call = begun[tid] + rest
		}
		if !strings.HasSuffix(call, " = 0") {
			continue
		}
		if st.blocked[tid] == nil {
			st.blocked[tid] = map[int]bool{}
		}
		switch a, p := straceAction.FindStringSubmatch(call), straceMask.FindStringSubmatch(call); {
		case strings.HasPrefix(call, "execve("):
			clear(st.caught)
		case a != nil && a[2] != "":
			n := straceSignal(t, a[1])
			delete(st.caught, n)
			delete(st.ignored, n)
			switch a[2] {
			case "SIG_DFL":
			case "SIG_IGN":
				st.ignored[n] = true
			default:
				st.caught[n] = true
			}
		case p != nil:
			named := map[int]bool{}
			for _, name := range strings.Fields(p[3]) {
				named[straceSignal(t, name)] = true
			}
			for n := 1; n <= 64; n++ {
				in := named[n] != (p[2] == "~") && n != int(unix.SIGKILL) && n != int(unix.SIGSTOP)
				switch p[1] {
				case "SIG_BLOCK":
					in = in || st.blocked[tid][n]
				case "SIG_UNBLOCK":
					in = !in && st.blocked[tid][n]
				}
				st.blocked[tid][n] = in
			}
		}
	}
	return st
}

// straceSignal gives the number of a signal as strace writes it: real-time ones
// as the kernel counts them, from 32.
func straceSignal(t testing.TB, name string) int {
	t.Helper()
	name = strings.TrimPrefix(name, "SIG")
	if rest, ok := strings.CutPrefix(name, "RT_"); ok {
		return 32 + atoi(t, rest)
	}
	switch n := unix.SignalNum("SIG" + name); {
	case name == "RTMIN":
		return 32
	case name == "RTMAX":
		return 64
	case n != 0:
		return int(n)
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		t.Fatalf("strace writes %q", name)
	}
	return n
}

func atoi(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a program arranged, as strace saw it do so, is what is told of it.
func TestSignalsTellWhatStraceSaw(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	path, err := exec.LookPath("strace")
	needed.That(t, err == nil, "strace")
	for name := range arranged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			program := s.arrange(name)
			cmd := s.command(path, append([]string{"-f", "-o", s.path("strace"), "-e", "trace=rt_sigaction,rt_sigprocmask,execve", "-e", "signal=none", "-e", "quiet=all", "env", "--default-signal"}, program.Args...)...)
			v := s.start(cmd)
			said := v.within("ready", v.stdout)
			read := func() string {
				b, err := os.ReadFile(s.path("strace"))
				if err != nil {
					t.Fatal(err)
				}
				whole := strings.LastIndexByte(string(b), '\n') + 1
				return string(b[:whole])
			}
			// The first process that strace tells of is the program.
			first, _, _ := strings.Cut(read(), " ")
			pid := atoi(t, first)
			if word := strings.Fields(said); len(word) > 1 && atoi(t, word[1]) != pid {
				t.Fatalf("%s, and strace began with %d", said, pid)
			}
			different := ""
			// Go's threads and the shell's last exec take a moment.
			eventually(t, "both say the same", func() bool {
				st, l := parseStrace(t, ofProcess(read(), pid)), signalsOf(t, pid)
				different = differs(st, l)
				return different == "" || name != "go" && name != "sleep"
			})
			if different != "" {
				t.Errorf("%s\n%s", different, read())
			}
		})
	}
}

// ofProcess leaves out the lines of other processes: those that are no threads of
// this one.
func ofProcess(text string, pid int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		tid, _, _ := strings.Cut(line, " ")
		if _, err := os.Stat("/proc/" + itoa(pid) + "/task/" + tid); err == nil {
			b.WriteString(line)
		}
	}
	return b.String()
}

func differs(st straced, l looked) string {
	for _, e := range l.Signals {
		want := "default"
		if st.ignored[e.Number] {
			want = "ignored"
		} else if st.caught[e.Number] {
			want = "caught"
		}
		if e.Disposition != want {
			return e.Name.String() + " is " + want + " for strace, and " + e.Disposition
		}
	}
	for _, th := range l.Threads {
		told := map[int]bool{}
		for _, s := range th.Blocked {
			told[int(s)] = true
		}
		for n := 1; n <= 64; n++ {
			if told[n] != st.blocked[th.TID][n] {
				return "thread " + itoa(th.TID) + ": signal " + itoa(n) + " blocked for strace: " + strconv.FormatBool(st.blocked[th.TID][n])
			}
		}
	}
	return ""
}
