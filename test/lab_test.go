package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"supervise/internal/lab"
	"supervise/internal/needed"
)

// student takes the course, with a home of their own.
type student struct {
	t    *testing.T
	home string
	path string
	lang string
}

func newStudent(t *testing.T, lang string) *student {
	// The interpreter itself: a version manager's stand-in takes seconds.
	return &student{t, t.TempDir(), "/usr/bin:/bin:/usr/sbin:" + os.Getenv("PATH"), lang}
}

// studyTime is far more than any lab takes.
const studyTime = 4 * time.Minute

// lab runs `supervise lab` and gives what it printed, and its exit status.
func (s *student) lab(args ...string) (stdout, stderr string, status int) {
	ctx, cancel := context.WithTimeout(context.Background(), studyTime)
	defer cancel()
	cmd := s.command(ctx, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		s.t.Errorf("supervise lab %s: %v\n%s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (s *student) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, append([]string{"lab"}, args...)...)
	cmd.Dir = s.home
	cmd.Env = []string{"PATH=" + s.path, "HOME=" + s.home, "LANG=" + s.lang, stageVariable + "=" + stageDir}
	return cmd
}

// checked is what `lab check --json` says.
type checked struct {
	Passed bool
	Cases  []lab.Verdict
}

func (s *student) check(l *lab.Lab, program string) (c checked, text string) {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.home, "")
	file := filepath.Join(dir, l.File())
	if err == nil {
		err = os.WriteFile(file, []byte(program), 0o666)
	}
	if err != nil {
		s.t.Error(err)
		return c, ""
	}
	out, errs, _ := s.lab("check", fmt.Sprint(l.Number), file, "--json")
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		s.t.Errorf("lab %d: %v\n%s%s", l.Number, err, out, errs)
	}
	return c, out
}

// atOnce does all of them, a few at a time: most of what a lab does is wait.
func atOnce(tasks []func()) {
	slots := make(chan struct{}, 6)
	var all sync.WaitGroup
	for _, task := range tasks {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			task()
		})
	}
	all.Wait()
}

