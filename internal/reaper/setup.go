package reaper

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setupTime is how long a child may take to set itself up and exec.
const setupTime = 30 * time.Second

// awaitSetup waits until the child has set itself up and exec'ed its program
// (the pipe closes) or has said why not ("127 starting x: …").
func awaitSetup(pid int, report *os.File) error {
	// Done in no time, unless somebody stops the child or a file server hangs.
	_ = report.SetReadDeadline(time.Now().Add(setupTime)) // a pipe of os.Pipe can do that
	b, err := io.ReadAll(io.LimitReader(report, 4096))
	if err == nil && len(b) == 0 {
		return nil
	}
	// It has ended or is about to; nobody else knows of it yet.
	_ = unix.Kill(pid, unix.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	return setupFailure(b, err)
}

// setupFailure is what a child reported, or why it could not be read.
func setupFailure(b []byte, err error) *StartError {
	status, text, _ := strings.Cut(string(b), " ")
	n, convErr := strconv.Atoi(status)
	if err != nil || convErr != nil || n < 1 || n > 255 || text == "" {
		n, text = 125, "the set-up of the child failed: "+string(b)
	}
	return &StartError{Status: n, Err: errors.New(text)}
}
