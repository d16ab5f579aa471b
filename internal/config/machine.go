package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// checkMachine holds the drafts against this machine: whether programs, files
// and accounts are there. All that comes before looks at the text alone.
func (l *loader) checkMachine() {
	l.checkAllowed()
	l.checkRunitDir()
	m := machineCheck{loader: l, own: os.Environ(), accounts: map[string]bool{}, programs: map[string]found{}}
	for _, d := range l.drafts {
		m.envFiles(d)
		m.dir(d)
		if d.Runit == nil {
			m.allPrograms(d)
		} else { // what is not there yet is tried again, as runsv does
			m.checkScripts(d)
		}
		m.watched(d)
		m.logFiles(d)
		m.account(d, "user", d.User, userExists)
		m.account(d, "group", d.Group, groupExists)
		for _, g := range d.Groups {
			m.account(d, "groups", g, groupExists)
		}
		for _, s := range d.sockets {
			m.socket(s)
		}
	}
}

// checkAllowed warns of users that do not exist: nobody is let in by mistake.
func (l *loader) checkAllowed() {
	for i, name := range l.supervisor.AllowUIDs {
		if _, err := uidOf(name); err != nil {
			n := l.common["allow_uids"].list[i]
			l.warnAt(n.at, n.path, fmt.Sprintf("there is no user called %q now", name), "a reload looks again")
		}
	}
}

// UIDs gives the users that may use the control socket, beside root and our
// own. One that does not exist is left out.
func (s Supervisor) UIDs() (uids []int) {
	for _, name := range s.AllowUIDs {
		if uid, err := uidOf(name); err == nil {
			uids = append(uids, uid)
		}
	}
	return uids
}

// uidOf gives the number of a user that is named or already a number.
func uidOf(name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return int(n), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

type machineCheck struct {
	*loader
	own      []string
	accounts map[string]bool  // whether it exists, by "user NAME" or "group NAME"
	programs map[string]found // by all that LookProgram was asked
}

// found is a program, or why there is none, and what root has to fear of it.
type found struct {
	path        string
	err         error
	why, remedy string // see suspect
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

// socket checks what has to be there before the socket can be opened.
func (m machineCheck) socket(s *socket) {
	const hint = "supervise will not come up without it"
	if s.HasPath() {
		n, dir := s.places["listen"], filepath.Dir(s.Address)
		if info, err := os.Stat(dir); err != nil {
			m.warnAt(n.at, n.path, fmt.Sprintf("the directory %s is not there now: %v", dir, reason(err)), hint)
		} else if !info.IsDir() {
			m.warnAt(n.at, n.path, dir+" is not a directory", hint)
		}
	}
	for _, a := range []struct {
		kind, name string
		exists     func(string) bool
	}{{"user", s.User, userExists}, {"group", s.Group, groupExists}} {
		if n := s.places[a.kind]; n != nil && !m.exists(a.kind, a.name, a.exists) {
			m.warnAt(n.at, n.path, fmt.Sprintf("there is no %s called %q now", a.kind, a.name), hint)
		}
	}
}

// allPrograms looks for the program of a service, and those of its hooks and
// probes, which get the same environment.
func (m machineCheck) allPrograms(d *draft) {
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
	m.program(d, "command", d.Command, env)
	if d.Ready != nil {
		m.program(d, "ready.command", d.Ready.Command, env)
	}
	if d.Health != nil && d.places["health.command"] != nil {
		m.program(d, "health.command", d.Health.Probe.Command, env)
	}
	for key, h := range map[string]*Hook{
		"start.before": d.StartBefore, "start.after": d.StartAfter, "stop.before": d.StopBefore, "stop.after": d.StopAfter,
	} {
		if h != nil {
			m.program(d, key, h.Command, env)
		}
	}
}

// program looks for one program.
func (m machineCheck) program(d *draft, key string, command, env []string) {
	if len(command) == 0 {
		return
	}
	name := command[0]
	if _, err := os.Stat(d.Dir); err != nil && strings.Contains(name, "/") && name[0] != '/' {
		return // of the missing directory a warning tells
	}
	f := m.look(name, d.Dir, env)
	if f.err == nil && (f.why == "" || !d.runsAsRoot()) {
		return
	}
	at, path := d.placeOf(key)
	n := d.places[key]
	if c := n.entry("command"); c != nil {
		n, at, path = c, c.at, c.path
	}
	if n != nil && len(n.list) > 0 {
		at = n.list[0].at
	}
	if f.err != nil {
		m.failAt(at, path, f.err.Error(), programHint(key, name, f.err))
		return
	}
	m.warnAt(at, path, "the program "+f.path+" "+f.why+", who could so make root run anything", f.remedy+", or give the service a user")
}

// watched warns of paths that are not there.
func (m machineCheck) watched(d *draft) {
	if d.Watch == nil {
		return
	}
	for _, path := range d.Watch.Paths {
		if _, err := os.Stat(path); err != nil {
			at, key := d.placeOf("watch.paths")
			m.warnAt(at, key, fmt.Sprintf("%s is not there now: %v", path, reason(err)), "it is watched as soon as it is")
		}
	}
}

// look is LookProgram, which it asks once for what many services share.
func (m machineCheck) look(name, dir string, env []string) found {
	search := searchPath(env)
	id := strings.Join([]string{name, dir, search}, "\x00")
	f, known := m.programs[id]
	if !known {
		f.path, f.err = LookProgram(name, dir, []string{"PATH=" + search})
		if f.err == nil && os.Geteuid() == 0 {
			f.why, f.remedy = suspect(f.path)
		}
		m.programs[id] = f
	}
	return f
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

func programHint(key, name string, err error) string {
	switch {
	case slices.Contains(shellWords, name) && key != "command":
		return name + ` is a word of the shell: write ["sh", "-c", "..."]`
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
	kind := strings.TrimSuffix(key, "s")
	if !m.exists(kind, name, exists) {
		at, path := d.placeOf(key)
		m.warnAt(at, path, fmt.Sprintf("there is no %s called %q now", kind, name), "the service will not start without it")
	}
}

// exists looks an account up, once. A number needs no entry anywhere.
func (m machineCheck) exists(kind, name string, exists func(string) bool) bool {
	if _, err := strconv.ParseUint(name, 10, 32); err == nil || name == "" {
		return true
	}
	id := kind + " " + name
	if _, known := m.accounts[id]; !known {
		m.accounts[id] = exists(name)
	}
	return m.accounts[id]
}

// notRegular says what stands at a path that is to be a regular file, "" when
// it is one or nothing.
func notRegular(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil || info.Mode().IsRegular():
		return ""
	case info.IsDir():
		return "a directory"
	}
	return "no regular file"
}

func userExists(name string) bool {
	_, err := user.Lookup(name)
	return err == nil
}

func groupExists(name string) bool {
	_, err := user.LookupGroup(name)
	return err == nil
}
