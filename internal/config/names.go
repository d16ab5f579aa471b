package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// tableHead is "[services.NAME]", or that of a table within it.
const tableHead = `^\s*\[\s*services\s*\.\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*[].]`

// Names lists the services of the configuration at path without validating
// anything, for completion at a command line: what can't be read is left out, and
// so is what no service can be called. A service with instances is there once,
// under the name that means all of them.
func Names(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	var names []string
	if info.IsDir() {
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), ".toml"); ok && name != "" && name[0] != '.' && name != "supervise" {
				names = append(names, name)
			}
		}
		return possible(names)
	}
	form := procfileLine()
	if !isProcfile(filepath.Clean(path)) {
		form = regexp.MustCompile(tableHead)
	}
	l := &loader{}
	text, _ := l.read(path)
	for line := range strings.Lines(text) {
		switch m := form.FindStringSubmatch(strings.TrimRight(line, "\r\n")); {
		case m == nil:
		case form == procfileLine():
			names = append(names, m[1])
		default:
			names = append(names, m[1]+m[2]+m[3]) // quoted this way, that way, or not
		}
	}
	slices.Sort(names)
	return possible(slices.Compact(names))
}

// possible leaves out what a shell or a terminal might take for something else
// than a name.
func possible(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !nameForm().MatchString(name) })
}
