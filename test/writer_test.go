package test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A writer writes numbered lines, "RUN NUMBER\n", as fast as it can, and keeps
// count of them in a file that outlives it:
//
//	writer COUNTS LINES LIFE
//
// LINES is how many all its runs are to write together; then it ends with 0.
// Else it kills itself, at any moment within LIFE (0: never). Each write is of
// whole lines and not longer than PIPE_BUF, so the kernel takes all of it or
// nothing; it is counted after it was taken. So of a run that was killed, the
// log has the counted lines and at most the one write after them.

// countsRuns is how many runs the file of counts has room for.
const countsRuns = 8192

// counts is the lines that each run has written; run 0 is the number of runs.
type counts []atomic.Uint64

func openCounts(path string) (counts, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(8 * countsRuns); err != nil {
		return nil, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, 8*countsRuns, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&b[0])), countsRuns), nil
}

func (c counts) total() (n uint64) {
	for i := range c[1:] {
		n += c[i+1].Load()
	}
	return n
}

func playWriter() {
	c, err := openCounts(os.Args[1])
	if err != nil {
		panic(err)
	}
	wanted, _ := strconv.ParseUint(os.Args[2], 10, 64)
	life, err := time.ParseDuration(os.Args[3])
	if err != nil {
		panic(err)
	}
	run := c[0].Add(1)
	if run >= countsRuns-1 {
		panic("too many runs")
	}
	if life > 0 {
		time.AfterFunc(rand.N(life), func() { _ = unix.Kill(os.Getpid(), unix.SIGKILL) })
	}
	before := c.total()
	var b []byte
	for n := uint64(0); before+n < wanted; c[run].Store(n) {
		b = b[:0]
		for room := 1 + rand.IntN(4000); len(b) < room && before+n < wanted; {
			n++
			b = strconv.AppendUint(append(strconv.AppendUint(b, run, 10), ' '), n, 10)
			b = append(b, '\n')
		}
		if len(b) > 4096 {
			panic("longer than PIPE_BUF")
		}
		if _, err := os.Stdout.Write(b); err != nil {
			os.Exit(1)
		}
	}
}

// writerBatch is more lines than one write of a writer has.
const writerBatch = 1100

// logText gives the rotated parts of a log file and then the file, as they are on
// the disk.
func logText(t testing.TB, path string, each func(name string, text []byte)) {
	t.Helper()
	names, err := filepath.Glob(path + ".*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range append(names, path) {
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) && name == path {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if text, err = io.ReadAll(z); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		each(name, text)
	}
}

// numberedLine reads a line of a writer.
func numberedLine(line string) (run, number uint64, ok bool) {
	r, n, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	run, err := strconv.ParseUint(r, 10, 64)
	number, err2 := strconv.ParseUint(n, 10, 64)
	return run, number, err == nil && err2 == nil
}

// writerLog checks what a log has of a writer: the lines of each run from 1 on,
// none missing and none twice. It gives how many each run has.
func writerLog(t testing.TB, path string, stamped bool) map[uint64]uint64 {
	t.Helper()
	got := map[uint64]uint64{}
	var current uint64
	logText(t, path, func(name string, text []byte) {
		if len(text) > 0 && text[len(text)-1] != '\n' {
			t.Errorf("%s ends within a line", name)
		}
		for line := range bytes.Lines(text) {
			whole := line
			if stamped {
				_, line, _ = bytes.Cut(line, []byte(" "))
			}
			run, number, ok := numberedLine(string(line))
			if !ok {
				t.Fatalf("%s: a line %q", name, whole)
			}
			if run < current {
				t.Fatalf("%s: run %d after run %d", name, run, current)
			}
			if current = run; number != got[run]+1 {
				t.Fatalf("%s: run %d: line %d follows line %d", name, run, number, got[run])
			}
			got[run] = number
		}
	})
	return got
}

