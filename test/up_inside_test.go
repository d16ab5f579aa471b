package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// upInside is a world that a program is started in. The test binary, executed
// once more, prepares it and becomes the program.
type upInside struct {
	NewPIDs  bool              // a PID namespace; the program is PID 1 in it
	HideProc bool              // an empty /proc
	ReadOnly []string          // directories that cannot be written to
	Tmpfs    map[string]string // small file systems: the size of each directory, "1m"
	NoClone3 bool              // clone3(2) answers ENOSYS, as under an old seccomp profile
	NoFile   uint64            // RLIMIT_NOFILE
	UID      int               // become this user; 0: don't
	Argv     []string
}

const upInsideName = "up-inside"

// command starts the program in that world. Anything that acts as PID 1 has a
// PID namespace and a /proc of its own, so that it reaches nobody else.
func (in upInside) command(argv []string) *exec.Cmd {
	in.Argv = argv
	text, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{upInsideName, string(text)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if in.NewPIDs {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWPID
	}
	return cmd
}

func init() {
	if len(os.Args) != 2 || os.Args[0] != upInsideName {
		return
	}
	var in upInside
	err := json.Unmarshal([]byte(os.Args[1]), &in)
	if err == nil {
		err = in.enter()
	}
	fmt.Fprintln(os.Stderr, "up-inside:", err)
	os.Exit(99)
}

func (in upInside) enter() error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts our own: %w", err)
	}
	if in.NewPIDs {
		if os.Getpid() != 1 {
			return fmt.Errorf("this is process %d, not 1", os.Getpid())
		}
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("mounting /proc: %w", err)
		}
	}
	for _, dir := range in.ReadOnly {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("binding %s: %w", dir, err)
		}
		if err := unix.Mount("none", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("making %s read-only: %w", dir, err)
		}
	}
	for dir, size := range in.Tmpfs {
		if err := unix.Mount("none", dir, "tmpfs", 0, "mode=0755,size="+size); err != nil {
			return fmt.Errorf("mounting a tmpfs on %s: %w", dir, err)
		}
	}
	if in.HideProc {
		if err := unix.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("hiding /proc: %w", err)
		}
	}
	if in.NoFile > 0 {
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: in.NoFile, Max: in.NoFile}); err != nil {
			return fmt.Errorf("limiting descriptors: %w", err)
		}
	}
	if in.UID > 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setgid(in.UID); err != nil {
			return err
		}
		if err := syscall.Setuid(in.UID); err != nil {
			return err
		}
	}
	if in.NoClone3 {
		if err := refuseClone3(); err != nil {
			return fmt.Errorf("refusing clone3: %w", err)
		}
	}
	return syscall.Exec(in.Argv[0], in.Argv, os.Environ())
}

// cgroupMounts lists where cgroup v2 is mounted.
func cgroupMounts() []string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	var points []string
	for line := range strings.Lines(string(b)) {
		left, right, _ := strings.Cut(line, " - ")
		if f := strings.Fields(left); strings.HasPrefix(right, "cgroup2 ") && len(f) > 4 {
			points = append(points, f[4])
		}
	}
	return points
}
