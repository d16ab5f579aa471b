package supervisord

import (
	"fmt"
	"strings"
	"unicode"

	"supervise/internal/config"
)

// section is one section of a configuration, of all files that have it.
type section struct {
	name    string // "program:web"
	at      config.Position
	options []option
}

// option is one setting.
type option struct {
	name  string // in lower case
	value string
	at    config.Position
}

func (o option) String() string { return o.name + "=" + o.value }

// parseINI reads a file as supervisord 4 does, which is Python's RawConfigParser
// with the comments of Python 2: "; " and "# " begin one anywhere, lines that
// are indented further go on, "=" and ":" part names from values, and names are
// in lower case. No library for Go has these rules: gopkg.in/ini.v1, for one,
// takes quotes away, ends values at other comments, and knows no lines.
//
// Sections that are there already get the options of the new ones: the last one
// counts.
func parseINI(file, text string, sections []*section) ([]*section, error) {
	var wrong config.Errors
	var in *section
	var value []string // of the option that may go on
	indent := 0
	finish := func() {
		if value != nil {
			in.options[len(in.options)-1].value = strings.TrimRightFunc(strings.Join(value, "\n"), unicode.IsSpace)
			value = nil
		}
	}
	for i, line := range strings.Split(text, "\n") {
		at := config.Position{File: file, Line: i + 1}
		content, commented := withoutComment(line)
		if content == "" {
			if !commented && value != nil {
				value = append(value, "")
			}
			continue
		}
		own := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		if in != nil && value != nil && own > indent {
			value = append(value, content)
			continue
		}
		indent = own
		if content[0] == '[' && strings.LastIndexByte(content, ']') > 1 {
			finish()
			in, sections = open(sections, content[1:strings.LastIndexByte(content, ']')], at)
			continue
		}
		if in == nil {
			return nil, config.Errors{{Position: at, Msg: fmt.Sprintf("%q stands before any [section]", content), Hint: "is it a configuration of supervisord?"}}
		}
		end := strings.IndexAny(content, "=:") // of the name
		if end < 0 || strings.TrimSpace(content[:end]) == "" {
			wrong = append(wrong, config.Error{Position: at, Msg: fmt.Sprintf("%q is neither [section] nor name=value", content), Hint: "supervisord itself refuses such a file"})
			continue
		}
		finish()
		in.options = append(in.options, option{name: strings.ToLower(strings.TrimSpace(content[:end])), at: at})
		value = []string{strings.TrimSpace(content[end+1:])}
	}
	finish()
	if wrong != nil {
		return nil, wrong
	}
	return sections, nil
}

// open gives the section of a name, a new one when there is none yet.
func open(sections []*section, name string, at config.Position) (*section, []*section) {
	for _, s := range sections {
		if s.name == name {
			return s, sections
		}
	}
	s := &section{name: name, at: at}
	return s, append(sections, s)
}

// withoutComment cuts a comment off, and the blanks around what is left.
func withoutComment(line string) (content string, commented bool) {
	if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
		return "", true
	}
	for i := 1; i < len(line); i++ {
		if (line[i] == ';' || line[i] == '#') && strings.IndexByte(" \t\v\f\r", line[i-1]) >= 0 {
			return strings.TrimSpace(line[:i]), true
		}
	}
	return strings.TrimSpace(line), false
}

// last gives the last option of a name.
func (s *section) last(name string) (option, bool) {
	for i := len(s.options) - 1; i >= 0; i-- {
		if s.options[i].name == name {
			return s.options[i], true
		}
	}
	return option{}, false
}
