package tree

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/needed"
	"supervise/internal/procfs"
	"supervise/internal/rerun"
	"supervise/internal/signals"
)

// The tests with processes run as PID 1 of a PID namespace: whatever they
// start ends with them, and orphans become their children.

// main is the main process of a tree: a shell that runs a script. What the
// script prints can be read line by line.
type main struct {
	t    *testing.T
	tree *Tree
	pid  int
	out  *bufio.Reader
	in   *os.File
}

// start starts a script as the main process of tree. With mark its environment
// has the tree's.
func start(t *testing.T, tree *Tree, mark bool, script string) *main {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	stdin, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	env := os.Environ()
	if mark {
		env = append(env, MarkVariable+"="+tree.Mark())
	}
	attr := &syscall.ProcAttr{
		Env: env, Files: []uintptr{stdin.Fd(), w.Fd(), 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if fd, err := tree.CgroupDescriptor(); err != nil {
		t.Fatal(err)
	} else if fd >= 0 {
		defer unix.Close(fd)
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
	}
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, attr)
	if err != nil {
		t.Fatal(err)
	}
	tree.Started(pid)
	return &main{t, tree, pid, bufio.NewReader(r), in}
}

// line reads what the script prints next.
func (m *main) line() string {
	m.t.Helper()
	text, err := m.out.ReadString('\n')
	if err != nil {
		m.t.Fatalf("reading what the script prints: %q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// say gives the script a line to read.
func (m *main) say(text string) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.in, text); err != nil {
		m.t.Fatal(err)
	}
}

// number reads a pid that the script prints.
func (m *main) number() int {
	m.t.Helper()
	n, err := strconv.Atoi(m.line())
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// end kills the main process and waits for it.
func (m *main) end() {
	m.t.Helper()
	if err := unix.Kill(m.pid, unix.SIGKILL); err != nil {
		m.t.Fatal(err)
	}
	reap(m.t, m.pid)
	m.tree.Ended()
	m.tree.host.Turn()
}

// stop stops a process and waits until it is.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		p, err := procfs.Stat(pid)
		if err != nil || p.Gone() {
			t.Fatalf("%d has ended: %v", pid, err)
		}
		if p.Stopped() {
			return
		}
		runtime.Gosched()
	}
}

// reap waits for one child.
func reap(t *testing.T, pid int) (status unix.WaitStatus) {
	t.Helper()
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("waiting for %d: %v", pid, err)
		}
		return status
	}
}

// reapAll waits until no child is left.
func reapAll() {
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err == unix.ECHILD {
			return
		}
	}
}

func newTree(t *testing.T, h *Host, scope config.Scope) *Tree {
	t.Helper()
	tree, note := h.Tree("web", scope)
	if note != nil {
		t.Fatal(note)
	}
	return tree
}

func pidsOf(all []procfs.Process) []int {
	pids := []int{}
	for _, p := range all {
		pids = append(pids, p.PID)
	}
	slices.Sort(pids)
	return pids
}

// living lists a tree as it is now.
func living(tree *Tree) []int {
	tree.host.Turn()
	return pidsOf(tree.Living())
}

func wantLiving(t *testing.T, tree *Tree, want ...int) {
	t.Helper()
	slices.Sort(want)
	if got := living(tree); !slices.Equal(got, want) {
		t.Errorf("living are %v, want %v", got, want)
	}
	tree.host.Turn()
	survey, claim := tree.host.Survey(), tree.Claim()
	if got := pidsOf(survey.Living(claim)); !slices.Equal(got, want) {
		t.Errorf("a survey finds %v, want %v", got, want)
	}
}

