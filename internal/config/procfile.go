package config

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// procfileLine is "name: command".
var procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+)[ \t]*:[ \t]*(.*)$`)

// The ports that foreman gives: the first process type gets the base, each
// further one a hundred more, so that each could have many instances.
const (
	basePort = 5000
	portStep = 100
)

// procfile reads a Procfile as foreman does. The services get all defaults,
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
	l.procfileText(path, text, l.basePort(path))
}

// basePort is PORT of .env, else of our environment, else 5000; 0 when
// somebody set PORT to something that is no port.
func (l *loader) basePort(path string) int {
	own := os.Getenv("PORT")
	vars, _ := ReadEnvFile("-" + dotEnv(path)) // what is wrong with it, checkMachine says
	for _, v := range vars {
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

func dotEnv(procfile string) string { return absolute(procfile, ".env") }

func (l *loader) procfileText(path, text string, port int) {
	count := 0
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		where := Position{File: path, Line: i + 1, Col: 1}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		where.Col += utf8.RuneCountInString(line[:strings.Index(line, trimmed)])
		m := procfileLine.FindStringSubmatch(trimmed)
		switch {
		case m == nil || !nameForm.MatchString(m[1]):
			l.failAt(where, "", "is no \"name: command\"", "names are of letters, digits, '_' and '-'; a comment begins with #")
			continue
		case m[2] == "":
			l.failAt(where, m[1], "the command is missing", "")
			continue
		case strings.ContainsRune(trimmed, 0) || !utf8.ValidString(trimmed):
			l.failAt(where, m[1], "is not text", "a Procfile is UTF-8 without NUL bytes")
			continue
		}
		d := newDraft(m[1], m[1], 0, Daemon, where, m[1])
		d.Dir = absolute(path, ".")
		d.EnvFile = []string{"-" + dotEnv(path)}
		d.Command = []string{"sh", "-c", m[2]}
		if port > 0 {
			d.Env = []string{fmt.Sprintf("PORT=%d", port+count*portStep)}
		}
		l.drafts = append(l.drafts, d)
		count++
	}
}
