// Package runit imports runit's service directories.
//
// A run script that does no more than prepare and exec a program is understood:
// "exec 2>&1", cd, umask, ulimit -n, exports, and an exec line with chpst and its
// like; then the program stands in the configuration itself. Any other script
// is the command, as it is. The same goes for log/run and svlogd, whose
// configuration becomes [log].
//
// finish is run after each run, with runit's arguments; check tells when the
// service is ready; down keeps it from starting by itself. Restarts keep
// runit's pace, and a stop signals the program alone, as runsv does.
package runit

import (
	"path"
	"slices"
	"time"

	"supervise/internal/config"
	"supervise/internal/imports"
)

// IsDirectory says whether a path is a service directory, or holds some.
func IsDirectory(world imports.World, dir string) bool {
	if !world.IsDir(dir) {
		return false
	}
	return world.IsFile(path.Join(dir, "run")) || len(servicesIn(world, dir)) > 0
}

func servicesIn(world imports.World, dir string) []string {
	var out []string
	for _, name := range world.Names(dir) {
		if name[0] != '.' && world.IsFile(path.Join(dir, name, "run")) { // runsvdir passes over names with a dot, too
			out = append(out, path.Join(dir, name))
		}
	}
	slices.Sort(out)
	return out
}

// Import reads the directories at these absolute paths. The error is a [config.Error].
func Import(world imports.World, paths []string) (*imports.Document, error) {
	doc := &imports.Document{}
	for _, p := range paths {
		dirs := []string{p}
		if !world.IsFile(path.Join(p, "run")) {
			dirs = servicesIn(world, p)
		}
		if len(dirs) == 0 {
			return nil, config.Error{Position: config.Position{File: p}, Msg: "is no runit service directory", Hint: "one has a file run, or directories that have one"}
		}
		for _, dir := range dirs {
			d := directory{world: world, path: dir, service: doc.Add(path.Base(dir))}
			if err := d.add(); err != nil {
				return nil, err
			}
		}
	}
	return doc, nil
}

// directory is one service directory.
type directory struct {
	world   imports.World
	path    string
	service *imports.Service
	merged  bool // standard error goes where standard output goes
}

func (d *directory) file(name string) string { return path.Join(d.path, name) }

func (d *directory) at(name string) config.Position { return config.Position{File: d.file(name)} }

func (d *directory) add() error {
	if err := d.run(); err != nil {
		return err
	}
	s := d.service
	if d.world.IsFile(d.file("down")) {
		s.Set("autostart", false)
	}
	if d.world.IsFile(d.file("check")) {
		s.Set("ready.kind", "exec")
		s.Set("ready.command", []string{d.file("check")})
		s.Set("start.timeout", 0) // runsv does not wait for it
	}
	s.Set("restart.when", "always")
	s.Set("restart.delays", []any{"0s", "1s"}) // at once after a run of a second, else a second later
	s.Set("restart.jitter", 0)
	s.Set("restart.reset_after", time.Second)
	s.Set("stop.scope", string(config.Process))
	s.Differs("stop", d.at("run"), "sv stop", "after ten seconds the ladder sends KILL, which runsv never does by itself", "")
	if d.world.IsFile(d.file("finish")) {
		s.Set("stop.after", imports.Inline{{Key: "command", Value: []string{"sh", "-c", finish(d.file("finish"))}}, {Key: "timeout", Value: time.Hour}})
	}
	d.control()
	d.log()
	return nil
}

// finish calls finish as runsv does: with the exit code, -1 when it was killed,
// and the signal. The names of signals become numbers, by what every shell has in
// itself: kill(1) is not in every container.
func finish(file string) string {
	return `case $SERVICE_RESULT,$EXIT_CODE,$EXIT_STATUS in ` +
		`not-run,*) set -- 111 0;; ` +
		`*,exited,*) set -- "$EXIT_STATUS" 0;; ` +
		`*,RTMIN*) set -- -1 $((34${EXIT_STATUS#RTMIN}));; ` +
		`*,RTMAX*) set -- -1 $((64${EXIT_STATUS#RTMAX}));; ` +
		`*) n=1; until [ $n -gt 31 ] || [ "$(kill -l $n)" = "$EXIT_STATUS" ]; do n=$((n+1)); done; set -- -1 $n;; ` +
		`esac; exec ` + imports.ShellQuote(file) + ` "$@"`
}

// control carries over what can be of the scripts that replace what sv does.
func (d *directory) control() {
	for _, name := range d.world.Names(d.file("control")) {
		file := "control/" + name
		switch name {
		case "u":
			d.service.Set("start.before", []string{d.file(file)})
		case "t", "d":
			if d.service.Has("stop.before") {
				d.service.Lost("stop", d.at(file), file, "there is one hook before a stop", "")
				continue
			}
			d.service.Set("stop.before", []string{d.file(file)})
			d.service.Differs("stop", d.at(file), file, "the ladder follows whatever it returns", "write a ladder that suits it")
		default:
			d.service.Lost("", d.at(file), file, "supervise has no scripts in place of signals", "signals.map replaces one signal by another")
		}
	}
}
