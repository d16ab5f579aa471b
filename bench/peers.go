package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// spec is the fleet that a peer is asked for.
type spec struct {
	size    int
	service string // the program of every service
	eager   bool   // restart as soon as the peer can be made to
}

// peer is a supervisor of many services.
type peer struct {
	name    string
	needs   []string
	version func() (program, version string)
	stop    syscall.Signal // sent to its first process: stop all services, then end
	note    string         // what a reader of the figures should know
	most    int            // services that it can have; 0: no limit
	eager   string         // what its most eager settings are

	// configure writes the configuration into dir, which doesn't exist yet, and
	// gives the command that runs it in the foreground.
	configure func(dir string, s spec) (command []string, err error)
}

func knownPeers(b *bench) []peer {
	packaged := func(name string) func() (string, string) {
		return func() (string, string) { return name, packageVersion(name) }
	}
	supervise := func(name string, configure func(string, spec) (string, error)) peer {
		return peer{
			name: name, needs: []string{b.supervise}, stop: unix.SIGTERM,
			version: func() (string, string) { return superviseIs, toldVersion(b.supervise, "--version") },
			note:    `log.to = "none": like the others' services, its own write to /dev/null`,
			eager:   `restart.initial = "0s"`,
			configure: func(dir string, s spec) ([]string, error) {
				path, err := configure(dir, s)
				return []string{b.supervise, "up", "-c", path}, err
			},
		}
	}
	return []peer{
		{
			name: cFloor, stop: unix.SIGTERM,
			note: "starts again at once, has no log, no limit, no interface",
			configure: func(_ string, s spec) ([]string, error) {
				return []string{b.tools.path("csuper"), strconv.Itoa(s.size), s.service}, nil
			},
		},
		supervise(superviseIs+" (directory)", superviseDirectory),
		supervise(superviseIs+" (one file)", superviseFile),
		{
			name: superviseIs + " (as runsvdir)", needs: []string{b.supervise}, stop: unix.SIGHUP,
			version: func() (string, string) { return superviseIs, toldVersion(b.supervise, "--version") },
			note:    "runit's service directories, through a link named runsvdir",
			eager:   "runit's own pace: at most one start a second",
			configure: func(dir string, s spec) ([]string, error) {
				link := filepath.Join(filepath.Dir(dir), "runsvdir")
				if err := os.Symlink(b.supervise, link); err != nil {
					return nil, err
				}
				_, err := runitServices(dir, s)
				return []string{link, dir}, err
			},
		},
		{
			name: "dinit", needs: []string{"dinit"}, stop: unix.SIGTERM,
			version:   func() (string, string) { return "dinit", toldVersion("dinit", "--version") },
			eager:     "smooth-recovery = yes, restart-delay = 0, no limit",
			configure: dinitServices,
		},
		{
			name: "runit", needs: []string{"runsvdir", "runsv"}, version: packaged("runit"),
			stop:      unix.SIGHUP, // TERM would end runsvdir alone
			most:      1000,        // MAXSERVICES in runsvdir.c
			note:      "runsvdir holds its start for a second when its directory has changed within the current one; the directory is made to look older here, so the figures are without that second",
			eager:     "has no setting: at most one start a second",
			configure: runitServices,
		},
		{
			name: "s6", needs: []string{"s6-svscan", "s6-supervise"}, version: packaged("s6"), stop: unix.SIGTERM,
			eager:     "has no setting: a second between starts",
			configure: s6Services,
		},
		{
			name: "supervisord", needs: []string{"supervisord"}, stop: unix.SIGTERM,
			version:   func() (string, string) { return "supervisord", toldVersion("supervisord", "--version") },
			note:      "looks after its services once a second, which most of its times hold",
			eager:     "startsecs = 0",
			configure: supervisordFile,
		},
	}
}

func (b *bench) peerNames() (names []string) {
	for _, p := range b.peers {
		names = append(names, p.name)
	}
	return names
}

// superviseService is one service as a table of TOML, below the given header.
func superviseService(prefix string, s spec) []string {
	lines := []string{fmt.Sprintf("command = [%q]", s.service), "[" + prefix + "log]", `to = "none"`}
	if s.eager {
		lines = append(lines, "["+prefix+"restart]", `initial = "0s"`)
	}
	return lines
}

func superviseDirectory(dir string, s spec) (string, error) {
	for i := range s.size {
		if err := writeService(filepath.Join(dir, serviceName(i)+".toml"), superviseService("", s)...); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func superviseFile(dir string, s spec) (string, error) {
	var lines []string
	for i := range s.size {
		prefix := "services." + serviceName(i)
		lines = append(append(lines, "["+prefix+"]"), superviseService(prefix+".", s)...)
	}
	path := filepath.Join(dir, "supervise.toml")
	return path, writeService(path, lines...)
}

// linkRuns lays out service directories as runit and s6 want them: the program
// itself as "run", so that no shell's start is in the figures.
func linkRuns(dir string, s spec) error {
	for i := range s.size {
		service := filepath.Join(dir, serviceName(i))
		if err := os.MkdirAll(service, 0o755); err != nil {
			return err
		}
		if err := os.Symlink(s.service, filepath.Join(service, "run")); err != nil {
			return err
		}
	}
	return nil
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
		name := serviceName(i)
		boot = append(boot, "waits-for: "+name)
		lines := []string{"type = process", "command = " + s.service, "restart = yes"}
		if s.eager {
			lines = append(lines, "smooth-recovery = yes", "restart-delay = 0", "restart-limit-count = 0")
		}
		if err := writeService(filepath.Join(dir, name), lines...); err != nil {
			return nil, err
		}
	}
	return []string{"dinit", "--user", "--quiet", "--services-dir", dir, "--socket-path", dir + ".sock", "boot"},
		writeService(filepath.Join(dir, "boot"), boot...)
}

func supervisordFile(dir string, s spec) ([]string, error) {
	lines := []string{"[supervisord]", "nodaemon = true", "user = root", "logfile = /dev/null", "logfile_maxbytes = 0", "pidfile = " + dir + ".pid",
		// Room for the pipes of every service; it refuses to go on without.
		"minfds = " + strconv.Itoa(1024+8*s.size)}
	for i := range s.size {
		lines = append(lines, "[program:"+serviceName(i)+"]", "command = "+s.service, "autorestart = true",
			"stdout_logfile = NONE", "stderr_logfile = NONE")
		if s.eager {
			lines = append(lines, "startsecs = 0")
		}
	}
	path := filepath.Join(dir, "supervisord.conf")
	return []string{"supervisord", "-n", "-c", path}, writeService(path, lines...)
}
