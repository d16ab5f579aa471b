package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"supervise/internal/policy"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// Runit is what makes a service one of runit's: where the files are kept by which
// runit's programs see and steer it. See runsv(8).
type Runit struct {
	Path    string // absolute, without symbolic links: the directory in which supervise/ is
	Scripts bool   // control/X in it takes the place of the signal that the letter X stands for
	Reader  string // the service that reads its standard output; "": none
	Writer  string // the service whose standard output it reads; "": none
}

// Directory is where service directories come and go; nil with a configuration
// of another kind.
type Directory struct {
	Path string
	Lone bool // it is one service directory itself
}

// LoadServices reads a directory of runit service directories, or one such
// directory, as [Load] does. It need not be seen that it is one: it may be empty.
func LoadServices(path string) (*Config, error) {
	l := &loader{path: filepath.Clean(path), supervisor: defaultSupervisor()}
	if entries, ok := l.entries(l.path); ok {
		l.runitDirectory(l.path, entries)
	}
	l.checkMachine()
	return l.config()
}

// holdsServices says whether path is a runit service, or holds some.
func holdsServices(path string, entries []os.DirEntry) bool {
	if isExecutable(filepath.Join(path, "run")) {
		return true
	}
	for _, e := range entries {
		if e.Name()[0] != '.' && isExecutable(filepath.Join(path, e.Name(), "run")) {
			return true
		}
	}
	return false
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// runitDirectory reads service directories: path itself, if it has a run, else
// those in it, symbolic links to some among them, but for names with a dot
// first (runsvdir(8)).
func (l *loader) runitDirectory(path string, entries []os.DirEntry) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	l.place = &Directory{Path: abs}
	if _, err := os.Stat(filepath.Join(path, "run")); err == nil {
		l.place.Lone = true
		l.runitService(filepath.Base(abs), path, map[string]string{})
		return
	}
	if _, err := os.Stat(filepath.Join(path, "supervise.toml")); err == nil {
		l.commonFile(filepath.Join(path, "supervise.toml"))
	}
	seen := map[string]string{}
	for _, e := range entries {
		if e.Name()[0] == '.' {
			continue
		}
		below := filepath.Join(path, e.Name())
		info, err := os.Stat(below)
		switch {
		case err != nil && e.Type()&fs.ModeSymlink != 0:
			l.warnAt(Position{File: below}, "", "leads to nothing: "+reason(err).Error(), "")
		case err == nil && info.IsDir():
			l.runitService(e.Name(), below, seen)
		}
	}
}

// runitService reads one service directory, and its log service. seen has the
// names of those that were read, by their real paths.
func (l *loader) runitService(name, path string, seen map[string]string) {
	where := Position{File: path}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		l.warnAt(where, "", "is left out: "+reason(err).Error(), "")
		return
	}
	if other := seen[real]; other != "" {
		l.warnAt(where, "", "is the same directory as "+other, "it runs once, under that name")
		return
	}
	seen[real] = name
	if !utf8.ValidString(name) || strings.ContainsFunc(name, visible.Hidden) {
		l.warnAt(where, "", fmt.Sprintf("is left out: %q cannot be the name of a service", name), "a name is text without control characters")
		return
	}
	d := l.runitDraft(name, path, real)
	d.Runit.Scripts = true
	d.StartBefore = &Hook{Command: []string{"control/u", ""}, Timeout: ScriptTimeout, Runit: true}
	// Whether there is a finish is seen after each run. Like runsv we wait for it.
	d.StopAfter = &Hook{Command: []string{"./finish"}, Runit: true}
	log := filepath.Join(path, "log")
	if info, err := os.Stat(log); err == nil && info.IsDir() {
		d.Runit.Reader = name + "/log"
		// The log is there when the service begins, and as long as it stops.
		d.after = append(d.after, &node{scalar: d.Runit.Reader, at: where})
		logReal, err := filepath.EvalSymlinks(filepath.Join(real, "log"))
		if err != nil {
			logReal = filepath.Join(real, "log")
		}
		reader := l.runitDraft(d.Runit.Reader, log, logReal)
		reader.Runit.Writer = name
		l.completeRunit(reader)
	} else if err == nil {
		l.warnAt(Position{File: log}, "", "is no directory, so there is no log service", "")
	}
	l.completeRunit(d)
}

