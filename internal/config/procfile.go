package config

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// procfileLine is "name: command".
var procfileLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9_-]+)[ \t]*:[ \t]*(.*)$`)
})

// The ports that foreman gives: the first process type gets the base, each
// further one a step more, so that each could have many instances.
const (
	basePort         = 5000
	ProcfilePortStep = 100
	// MaxProcfileInstances is how many of them have ports of their own.
	MaxProcfileInstances = ProcfilePortStep
)

// ProcfileLine is one process of a Procfile.
type ProcfileLine struct {
	Name    string
	Command string // for sh -c
	Where   Position
}

// ParseProcfile reads a Procfile as foreman does: a line "name: command" for
// each process, and comments that begin with #.
func ParseProcfile(path, text string) ([]ProcfileLine, Errors) {
	var all []ProcfileLine
	var r report
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		where := Position{File: path, Line: i + 1, Col: 1}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		where.Col += utf8.RuneCountInString(line[:strings.Index(line, trimmed)])
		m := procfileLine().FindStringSubmatch(trimmed)
		switch {
		case m == nil || !nameForm().MatchString(m[1]):
			r.failAt(where, "", "is no \"name: command\"", "names are of letters, digits, '_' and '-'; a comment begins with #")
		case m[2] == "":
			r.failAt(where, m[1], "the command is missing", "")
		case strings.ContainsRune(trimmed, 0) || !utf8.ValidString(trimmed):
			r.failAt(where, m[1], "is not text", "a Procfile is UTF-8 without NUL bytes")
		default:
			all = append(all, ProcfileLine{strings.Clone(m[1]), strings.Clone(m[2]), where}) // else they keep the text in memory
		}
	}
	return all, r.errors
}

// ProcfilePort is the port of the first process: PORT of .env, else of our own
// environment, else 5000; 0 when somebody set PORT to something that is no port.
func ProcfilePort(env []string, own string) int {
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PORT="); ok {
			own = p
		}
	}
	if own == "" {
		return basePort
	}
	port, err := strconv.Atoi(own)
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

// procfile reads a Procfile. The services get all defaults,
// run in the directory of the file, and their environment has that of .env
// beside the file, if there is one, and PORT: 5000 for the first, 5100 for the
// second and so on. A PORT in .env or in our own environment takes the place
// of the 5000. Unlike foreman, supervise restarts what fails and does not stop
// the others.
func (l *loader) procfile(path string) {
	l.howToBegin = `write a line "name: command" for each`
	text, ok := l.read(path)
	if !ok {
		return
	}
	vars, _ := ReadEnvFile("-" + dotEnv(path)) // what is wrong with it, checkMachine says
	l.procfileText(path, text, ProcfilePort(vars, os.Getenv("PORT")))
}

func dotEnv(procfile string) string { return absolute(procfile, ".env") }

func (l *loader) procfileText(path, text string, port int) {
	lines, wrong := ParseProcfile(path, text)
	l.errors = append(l.errors, wrong...)
	for i, line := range lines {
		d := newDraft(line.Name, line.Name, 0, Daemon, line.Where, line.Name)
		d.Dir = absolute(path, ".")
		d.EnvFile = []string{"-" + dotEnv(path)}
		d.Command = []string{"sh", "-c", line.Command}
		if port > 0 {
			d.Env = []string{fmt.Sprintf("PORT=%d", port+i*ProcfilePortStep)}
		}
		d.finishLog(&l.report)
		l.drafts = append(l.drafts, d)
	}
}
