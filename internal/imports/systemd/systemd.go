// Package systemd imports systemd's service and socket units.
//
// A unit is read with its drop-ins, as it holds after them, and its specifiers
// are replaced as the system's manager would. A template needs an instance:
// "app@one.service" is read from app@.service beside it.
//
// What a program meets is carried over: its commands with their prefixes,
// quoting and variables, its surroundings, when it is restarted and how it is
// stopped, what it waits for among the units that are imported together, and
// the sockets that it is given. Directories that systemd makes for it become a task that it needs.
// What supervise has no word for is told: sandboxes, the limits of cgroups, the
// journal, conditions, and programs that fork into the background.
//
// Defaults are systemd's, not ours, where they differ and are felt: the stop
// waits 90 seconds, five starts within ten seconds are the limit.
package systemd

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/unitfile"
)

// Import reads the units at these absolute paths, which may order each other.
// The error is of type [config.Errors].
func Import(world imports.World, paths []string) (*imports.Document, error) {
	doc := &imports.Document{}
	var wrong config.Errors
	var units []*unit
	for _, p := range paths {
		u, err := read(world, doc, p)
		if e := (config.Error{}); errors.As(err, &e) {
			wrong = append(wrong, e)
			continue
		} else if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(units, func(other *unit) bool { return other.name == u.name }) {
			units = append(units, u)
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	for _, u := range units {
		if u.kind() == "service" {
			u.makeService(doc)
		}
	}
	for _, u := range units {
		if u.kind() == "socket" {
			u.makeSockets(doc, units)
		}
	}
	for _, u := range units {
		u.relate(units)
	}
	for _, u := range units {
		u.leftovers(doc)
	}
	return doc, nil
}

// unit is one unit: what stands in its files, and the service that is made of it.
type unit struct {
	world    imports.World
	name     string // "app@one.service"
	prefix   string // "app"
	instance string // "one"; "" when it is none
	file     string // the unit file itself
	unit     settings
	own      settings // [Service] or [Socket]
	install  settings
	service  *imports.Service // nil when there was nothing to run
	bad      map[string]bool  // specifiers that were told of
}

func (u *unit) kind() string { return strings.TrimPrefix(path.Ext(u.name), ".") }

// searchPath is where systemd looks for units, the first before the others.
func searchPath() []string {
	return []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}
}

// Find gives the path of a unit that is named without a directory, as systemd
// would find it.
func Find(world imports.World, name string) (string, bool) {
	for _, dir := range searchPath() {
		if world.IsFile(path.Join(dir, name)) || world.IsFile(path.Join(dir, templateOf(name))) {
			return path.Join(dir, name), true
		}
	}
	return "", false
}

// IsUnit says whether a path is called as a unit that can be imported.
func IsUnit(name string) bool {
	return strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".socket")
}

// templateOf gives "app@.service" for "app@one.service", and other names as they are.
func templateOf(name string) string {
	before, after, found := strings.Cut(name, "@")
	if !found {
		return name
	}
	return before + "@" + after[max(0, strings.LastIndex(after, ".")):]
}

// read reads a unit and its drop-ins.
func read(world imports.World, doc *imports.Document, file string) (*unit, error) {
	u := &unit{world: world, name: path.Base(file), file: file, bad: map[string]bool{}}
	if !IsUnit(u.name) {
		return nil, config.Error{Position: config.Position{File: file}, Msg: "is no unit that can be imported", Hint: "those that can are called NAME.service or NAME.socket"}
	}
	stem := strings.TrimSuffix(u.name, path.Ext(u.name))
	u.prefix, u.instance, _ = strings.Cut(stem, "@")
	if !world.IsFile(file) && world.IsFile(path.Join(path.Dir(file), templateOf(u.name))) {
		u.file = path.Join(path.Dir(file), templateOf(u.name))
	}
	all, err := u.parse(doc, u.file)
	if err != nil {
		return nil, err
	}
	for _, name := range u.dropIns() {
		more, err := u.parse(doc, name)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	own := map[string]string{"service": "Service", "socket": "Socket"}[u.kind()]
	for _, s := range all {
		switch s.Section {
		case "Unit":
			u.unit.add(s)
		case own:
			u.own.add(s)
		case "Install":
			u.install.add(s)
		default:
			if !strings.HasPrefix(s.Section, "X-") {
				doc.Lost(s.At, "["+s.Section+"] "+s.String(), "such a section does not belong into "+u.name, "")
			}
		}
	}
	if len(all) == 0 {
		return nil, config.Error{Position: config.Position{File: u.file}, Msg: "is empty, as masked units are", Hint: "there is nothing to run"}
	}
	if len(u.own.all) == 0 && len(u.unit.all) == 0 {
		return nil, config.Error{Position: config.Position{File: u.file}, Msg: "has neither [Unit] nor [" + own + "]", Hint: "is it a unit? --from names another format"}
	}
	if strings.HasSuffix(stem, "@") {
		if d, ok := u.install.last("DefaultInstance"); ok && d.Value != "" {
			u.instance = d.Value
		} else {
			return nil, config.Error{Position: config.Position{File: file}, Msg: "is a template", Hint: fmt.Sprintf("name an instance, as in %s@one%s", u.prefix, path.Ext(u.name))}
		}
	}
	return u, nil
}

func (u *unit) parse(doc *imports.Document, name string) ([]unitfile.Setting, error) {
	text, err := u.world.Read(name)
	if err != nil {
		return nil, err
	}
	all, err := unitfile.Parse(name, text)
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		for _, e := range errs {
			doc.Lost(e.Position, e.Msg, "systemd ignores such a line, too", e.Hint)
		}
	}
	return all, nil
}

// dropIns gives the files in UNIT.d beside the unit, and where systemd looks if
// the unit is one of the system's. Of those with one name the first one holds.
func (u *unit) dropIns() []string {
	dirs := []string{path.Dir(u.file)}
	if slices.Contains(searchPath(), dirs[0]) {
		dirs = searchPath()
	}
	found := map[string]string{}
	for _, unitName := range []string{u.name, templateOf(u.name)} {
		for _, dir := range dirs {
			for _, name := range u.world.Names(path.Join(dir, unitName+".d")) {
				if full := path.Join(dir, unitName+".d", name); strings.HasSuffix(name, ".conf") && found[name] == "" && u.world.IsFile(full) {
					found[name] = full
				}
			}
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = found[name]
	}
	return names
}
