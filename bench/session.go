package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// session is a program in PID and mount namespaces of its own, with an end by
// which it is killed. Killing its first process takes everything in it along.
type session struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stderr string // path of the file that has it
	ended  bool
}

// enter starts a program there. What it prints is dropped; what it complains of
// is kept for the message when it fails.
func (b *bench) enter(limit time.Duration, env []string, args ...string) (*session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(withoutScratch(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL,
	}
	stderr, err := os.CreateTemp(b.scratch, "stderr-")
	if err != nil {
		cancel()
		return nil, fmt.Errorf("a file for what %s complains of: %w", args[0], err)
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		cancel()
		os.Remove(stderr.Name())
		return nil, fmt.Errorf("starting %s in namespaces of its own: %w", strings.Join(args, " "), err)
	}
	return &session{cmd: cmd, cancel: cancel, stderr: stderr.Name()}, nil
}

func (s *session) pid() int { return s.cmd.Process.Pid }

// wait is for a session that was told to end, or will by itself.
func (s *session) wait() error {
	if s.ended {
		return nil
	}
	s.ended = true
	return s.cmd.Wait()
}

// close ends what is still there.
func (s *session) close() {
	s.cancel()
	s.wait()
	os.Remove(s.stderr)
}

// complaint adds the last that the program said to an error.
func (s *session) complaint(err error) error {
	text := strings.TrimSpace(readFile(s.stderr))
	if text == "" {
		return err
	}
	lines := strings.Split(text, "\n")
	return fmt.Errorf("%w; it said: %s", err, shorten(lines[len(lines)-1], 200))
}

func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n] + "…"
}

// output runs a tool that prints figures and ends by itself. As PID 1 of new
// namespaces if isolated.
func (b *bench) output(limit time.Duration, isolated bool, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = withoutScratch()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = 5 * time.Second // when something that isn't ours to kill holds the pipe
	if isolated {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("not done after %v", limit)
	case err == nil:
		return stdout.String(), nil
	}
	return "", fmt.Errorf("%s: %w: %s", filepath.Base(args[0]), err, shorten(strings.TrimSpace(stderr.String()), 300))
}

// withoutScratch is our environment as the programs under measure should see it.
func withoutScratch() (env []string) {
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, scratchVar+"=") {
			env = append(env, variable)
		}
	}
	return env
}
