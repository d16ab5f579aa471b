package procfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"supervise/internal/rerun"
)

// stat makes the text of /proc/PID/stat with the given beginning.
func stat(pid, name, state string) string {
	return pid + " (" + name + ") " + state + " 41 42 43 0 -1 4194304 100 0 0 0 1 2 3 4 20 0 1 0 123456789 1000 200 18446744073709551615 1 1 0\n"
}

func TestParseStatFindsTheNameWhateverIsInIt(t *testing.T) {
	for _, name := range []string{
		"sh", "", " ", "a b", "(", ")", "()", ")(", "a) R 1 2 3", "((sd-pam))", "tab\there", "new\nline", "\xff\xfe", "kworker/u8:0-ev",
	} {
		got, err := ParseStat([]byte(stat("40", name, "S")))
		want := Process{PID: 40, PPID: 41, Group: 42, Session: 43, State: 'S', Threads: 1, Executing: true, Start: 123456789, Name: name, Front: -1,
			CPU: 1 + 2, WaitedCPU: 3 + 4, Resident: 200 * uint64(os.Getpagesize())}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", name, err, diff)
		}
	}
}

func TestParseStatRejectsWhatIsNoStat(t *testing.T) {
	for _, text := range []string{
		"", "40", "40 sh S 1", "(sh) S 1 2 3", ") S (", "40 )(", "40 (sh)", "40 (sh) S 1 2 3",
		"x (sh" + stat("", "", "S")[3:], stat("40", "sh", "SS"), strings.Replace(stat("40", "sh", "S"), " 41 ", " x ", 1),
		strings.Replace(stat("40", "sh", "S"), "123456789", "-1", 1),
	} {
		if p, err := ParseStat([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, p)
		}
	}
}

func TestFlagsAndTerminalOfAStat(t *testing.T) {
	text := strings.Replace(stat("2", "kthreadd", "S"), " 0 -1 4194304 ", " 34816 77 2129984 ", 1)
	if p, err := ParseStat([]byte(text)); err != nil || !p.Kernel || p.Front != 77 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestStatesOfAProcess(t *testing.T) {
	for state, want := range map[string]struct{ gone, stopped bool }{
		"R": {}, "S": {}, "D": {}, "I": {}, "t": {}, "T": {stopped: true}, "Z": {gone: true}, "X": {gone: true},
	} {
		p, err := ParseStat([]byte(stat("1", "x", state)))
		if err != nil || p.Gone() != want.gone || p.Stopped() != want.stopped {
			t.Errorf("%s: gone %v, stopped %v, %v", state, p.Gone(), p.Stopped(), err)
		}
	}
}

// TestMain lets the test binary play a program whose first thread ends while
// others go on.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "headless" {
		go func() {
			_, _ = os.Stdin.Read(make([]byte, 1))
			os.Exit(0)
		}()
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	os.Exit(m.Run())
}

func init() {
	if len(os.Args) == 2 && os.Args[1] == "headless" {
		runtime.LockOSThread() // the first thread
	}
}

func TestProcessWithoutItsFirstThreadLives(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := child(t, self, "headless")
	deadline := time.Now().Add(90 * time.Second)
	for {
		p, err := Stat(pid)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("its first thread does not end: %+v, %v", p, err)
		}
		if p.Gone() {
			t.Fatalf("it counts as gone: %+v", p)
		}
		if p.State == 'Z' {
			return
		}
		runtime.Gosched()
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(stat("40", "a b) (", "S")))
	f.Add([]byte(stat("1", "", "Z")))
	f.Add([]byte("1 (x)"))
	f.Add([]byte(")("))
	if own, err := os.ReadFile("/proc/self/stat"); err == nil {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseStat(b)
		if err != nil {
			if (p != Process{}) && p.PID == 0 {
				t.Errorf("an error came with %+v", p)
			}
			return
		}
		if !strings.Contains(string(b), "("+p.Name+")") || p.State == 0 {
			t.Errorf("read %+v", p)
		}
	})
}

// child starts a program that ends with the test, or with us.
func child(t *testing.T, argv ...string) (pid int, out *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	if _, err := cmd.StdinPipe(); err != nil { // open until the end
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); runtime.UnlockOSThread() })
	return cmd.Process.Pid, bufio.NewReader(pipe)
}

func TestStatOfAChild(t *testing.T) {
	pid, _ := child(t, "sleep", "60")
	p, err := Stat(pid)
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != pid || p.PPID != os.Getpid() || p.Group != pid || p.Session != pid || p.Start == 0 || p.Gone() || p.Stopped() || p.Name != "sleep" {
		t.Errorf("got %+v", p)
	}
	if Name(pid) != "sleep" {
		t.Errorf("its name is %q, want sleep", Name(pid))
	}
	// It is started as soon as it executes, a moment before it has one.
	for now := p; now.Executing; runtime.Gosched() {
		if now, err = Stat(pid); err != nil || now.Gone() {
			t.Fatalf("got %+v, %v", now, err)
		}
	}
	env, err := Environ(pid)
	if err != nil || !strings.Contains(string(env), "PATH=") {
		t.Errorf("its environment is %q, %v", env, err)
	}
	if again, err := Stat(pid); err != nil || again.Start != p.Start {
		t.Errorf("it started at %d, then at %d, %v", p.Start, again.Start, err)
	}
}

func TestStatOfAProcessThatRenamedItself(t *testing.T) {
	const name = "x) Z (1\n2 3"
	pid, out := child(t, "sh", "-c", `printf '%s' "$0" >/proc/$$/comm && echo ready && read line`, name)
	if line, err := out.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	p, err := Stat(pid)
	if err != nil || p.Name != name || p.Gone() || p.PID != pid {
		t.Errorf("got %+v, %v", p, err)
	}
	if got := Name(pid); got != name {
		t.Errorf("its name is %q, want %q", got, name)
	}
}