// Ten million lines of twenty services that are killed at any moment while
// their files rotate: none is missing, none is there twice.
func TestUpLogsEachOfTenMillionLinesOnce(t *testing.T) {
	lines := 10_000_000
	if testing.Short() {
		lines /= 10
	}
	const services = 20
	dir := t.TempDir()
	var config strings.Builder
	stamped := func(i int) bool { return i%3 == 0 }
	for i := range services {
		fmt.Fprintf(&config, `
[services.s%d]
command = [%q, %q, "%d", "100ms"]
restart = { initial = "0s", max = "0s", limit = 8000, within = "1s" }
[services.s%d.log]
to = "file"
max_size = "300KB"
max_files = 0
compress = %t
timestamps = %q
`, i, program("writer"), filepath.Join(dir, fmt.Sprint(i)), lines/services, i, i%2 == 0, map[bool]string{true: "tai64n", false: "none"}[stamped(i)])
	}
	u := upStart(t, upPlan{config: config.String(), flags: []string{"--socket", "none", "--log-format", "json"}})
	// It ends when all writers have; that may take longer than other things.
	select {
	case <-u.ended:
	case <-time.After(4 * time.Minute):
		t.Fatal("the lines are not written after 4 minutes")
	}
	u.ends(0)
	total, runs := uint64(0), uint64(0)
	for i := range services {
		c, err := openCounts(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		got := writerLog(t, filepath.Join(u.dir, "log", fmt.Sprintf("s%d", i), "current"), stamped(i))
		for run := uint64(1); run <= c[0].Load(); run++ {
			counted := c[run].Load()
			if n := got[run]; n < counted || n > counted+writerBatch {
				t.Errorf("s%d, run %d: %d lines are in the log, %d were counted", i, run, n, counted)
			}
			total += got[run]
		}
		runs += c[0].Load()
	}
	if total < uint64(lines) {
		t.Errorf("%d lines of %d", total, lines)
	}
	if runs < 2*services {
		t.Errorf("only %d runs: nobody was killed", runs)
	}
	t.Logf("%d lines of %d runs", total, runs)
}

// supervise is killed at any moment while files are rotated and compressed. What
// is there after the next start is whole; only what was in the pipes is lost.
func TestUpKilledWhileItRotatesLeavesNothingHalf(t *testing.T) {
	dir := t.TempDir()
	counts := filepath.Join(t.TempDir(), "counts")
	config := fmt.Sprintf(`
[services.w]
command = [%q, %q, "%d", "0s"]
[services.w.log]
to = "file"
path = %q
max_size = "100KB"
max_files = 0
compress = true
`, program("writer"), counts, uint64(1)<<40, filepath.Join(dir, "current"))
	rotated := func(u *upSession, n int) {
		for range n {
			u.until("log.rotated", "w")
		}
	}
	for round := range 8 {
		u := upStart(t, upPlan{config: config, flags: []string{"--socket", "none", "-v", "--log-format", "json"}})
		rotated(u, 2+3*round)
		u.signal(unix.SIGKILL)
		if status := u.end(); status != -1 {
			t.Fatalf("it ended with %d", status)
		}
		// The writer dies with it; its pipe is closed then.
		eventually(t, "the writer is gone", func() bool { return len(u.left()) == 0 })
	}
	u := upStart(t, upPlan{config: config, flags: []string{"--socket", "none", "-v", "--log-format", "json"}})
	rotated(u, 1)
	eventually(t, "everything is tidy", func() bool {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".tmp") {
				return false
			}
		}
		return true
	})
	u.signal(unix.SIGTERM)
	u.end()
	if runs := writerLogOfKilled(t, filepath.Join(dir, "current")); runs < 9 {
		t.Errorf("the log has lines of %d runs, want 9", runs)
	}
}

// writerLogOfKilled is writerLog where the last line of each run may be cut by
// the death of supervise. It gives the number of runs.
func writerLogOfKilled(t testing.TB, path string) (runs int) {
	t.Helper()
	var current, last uint64
	ended := false // by a line that was cut
	parts := map[string]bool{}
	logText(t, path, func(name string, text []byte) {
		if part := strings.TrimSuffix(name, ".gz"); parts[part] {
			t.Errorf("%s is there twice", part)
		} else {
			parts[part] = true
		}
		for line := range strings.Lines(string(text)) {
			run, number, whole := numberedLine(line)
			switch {
			case whole && !ended && run == current && number == last+1:
				last = number
			case whole && run > current && number == 1:
				current, last, ended = run, 1, false
				runs++
			case ended:
				t.Fatalf("%s: %q after the end of run %d", name, line, current)
			default:
				ended = true
			}
		}
	})
	return runs
}
