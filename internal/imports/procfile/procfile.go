// Package procfile imports Procfiles, read as `supervise up` reads them: each
// command is run by a shell in the directory of the file, with the variables of
// the .env beside it and with PORT.
//
// What `up` does with a Procfile is said in the package config; an import is for
// the day when a service is to get more than that. As the ports of foreman and
// overmind are counted in lines and instances, each instance of a formation
// has a table of its own.
package procfile

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/nearest"
)

// Import reads Procfiles at absolute paths. formation says how many of a
// process are to run; "all" stands for those that it does not name. Errors are
// of type [config.Errors], but for a formation that is wrong.
func Import(world imports.World, paths []string, formation map[string]int) (*imports.Document, error) {
	doc := &imports.Document{}
	var names []string
	var wrong config.Errors
	for _, p := range paths {
		text, err := world.Read(p)
		if err != nil {
			return nil, err
		}
		lines, errs := config.ParseProcfile(p, text)
		wrong = append(wrong, errs...)
		file := procfile{doc: doc, path: p, port: port(world, p)}
		for i, line := range lines {
			count := 1
			if n, ok := formation["all"]; ok {
				count = n
			}
			if n, ok := formation[line.Name]; ok {
				count = n
			}
			names = append(names, line.Name)
			file.add(i, line, count)
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	if err := checkFormation(formation, names); err != nil {
		return nil, err
	}
	doc.Differs(config.Position{File: paths[0]}, "all of it", "foreman stops everything when one process ends; here each that fails is restarted, and the others stay",
		`restart = { when = "never" } and critical = true do what foreman does`)
	return doc, nil
}

func checkFormation(formation map[string]int, names []string) error {
	for _, name := range slices.Sorted(maps.Keys(formation)) {
		if name != "all" && !slices.Contains(names, name) {
			hint := "the processes are " + strings.Join(names, ", ")
			if near := nearest.Word(name, names); near != "" {
				hint = "did you mean " + near + "?"
			}
			return fmt.Errorf("--formation: there is no process called %q; %s", name, hint)
		}
		if n := formation[name]; n < 0 || n > config.MaxProcfileInstances {
			return fmt.Errorf("--formation %s=%d: it is a number from 0 to %d", name, n, config.MaxProcfileInstances)
		}
	}
	return nil
}

// procfile is one file.
type procfile struct {
	doc  *imports.Document
	path string
	port int // 0: none is given
}

// port is what `up` would begin with.
func port(world imports.World, file string) int {
	own, _ := world.Getenv("PORT")
	var vars []string
	if text, err := world.Read(path.Join(path.Dir(file), ".env")); err == nil {
		vars, _ = config.ParseEnv([]byte(text))
	}
	return config.ProcfilePort(vars, own)
}

// add adds the instances of a line. None at all is a service that waits to be started.
func (f procfile) add(i int, line config.ProcfileLine, count int) {
	for n := range max(count, 1) {
		name := line.Name
		if count > 1 {
			name = fmt.Sprintf("%s@%d", line.Name, n+1)
		}
		s := f.doc.Add(name)
		s.Set("command", line.Command)
		s.Set("shell", true)
		s.Set("dir", path.Dir(f.path))
		if count == 0 {
			s.Set("autostart", false)
		}
		if f.port > 0 {
			s.SetEnv("PORT", fmt.Sprint(f.port+i*config.ProcfilePortStep+n))
		}
		s.Set("env_file", []string{"-" + path.Join(path.Dir(f.path), ".env")})
	}
}
