package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"supervise/internal/nearest"
)

// loader reads files into drafts and drafts into a Config.
type loader struct {
	report
	path       string // what Load was given, clean
	howToBegin string // what to do when there is nothing in it
	files      []string
	defaults   *node // the [defaults] table; nil when there is none
	supervisor Supervisor
	place      *Directory       // of service directories of runit's; nil: it is no such configuration
	common     map[string]*node // where each key of [supervisor] was set
	drafts     []*draft
	owners     map[uint32]bool // of files, other than root, that a warning named
}

// maxFile bounds a configuration file: enough for ten thousand services, and
// an end to reading the wrong file.
const maxFile = 32 << 20

// read gives the text of a file, and false when that went wrong.
func (l *loader) read(path string) (string, bool) {
	l.files = append(l.files, path)
	l.checkTrust(path)
	f, err := os.Open(path)
	if err != nil {
		l.failAt(Position{File: path}, "", "cannot be read: "+reason(err).Error(), "")
		return "", false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		l.failAt(Position{File: path}, "", "cannot be read: "+reason(err).Error(), "")
		return "", false
	case len(data) > maxFile:
		l.failAt(Position{File: path}, "", fmt.Sprintf("is longer than %d bytes", maxFile), "is it the right file?")
		return "", false
	}
	return string(data), true
}

const howToBeginFile = "write [services.NAME] with a command"

// file reads one TOML file that holds everything.
func (l *loader) file(path string) {
	l.howToBegin = howToBeginFile
	if text, ok := l.read(path); ok {
		l.fileText(path, text)
	}
}

func (l *loader) fileText(path, text string) {
	root := parseTOML(&l.report, path, text)
	if root == nil {
		return
	}
	var services *node
	for _, e := range root.table {
		switch e.name {
		case "supervisor":
			l.setSupervisor(e)
		case "defaults":
			l.setDefaults(e)
		case "services":
			services = e
		default:
			l.failAt(e.key, e.path, "no such key", suggestTopLevel(e.name))
		}
	}
	if services == nil {
		return
	}
	if !services.isTable {
		l.fail(services, "is "+services.kind()+", expected a table of services", "write [services.NAME]")
		return
	}
	for _, e := range services.table {
		l.service(e.name, e, e.key)
	}
}

// suggestTopLevel explains a wrong key at the top of a file.
func suggestTopLevel(name string) string {
	tables := []string{"supervisor", "defaults", "services"}
	if best := nearest.Word(name, tables); best != "" {
		return "did you mean " + best + "?"
	}
	for _, k := range serviceKeys() {
		if nearest.Word(name, []string{k.name}) != "" {
			return k.name + " belongs to a service, in [services.NAME]"
		}
	}
	return "at the top stand supervisor, defaults and services"
}

// directory reads a directory in which each NAME.toml is a service.
func (l *loader) directory(path string) {
	l.howToBegin = "write a NAME.toml with a command"
	entries, ok := l.entries(path)
	if !ok {
		return
	}
	var services []string
	if !slices.ContainsFunc(entries, isServiceFile) && holdsServices(path, entries) {
		l.runitDirectory(path, entries)
		return
	}
	for _, e := range entries {
		switch {
		case isServiceFile(e):
			services = append(services, strings.TrimSuffix(e.Name(), ".toml"))
		case e.Name() == "supervise.toml":
			l.commonFile(filepath.Join(path, e.Name()))
		}
	}
	for _, name := range services {
		l.serviceFile(name, filepath.Join(path, name+".toml"))
	}
}

// entries lists a directory.
func (l *loader) entries(path string) ([]os.DirEntry, bool) {
	l.checkTrust(path)
	entries, err := os.ReadDir(path)
	if err != nil {
		l.failAt(Position{File: path}, "", "cannot be read: "+reason(err).Error(), "")
	}
	return entries, err == nil
}

// commonFile reads the supervise.toml of a directory.
func (l *loader) commonFile(path string) {
	text, ok := l.read(path)
	if !ok {
		return
	}
	root := parseTOML(&l.report, path, text)
	if root == nil {
		return
	}
	for _, e := range root.table {
		switch e.name {
		case "supervisor":
			l.setSupervisor(e)
		case "defaults":
			l.setDefaults(e)
		case "services":
			l.failAt(e.key, e.path, "does not belong here: in a directory each service has a file of its own, NAME.toml",
				"or name this file with -c, not its directory")
		default:
			l.failAt(e.key, e.path, "no such key", suggestTopLevel(e.name))
		}
	}
}

// serviceFile reads one service of a directory.
func (l *loader) serviceFile(name, path string) {
	text, ok := l.read(path)
	if !ok {
		return
	}
	if root := parseTOML(&l.report, path, text); root != nil {
		l.service(name, root, Position{File: path, Line: 1, Col: 1})
	}
}

// isServiceFile says whether a file of a directory is NAME.toml.
func isServiceFile(e os.DirEntry) bool {
	name, isTOML := strings.CutSuffix(e.Name(), ".toml")
	return isTOML && name != "" && name[0] != '.' && name != "supervise"
}

func (l *loader) setSupervisor(n *node) {
	l.common = map[string]*node{}
	apply(&l.supervisor, &l.report, n, supervisorKeys(), l.common, "")
}

// setDefaults remembers [defaults], and applies them to a service that nobody
// runs: so they are checked even where no service uses them.
func (l *loader) setDefaults(n *node) {
	d := newDraft("defaults", "defaults", 0, Daemon, n.key, n.path)
	instancesOf(&l.report, n)
	apply(d, &l.report, n, serviceKeys(), d.places, "")
	d.checkKeys(&l.report)
	if n.isTable {
		l.defaults = n
	}
}

// config makes a Config of all that was read, or gives what is wrong.
func (l *loader) config() (*Config, error) {
	services := l.services()
	if len(l.errors) > 0 {
		return nil, l.errors.sort()
	}
	return &Config{
		Supervisor: l.supervisor,
		Services:   services,
		Files:      l.files,
		Warnings:   l.warnings.sort(),
		Directory:  l.place,
	}, nil
}

// services checks the drafts against each other and gives them as services,
// sorted by name.
func (l *loader) services() []Service {
	if len(l.drafts) == 0 && len(l.errors) == 0 && l.place == nil {
		l.failAt(Position{File: l.path}, "", "there are no services in it", l.howToBegin)
	}
	l.checkNames()
	l.checkSockets()
	l.checkLogFiles()
	l.resolve()
	l.keepRunitFiles()
	slices.SortFunc(l.drafts, func(a, b *draft) int { return compareNames(a.Service, b.Service) })
	out := make([]Service, len(l.drafts))
	for i, d := range l.drafts {
		out[i] = d.Service
	}
	return out
}
