package runit

import (
	"path"
	"strconv"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
)

// script is what a simple script prepares, and the program that it becomes.
type script struct {
	dir    string
	umask  string
	limits []imports.Field
	env    []imports.Field
	user   string
	group  string
	groups []string
	nice   int
	argv   []string
	merged bool   // exec 2>&1
	envDir string // that variables were read from
	odd    string // what makes it no simple one; "" when it is
	line   int    // of that
}

// readScript understands a simple script. base is the directory that it is run in.
func readScript(world imports.World, base, text string) script {
	s := script{dir: base}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line, first := strings.TrimSpace(lines[i]), i+1
		if i == 0 && strings.HasPrefix(line, "#!") {
			if shell, _, _ := strings.Cut(path.Base(strings.Fields(line[2:] + " ?")[0]), " "); shell != "sh" && shell != "bash" && shell != "dash" {
				return s.refuse(first, line)
			}
			continue
		}
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(lines[i])
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if s.argv != nil || !s.command(world, line) {
			return s.refuse(first, line)
		}
	}
	if s.argv == nil && s.odd == "" {
		return s.refuse(len(lines), "no exec")
	}
	return s
}

func (s script) refuse(line int, why string) script {
	return script{odd: why, line: line}
}

// command takes one line in; false when it is none that is understood.
func (s *script) command(world imports.World, line string) bool {
	if line == "exec 2>&1" {
		s.merged = true
		return true
	}
	if rest, ok := strings.CutSuffix(line, "2>&1"); ok && strings.HasPrefix(line, "exec ") {
		line, s.merged = strings.TrimSpace(rest), true
	}
	if hasShellSyntax(line) {
		return false
	}
	words, err := config.SplitWords(line)
	if err != nil || len(words) == 0 {
		return false
	}
	switch args := words[1:]; words[0] {
	case "set":
		return len(args) == 1 && strings.Trim(args[0], "eux") == "-"
	case "cd":
		if len(args) != 1 || args[0] == "-" {
			return false
		}
		s.dir = below(s.dir, args[0])
		return true
	case "umask":
		s.umask = strings.Join(args, " ")
		v, err := strconv.ParseUint(s.umask, 8, 32)
		return err == nil && v <= 0o777
	case "ulimit":
		if len(args) != 2 || args[0] != "-n" {
			return false
		}
		_, err := strconv.ParseUint(args[1], 10, 32)
		s.limits = append(s.limits, imports.Field{Key: "nofile", Value: args[1]})
		return err == nil
	case "export":
		return len(args) > 0 && s.assign(args)
	case "exec":
		return len(args) > 0 && s.exec(world, args)
	}
	return false
}

func (s *script) assign(words []string) bool {
	for _, w := range words {
		name, value, found := strings.Cut(w, "=")
		if !found || name == "" {
			return false
		}
		s.env = append(s.env, imports.Field{Key: name, Value: value})
	}
	return true
}

// exec goes through what stands before the program: chpst and its like.
func (s *script) exec(world imports.World, argv []string) bool {
	for len(argv) > 0 {
		ok := true
		switch path.Base(argv[0]) {
		case "chpst":
			argv, ok = s.chpst(world, argv[1:])
		case "setuidgid":
			if len(argv) < 3 {
				return false
			}
			s.account(argv[1])
			argv = argv[2:]
		case "envdir":
			if len(argv) < 3 {
				return false
			}
			ok = s.envDirectory(world, argv[1])
			argv = argv[2:]
		case "env":
			argv = argv[1:]
			for len(argv) > 0 && strings.Contains(argv[0], "=") && !strings.HasPrefix(argv[0], "-") {
				if !s.assign(argv[:1]) {
					return false
				}
				argv = argv[1:]
			}
			ok = len(argv) > 0 && !strings.HasPrefix(argv[0], "-")
		default:
			s.argv = argv
			return argv[0] != ""
		}
		if !ok {
			return false
		}
	}
	return false
}

// chpst reads its options, see chpst(8). Those that have no key of ours make the
// script one that is run as it is.
func (s *script) chpst(world imports.World, args []string) (rest []string, ok bool) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && len(args[0]) > 1 {
		if args[0] == "--" {
			return args[1:], true
		}
		for flags := args[0][1:]; flags != ""; {
			flag := flags[0]
			flags = flags[1:]
			if strings.IndexByte("vP", flag) >= 0 { // a session of its own is what it gets anyway
				continue
			}
			value := flags
			if flags = ""; value == "" {
				if len(args) < 2 {
					return nil, false
				}
				value, args = args[1], args[1:]
			}
			if !s.option(world, flag, value) {
				return nil, false
			}
		}
		args = args[1:]
	}
	return args, true
}