func TestProcessScopeIsTheMainProcessAlone(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Process)
	m := start(t, tree, true, `sleep 60 & echo $!; wait`)
	child := m.number()
	wantLiving(t, tree, m.pid)
	if tree.Empty() {
		t.Error("it is empty while its main process lives")
	}
	if to, err := tree.Signal(signals.TERM); err != nil || to != fmt.Sprintf("process %d", m.pid) {
		t.Errorf("sent to %q, %v", to, err)
	}
	if s := reap(t, m.pid); s.Signal() != unix.SIGTERM {
		t.Errorf("it ended by %v", s)
	}
	tree.Ended()
	tree.host.Turn()
	if !tree.Empty() || len(living(tree)) != 0 {
		t.Error("it is not empty without its main process")
	}
	if p, err := procfs.Stat(child); err != nil || p.Gone() {
		t.Error("the child did not survive:", err)
	}
	if to, err := tree.Signal(signals.KILL); to != "" || err != nil {
		t.Errorf("sent to %q, %v", to, err)
	}
}

func TestGroupScopeIsTheProcessGroup(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Group)
	m := start(t, tree, true, `sleep 60 & echo $!; setsid sh -c 'echo $$; exec sleep 60' & wait`)
	member, outsider := m.number(), m.number()
	wantLiving(t, tree, m.pid, member)
	m.end()
	wantLiving(t, tree, member)
	if tree.Empty() {
		t.Error("it is empty while a member lives")
	}
	if to, err := tree.Signal(signals.TERM); err != nil || to != "1 process" {
		t.Errorf("sent to %q, %v", to, err)
	}
	if s := reap(t, member); s.Signal() != unix.SIGTERM {
		t.Errorf("the member ended by %v", s)
	}
	tree.host.Turn()
	if !tree.Empty() {
		t.Error("it is not empty")
	}
	if p, err := procfs.Stat(outsider); err != nil || p.Gone() {
		t.Error("who left the group did not survive:", err)
	}
}

func TestZombiesDoNotFillAGroup(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Group)
	m := start(t, tree, true, `sleep 60 & echo $!; wait`)
	member := m.number()
	m.end()
	if err := unix.Kill(member, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, member, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if unix.Kill(-m.pid, 0) == unix.ESRCH {
		t.Fatal("the kernel does not count zombies any more")
	}
	tree.host.Turn()
	if !tree.Empty() {
		t.Error("a zombie fills it")
	}
}

func TestTreeBeforeItsFirstStartIsEmpty(t *testing.T) {
	h := NewHost(nil)
	for _, scope := range []config.Scope{config.Process, config.Group, config.Tree} {
		tree := newTree(t, h, scope)
		if got := tree.Living(); len(got) != 0 {
			t.Errorf("%s: living are %v", scope, got)
		}
		if !tree.Empty() && scope != config.Tree { // as a descendant counts any child of ours
			t.Errorf("%s: it is not empty", scope)
		}
		for _, s := range []signals.Signal{signals.CONT, signals.KILL} {
			if to, err := tree.Signal(s); to != "" || err != nil {
				t.Errorf("%s: %s was sent to %q, %v", scope, s, to, err)
			}
		}
		for _, send := range []func(signals.Signal) (string, error){tree.SignalMain, tree.SignalGroup} {
			if to, err := send(signals.CONT); to != "" || err != unix.ESRCH {
				t.Errorf("%s: CONT was sent to %q, %v", scope, to, err)
			}
		}
	}
}

// escapes are the ways out of a service. Each script prints the pid of a
// process that lives on when the main process is gone.
var escapes = map[string]struct {
	script string
	mark   bool
	look   bool // at the tree, before the escapee is an orphan
}{
	"a child": {script: `sleep 60 & echo $!; wait`},
	"double fork, in the group": {
		script: `(sh -c 'echo $$; exec sleep 60' &); exec sleep 60`},
	"double fork, in the session": {
		// With job control a shell gives each job a group.
		script: `set -m; (sh -c 'echo $$; exec sleep 60' &); exec sleep 60`},
	"daemon, by its mark": {mark: true,
		script: `(setsid sh -c 'echo $$; exec sleep 60' &); exec sleep 60`},
	"daemon that hides its mark, by its ancestry": {look: true,
		script: `setsid env -i sh -c 'sleep 60 & echo $!; wait' & wait`},
}

