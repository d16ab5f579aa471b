// Package supervisord imports the configuration of supervisord.
//
// The file is read by supervisord's own rules, with what it includes: sections
// that are there twice are joined, %(ENV_X)s is the variable as the import finds
// it, and a command is split as Python's shlex does.
//
// Programs become services. numprocs makes instances, the order of priorities
// becomes after, startretries the delays and the limit of the restarts, and
// stopsignal with stopwaitsecs the ladder. As supervisord signals the process
// that it has started and nobody else, so does the result, unless stopasgroup says otherwise.
// Event listeners and the interfaces of supervisord itself are not carried over.
package supervisord

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
)

// IsConfiguration says whether a file looks like a configuration of supervisord.
func IsConfiguration(world imports.World, file string) bool {
	text, err := world.Read(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[supervisord]") || strings.HasPrefix(line, "[program:") || strings.HasPrefix(line, "[fcgi-program:") || strings.HasPrefix(line, "[group:") {
			return true
		}
	}
	return false
}

// Import reads the configurations at these absolute paths. The error is of
// type [config.Errors] or a [config.Error].
func Import(world imports.World, paths []string) (*imports.Document, error) {
	doc := &imports.Document{}
	for _, p := range paths {
		f := &file{world: world, doc: doc, path: p, here: path.Dir(p)}
		if err := f.read(); err != nil {
			return nil, err
		}
		f.supervisord()
		if err := f.programs(); err != nil {
			return nil, err
		}
		f.order()
		f.others()
	}
	return doc, nil
}

// file is one configuration with what it includes.
type file struct {
	world    imports.World
	doc      *imports.Document
	path     string
	here     string
	sections []*section
	env      []variable // of [supervisord]
	user     string
	dir      string
	umask    string
	made     []made
}

// made is a service and when it starts.
type made struct {
	service         *imports.Service
	section         *section
	group, priority int
}

func (f *file) read() error {
	text, err := f.world.Read(f.path)
	if err != nil {
		return err
	}
	if f.sections, err = parseINI(f.path, text, nil); err != nil {
		return err
	}
	include := f.section("include")
	if include == nil {
		return nil
	}
	files, ok := include.last("files")
	if !ok {
		return config.Errors{{Position: include.at, Msg: "[include] has no files", Hint: "supervisord itself refuses such a file"}}
	}
	patterns, err := format(files.value, f.lookup(nil))
	if err != nil {
		return config.Errors{{Position: files.at, Key: "files", Msg: err.Error(), Hint: remedy(err)}}
	}
	for _, pattern := range strings.Fields(patterns) {
		if !path.IsAbs(pattern) {
			pattern = path.Join(f.here, pattern)
		}
		found := f.world.Glob(pattern)
		if len(found) == 0 {
			f.doc.Lost(files.at, files.String(), "no file matches "+pattern, "")
		}
		for _, name := range found {
			text, err := f.world.Read(name)
			if err != nil {
				return err
			}
			if f.sections, err = parseINI(name, text, f.sections); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *file) section(name string) *section {
	for _, s := range f.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

// lookup gives what names stand for: those of more, here, host_node_name and
// the environment.
func (f *file) lookup(more map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := more[name]; ok {
			return v, true
		}
		if name == "here" {
			return f.here, true
		}
		variable, isEnv := strings.CutPrefix(name, "ENV_")
		if !isEnv {
			return "", false
		}
		for _, v := range f.env {
			if v.name == variable {
				return v.value, true
			}
		}
		return f.world.Getenv(variable)
	}
}

// remedy says what to do about a text that cannot be expanded.
func remedy(err error) string {
	if u := unknownName(""); errors.As(err, &u) {
		if name, ok := strings.CutPrefix(string(u), "ENV_"); ok {
			return "set the variable for the import: " + name + "=... supervise import ..."
		}
	}
	return ""
}

// supervisord reads what [supervisord] says of all programs.
func (f *file) supervisord() {
	s := f.section("supervisord")
	if s == nil {
		return
	}
	for _, o := range s.options {
		value, err := format(o.value, f.lookup(nil))
		if err != nil {
			f.doc.Lost(o.at, o.String(), err.Error(), remedy(err))
			continue
		}
		switch o.name {
		case "environment":
			if f.env, err = variables(value); err != nil {
				f.doc.Lost(o.at, o.String(), err.Error(), "")
			}
		case "user":
			f.user = value
		case "directory":
			f.dir = value
		case "umask":
			f.umask = value
		case "minfds":
			f.doc.Lost(o.at, o.String(), "supervise raises no limits of its own", "limits = { nofile = "+value+" } for the services that need it")
		case "minprocs":
			f.doc.Lost(o.at, o.String(), "supervise raises no limits of its own", "limits = { nproc = "+value+" } for the services that need it")
		case "childlogdir":
			f.doc.Lost(o.at, o.String(), "output without a file of its own goes to the console", "supervise logs NAME shows the last of it")
		case "logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "nodaemon", "silent", "identifier", "nocleanup", "strip_ansi":
			f.doc.Lost(o.at, o.String(), "it is about supervisord itself", "supervise stays in the foreground and writes to its standard output")
		default:
			f.doc.Lost(o.at, o.String(), "supervise has nothing like it", "")
		}
	}
}

// programs makes the services.
func (f *file) programs() error {
	var wrong config.Errors
	for _, s := range f.sections {
		kind, name, _ := strings.Cut(s.name, ":")
		if kind != "program" && kind != "fcgi-program" {
			continue
		}
		p := &program{file: f, section: s, name: strings.TrimSpace(name), taken: map[string]bool{}}
		if err := p.make(kind == "fcgi-program"); err != nil {
			wrong = append(wrong, *err)
		}
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

// order lets those with a higher priority come after those with the next lower
// one, groups first, as supervisord starts them.
func (f *file) order() {
	groups := map[string]int{}
	for _, s := range f.sections {
		if !strings.HasPrefix(s.name, "group:") {
			continue
		}
		priority := 999
		if o, ok := s.last("priority"); ok {
			if n, err := strconv.Atoi(o.value); err == nil {
				priority = n
			}
		}
		if o, ok := s.last("programs"); ok {
			for _, name := range strings.Split(o.value, ",") {
				groups[strings.TrimSpace(name)] = priority
			}
		}
	}
	type rank struct{ group, own int }
	compare := func(a, b rank) int {
		if a.group != b.group {
			return a.group - b.group
		}
		return a.own - b.own
	}
	ranks := map[rank][]*imports.Service{}
	var order []rank
	rankOf := func(m made) rank {
		_, name, _ := strings.Cut(m.section.name, ":")
		r := rank{m.priority, m.priority}
		if group, ok := groups[strings.TrimSpace(name)]; ok {
			r.group = group
		}
		return r
	}
	for _, m := range f.made {
		r := rankOf(m)
		if ranks[r] == nil {
			order = append(order, r)
		}
		ranks[r] = append(ranks[r], m.service)
	}
	slices.SortFunc(order, compare)
	for _, m := range f.made {
		i, _ := slices.BinarySearchFunc(order, rankOf(m), compare)
		if i == 0 {
			continue
		}
		o, given := m.section.last("priority")
		if !given {
			o = option{name: "priority", value: "999", at: m.section.at}
		}
		for _, before := range ranks[order[i-1]] {
			m.service.After = append(m.service.After, imports.Edge{To: before, At: o.at, Written: o.String()})
		}
		m.service.Differs("", o.at, o.String(), "it waits until those before it are ready, where supervisord only starts them first", "take after out if that is not meant")
	}
}

// others tells of the sections that are no programs.
func (f *file) others() {
	for _, s := range f.sections {
		kind, name, _ := strings.Cut(s.name, ":")
		switch kind {
		case "program", "fcgi-program", "include", "supervisord":
		case "eventlistener":
			f.doc.Lost(s.at, "["+s.name+"]", "supervise does not speak the protocol of event listeners", "supervise events -f --json gives the events to any program")
		case "group":
			o, _ := s.last("programs")
			f.doc.Differs(s.at, "["+s.name+"]", fmt.Sprintf("there are no groups; their order is carried over, and %s:* is written as the names themselves", name), "supervise restart "+strings.Join(strings.Fields(strings.ReplaceAll(o.value, ",", " ")), " "))
		case "unix_http_server":
			f.doc.Lost(s.at, "["+s.name+"]", "supervise has a control socket of its own", "supervise up --socket PATH says where, [supervisor] allow_uids who may use it")
		case "inet_http_server":
			f.doc.Lost(s.at, "["+s.name+"]", "supervise is not asked over the network", "[supervisor] metrics has an address for Prometheus; ssh and supervise status do the rest")
		case "supervisorctl", "rpcinterface", "ctlplugin":
			f.doc.Lost(s.at, "["+s.name+"]", "it is about supervisorctl", "supervise status, start, stop, restart and logs take its place")
		default:
			f.doc.Lost(s.at, "["+s.name+"]", "no such section is known to supervisord", "")
		}
	}
}
