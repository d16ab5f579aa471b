package test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a test started dies with it: by the parent-death signal, or because a
// line to the test breaks. Neither helps against a process that a failed test
// left stopped somewhere far down. Such are found by a mark in their
// environment, at the end of each stage, and by a janitor when the test binary
// itself has died.

// stageVariable marks all that one run of the test binary started.
const stageVariable = "PROBE_STAGE"

// sweep kills the processes that have an entry in their environment.
func sweep(entry string) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() || !hasEntry(pid, entry) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if hasEntry(pid, entry) { // still the same process
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		unix.Close(fd)
	}
}

func hasEntry(pid int, entry string) bool {
	environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for e := range bytes.SplitSeq(environ, []byte{0}) {
		if string(e) == entry {
			return true
		}
	}
	return false
}

// hireJanitor starts a process that sweeps when this one has ended, however
// that came about. From now on all that is started has the mark.
func hireJanitor() error {
	r, w, err := os.Pipe() // w is closed by our death
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command(program("janitor"), stageDir)
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no key at a terminal reaches it
	if err := cmd.Start(); err != nil {
		return err
	}
	untilTheEnd = w
	return os.Setenv(stageVariable, stageDir)
}

var untilTheEnd *os.File

// playJanitor waits for the end of the test binary:
//
//	janitor DIR
func playJanitor() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	sweep(stageVariable + "=" + os.Args[1])
	os.RemoveAll(os.Args[1])
}