func TestEscapeesBelongToTheTree(t *testing.T) {
	for name, e := range escapes {
		t.Run(name, func(t *testing.T) {
			if !rerun.AsInit(t) {
				return
			}
			h := NewHost(nil)
			tree, other := newTree(t, h, config.Tree), newTree(t, h, config.Tree)
			other.name = "db"
			neighbour := start(t, other, true, `exec sleep 60`)
			m := start(t, tree, e.mark, e.script)
			escapee := m.number()
			if e.look && !slices.Contains(living(tree), escapee) {
				t.Fatal("it is not seen below the main process")
			}
			m.end()
			if tree.Empty() {
				t.Error("the tree is empty")
			}
			if got := living(tree); !slices.Contains(got, escapee) {
				t.Errorf("living are %v, want %d among them", got, escapee)
			}
			wantLiving(t, other, neighbour.pid)
			if to, err := tree.Signal(signals.KILL); err != nil || !strings.Contains(to, "process") {
				t.Errorf("sent to %q, %v", to, err)
			}
			for !tree.Empty() {
				if _, err := unix.Wait4(-1, nil, 0, nil); err != nil {
					t.Fatalf("not empty (%v), and nobody to wait for: %v", living(tree), err)
				}
				h.Turn()
			}
			if got := living(tree); len(got) != 0 {
				t.Errorf("living are %v", got)
			}
			if p, err := procfs.Stat(escapee); err == nil && !p.Gone() {
				t.Error("the escapee lives")
			}
			wantLiving(t, other, neighbour.pid)
		})
	}
}

func TestOrphanOfNobodyBelongsToNoTree(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	h := NewHost(nil)
	tree, other := newTree(t, h, config.Tree), newTree(t, h, config.Tree)
	other.name = "webserver" // begins like the other's name
	m := start(t, tree, true, `exec sleep 60`)
	n := start(t, other, true, `(setsid sh -c 'echo $$; exec sleep 60' &); exec sleep 60`)
	daemon := n.number()
	n.end()
	m.end()
	if !tree.Empty() {
		t.Errorf("it has %v", living(tree))
	}
	wantLiving(t, other, daemon)
}

func TestTwoEndsInOneTurnNeedTwoLooks(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	h := NewHost(nil)
	a, b := newTree(t, h, config.Tree), newTree(t, h, config.Tree)
	a.name, b.name = "a", "b"
	orphan := start(t, newTree(t, h, config.Tree), true, `(setsid sh -c 'echo $$; exec sleep 60' &); exec sleep 60`)
	orphan.number()
	orphan.end() // so that there is a reason to look at /proc
	first, second := start(t, a, true, `exec sleep 60`), start(t, b, true, `exec sleep 60`)
	first.end()
	if !a.Empty() {
		t.Error("the first is not empty")
	}
	second.end() // and says that what was seen is old
	if !b.Empty() {
		t.Errorf("the second is not empty: %v", living(b))
	}
}

func TestSignalReachesEachProcessOnce(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Tree)
	const trap = `trap "echo got" USR1; echo ready; while :; do sleep 60 & wait $!; done`
	m := start(t, tree, true, `setsid sh -c '`+trap+`' & `+trap)
	m.line()
	m.line()
	to, err := tree.Signal(signals.Signal(unix.SIGUSR1))
	if want := fmt.Sprintf("group %d and ", m.pid); err != nil || !strings.HasPrefix(to, want) {
		t.Errorf("sent to %q, %v, want %q…", to, err, want)
	}
	for range 2 {
		if got := m.line(); got != "got" {
			t.Errorf("got %q", got)
		}
	}
}

