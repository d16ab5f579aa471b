package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// checkMachine holds the drafts against this machine: whether programs, files
// and accounts are there. All that comes before looks at the text alone.
func (l *loader) checkMachine() {
	m := machineCheck{loader: l, own: os.Environ(), accounts: map[string]bool{}, programs: map[string]error{}}
	for _, d := range l.drafts {
		m.envFiles(d)
		m.dir(d)
		m.program(d)
		m.account(d, "user", d.User, userExists)
		m.account(d, "group", d.Group, groupExists)
		for _, g := range d.Groups {
			m.account(d, "groups", g, groupExists)
		}
	}
}

type machineCheck struct {
	*loader
	own      []string
	accounts map[string]bool  // whether it exists, by "user NAME" or "group NAME"
	programs map[string]error // what LookProgram said, by all that it was asked
}

// envFiles checks the environment files as they are now; they are read again
// at each start.
func (m machineCheck) envFiles(d *draft) {
	for _, entry := range d.EnvFile {
		path, optional := strings.CutPrefix(entry, "-")
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && optional:
		case err != nil:
			at, key := d.placeOf("env_file")
			m.warnAt(at, key, fmt.Sprintf("%s cannot be read now: %v", path, reason(err)),
				"the service will not start without it; put a - before the name if it may be missing")
		case info.Mode().IsRegular(): // to read anything else may block
			m.checkTrust(path)
			m.envFile(d, path)
		}
	}
}

func (m machineCheck) envFile(d *draft, path string) {
	_, err := ReadEnvFile(path)
	if errs := (Errors)(nil); errors.As(err, &errs) {
		for _, e := range errs {
			m.add(&m.errors, e)
		}
	} else if err != nil {
		at, key := d.placeOf("env_file")
		m.failAt(at, key, err.Error(), "")
	}
}

func (m machineCheck) dir(d *draft) {
	n := d.places["dir"]
	if n == nil {
		return // that of the file is there
	}
	info, err := os.Stat(d.Dir)
	switch {
	case err != nil:
		m.warnAt(n.at, n.path, fmt.Sprintf("the directory %s is not there now: %v", d.Dir, reason(err)), "the service will not start without it")
	case !info.IsDir():
		m.warnAt(n.at, n.path, d.Dir+" is not a directory", "the service will not start in it")
	}
}

// program looks for the program of a service.
func (m machineCheck) program(d *draft) {
	if len(d.Command) == 0 {
		return
	}
	name := d.Command[0]
	if _, err := os.Stat(d.Dir); err != nil && strings.Contains(name, "/") && name[0] != '/' {
		return // of the missing directory a warning tells
	}
	env := slices.Concat(m.own, d.Env) // the last PATH counts
	if d.EnvClear || len(d.EnvFile) > 0 {
		readable := d.Service
		readable.EnvFile = slices.DeleteFunc(slices.Clone(d.EnvFile), func(entry string) bool {
			info, err := os.Stat(strings.TrimPrefix(entry, "-"))
			return err == nil && !info.Mode().IsRegular() // as in envFiles
		})
		var err error
		if env, err = readable.Environ(m.own); err != nil {
			return // a file of it cannot be read, which was said
		}
	}
	if err := m.look(name, d.Dir, env); err != nil {
		at, key := d.placeOf("command")
		if n := d.places["command"]; n != nil && len(n.list) > 0 {
			at = n.list[0].at
		}
		m.failAt(at, key, err.Error(), programHint(name, err))
	}
}

// look is LookProgram, which it asks once for what many services share.
func (m machineCheck) look(name, dir string, env []string) error {
	search := searchPath(env)
	id := strings.Join([]string{name, dir, search}, "\x00")
	if err, known := m.programs[id]; known {
		return err
	}
	_, err := LookProgram(name, dir, []string{"PATH=" + search})
	m.programs[id] = err
	return err
}

// placeOf gives the place of a key's value, and the key as messages name it.
func (d *draft) placeOf(key string) (Position, string) {
	if n := d.places[key]; n != nil {
		return n.at, n.path
	}
	return d.Where, d.path
}

// shellWords are what people write as a program that only a shell knows.
var shellWords = []string{"cd", "exec", "export", "source", ".", "set", "ulimit", "umask", "trap", "while", "for", "if", "until"}

func programHint(name string, err error) string {
	switch {
	case slices.Contains(shellWords, name):
		return name + " is a word of the shell: write the command as one string, with shell = true"
	case errors.Is(err, fs.ErrPermission):
		return "is it the right file? chmod +x makes it executable"
	case strings.Contains(name, "=") && !strings.Contains(name, "/"):
		return "variables stand in env, or in a command with shell = true"
	case strings.ContainsAny(name, " \t"):
		return "in an array each argument is a string of its own"
	}
	return ""
}

// account warns of a user or group that does not exist. That is no error, as
// a package or a task may make it before the service starts.
func (m machineCheck) account(d *draft, key, name string, exists func(string) bool) {
	if name == "" {
		return
	}
	if _, err := strconv.ParseUint(name, 10, 32); err == nil {
		return // a number needs no entry anywhere
	}
	kind := strings.TrimSuffix(key, "s")
	id := kind + " " + name
	if _, known := m.accounts[id]; !known {
		m.accounts[id] = exists(name)
	}
	if !m.accounts[id] {
		at, path := d.placeOf(key)
		m.warnAt(at, path, fmt.Sprintf("there is no %s called %q now", kind, name), "the service will not start without it")
	}
}

func userExists(name string) bool {
	_, err := user.Lookup(name)
	return err == nil
}

func groupExists(name string) bool {
	_, err := user.LookupGroup(name)
	return err == nil
}
