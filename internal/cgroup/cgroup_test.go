package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// realParent makes a group of the test's own below ours, for roots to be made
// in: nothing else on the machine is touched.
func realParent(t *testing.T) string {
	t.Helper()
	skip := func(err error) {
		needed.That(t, false, fmt.Sprint("a cgroup v2 to be used: ", err))
	}
	below, err := own()
	if err != nil {
		skip(err)
	}
	dir, err := os.MkdirTemp(below, "test-of-supervise-")
	if err != nil {
		skip(err)
	}
	t.Cleanup(func() {
		if err := remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// startIn starts a program in a group. It is killed with the test, or with us.
func startIn(t *testing.T, g *Group, argv ...string) *exec.Cmd {
	t.Helper()
	fd, err := g.Descriptor()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	if err := cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); runtime.UnlockOSThread() })
	return cmd
}

func populated(t *testing.T, g *Group) bool {
	t.Helper()
	is, err := g.Populated()
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// until waits for what the kernel does a moment later.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still not:", what)
		}
	}
}

func mustRoot(t *testing.T, parent string) *Root {
	t.Helper()
	r, err := OpenIn(parent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = remove(r.dir) })
	return r
}

func mustGroup(t *testing.T, r *Root, name string) *Group {
	t.Helper()
	g, err := r.Group(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestLifeOfAGroup(t *testing.T) {
	r := mustRoot(t, realParent(t))
	g := mustGroup(t, r, "web@2")
	if populated(t, g) {
		t.Error("a new group is populated")
	}
	cmd := startIn(t, g, "sleep", "60")
	if !populated(t, g) {
		t.Error("a group with a process is not populated")
	}
	if pids, err := g.PIDs(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("it has %v, want %d, %v", pids, cmd.Process.Pid, err)
	}
	if err := g.Remove(); err == nil {
		t.Error("a group with a process in it was removed")
	}
	if err := r.Close(); err == nil {
		t.Error("a root with a group in it was removed")
	}
	again := mustGroup(t, r, "web@2")
	if !populated(t, again) {
		t.Error("asked for again, the group is another")
	}
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended by itself")
	}
	until(t, "not populated", func() bool { return !populated(t, g) })
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if err := g.Remove(); err != nil {
		t.Error("removing it twice:", err)
	}
	if populated(t, g) {
		t.Error("a group that is no more is populated")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A service may divide its group, as container engines and systemd --user do.
func TestSubgroupsBelongToTheGroup(t *testing.T) {
	r := mustRoot(t, realParent(t))
	g := mustGroup(t, r, "engine")
	sub := &Group{dir: filepath.Join(g.dir, "pod", "box")}
	if err := os.MkdirAll(sub.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	above, below := startIn(t, g, "sleep", "60"), startIn(t, sub, "sleep", "60")
	pids, err := g.PIDs()
	slices.Sort(pids)
	want := []int{above.Process.Pid, below.Process.Pid}
	slices.Sort(want)
	if err != nil || !slices.Equal(pids, want) {
		t.Errorf("it has %v, want %v, %v", pids, want, err)
	}
	_ = above.Process.Kill()
	_ = above.Wait()
	if !populated(t, g) {
		t.Error("a process in a subgroup does not populate the group")
	}
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = below.Wait()
	until(t, "not populated", func() bool { return !populated(t, g) })
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(g.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the group is still there:", err)
	}
}

func TestThreadedSubgroupDoesNotHideProcesses(t *testing.T) {
	r := mustRoot(t, realParent(t))
	g := mustGroup(t, r, "threads")
	cmd := startIn(t, g, "sleep", "60")
	sub := filepath.Join(g.dir, "threaded")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sub+"/cgroup.type", []byte("threaded"), 0); err != nil {
		t.Skip("no threaded groups here:", err)
	}
	if pids, err := g.PIDs(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("it has %v, want %d, %v", pids, cmd.Process.Pid, err)
	}
}

func TestKillReachesWhatForksMeanwhile(t *testing.T) {
	r := mustRoot(t, realParent(t))
	g := mustGroup(t, r, "forks")
	cmd := startIn(t, g, "sh", "-c", "while :; do sleep 60 & sh -c : ; done")
	t.Cleanup(func() { _ = g.Kill() }) // what it has started, too
	until(t, "some processes", func() bool { pids, _ := g.PIDs(); return len(pids) > 20 })
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	until(t, "not populated", func() bool { return !populated(t, g) })
	if pids, err := g.PIDs(); err != nil || len(pids) != 0 {
		t.Errorf("left are %v, %v", pids, err)
	}
}

func TestEachRootHasANameOfItsOwnWhoeverHasTheSamePID(t *testing.T) {
	parent := t.TempDir()
	first, second := mustRoot(t, parent), mustRoot(t, parent)
	want := fmt.Sprintf("%s/supervise-%d", parent, os.Getpid())
	if first.dir != want || second.dir != want+".2" {
		t.Errorf("got %s and %s, want %s and %[3]s.2", first.dir, second.dir, want)
	}
}

func TestLeftoversOfADeadSuperviseAreRemoved(t *testing.T) {
	parent := realParent(t)
	living := mustRoot(t, parent)
	dead, busy := parent+"/supervise-4194305", parent+"/supervise-4194306.2"
	others := []string{parent + "/supervise-x", parent + "/supervise-1.x", parent + "/other"}
	for _, dir := range append([]string{dead + "/s.web/pod", busy + "/s.db", living.dir + "/s.web"}, others...) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	survivor := startIn(t, &Group{dir: busy + "/s.db"}, "sleep", "60")
	r := mustRoot(t, parent)
	there := func(dir string) bool { _, err := os.Stat(dir); return err == nil }
	for _, dir := range append([]string{r.dir, busy + "/s.db", living.dir + "/s.web"}, others...) {
		if !there(dir) {
			t.Errorf("%s was removed", dir)
		}
	}
	if there(dead) {
		t.Error("what a supervise left that is gone is still there")
	}
	if err := unix.Kill(survivor.Process.Pid, 0); err != nil {
		t.Error("the survivor of another supervise:", err)
	}
}

// fake is a directory that looks like a group, for what the kernel is hard to
// bring to say.
func fake(t *testing.T, files map[string]string) *Group {
	t.Helper()
	g := &Group{dir: t.TempDir()}
	for name, text := range files {
		path := filepath.Join(g.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func TestProcessesOutsideOurNamespaceAreNotListed(t *testing.T) {
	g := fake(t, map[string]string{"cgroup.procs": "12\n0\n0\n13\n", "sub/cgroup.procs": "0\n14\n"})
	if pids, err := g.PIDs(); err != nil || !slices.Equal(pids, []int{12, 13, 14}) {
		t.Errorf("got %v, %v", pids, err)
	}
}

func TestKillOnAnOldKernelFailsAndMakesNoFile(t *testing.T) {
	g := fake(t, nil) // before 5.14 there is no cgroup.kill
	if err := g.Kill(); err == nil {
		t.Error("it did not fail")
	}
	if _, err := os.Stat(g.dir + "/cgroup.kill"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was made:", err)
	}
}

func TestPopulatedAsTheKernelWritesIt(t *testing.T) {
	for text, want := range map[string]bool{"populated 1\nfrozen 0\n": true, "populated 0\nfrozen 1\n": false, "populated 0\n": false} {
		if got := populated(t, fake(t, map[string]string{"cgroup.events": text})); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestNoRightToMakeAGroup(t *testing.T) {
	if r, err := OpenIn("/proc/self"); err == nil {
		t.Errorf("made %s", r.dir)
	}
	r := &Root{dir: "/proc/self"}
	if g, err := r.Group("web"); err == nil {
		t.Errorf("made %s", g.dir)
	}
}