func TestStoppedProcessesAreContinued(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Tree)
	const job = `trap "echo term; exit" TERM; echo ready; while :; do sleep 60 & wait $!; done`
	m := start(t, tree, true, `setsid sh -c '`+job+`' & (`+job+`) & `+job)
	for range 3 {
		m.line()
	}
	for _, pid := range living(tree) {
		stop(t, pid)
	}
	tree.Held(true)
	tree.host.Turn()
	if _, err := tree.Signal(signals.TERM); err != nil {
		t.Error(err)
	}
	for range 3 {
		if got := m.line(); got != "term" {
			t.Errorf("got %q", got)
		}
	}
}

func TestKillEndsWhatForksMeanwhile(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Tree)
	// Every child is a daemon of its own session; some fork on.
	m := start(t, tree, true, `i=0; while :; do setsid sh -c 'sleep 60 & sleep 60 & wait' & i=$((i+1)); [ $i = 20 ] && echo ready; sh -c :; done`)
	m.line()
	if _, err := tree.Signal(signals.KILL); err != nil {
		t.Error(err)
	}
	reap(t, m.pid)
	tree.Ended()
	done := make(chan struct{})
	go func() { defer close(done); reapAll() }()
	select {
	case <-done:
	case <-time.After(90 * time.Second):
		h := NewHost(nil)
		t.Fatalf("left are %v of %v", living(tree), living(h.Everything(true)))
	}
	tree.host.Turn()
	if !tree.Empty() {
		t.Error("it is not empty")
	}
}

func TestAwaitTellsWhenTheRestIsGone(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Group)
	m := start(t, tree, true, `sleep 60 & echo $!; sleep 60 & echo $!; wait`)
	a, b := m.number(), m.number()
	m.end()
	gone := make(chan struct{})
	if !tree.Await(func() { close(gone) }) {
		t.Skip("no pidfds here")
	}
	for i, pid := range []int{a, b} {
		select {
		case <-gone:
			t.Fatalf("told after %d of 2", i)
		default:
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		reap(t, pid)
	}
	<-gone
	tree.host.Turn()
	if !tree.Empty() {
		t.Error("told, but it is not empty")
	}
	again := make(chan struct{})
	if !tree.Await(func() { close(again) }) {
		t.Error("it cannot wait for none")
	}
	<-again
}

func TestSignalIsNotSentToALaterProcess(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Process)
	m := start(t, tree, false, `trap "echo got" USR1; echo ready; while :; do sleep 60 & wait $!; done`)
	m.line()
	p, err := procfs.Stat(m.pid)
	if err != nil {
		t.Fatal(err)
	}
	earlier := p
	earlier.Start--
	if err := (&Tree{host: &Host{system: linux{}}}).signalChecked(earlier, signals.KILL); err != nil {
		t.Error(err)
	}
	if err := (&Tree{host: &Host{system: linux{}}}).signalChecked(procfs.Process{PID: 1<<22 + 1}, signals.KILL); err != nil {
		t.Error("a process that is gone is an error:", err)
	}
	if err := (&Tree{host: &Host{system: linux{}}}).signalChecked(p, signals.Signal(unix.SIGUSR1)); err != nil {
		t.Error(err)
	}
	if got := m.line(); got != "got" {
		t.Errorf("got %q", got)
	}
}

