package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"supervise/internal/needed"
)

// box says what a container is made of, whatever runs it. Its root has the
// binary, a static busybox and the files named here; nothing else.
type box struct {
	args     []string          // the command line of PID 1, the binary's path first
	files    map[string]string // in its root, by path
	env      []string
	readOnly bool
	writable []string // where there is a tmpfs
	user     int
	stripped bool // without any capability
	noGain   bool // no-new-privileges
	memory   int  // bytes; 0: any
	pids     int  // processes; 0: any
	seccomp  bool // the default profile; podman always has it
	ownUsers bool // in a user namespace
	terminal bool
}

// engine runs containers. What it runs for a container in the foreground has
// the streams of PID 1 and ends with its status.
type engine interface {
	name() string
	command(c *container) *exec.Cmd
	exec(c *container, args []string) *exec.Cmd
	stop(c *container, grace time.Duration) error
	remove(c *container)
}

// container is a running one.
type container struct {
	*supervised // what runs for it in the foreground
	engine      engine
	box
	id   string
	root string
}

// engines are tried in turn. The last one always works: where the others don't,
// the cases are run all the same, and the names of the subtests say by whom.
var engines = []engine{podman{}, runc{}, harness{}}

// needContainers says what all engines need.
func needContainers(t testing.TB) {
	t.Helper()
	needed.That(t, os.Geteuid() == 0, "root, for containers")
	needed.Program(t, "busybox")
}

// inEachContainer runs a case on each engine.
func inEachContainer(t *testing.T, f func(t *testing.T, s *stage, e engine)) {
	t.Parallel()
	dependOnSources(t)
	needContainers(t)
	for _, e := range engines {
		if err := works(e); err != nil {
			t.Logf("%s does not work on this machine, this case runs without it: %v", e.name(), err)
			continue
		}
		t.Run(e.name(), func(t *testing.T) {
			t.Parallel()
			f(t, newStage(t), e)
		})
	}
}

// trials are made once. The harness is not tried: if it cannot, the tests are to
// fail.
var trials = map[engine]func() error{
	podman{}:  sync.OnceValue(func() error { return try(podman{}) }),
	runc{}:    sync.OnceValue(func() error { return try(runc{}) }),
	harness{}: func() error { return nil },
}

func works(e engine) error { return trials[e]() }

// try runs the smallest container there is.
func try(e engine) error {
	dir, err := os.MkdirTemp(stageDir, "try")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := &container{engine: e, box: box{args: []string{"/busybox", "echo", "works"}}, id: newID(), root: filepath.Join(dir, "root")}
	if err := fillRoot(c.root, nil); err != nil {
		return err
	}
	defer e.remove(c)
	out, err := bounded(e.command(c))
	if err == nil && !strings.Contains(out, "works") {
		err = errors.New("it does nothing")
	}
	return withOutput(out, err)
}

var ids atomic.Int64

// newID is a name that no other container has.
func newID() string {
	return fmt.Sprintf("%s-%d", filepath.Base(stageDir), ids.Add(1))
}

// contain starts a container. When the test ends nothing of it is left.
func contain(s *stage, e engine, b box) *container {
	s.t.Helper()
	c := prepare(s, e, b)
	c.supervised = s.start(e.command(c))
	return c
}

// containAtTerminal starts one with a terminal.
func containAtTerminal(s *stage, e engine, b box) (*screen, *container) {
	s.t.Helper()
	b.terminal = true
	c := prepare(s, e, b)
	x, v := s.terminal(e.command(c))
	c.supervised = v
	return x, c
}

func prepare(s *stage, e engine, b box) *container {
	s.t.Helper()
	c := &container{engine: e, box: b, id: newID()}
	c.root = s.path(c.id)
	if err := fillRoot(c.root, b.files); err != nil {
		s.t.Fatal(err)
	}
	if b.ownUsers {
		if err := giveRoot(c.root); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Cleanup(func() { e.remove(c) })
	return c
}

// busybox is a copy of the machine's: what containers have may be written to.
var busybox = sync.OnceValues(func() (string, error) {
	path := filepath.Join(stageDir, "busybox")
	// Not by ourselves: a file cannot be executed as long as a fork of ours has it open.
	out, err := exec.Command("cp", "/bin/busybox", path).CombinedOutput()
	return path, withOutput(string(out), err)
})

// fillRoot makes a root file system.
func fillRoot(root string, files map[string]string) error {
	shell, err := busybox()
	if err != nil {
		return err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	// Links, since there are many roots.
	if err := errors.Join(os.Link(binary, filepath.Join(root, "supervise")), os.Link(shell, filepath.Join(root, "busybox"))); err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeProgram(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// giveRoot lets the root of a user namespace make what is to be mounted on.
func giveRoot(root string) error {
	for _, dir := range []string{"etc", "run", ""} {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chown(path, firstUser, firstUser); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a program beside PID 1, and gives what it wrote and its status.
func (c *container) exec(args ...string) (string, int) {
	c.t.Helper()
	out, err := bounded(c.engine.exec(c, args))
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return out, exit.ExitCode()
	} else if err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out, 0
}

// succeeds is exec of what ends with 0.
func (c *container) succeeds(args ...string) string {
	c.t.Helper()
	out, status := c.exec(args...)
	if status != 0 {
		c.t.Fatalf("%s ends with %d: %s", strings.Join(args, " "), status, out)
	}
	return out
}

// stop asks the engine to stop it: TERM, and KILL when the grace period ends.
func (c *container) stop(grace time.Duration) {
	c.t.Helper()
	if err := c.engine.stop(c, grace); err != nil {
		c.t.Fatalf("%s cannot stop the container: %v", c.engine.name(), err)
	}
}

// writes waits for a line of PID 1's standard output that contains part.
func (c *container) writes(part string) string {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-c.stdout.lines:
			if strings.Contains(line, part) {
				return line
			}
			if !ok {
				c.t.Fatalf("the container has ended without writing %q", part)
			}
		case <-deadline:
			c.t.Fatalf("the container does not write %q", part)
		}
	}
}

// bounded runs a command of an engine, which is to take no time, and gives its
// output.
func bounded(cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = &out, &out
	}
	cmd.WaitDelay = patience
	if err := start(cmd); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	err := cmd.Wait()
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("not done within %s: %w", patience, err)
	}
	return out.String(), err
}

// withOutput adds what a failed command said to its error.
func withOutput(out string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, strings.TrimSpace(out))
}

// removeGroups removes the cgroups of a container, wherever there are some. What
// the engine has running beside a container may leave them a moment later.
func removeGroups(name string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var left []string
		for _, at := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
			for _, depth := range []string{"*", ""} {
				paths, _ := filepath.Glob(filepath.Join(at, name, depth))
				for _, path := range paths {
					if info, err := os.Stat(path); err == nil && info.IsDir() {
						left = append(left, path)
					}
				}
			}
		}
		for _, dir := range left {
			_ = os.Remove(dir) // of a cgroup only rmdir(2) is possible, and only when nobody is in it
		}
		if len(left) == 0 {
			return
		}
	}
}
