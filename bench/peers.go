package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

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
	each    footprint      // of one service
	eager   string         // what its most eager settings are

	// configure writes the configuration into dir, which doesn't exist yet, and
	// gives the command that runs it in the foreground.
	configure func(dir string, s spec) (command []string, err error)
	asked     asked
}

func knownPeers(b *bench) []peer {
	packaged := func(name string) func() (string, string) {
		return func() (string, string) { return name, packageVersion(name) }
	}
	ours := func() (string, string) { return superviseIs, toldVersion(b.supervise, "--version") }
	supervise := func(name, file string, configure, add func(dir string, s spec) error) peer {
		place := func(dir string) string { return filepath.Join(dir, file) }
		return peer{
			name: name, needs: []string{b.supervise}, version: ours, stop: unix.SIGTERM,
			note:  `log.to = "none": like the others' services, its own write to /dev/null`,
			each:  footprint{processes: 1, descriptors: 1},
			eager: `restart.initial = "0s"`,
			configure: func(dir string, s spec) ([]string, error) {
				return []string{b.supervise, "up", "-c", place(dir)}, configure(dir, s)
			},
			asked: superviseAsked(b.supervise, place, add),
		}
	}
	noCgroups := supervise(superviseIs+" (no cgroups)", superviseTOML, func(dir string, s spec) error {
		return superviseFile(dir, s, "[supervisor]", "cgroup = false")
	}, nil)
	noCgroups.note, noCgroups.most = "supervisor.cgroup = false: like the others, which make none", large
	noCgroups.asked = asked{} // the row above has it
	return []peer{
		{
			name: cFloor, stop: unix.SIGTERM,
			note: "starts again at once, has no log, no limit, no interface",
			each: footprint{processes: 1},
			configure: func(_ string, s spec) ([]string, error) {
				return []string{b.tools.path("csuper"), strconv.Itoa(s.size), s.service}, nil
			},
		},
		supervise(superviseFleet, "", superviseDirectory, func(dir string, s spec) error { return superviseOne(dir, s.size, s) }),
		supervise(superviseIs+" (one file)", superviseTOML, func(dir string, s spec) error { return superviseFile(dir, s) }, func(dir string, s spec) error {
			s.size++
			return superviseFile(dir, s)
		}),
		noCgroups,
		{
			name: superviseIs + " (as runsvdir)", needs: []string{b.supervise}, version: ours, stop: unix.SIGHUP,
			note:  "runit's service directories, through a link named runsvdir",
			most:  large, // one way to be asked is enough there
			each:  footprint{processes: 1, descriptors: 8},
			eager: "runit's own pace: at most one start a second",
			configure: func(dir string, s spec) ([]string, error) {
				_, err := runitServices(dir, s)
				return []string{b.link("runsvdir"), dir}, err
			},
			asked: runitAsked,
		},
		{
			name: "dinit", needs: []string{"dinit"}, stop: unix.SIGTERM,
			version:   func() (string, string) { return "dinit", toldVersion("dinit", "--version") },
			each:      footprint{processes: 1, descriptors: 1},
			eager:     "smooth-recovery = yes, restart-delay = 0, no limit",
			configure: dinitServices,
			asked:     dinitAsked,
		},
		{
			name: "runit", needs: []string{"runsvdir", "runsv"}, version: packaged("runit"),
			stop:      unix.SIGHUP, // TERM would end runsvdir alone
			most:      1000,        // MAXSERVICES in runsvdir.c
			each:      footprint{processes: 2},
			note:      "runsvdir holds its start for a second when its directory has changed within the current one; the directory is made to look older here, so the figures are without that second",
			eager:     "has no setting: at most one start a second",
			configure: runitServices,
			asked:     runitAsked,
		},
		{
			name: "s6", needs: []string{"s6-svscan", "s6-supervise"}, version: packaged("s6"), stop: unix.SIGTERM,
			each:      footprint{processes: 2},
			eager:     "has no setting: a second between starts",
			configure: s6Services,
			asked:     s6Asked,
		},
		{
			name: "supervisord", needs: []string{"supervisord"}, stop: unix.SIGTERM,
			version:   func() (string, string) { return "supervisord", toldVersion("supervisord", "--version") },
			note:      "looks after its services once a second, which most of its times hold",
			each:      footprint{processes: 1, descriptors: supervisordFDs},
			eager:     "startsecs = 0",
			configure: supervisordFile,
			asked:     supervisordAsked,
		},
	}
}

func (b *bench) peerNames() (names []string) {
	for _, p := range b.peers {
		names = append(names, p.name)
	}
	return names
}

// askedNames are the peers that there is something to ask of.
func (b *bench) askedNames() (names []string) {
	for _, p := range b.peers {
		if p.asked.some() {
			names = append(names, p.name)
		}
	}
	return names
}

// link gives the path of a link to supervise, by whose name it is another program.
func (b *bench) link(name string) string {
	dir := filepath.Join(b.scratch, "links")
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err == nil {
		_ = os.Symlink(b.supervise, path) // what isn't there fails where it is run, by its name
	}
	return path
}

// serviceName is that of the i-th service.
func serviceName(i int) string { return fmt.Sprintf("s%05d", i) }