func labFile(t *testing.T, l *lab.Lab, name string) string {
	b, err := os.ReadFile(filepath.Join("../examples/lab", l.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return lab.Source(string(b), lab.English)
}

// TestTheCourse takes it: what the labs show, the solutions of all exercises,
// and the mistakes that people make.
func TestTheCourse(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	english, spanish := newStudent(t, "en_US.UTF-8"), newStudent(t, "es_ES.UTF-8")
	spanish.path = barePath(t) // no nginx, no PostgreSQL, no npm
	labs := lab.Course()
	var tasks []func()
	for _, m := range mistakes {
		tasks = append(tasks, inTakes(t, func() error { return m.isRecognised(t, english, &labs[m.lab-1]) }))
	}
	for i := range labs {
		l := &labs[i]
		tasks = append(tasks,
			inTakes(t, func() error { return runsThrough(english, l) }),
			inTakes(t, func() error { return runsThrough(spanish, l) }),
			inTakes(t, func() error {
				if c, out := english.check(l, labFile(t, l, "solution.py")); !c.Passed {
					return fmt.Errorf("the solution of lab %d does not pass: %s", l.Number, out)
				}
				return nil
			}))
	}
	atOnce(tasks)

	out, errs, status := english.lab("list", "--json")
	if status != 0 || errs != "" || strings.Count(out, `"passed":"`) != len(labs) || strings.Count(out, `"ran":"`) != len(labs) {
		t.Errorf("not all that was done was kept: status %d, %s%s", status, out, errs)
	}
}

// inTakes does it up to [mostTakes] times: the programs of the course are about time,
// which a busy machine does not keep.
func inTakes(t *testing.T, do func() error) func() {
	return func() {
		for take := 1; ; take++ {
			err := do()
			switch {
			case err == nil:
				return
			case take == mostTakes:
				t.Error(err)
				return
			}
			t.Logf("take %d: %v", take, err)
		}
	}
}

// runsThrough runs a lab, to its end and in the language of the student.
func runsThrough(s *student, l *lab.Lab) error {
	out, errs, status := s.lab("run", fmt.Sprint(l.Number))
	lang := lab.English
	other := lab.Spanish
	if strings.HasPrefix(s.lang, "es") {
		lang, other = other, lang
	}
	_, summary, found := strings.Cut(out, "\n"+lab.InShort.In(lang)+"\n- ")
	switch {
	case status != 0 || errs != "":
		return fmt.Errorf("lab %d in %s: status %d\n%s%s", l.Number, lang, status, out, errs)
	case strings.Contains(out, lab.Desk.Stuck.In(lang)):
		return fmt.Errorf("lab %d in %s was ended early:\n%s", l.Number, lang, out)
	case !found || strings.Count(summary, "\n- ") < 2:
		return fmt.Errorf("lab %d in %s has no summary at its end:\n%s", l.Number, lang, out)
	}
	for _, w := range []lab.Words{lab.Desk.Seen, lab.Desk.RunNext, lab.InShort, l.Title} {
		word, _, _ := strings.Cut(w.In(other), "%")
		if strings.Contains(out, "\n"+word) {
			return fmt.Errorf("lab %d in %s says %q", l.Number, lang, word)
		}
	}
	return nil
}

// barePath is a PATH with what the labs need and nothing else.
func barePath(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"python3", "sh", "sleep"} {
		path := "/usr/bin/" + name
		_, err := os.Stat(path)
		needed.That(t, err == nil, path)
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// mistake is a solution with something changed: what people get wrong.
type mistake struct {
	lab  int
	hint string   // that has to be given
	edit []string // old, new, old, new ...
}

func (m *mistake) isRecognised(t *testing.T, s *student, l *lab.Lab) error {
	program := labFile(t, l, "solution.py")
	for i := 0; i < len(m.edit); i += 2 {
		if !strings.Contains(program, m.edit[i]) {
			return fmt.Errorf("lab %d, %s: the solution has no %q", l.Number, m.hint, m.edit[i])
		}
		program = strings.ReplaceAll(program, m.edit[i], m.edit[i+1])
	}
	c, out := s.check(l, program)
	if c.Passed {
		return fmt.Errorf("lab %d: what should give the hint %s passes", l.Number, m.hint)
	}
	for _, v := range c.Cases {
		for _, o := range v.Wants {
			if o.HintID == m.hint && o.Hint != "" {
				return nil
			}
		}
	}
	return fmt.Errorf("lab %d: the hint is not %s: %s", l.Number, m.hint, out)
}

var mistakes = []mistake{
	{1, "handler-called", []string{"SIGUSR1, on_usr1)", "SIGUSR1, on_usr1())"}},
	{1, "handler-arguments", []string{"def on_usr1(number, frame)", "def on_usr1()"}},
	{1, "no-usr1-handler", []string{"signal.signal(signal.SIGUSR1, on_usr1)\n", ""}},
	{1, "hup", []string{"signal.signal(signal.SIGHUP, signal.SIG_IGN)\n", ""}},
	{1, "syntax", []string{"count += 1", "count++"}},
	{2, "not-blocked", []string{"signal.pthread_sigmask(signal.SIG_BLOCK, both)\n", ""}},
	{2, "parent", []string{"import signal", "import os, signal", "info.si_pid", "os.getppid()"}},
	{2, "own-pid", []string{"import signal", "import os, signal", "info.si_pid", "os.getpid()"}},
	{3, "shifted", []string{"os.WIFSIGNALED(status)", "False"}},
	{3, "negative", []string{"return \"killed by \" + signal.Signals(os.WTERMSIG(status)).name", "return f\"exit {-os.WTERMSIG(status)}\""}},
	{4, "one-call", []string{"PIECE = 200_000", "PIECE = END"}},
	{4, "by-default", []string{"signal.signal(signal.SIGTERM, on_term)\n", ""}},
	{5, "no-interval", []string{"setitimer(signal.ITIMER_REAL, 0.1, 0.1)", "setitimer(signal.ITIMER_REAL, 0.1)"}},
	{5, "no-alarm-handler", []string{"signal.signal(signal.SIGALRM, on_alarm)\n", ""}},
	{5, "not-cancelled", []string{"    signal.setitimer(signal.ITIMER_REAL, *((0.1, 0.1) if running else (0, 0)))\n", ""}},
	{6, "not-cancelled", []string{"        signal.setitimer(signal.ITIMER_REAL, 0)\n        signal.signal(signal.SIGALRM, before)\n", "        signal.signal(signal.SIGALRM, before)\n"}},
	{6, "not-restored", []string{"        signal.signal(signal.SIGALRM, before)\n", ""}},
	{6, "alarm-kills", []string{"    before = signal.signal(signal.SIGALRM, on_alarm)\n", "    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)\n"}},
	{6, "no-timer", []string{"    signal.setitimer(signal.ITIMER_REAL, seconds)\n", ""}},
	{7, "no-jitter", []string{"random.uniform(0.5, 1.5)", "1"}},
	{7, "no-growth", []string{"0.1 * 2**n", "0.1"}},
	{7, "above-max", []string{"min(0.4, nominal * random.uniform(0.5, 1.5))", "max(0.41, nominal * random.uniform(0.5, 1.5))"}},
	{7, "term-by-default", []string{"signal.signal(signal.SIGTERM, on_term)\n", ""}},
	{8, "child-only", []string{"os.killpg(worker.pid, signal.SIGTERM)", "worker.terminate()"}},
	{8, "no-group", []string{", process_group=0", ""}},
	{8, "own-group", []string{", process_group=0", "", "os.killpg(worker.pid,", "os.killpg(os.getpgrp(),"}},
	{9, "not-forwarded", []string{"    signal.signal(name, forward)\n", "    pass\n"}},
	{9, "status-lost", []string{"sys.exit(code if code >= 0 else 128 - code)", ""}},
	{9, "negative", []string{"sys.exit(code if code >= 0 else 128 - code)", "sys.exit(code)"}},
	{10, "one-for-each", []string{"        print(\"reaped\", pid)\n", "        print(\"reaped\", pid)\n        return\n"}},
	{10, "blocks", []string{"os.waitpid(-1, os.WNOHANG)", "os.waitpid(-1, 0)"}},
	{11, "by-default", []string{"signal.signal(signal.SIGTERM, on_term)\n", ""}},
	{11, "kill-at-once", []string{"helper.terminate()", "helper.kill()"}},
	{11, "waits-for-ever", []string{"wait(timeout=0.5)", "wait()"}},
	{12, "quit-not-handled", []string{"signal.signal(signal.SIGQUIT, on_quit)\n", ""}},
	{12, "cut", []string{"    going_on = False\n", "    sys.exit(0)\n"}},
	{12, "term-drains", []string{"signal.signal(signal.SIGTERM, on_term)", "signal.signal(signal.SIGTERM, on_quit)"}},
	{13, "not-blocked", []string{"signal.pthread_sigmask(signal.SIG_BLOCK, both)\n", ""}},
	{13, "term-first", []string{"while signal.sigtimedwait({RT}, 0):\n    count += 1\n", ""}},
	{13, "merged", []string{"signal.pthread_sigmask(signal.SIG_BLOCK, both)", "def on_rt(number, frame):\n    global count\n    count += 1\n\nsignal.signal(RT, on_rt)\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})",
		"while signal.sigwaitinfo(both).si_signo == RT:\n    count += 1", "signal.sigwait({signal.SIGTERM})"}},
	{14, "no-backoff", []string{"0.1 * 2**crashes", "0.1"}},
	{14, "left-behind", []string{"    os.kill(worker, signal.SIGTERM)\n    os.waitpid(worker, 0)\n", "    pass\n"}},
	{14, "restarted", []string{"        due = time.monotonic() + delay\n", "        time.sleep(delay)\n        due = time.monotonic()\n"}},
}

// Who is fed up with a lab presses Ctrl-C, or is logged out: then it ends what it has
// started, and its directory is gone.
func TestALabThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	needed.Program(t, "python3")
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		group  bool // as the terminal does it
		want   string
	}{
		{"Ctrl-C", syscall.SIGINT, true, "INT"},
		{"TERM", syscall.SIGTERM, false, "TERM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStudent(t, "en_US.UTF-8")
			temporary, began := t.TempDir(), filepath.Join(s.home, "began")
			program := filepath.Join(s.home, "program.py")
			text := fmt.Sprintf("import os, time\nopen(%[1]q + '.new', 'w').write(str(os.getpid()))\nos.rename(%[1]q + '.new', %[1]q)\ntime.sleep(1000)\n", began)
			if err := os.WriteFile(program, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			cmd := s.command(context.Background(), "check", "1", program)
			cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			v := newStage(t).start(cmd)
			var pid int
			eventually(t, "the program begins", func() bool {
				b, err := os.ReadFile(began)
				if err == nil {
					pid = atoi(t, string(b))
				}
				return err == nil
			})
			if left, err := os.ReadDir(temporary); err != nil || len(left) != 1 {
				t.Fatalf("a lab that runs has %v, %v; want its directory", left, err)
			}
			to := v.pid()
			if c.group {
				to = -to
			}
			if err := syscall.Kill(to, c.signal); err != nil {
				t.Fatal(err)
			}
			v.exits(128 + int(c.signal))
			if text := v.text(v.stderr); text != "supervise: "+c.want+"; the lab is over, and nothing is left of it\n" {
				t.Errorf("it says %q", text)
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
				t.Errorf("%v are left, %v", left, err)
			}
			if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
				t.Errorf("the program is left: %v", err)
			}
		})
	}
}

// What the course's commands say and refuse.
func TestTheDeskOfTheCourse(t *testing.T) {
	runScripts(t, "lab")
}
