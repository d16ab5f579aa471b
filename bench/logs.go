package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	logRate   = "MB/s"
	logCPU    = "CPU"
	logMemory = "peak RSS"

	catAlone = "cat, which rotates nothing"
)

// logger is a way for output to come into files.
type logger struct {
	name    string
	program string // what is looked at: the process that takes the output
	// configure lays out dir, which exists, and gives the shell command that has
	// the command lines write into files below it.
	configure func(dir, lines string) (command string, err error)
}

// logBody is each line that lines.c writes.
var logBody = []byte("<" + strings.Repeat(".", 97) + ">\n")

// logVariants are the tables: how the output comes, and whether a time stands before each line.
var logVariants = []struct {
	title    string
	perWrite int
	prefix   bool
}{
	{"in writes of 64 KiB", 655, false},
	{"in writes of 64 KiB, a prefix before each line", 655, true},
	{"a write for each line", 1, false},
	{"a write for each line, a prefix before each line", 1, true},
}

// logFiles measures how fast output comes into files that are rotated.
func logFiles(b *bench) (func(int), []*table) {
	var tables []*table
	rows := map[string]logger{}
	for i, v := range logVariants {
		var names []string
		for _, l := range knownLoggers(b, v.prefix) {
			if b.installed(strings.Fields(l.name)[0], []string{l.program}, nil) {
				names = append(names, l.name)
				rows[l.name] = l
			}
		}
		t := newTable(fmt.Sprintf("logs %d", i+1), fmt.Sprintf("Logs: %d MiB in lines of 100 bytes, %s", b.amounts.logged>>20, v.title), names,
			metric{Name: logRate}, metric{Name: logCPU, Unit: "s", Decimals: 2}, metric{Name: logMemory, Unit: "KB"})
		t.note("MB/s of what the service writes, from its first write until all processes are gone: here more is better, and a ratio above 1. CPU: of all but the writer. Every line was found in the files.")
		tables = append(tables, t)
	}
	if _, err := exec.LookPath("s6-log"); err == nil {
		b.outcome.Machine.version("s6", packageVersion("s6"))
	}
	if _, err := exec.LookPath("svlogd"); err == nil {
		b.outcome.Machine.version("runit", packageVersion("runit"))
	}
	return func(turn int) {
		for i, v := range logVariants {
			b.progress(turn, "logs, %s", v.title)
			for _, row := range rotate(tables[i].Rows, turn) {
				got, err := b.logOnce(rows[row], v.perWrite)
				if err != nil {
					tables[i].fail(row, err)
					continue
				}
				tables[i].add(row, logRate, got.rate)
				tables[i].add(row, logCPU, got.cpu.Seconds())
				tables[i].add(row, logMemory, got.peak)
			}
		}
	}, tables
}

// knownLoggers are the subjects: all rotate at 10 MB and keep everything, so
// that it can be counted.
func knownLoggers(b *bench, prefix bool) []logger {
	supervise := func(name, format string, table ...string) logger {
		return logger{name, b.supervise, func(dir, lines string) (string, error) {
			service := append([]string{"[services.lines]", fmt.Sprintf("command = %q", lines), `kind = "task"`, "[services.lines.log]"}, table...)
			config := filepath.Join(dir, "supervise.toml")
			return fmt.Sprintf("%s up --log-format %s -c %s >%s/console", b.supervise, format, config, dir), writeService(config, service...)
		}}
	}
	file := func(name, timestamps string) logger {
		return supervise(name, "json", `to = "file"`, `path = "log/current"`, `max_size = "10MB"`, "max_files = 0", fmt.Sprintf("timestamps = %q", timestamps))
	}
	svlogd := func(name, flags string) logger {
		return logger{name, "svlogd", func(dir, lines string) (string, error) {
			return fmt.Sprintf("%s | svlogd %s %s/log", lines, flags, dir), writeService(filepath.Join(dir, "log", "config"), "s10000000", "n0")
		}}
	}
	s6log := func(name, flag string) logger {
		return logger{name, "s6-log", func(dir, lines string) (string, error) {
			return fmt.Sprintf("%s | s6-log %s n10000 s10000000 %s/log", lines, flag, dir), nil
		}}
	}
	if prefix {
		return []logger{
			file("supervise (rfc3339)", "rfc3339"), file("supervise (tai64n)", "tai64n"),
			supervise("supervise (console, names)", "console", `to = "console"`),
			svlogd("svlogd -t", "-t"), svlogd("svlogd -tt", "-tt"), s6log("s6-log t", "t"), s6log("s6-log T", "T"),
		}
	}
	return []logger{
		{catAlone, "cat", func(dir, lines string) (string, error) {
			return fmt.Sprintf("%s | cat >%s/current", lines, dir), nil
		}},
		file(superviseIs, "none"), svlogd("svlogd", ""), s6log("s6-log", ""), supervisordCapture,
	}
}

