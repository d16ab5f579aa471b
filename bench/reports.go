package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// What a report is about; floor/report.h has the same numbers.
const (
	started  = 1 // a service's program runs
	noneLeft = 2 // nothing is left of a supervisor and its services
	begin    = 3 // a supervisor is about to be started
	cpuTime  = 4 // the processor time that a writer of lines took
	ended    = 5 // a supervisor has ended; others may be left
)

// reportVar names the FIFO to the programs that report.
const reportVar = "BENCH_REPORT"

const reportSize = 16

// report is what a program under measure said, see floor/report.h.
type report struct {
	kind int32
	pid  int32
	at   time.Duration // CLOCK_MONOTONIC; of cpuTime: how much
}

func parseReport(b []byte) report {
	return report{
		kind: int32(binary.NativeEndian.Uint32(b)),
		pid:  int32(binary.NativeEndian.Uint32(b[4:])),
		at:   time.Duration(binary.NativeEndian.Uint64(b[8:])),
	}
}

// reports is the FIFO that they come through, the same way for every peer.
type reports struct {
	path string
	file *os.File
}

func openReports(dir string) (*reports, error) {
	path := filepath.Join(dir, "reports")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making the FIFO for reports %s: %w", path, err)
	}
	// For writing too: the end of the last writer is no end of file, then.
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the FIFO for reports: %w", err)
	}
	// Thousands of services that report at once should not wait for us. A limit
	// for pipes may forbid it; they wait, then.
	unix.FcntlInt(file.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	if err := unix.SetNonblock(int(file.Fd()), true); err != nil { // Fd() made it blocking
		return nil, err
	}
	return &reports{path, file}, nil
}

func (r *reports) close() { r.file.Close() }

// await reads reports until n of that kind have come, and gives the last of
// them. Others before it are dropped; that nothing is left ends the wait.
func (r *reports) await(kind int32, n int, patience time.Duration) (last report, err error) {
	if err := r.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return last, err
	}
	var buf [reportSize]byte
	for seen := 0; seen < n; {
		if _, err := io.ReadFull(r.file, buf[:]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = fmt.Errorf("only %d of %d within %v", seen, n, patience)
			}
			return last, err
		}
		switch got := parseReport(buf[:]); got.kind {
		case kind:
			seen++
			last = got
		case noneLeft:
			return last, fmt.Errorf("only %d of %d, and the supervisor has ended", seen, n)
		}
	}
	return last, nil
}

// drop forgets what has come but nobody asked for.
func (r *reports) drop() {
	r.file.SetReadDeadline(time.Now())
	io.Copy(io.Discard, r.file)
}

// monotonic is the clock that reports are stamped with.
func monotonic() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