// runitDraft is a service as runsv(8) runs it.
func (l *loader) runitDraft(name, path, real string) *draft {
	d := newDraft(name, name, 0, Daemon, Position{File: path}, name)
	d.Runit = &Runit{Path: real}
	d.Dir, d.Command = real, []string{"./run"}
	d.Restart = policy.Runit()
	_, err := os.Stat(filepath.Join(path, "down"))
	d.Autostart = err != nil
	// runsv speaks to the process that it has started, and never ends what does
	// not end of itself. Something has to be done about that when supervise itself
	// is to end; and about what the process leaves behind.
	d.Stop = Stop{Scope: Main, Ladder: []Rung{{Signal: signals.TERM}}, Shutdown: d.Stop.Ladder}
	return d
}

// ScriptTimeout is how long a script of control/ may take. runsv waits for it
// without end, and does nothing else meanwhile.
const ScriptTimeout = time.Minute

// completeRunit adds what the supervise.toml in a service directory says.
func (l *loader) completeRunit(d *draft) {
	if l.defaults != nil && d.Runit.Writer == "" {
		apply(d, &l.report, l.defaults, runitKeys(), d.places, "")
	}
	path := filepath.Join(d.Where.File, "supervise.toml")
	if _, err := os.Stat(path); err == nil {
		if text, ok := l.read(path); ok {
			if root := parseTOML(&l.report, path, text); root != nil {
				l.applyRunit(d, root)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(d.Where.File, "run")); err != nil || info.Mode()&0o111 == 0 {
		l.warnAt(Position{File: filepath.Join(d.Where.File, "run")}, "", "is not there, or not executable", "it is tried again each second")
	}
	d.finishRest(&l.report)
	l.drafts = append(l.drafts, d)
}

// runitSays are the keys that do not belong in the supervise.toml of a service
// directory, since a file of runit's says the same.
var runitSays = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"command": "the program is ./run", "shell": "the program is ./run", "kind": "what runsv runs is a service",
		"instances": "a service directory is one instance", "dir": "./run is started in its directory",
		"autostart":    "the file down says whether it starts by itself",
		"start.before": "the script control/u is run before each start", "stop.after": "./finish is run after each run",
	}
})

// applyRunit reads a supervise.toml beside a run.
func (l *loader) applyRunit(d *draft, root *node) {
	for _, e := range root.table {
		if why := runitSays()[e.name]; why != "" {
			l.failAt(e.key, e.path, "does not belong here: "+why, "take it out")
		}
		for _, below := range e.table {
			if why := runitSays()[e.name+"."+below.name]; why != "" {
				l.failAt(below.key, below.path, "does not belong here: "+why, "take it out")
			}
		}
		if e.name == "supervisor" || e.name == "defaults" || e.name == "services" {
			l.failAt(e.key, e.path, "does not belong here: this file is about one service", "write its keys at the top of the file")
			return
		}
	}
	if d.Runit.Reader != "" {
		if n := root.entry("pty"); n != nil {
			l.failAt(n.key, n.path, "does not go together with log/, which reads its standard output", "take one of the two out")
		}
	}
	apply(d, &l.report, root, runitKeys(), d.places, "")
}

// runitKeys are the keys of a service that are left.
var runitKeys = sync.OnceValue(func() []key[draft] {
	var left func(keys []key[draft], prefix string) []key[draft]
	left = func(keys []key[draft], prefix string) (out []key[draft]) {
		for _, k := range keys {
			if runitSays()[prefix+k.name] != "" {
				k.set, k.keys = ignore, nil // was said
			}
			if k.keys != nil {
				k.keys = left(k.keys, prefix+k.name+".")
			}
			out = append(out, k)
		}
		return out
	}
	return left(serviceKeys(), "")
})

// keepRunitFiles has the files of runit kept for services of TOML too, each in
// a directory of its name below [supervisor] runit_dir.
func (l *loader) keepRunitFiles() {
	if l.supervisor.RunitDir == "" {
		return
	}
	for _, d := range l.drafts {
		if d.Runit == nil {
			d.Runit = &Runit{Path: filepath.Join(l.supervisor.RunitDir, d.Name)}
		}
	}
}

// directoryPath reads the path of a directory that need not be there yet.
func directoryPath(r *report, n *node) (string, bool) {
	s, ok := text(r, n)
	if !ok || s == "" {
		return "", ok
	}
	return absolute(n.at.File, s), true
}
