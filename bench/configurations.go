package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// writeService writes one file of a service, with the directories above it.
func writeService(path string, lines ...string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// superviseService is one service as a table of TOML, below the given header.
func superviseService(prefix string, s spec) []string {
	lines := []string{fmt.Sprintf("command = [%q]", s.service), "[" + prefix + "log]", `to = "none"`}
	if s.eager {
		lines = append(lines, "["+prefix+"restart]", `initial = "0s"`)
	}
	return lines
}

func superviseDirectory(dir string, s spec) error {
	for i := range s.size {
		if err := superviseOne(dir, i, s); err != nil {
			return err
		}
	}
	return nil
}

func superviseOne(dir string, i int, s spec) error {
	return writeService(filepath.Join(dir, serviceName(i)+".toml"), superviseService("", s)...)
}

// superviseFile writes all services into one file, below the lines of first.
func superviseFile(dir string, s spec, first ...string) error {
	lines := first
	for i := range s.size {
		prefix := "services." + serviceName(i)
		lines = append(append(lines, "["+prefix+"]"), superviseService(prefix+".", s)...)
	}
	return writeService(filepath.Join(dir, superviseTOML), lines...)
}

const superviseTOML = "supervise.toml"

// linkRuns lays out service directories as runit and s6 want them: the program
// itself as "run", so that no shell's start is in the figures.
func linkRuns(dir string, s spec) error {
	for i := range s.size {
		if err := linkRun(dir, i, s); err != nil {
			return err
		}
	}
	return nil
}

// linkRun puts a directory into place when all is in it: who watches sees no half of it.
func linkRun(dir string, i int, s spec) error {
	service := filepath.Join(dir, serviceName(i))
	making := filepath.Join(filepath.Dir(dir), serviceName(i))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(making, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(s.service, filepath.Join(making, "run")); err != nil {
		return err
	}
	return os.Rename(making, service)
}

func runitServices(dir string, s spec) ([]string, error) {
	if err := linkRuns(dir, s); err != nil {
		return nil, err
	}
	long := time.Now().Add(-time.Minute)
	return []string{"runsvdir", dir}, os.Chtimes(dir, long, long)
}

func s6Services(dir string, s spec) ([]string, error) {
	// By default it takes 500 services.
	return []string{"s6-svscan", "-c", strconv.Itoa(max(500, 2*s.size)), dir}, linkRuns(dir, s)
}

func dinitServices(dir string, s spec) ([]string, error) {
	boot := []string{"type = internal"}
	for i := range s.size {
		boot = append(boot, "waits-for: "+serviceName(i))
		if err := dinitService(dir, i, s); err != nil {
			return nil, err
		}
	}
	return []string{"dinit", "--user", "--quiet", "--services-dir", dir, "--socket-path", dinitSocket(dir), "boot"},
		writeService(filepath.Join(dir, "boot"), boot...)
}

func dinitSocket(dir string) string { return dir + ".sock" }

func dinitService(dir string, i int, s spec) error {
	lines := []string{"type = process", "command = " + s.service, "restart = yes"}
	if s.eager {
		lines = append(lines, "smooth-recovery = yes", "restart-delay = 0", "restart-limit-count = 0")
	}
	return writeService(filepath.Join(dir, serviceName(i)), lines...)
}

// supervisordFDs are the descriptors that supervisord has of each service: it
// makes pipes also for output that nobody wants.
const supervisordFDs = 4

func supervisordConf(dir string) string { return filepath.Join(dir, "supervisord.conf") }

func supervisordFile(dir string, s spec) ([]string, error) {
	socket := "unix://" + dir + ".sock"
	lines := []string{"[supervisord]", "nodaemon = true", "user = root", "logfile = /dev/null", "logfile_maxbytes = 0", "pidfile = " + dir + ".pid",
		// It refuses to go on without room for the pipes of every service.
		"minfds = " + strconv.Itoa(512+supervisordFDs*s.size),
		"[unix_http_server]", "file = " + dir + ".sock", "[supervisorctl]", "serverurl = " + socket,
		"[rpcinterface:supervisor]", "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface"}
	for i := range s.size {
		lines = append(lines, supervisordProgram(i, s)...)
	}
	path := supervisordConf(dir)
	return []string{"supervisord", "-n", "-c", path}, writeService(path, lines...)
}

func supervisordProgram(i int, s spec) []string {
	lines := []string{"[program:" + serviceName(i) + "]", "command = " + s.service, "autorestart = true",
		"stdout_logfile = NONE", "stderr_logfile = NONE"}
	if s.eager {
		lines = append(lines, "startsecs = 0")
	}
	return lines
}