func (s *script) option(world imports.World, flag byte, value string) bool {
	limit := func(names ...string) bool {
		_, err := strconv.ParseUint(value, 10, 63)
		for _, name := range names {
			s.limits = append(s.limits, imports.Field{Key: name, Value: value})
		}
		return err == nil
	}
	switch flag {
	case 'u':
		s.account(value)
		return value != "" && s.user != ""
	case 'e':
		return s.envDirectory(world, value)
	case 'C':
		s.dir = below(s.dir, value)
		return true
	case 'n':
		n, err := strconv.Atoi(value)
		s.nice = n
		return err == nil && n >= -20 && n <= 19
	case 'o':
		return limit("nofile")
	case 'p':
		return limit("nproc")
	case 'f':
		return limit("fsize")
	case 'c':
		return limit("core")
	case 'd':
		return limit("data")
	case 'r':
		return limit("rss")
	case 't':
		return limit("cpu")
	case 'm':
		return limit("data", "stack", "memlock", "as")
	}
	return false
}

// account reads user:group:group, or :uid:gid. Without groups the user's own
// primary group is the only one.
func (s *script) account(value string) {
	parts := strings.Split(strings.TrimPrefix(value, ":"), ":")
	s.user = parts[0]
	s.groups = []string{}
	for i, g := range parts[1:] {
		if g == "" {
			continue
		}
		if i == 0 {
			s.group = g
		} else {
			s.groups = append(s.groups, g)
		}
	}
}

// envDirectory reads a directory of variables: the first line of each file is
// the value. What the files say later is not seen.
func (s *script) envDirectory(world imports.World, dir string) bool {
	dir = below(s.dir, dir)
	if !world.IsDir(dir) {
		return false
	}
	s.envDir = dir
	for _, name := range world.Names(dir) {
		if name[0] == '.' || strings.Contains(name, "=") || !world.IsFile(path.Join(dir, name)) {
			continue
		}
		text, err := world.Read(path.Join(dir, name))
		if err != nil || text == "" { // an empty file takes a variable away
			return false
		}
		line, _, _ := strings.Cut(text, "\n")
		s.env = append(s.env, imports.Field{Key: name, Value: strings.TrimRight(line, " \t")})
	}
	return true
}

// below is a path as a program in dir sees it.
func below(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// hasShellSyntax says whether a shell does more with a line than split it.
func hasShellSyntax(line string) bool {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'':
			if c == '\'' {
				quote = 0
			}
		case c == '\\':
			i++
		case c == '$' || c == '`':
			return true
		case quote == '"':
			if c == '"' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte("|&;<>()*?[]{}~!", c) >= 0:
			return true
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return true
		}
	}
	return quote != 0
}

// run carries the run script over.
func (d *directory) run() error {
	text, err := d.world.Read(d.file("run"))
	if err != nil {
		return err
	}
	s := d.service
	simple := readScript(d.world, d.path, text)
	if simple.odd != "" {
		s.Set("command", []string{d.file("run")})
		s.Set("dir", d.path)
		s.Differs("", config.Position{File: d.file("run"), Line: simple.line}, simple.odd, "the script does more than prepare a program, so it is run as it is", "")
		d.merged = strings.Contains(text, "exec 2>&1")
		return nil
	}
	d.merged = simple.merged
	s.Set("command", simple.argv)
	s.Set("dir", simple.dir)
	for _, v := range simple.env {
		s.SetEnv(v.Key, v.Value)
	}
	if simple.envDir != "" {
		s.Differs("", d.at("run"), "the variables of "+simple.envDir, "they are those of now; what is changed there later is not seen", "")
	}
	if simple.user != "" {
		s.Set("user", simple.user)
		if simple.group != "" {
			s.Set("group", simple.group)
		}
		s.Set("groups", simple.groups)
	}
	if simple.umask != "" {
		s.Set("umask", simple.umask)
	}
	if simple.nice != 0 {
		s.Set("nice", simple.nice)
	}
	for _, l := range simple.limits {
		s.Set("limits."+l.Key, l.Value)
	}
	return nil
}
