package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// harness runs containers with nothing but the kernel's namespaces, for
// machines where no runtime works: the test binary, in the role of as-container,
// makes a world like theirs and becomes PID 1. Limits are resource limits
// here, since making cgroups is not always allowed; seccomp refuses clone3 only.
type harness struct{}

func (harness) name() string { return "namespaces" }

// plan is what as-container has to do.
type plan struct {
	Root         string
	Args         []string
	ReadOnly     bool
	Writable     []string
	User         int
	Capabilities []uintptr
	NoGain       bool
	Memory, PIDs int
	Seccomp      bool
}

func (harness) command(c *container) *exec.Cmd {
	b := c.box
	text, err := json.Marshal(plan{
		Root: c.root, Args: b.args, ReadOnly: b.readOnly, Writable: b.writable, User: b.user,
		Capabilities: kept(b), NoGain: b.noGain, Memory: b.memory, PIDs: b.pids, Seccomp: b.seccomp,
	})
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(program("as-container"), string(text))
	cmd.Env = environment(b)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET,
	}
	if b.ownUsers {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstUser, Size: users}}
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = ids, ids
		cmd.SysProcAttr.GidMappingsEnableSetgroups = true
		cmd.SysProcAttr.Credential = &syscall.Credential{}
	}
	return cmd
}

func environment(b box) []string {
	return append([]string{"PATH=/", stageVariable + "=" + stageDir}, b.env...)
}

// kept are the capabilities that a box leaves.
func kept(b box) []uintptr {
	if b.stripped {
		return nil
	}
	return []uintptr{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_NET_BIND_SERVICE,
		unix.CAP_SETFCAP, unix.CAP_SETGID, unix.CAP_SETPCAP, unix.CAP_SETUID, unix.CAP_SYS_CHROOT}
}

// playAsContainer makes a container and becomes PID 1 of it:
//
//	as-container PLAN
func playAsContainer() {
	runtime.LockOSThread() // what follows is this thread's, and execve(2) keeps it
	var p plan
	err := json.Unmarshal([]byte(os.Args[1]), &p)
	if err == nil && os.Getpid() != 1 {
		err = fmt.Errorf("this is process %d, not 1", os.Getpid())
	}
	if err == nil {
		err = errors.Join(p.moveIn(), p.giveUp())
	}
	if err == nil {
		err = syscall.Exec(p.Args[0], p.Args, os.Environ())
	}
	die(err)
}

// moveIn makes the root and goes there.
func (p plan) moveIn() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount(p.Root, p.Root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding the root: %w", err)
	}
	mount := func(kind, dir, options string) error {
		dir = filepath.Join(p.Root, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(kind, dir, kind, 0, options); err != nil {
			return fmt.Errorf("mounting %s: %w", dir, err)
		}
		return nil
	}
	if err := errors.Join(mount("proc", "proc", ""), mount("tmpfs", "dev", "mode=755,size=64k")); err != nil {
		return err
	}
	for _, dir := range p.Writable {
		if err := mount("tmpfs", dir, "mode=1777"); err != nil {
			return err
		}
	}
	for _, device := range []string{"null", "zero", "tty"} {
		at := filepath.Join(p.Root, "dev", device)
		if err := os.WriteFile(at, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+device, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("binding /dev/%s: %w", device, err)
		}
	}
	if err := loopback(); err != nil {
		return fmt.Errorf("starting the loopback interface: %w", err)
	}
	if p.ReadOnly {
		if err := unix.Mount("", p.Root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("making the root read-only: %w", err)
		}
	}
	if err := unix.Chdir(p.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // see pivot_root(2)
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the old root: %w", err)
	}
	return unix.Chdir("/")
}

// loopback brings lo up: in a new network namespace it is down.
func loopback() error {
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// reserved is what Go's runtime asks for and never touches; a resource limit
// counts it, a cgroup does not.
const reserved = 128 << 20

// giveUp gives up rights, those last that the other steps need.
func (p plan) giveUp() error {
	limit := func(resource, value int) error {
		if value == 0 {
			return nil
		}
		return unix.Setrlimit(resource, &unix.Rlimit{Cur: uint64(value), Max: uint64(value)})
	}
	if p.Memory > 0 {
		p.Memory += reserved
	}
	if err := errors.Join(limit(unix.RLIMIT_DATA, p.Memory), limit(unix.RLIMIT_NPROC, p.PIDs)); err != nil {
		return fmt.Errorf("setting limits: %w", err)
	}
	keep := map[uintptr]bool{}
	var set [2]unix.CapUserData
	for _, c := range p.Capabilities {
		keep[c] = true
		set[c/32].Effective |= 1 << (c % 32)
		set[c/32].Permitted |= 1 << (c % 32)
	}
	for c := uintptr(0); c <= 63; c++ {
		if keep[c] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
			break // the kernel has no more
		} else if err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if p.User != 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(p.User), syscall.Setuid(p.User)); err != nil {
			return fmt.Errorf("becoming user %d: %w", p.User, err)
		}
	} else if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &set[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if p.Seccomp {
		return refuseClone3() // no-new-privileges comes with it
	}
	if p.NoGain {
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	return nil
}

func (harness) exec(c *container, args []string) *exec.Cmd {
	user := strconv.Itoa(c.user)
	cmd := exec.Command("nsenter", append([]string{"--all", "--target", strconv.Itoa(c.pid()), "--setuid", user, "--setgid", user, "--"}, args...)...)
	cmd.Env = environment(c.box)
	return cmd
}

func (harness) stop(c *container, grace time.Duration) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(grace):
		return c.cmd.Process.Kill()
	}
}

func (harness) remove(c *container) {} // its PID 1 dies with the test, and takes all along
