package test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/procfs"
)

// upProcesses lists the living processes whose environment fits.
func upProcesses(fits func(pid int, environ []byte) bool) []int {
	all, _ := procfs.All()
	var found []int
	for _, p := range all {
		if p.Gone() {
			continue
		}
		if env, err := procfs.Environ(p.PID); err == nil && fits(p.PID, env) {
			found = append(found, p.PID)
		}
	}
	return found
}

func upCommandLine(pid int) string {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.TrimSpace(string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
}

// upAlive says whether a process lives; a zombie does not.
func upAlive(pid int) bool {
	p, err := procfs.Stat(pid)
	return err == nil && !p.Gone()
}

// upGone waits for the end of a process.
func upGone(t testing.TB, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for end := time.Now().Add(upDeadline); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(end).Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("process %d (%s) still lives: %v", pid, upCommandLine(pid), err)
		}
		return
	}
}

// upKillLater makes sure that a process, which no mark leads to, is gone after
// the test.
func upKillLater(t testing.TB, pid int) {
	p, err := procfs.Stat(pid)
	if err != nil {
		return
	}
	t.Cleanup(func() {
		if now, err := procfs.Stat(pid); err == nil && now.Start == p.Start {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
}

// upBothWays runs a test with cgroups and without: head begins the
// configuration.
func upBothWays(t *testing.T, test func(t *testing.T, head string)) {
	t.Run("cgroup", func(t *testing.T) {
		t.Parallel()
		upNeeds(t, "a cgroup v2", upCgroup())
		test(t, "")
	})
	t.Run("proc", func(t *testing.T) {
		t.Parallel()
		test(t, "[supervisor]\ncgroup = false\n")
	})
}

// upBothWaysInTime is the same for what takes a time limit, see [inTime].
func upBothWaysInTime(t *testing.T, play func(t testing.TB, head string, limit time.Duration)) {
	upBothWays(t, func(t *testing.T, head string) {
		inTime(t, func(t testing.TB, limit time.Duration) { play(t, head, limit) })
	})
}

// upCgroup says why no cgroup can be made here.
func upCgroup() error {
	root, err := cgroup.Open()
	if err != nil {
		return err
	}
	return root.Close()
}

// makeFIFO makes a named pipe: a gate at which who reads it waits.
func makeFIFO(t testing.TB, dir, name string) {
	t.Helper()
	if err := unix.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
		t.Fatal(err)
	}
}

// openGate lets the reader of a FIFO go on, with nothing read, as soon as it is
// there.
func openGate(t testing.TB, dir, name string) {
	t.Helper()
	for end := time.Now().Add(upDeadline); ; time.Sleep(time.Millisecond) {
		fd, err := unix.Open(filepath.Join(dir, name), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
			return
		}
		if err != unix.ENXIO && err != unix.EINTR || time.Now().After(end) { // ENXIO: nobody reads
			t.Fatalf("opening %s: %v", name, err)
		}
	}
}

// upCgroupsOf lists the cgroups that a supervise has made.
func upCgroupsOf(pid int) (found []string) {
	for _, point := range cgroupMounts() {
		_ = filepath.WalkDir(point, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && strings.Contains(path+"/", "/supervise-"+strconv.Itoa(pid)+"/") {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}

// upPause is what a shell script ends with to stay until a signal comes. It
// has no child meanwhile: one that was just forked may miss a signal to the
// group, and then outlives the shell.
const upPause = `mkfifo pause.$$; exec 3<>pause.$$; echo ready; read x <&3`