func TestEverythingAsInit(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	h := NewHost(nil)
	starting := false
	h.Childless = func() bool {
		var info unix.Siginfo
		return !starting && unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD
	}
	for _, lone := range []bool{false, true} {
		tree := h.Everything(lone)
		if tree.Reaches() {
			t.Error("it says that a signal reaches all while the main process lives")
		}
		// The trap comes after the forks: a child of a shell that has one forgets
		// what it is sent before it has reset that.
		m := start(t, tree, false, `setsid env -i sh -c 'echo $$; exec sleep 60' & read line; sleep 60 & trap "exit 3" TERM; echo $!; wait`)
		daemon := m.number()
		m.say("go on") // the daemon has left the group
		member := m.number()
		got := living(tree)
		if !slices.Contains(got, daemon) || !slices.Contains(got, member) || !slices.Contains(got, m.pid) || len(got) != len(slices.Compact(got)) {
			t.Errorf("living are %v", got)
		}
		want := fmt.Sprintf("group %d", m.pid)
		if lone {
			want = fmt.Sprintf("process %d", m.pid)
		}
		if to, err := tree.Signal(signals.TERM); err != nil || to != want {
			t.Errorf("sent to %q, %v, want %q", to, err, want)
		}
		if s := reap(t, m.pid); s.ExitStatus() != 3 {
			t.Errorf("it ended by %v", s)
		}
		tree.Ended()
		h.Turn()
		if tree.Empty() {
			t.Error("it is empty while a daemon lives")
		}
		// Now all others. One is stopped, and must see TERM all the same.
		stop(t, daemon)
		h.Turn()
		if to, err := tree.Signal(signals.TERM); err != nil || to != "all other processes" {
			t.Errorf("sent to %q, %v", to, err)
		}
		reapAll()
		h.Turn()
		if !tree.Empty() {
			t.Errorf("left are %v", living(tree))
		}
	}
}

func TestOnlyInitSignalsEveryProcess(t *testing.T) {
	if os.Getpid() == 1 {
		t.Skip("this is PID 1")
	}
	// Signal 0 would harm nobody, should this ever fail.
	if err := killAll(0); err == nil {
		t.Error("it was not refused")
	}
}

func TestReaches(t *testing.T) {
	h := NewHost(nil)
	for _, scope := range []config.Scope{config.Process, config.Group, config.Tree} {
		if !newTree(t, h, scope).Reaches() {
			t.Errorf("%s: a signal does not reach all of it", scope)
		}
	}
	for _, lone := range []bool{false, true} {
		if h.Everything(lone).Reaches() {
			t.Error("a signal reaches everything while the main process lives")
		}
	}
}

func TestHasMark(t *testing.T) {
	const mark = "/12.345.web"
	for environ, want := range map[string]bool{
		"":                           false,
		"SUPERVISE_TREE=/12.345.web": true,
		"A=b\x00SUPERVISE_TREE=/12.345.web\x00C=d\x00":     true,
		"SUPERVISE_TREE=/12.345.web/77.8.inner\x00":        true,
		"SUPERVISE_TREE=/12.345.web2\x00":                  false,
		"SUPERVISE_TREE=/12.345.we\x00":                    false,
		"SUPERVISE_TREE=/12.346.web\x00":                   false,
		"SUPERVISE_TREE=/9.9.outer/12.345.web\x00":         false,
		"XSUPERVISE_TREE=/12.345.web\x00":                  false,
		"A=SUPERVISE_TREE=/12.345.web\x00":                 false,
		"SUPERVISE_TREE\x00SUPERVISE_TREE=/12.345.web\x00": true,
	} {
		if got := hasMark([]byte(environ), mark); got != want {
			t.Errorf("%q: got %v, want %v", environ, got, want)
		}
	}
}