// supervisordCapture has supervisord end when the lines are written: it reads what is
// in the pipe when its program ends, and doesn't end by itself.
var supervisordCapture = logger{"supervisord", "supervisord", func(dir, lines string) (string, error) {
	config := filepath.Join(dir, "supervisord.conf")
	script := filepath.Join(dir, "lines.sh")
	err := writeService(script, lines, "kill $PPID")
	return "exec supervisord -n -c " + config, errors.Join(err, writeService(config,
		"[supervisord]", "nodaemon = true", "user = root", "logfile = /dev/null", "logfile_maxbytes = 0", "pidfile = "+dir+"/pid",
		"[program:lines]", "command = sh "+script, "autorestart = false", "startsecs = 0",
		"stdout_logfile = "+dir+"/current", "stdout_logfile_maxbytes = 10MB", "stdout_logfile_backups = 1000"))
}}

// logged is what one run shows.
type logged struct {
	rate float64 // MB/s
	cpu  time.Duration
	peak float64 // KB
}

// logOnce has a logger take all, and counts what it has written.
func (b *bench) logOnce(l logger, perWrite int) (got logged, err error) {
	dir, err := os.MkdirTemp(b.scratch, "logs-")
	if err != nil {
		return got, fmt.Errorf("a directory for logs: %w", err)
	}
	defer os.RemoveAll(dir)
	lines := b.amounts.logged / len(logBody)
	command, err := l.configure(dir, fmt.Sprintf("%s %d %d", b.tools.path("lines"), lines, perWrite))
	if err != nil {
		return got, fmt.Errorf("writing the configuration of %s: %w", l.name, err)
	}
	reports, err := openReports(dir)
	if err != nil {
		return got, err
	}
	defer reports.close()
	limit := time.Minute + time.Duration(b.amounts.logged>>20)*200*time.Millisecond
	s, err := b.enter(limit, []string{reportVar + "=" + reports.path}, b.tools.path("stage"), "-i", "sh", "-c", command)
	if err != nil {
		return got, err
	}
	defer s.close()
	peak := make(chan float64)
	stop := make(chan struct{})
	go func() { peak <- peakOf(s.pid(), l.program, stop) }()
	first, err := reports.await(started, 1, 10*time.Second)
	var writer, last report
	if err == nil {
		writer, err = reports.await(cpuTime, 1, limit)
	}
	if err == nil {
		last, err = reports.await(noneLeft, 1, limit)
	}
	close(stop)
	got.peak = <-peak
	if err == nil {
		err = s.wait()
	}
	if err != nil {
		return got, s.complaint(err)
	}
	all := s.cmd.ProcessState
	got.cpu = all.UserTime() + all.SystemTime() - writer.at
	got.rate = float64(lines*len(logBody)) / 1e6 / (last.at - first.at).Seconds()
	found, err := countLines(dir)
	if err == nil && found != lines {
		err = fmt.Errorf("of %d lines %d are in the files", lines, found)
	}
	return got, err
}

// peakOf watches the memory of a program below root until stop is closed, by the name of
// its process: of a script the executable is its interpreter. What
// wait4(2) says is no use: a child inherits the peak of who started it.
func peakOf(root int, program string, stop <-chan struct{}) (peak float64) {
	name := filepath.Base(program)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, pid := range descendants(root) {
			if strings.TrimSpace(readFile(fmt.Sprintf("/proc/%d/comm", pid))) == name {
				peak = max(peak, float64(field(readFile(fmt.Sprintf("/proc/%d/status", pid)), "VmHWM")))
			}
		}
		select {
		case <-stop:
			return peak
		case <-tick.C:
		}
	}
}

// countLines counts the whole lines in all files below dir.
func countLines(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		found, err := countIn(path)
		n += found
		if err != nil {
			err = fmt.Errorf("counting the lines of %s: %w", path, err)
		}
		return err
	})
	return n, err
}

func countIn(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, unix.Munmap(b)) }()
	return bytes.Count(b, logBody), nil
}
