package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// maxEnvFile bounds an environment file. The kernel gives a program two
// megabytes or so for its whole environment.
const maxEnvFile = 4 << 20

// ParseEnv reads an environment file and gives its variables as KEY=value, in
// the order of the file. The error is of type [Errors], each with its line.
//
// A line is KEY=value, maybe with "export " before it; empty lines and lines
// that begin with # mean nothing. A value without quotes ends with the line or
// before " #"; blanks around it are no part of it. Between single quotes
// everything stands for itself; between double quotes \n, \r, \t, \", \\, \$
// and \` mean what they mean to a shell's printf. Quoted values may span lines.
// Nothing is expanded: a $ is a $.
func ParseEnv(data []byte) ([]string, error) {
	text := strings.TrimPrefix(string(data), "\ufeff")
	p := envParser{text: text, lines: lineIndex("", text)}
	for p.i < len(p.text) {
		p.line()
	}
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return p.vars, nil
}

// ReadEnvFile reads one entry of Service.EnvFile: a path, which the file may
// be missing from when it begins with "-".
func ReadEnvFile(path string) ([]string, error) {
	path, optional := strings.CutPrefix(path, "-")
	f, err := os.Open(path)
	if optional && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the environment file %s: %w", path, reason(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEnvFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the environment file %s: %w", path, reason(err))
	}
	if len(data) > maxEnvFile {
		return nil, fmt.Errorf("the environment file %s is longer than %d bytes: no program could be given all that", path, maxEnvFile)
	}
	vars, err := ParseEnv(data)
	if errs := (Errors)(nil); errors.As(err, &errs) {
		for i := range errs {
			errs[i].File = path
		}
		return nil, errs
	}
	return vars, err
}

// reason is what an error of package os says beside the name of the file.
func reason(err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

type envParser struct {
	text  string
	lines lines
	i     int
	vars  []string
	errs  Errors
}

func (p *envParser) fail(at int, msg, hint string) {
	p.errs = append(p.errs, Error{Position: p.lines.position(at), Msg: msg, Hint: hint})
}

// line reads one line, and more when a quoted value goes on there.
func (p *envParser) line() {
	start := p.i
	end := start + tokenLength(p.text[start:], "\n")
	line := strings.TrimSpace(p.text[start:end])
	if line == "" || line[0] == '#' {
		p.i = end + 1
		return
	}
	at := start + strings.Index(p.text[start:end], line)
	p.i = end + 1
	if rest, ok := strings.CutPrefix(line, "export"); ok && rest != "" && isBlank(rest[0]) {
		line = strings.TrimSpace(rest)
		at = start + strings.LastIndex(p.text[start:end], line)
	}
	name, value, found := strings.Cut(line, "=")
	name = strings.TrimRight(name, " \t")
	switch {
	case !found:
		p.fail(at, "is no KEY=value", "write # before a comment")
		return
	case !isVariableName(name):
		p.fail(at, fmt.Sprintf("%q cannot be the name of a variable", name), "names are of letters, digits, '_', '.' and '-', and begin with no digit")
		return
	}
	if strings.ContainsRune(value, 0) || !utf8.ValidString(value) {
		p.fail(at, "the value of "+name+" is not text", "a variable can hold no NUL byte, and we take UTF-8 only")
		return
	}
	from := at + strings.IndexByte(p.text[at:], '=') + 1
	for from < len(p.text) && (p.text[from] == ' ' || p.text[from] == '\t') {
		from++
	}
	if from < end && (p.text[from] == '"' || p.text[from] == '\'') {
		p.quoted(name, from)
		return
	}
	if i := strings.Index(value, " #"); i >= 0 {
		value = value[:i]
	}
	p.vars = append(p.vars, name+"="+strings.TrimSpace(value))
}

// quoted reads a value whose opening quote stands at from.
func (p *envParser) quoted(name string, from int) {
	quote := p.text[from]
	var value strings.Builder
	i := from + 1
	for ; i < len(p.text) && p.text[i] != quote; i++ {
		if quote == '"' && p.text[i] == '\\' && i+1 < len(p.text) {
			i++
			value.WriteString(unescapeEnv(p.text[i]))
			continue
		}
		value.WriteByte(p.text[i])
	}
	if i >= len(p.text) {
		p.fail(from, "the quote is not closed", "")
		p.i = from + tokenLength(p.text[from:], "\n") + 1
		return
	}
	end := i + tokenLength(p.text[i:], "\n")
	p.i = end + 1
	if rest := strings.TrimSpace(p.text[i+1 : end]); rest != "" && rest[0] != '#' {
		p.fail(i+1, "something follows the closing quote", "quote the whole value")
		return
	}
	if strings.ContainsRune(value.String(), 0) || !utf8.ValidString(value.String()) {
		p.fail(from, "the value of "+name+" is not text", "a variable can hold no NUL byte, and we take UTF-8 only")
		return
	}
	p.vars = append(p.vars, name+"="+value.String())
}

// unescapeEnv gives what a backslash and c stand for.
func unescapeEnv(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '`':
		return string(c)
	}
	return "\\" + string([]byte{c})
}

func isVariableName(name string) bool {
	if name == "" || !isVariableStart(name[0]) {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return !isKeyChar(c) && c != '.' })
}