// A process that executes one program after the other has its mark at any time.
func TestMarkIsSeenWhileAProcessExecutes(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	tree := newTree(t, NewHost(nil), config.Tree)
	path := filepath.Join(t.TempDir(), "again")
	if err := os.WriteFile(path, []byte("exec /bin/sh "+path+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := start(t, tree, true, "echo ready; exec /bin/sh "+path)
	m.line()
	t.Cleanup(m.end)
	p, err := procfs.Stat(m.pid)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		if env := Environ(p); !hasMark(env, tree.Mark()) {
			t.Fatalf("the mark was not seen at look %d, in %q", i, env)
		}
	}
}

func TestMarkGrowsInASuperviseInside(t *testing.T) {
	t.Setenv(MarkVariable, "")
	outer := newTree(t, NewHost(nil), config.Process).Mark()
	t.Setenv(MarkVariable, outer)
	inner := newTree(t, NewHost(nil), config.Process).Mark()
	if !strings.HasPrefix(inner, outer+"/") || !strings.HasSuffix(inner, ".web") {
		t.Errorf("got %q inside %q", inner, outer)
	}
	if !hasMark([]byte(MarkVariable+"="+inner), outer) {
		t.Error("the outer does not recognise what the inner started")
	}
}

func TestReceivers(t *testing.T) {
	for _, c := range []struct {
		leader string
		others int
		want   string
	}{
		{"", 0, ""}, {"", 1, "1 process"}, {"", 2, "2 processes"}, {"group 4", 0, "group 4"}, {"process 4", 3, "process 4 and 3 more"},
	} {
		if got := receivers(c.leader, c.others); got != c.want {
			t.Errorf("%q and %d: got %q, want %q", c.leader, c.others, got, c.want)
		}
	}
}

// realCgroups opens the cgroup of this process, which must run alone.
func realCgroups(t *testing.T) *cgroup.Root {
	t.Helper()
	r, err := cgroup.Open()
	needed.That(t, err == nil, fmt.Sprint("a cgroup v2 to be used: ", err))
	return r
}

func TestCgroupScopeHasWhatHidesEverywhereElse(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	root := realCgroups(t)
	h := NewHost(root)
	tree := newTree(t, h, config.Tree)
	if _, is := tree.scope.(cgroupScope); !is {
		t.Fatalf("its scope is %T", tree.scope)
	}
	t.Cleanup(func() {
		_ = tree.group.Kill()
		reapAll()
		tree.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if !tree.Empty() {
		t.Error("it is not empty before its first start")
	}
	// Its sleep is of a user's making: session, parent and environment are gone.
	m := start(t, tree, true, `(setsid env -i sh -c 'echo $$; exec sleep 60' &); exec sleep 60`)
	escapee := m.number()
	wantLiving(t, tree, m.pid, escapee)
	stop(t, escapee)
	m.end()
	if tree.Empty() {
		t.Error("it is empty while the escapee lives")
	}
	if to, err := tree.Signal(signals.TERM); err != nil || to != "1 process" {
		t.Errorf("sent to %q, %v", to, err)
	}
	if s := reap(t, escapee); s.Signal() != unix.SIGTERM {
		t.Errorf("the escapee ended by %v", s)
	}
	if !tree.Empty() {
		t.Errorf("left are %v", living(tree))
	}
	// And once more, all at once.
	m = start(t, tree, true, `while :; do setsid env -i sleep 60 & sleep 60 & echo more; sh -c :; done`)
	for range 10 {
		m.line()
	}
	if _, err := tree.Signal(signals.KILL); err != nil {
		t.Error(err)
	}
	reap(t, m.pid)
	tree.Ended()
	reapAll()
	if !tree.Empty() {
		t.Errorf("left are %v", living(tree))
	}
}

// From Linux 6.19 on a cgroup is populated for a moment after its last process
// was waited for.
func TestCgroupOfProcessesThatWereWaitedForIsEmpty(t *testing.T) {
	parent := t.TempDir()
	root, err := cgroup.OpenIn(parent)
	if err != nil {
		t.Fatal(err)
	}
	tree := newTree(t, NewHost(root), config.Tree)
	dirs, err := filepath.Glob(parent + "/*/*")
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	write := func(events, procs string) {
		t.Helper()
		for name, text := range map[string]string{"cgroup.events": events, "cgroup.procs": procs} {
			if err := os.WriteFile(filepath.Join(dirs[0], name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	const none = 1<<22 + 1 // above pid_max
	for _, c := range []struct {
		events, procs string
		want          bool
	}{
		{"populated 0\n", "", true},
		{"populated 1\n", "", true},
		{"populated 1\n", fmt.Sprintln(none), true},
		{"populated 1\n", fmt.Sprintln(none) + fmt.Sprintln(os.Getpid()), false},
	} {
		write(c.events, c.procs)
		if got := tree.Empty(); got != c.want {
			t.Errorf("%q, %q: got %v, want %v", c.events, c.procs, got, c.want)
		}
	}
}