func TestLongEnvironmentIsReadWhole(t *testing.T) {
	t.Setenv("SHORT", "1")
	for _, n := range []int{100_000, 60_000} {
		t.Setenv("LONG", strings.Repeat("x", n))
		t.Setenv("LONGER", strings.Repeat("y", n))
		pid, out := child(t, "sh", "-c", "echo ready; read line")
		if line, err := out.ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
		env, err := Environ(pid)
		if err != nil || !strings.Contains(string(env), strings.Repeat("x", n)+"\x00") || !strings.Contains(string(env), strings.Repeat("y", n)+"\x00") {
			t.Errorf("of %d bytes %d came, %v", 2*n, len(env), err)
		}
	}
}

func TestStatOfAProcessThatIsNot(t *testing.T) {
	// pid_max is at most 2^22, so no process has this number.
	const none = 1<<22 + 1
	if p, err := Stat(none); err == nil || !Ended(err) {
		t.Errorf("got %+v, %v", p, err)
	}
	if name := Name(none); name != "" {
		t.Errorf("it is called %q", name)
	}
	if env, err := Environ(none); err == nil {
		t.Errorf("it has the environment %q", env)
	}
}

func TestAllHasUsAndAChild(t *testing.T) {
	pid, _ := child(t, "sleep", "60")
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{os.Getpid(), pid} {
		if !slices.ContainsFunc(all, func(p Process) bool { return p.PID == want }) {
			t.Errorf("process %d is missing", want)
		}
	}
}

// Children of each thread are listed, not those of the calling one alone.
func TestChildrenOfEveryThread(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	const threads = 4
	pids := make(chan int)
	release := make(chan struct{})
	for range threads {
		go func() {
			runtime.LockOSThread()
			p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{
				Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
			})
			if err != nil {
				t.Error(err)
				pids <- 0
				return
			}
			pids <- p.Pid
			<-release
		}()
	}
	var want []int
	for range threads {
		want = append(want, <-pids)
	}
	defer close(release)
	got, err := Children()
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, want %v, %v", got, want, err)
	}
	// What All finds must be the same.
	var also []int
	all, err := All()
	for _, p := range all {
		if p.PPID == os.Getpid() {
			also = append(also, p.PID)
		}
	}
	slices.Sort(also)
	if err != nil || !slices.Equal(also, want) {
		t.Errorf("all processes show %v, want %v, %v", also, want, err)
	}
}

func TestZombieIsAChildThatIsGone(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, p.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	got, err := Stat(p.Pid)
	if err != nil || !got.Gone() {
		t.Errorf("got %+v, %v", got, err)
	}
	if children, err := Children(); err != nil || !slices.Equal(children, []int{p.Pid}) {
		t.Errorf("children are %v, %v", children, err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if children, err := Children(); err != nil || len(children) != 0 {
		t.Errorf("children are %v, %v", children, err)
	}
}

// With no descriptor left nothing can be read, and that is not the same as
// nothing being there.
func TestNoDescriptorLeftIsNoAnswer(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill(); _, _ = p.Wait() })
	if _, err := All(); err != nil { // what is looked at once is, now
		t.Fatal(err)
	}
	if _, err := Children(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = 64
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var taken []int
	for {
		fd, err := unix.Dup(1)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	try := func() (errs [2]error) {
		_, errs[0] = All()
		_, errs[1] = Children()
		return errs
	}
	none := try()
	unix.Close(taken[0]) // enough for a directory, too little for what is in it
	one := try()
	for _, fd := range taken[1:] {
		unix.Close(fd)
	}
	if none[0] == nil || none[1] == nil {
		t.Errorf("without a descriptor: %v", none)
	}
	if one[0] == nil {
		t.Error("with one descriptor all processes were read")
	}
	if _, err := Children(); err != nil {
		t.Error(err)
	}
}

func TestProcOfAnotherNamespaceCountsAsMissing(t *testing.T) {
	if !rerun.AsInitWithForeignProc(t) {
		return
	}
	if os.Getpid() != 1 {
		t.Fatalf("pid %d", os.Getpid())
	}
	if p, err := Stat(1); err == nil {
		t.Errorf("process 1 is taken for %+v", p)
	}
	if all, err := All(); err == nil {
		t.Errorf("%d processes are taken for ours", len(all))
	}
	if pids, err := Children(); err == nil {
		t.Errorf("our children are taken to be %v", pids)
	}
	if name := Name(1); name != "" {
		t.Errorf("process 1 is taken for %q", name)
	}
	if _, err := Environ(1); err == nil {
		t.Error("process 1 has an environment")
	}
}

func TestProcOfOurNamespaceInAContainer(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := All()
	if got, want := fmt.Sprint(pidsOf(all)), fmt.Sprint([]int{1, p.Pid}); err != nil || got != want {
		t.Errorf("got %s, want %s, %v", got, want, err)
	}
	if got, err := Children(); err != nil || !slices.Equal(got, []int{p.Pid}) {
		t.Errorf("children are %v, want %s, %v", got, strconv.Itoa(p.Pid), err)
	}
}

func pidsOf(all []Process) (pids []int) {
	for _, p := range all {
		pids = append(pids, p.PID)
	}
	return pids
}

func TestCgroupIsThatOfTheVersion2Hierarchy(t *testing.T) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for line := range strings.Lines(string(groups)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			want = strings.TrimSuffix(path, "\n")
		}
	}
	if got := Cgroup(os.Getpid()); got != want {
		t.Errorf("Cgroup = %q, want %q of\n%s", got, want, groups)
	}
	if got := Cgroup(1 << 30); got != "" {
		t.Errorf("Cgroup of no process = %q", got)
	}
}
