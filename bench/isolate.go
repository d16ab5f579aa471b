package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// scratchVar tells the inner benchmark that it is the inner one, and where to put its files.
const scratchVar = "SUPERVISE_BENCH_SCRATCH"

// runIsolated runs this program again as PID 1 of namespaces of its own and gives
// its exit status. Whatever the benchmark starts ends with it, then, however it
// ends; and nothing in it can signal or even see a process of the machine.
// Who isn't root gets a user namespace, where the system lets him.
func runIsolated(limit time.Duration) int {
	scratch, err := os.MkdirTemp(scratchParent(), "supervise-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: no directory for configurations:", err)
		return 1
	}
	defer os.RemoveAll(scratch)

	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), scratchVar+"="+scratch)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL,
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fmt.Fprintf(os.Stderr, "bench: not done after %v (-limit): ended\n", limit)
		return 1
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		return 1
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench: starting in namespaces of its own (needs root or user namespaces):", err)
		return 1
	}
	return 0
}

// enterNamespace makes /proc show this PID namespace. The mounts become private
// first, or the new one would appear outside too.
func enterNamespace() error {
	if os.Getpid() != 1 {
		return fmt.Errorf("%s is set, but this is no PID 1: leave that variable alone", scratchVar)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mount namespace private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc of the new PID namespace: %w", err)
	}
	return nil
}

// scratchParent prefers memory: a disk would be measured along. Containers often
// forbid to execute what lies in /dev/shm.
func scratchParent() string {
	const shm = "/dev/shm"
	var fs unix.Statfs_t
	if onTmpfs(shm) && unix.Statfs(shm, &fs) == nil && fs.Flags&unix.ST_NOEXEC == 0 && unix.Access(shm, unix.W_OK) == nil {
		return shm
	}
	return os.TempDir()
}

func onTmpfs(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(filepath.Clean(path), &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}
