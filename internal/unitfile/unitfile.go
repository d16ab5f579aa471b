// Package unitfile reads systemd's unit files, and writes values so that systemd
// reads them back: the syntax of systemd.syntax(7), the command lines of
// systemd.service(5), the lengths of time of systemd.time(7). What settings
// mean is not its business.
//
// The unit package of go-systemd reads such files too, but gives neither the
// lines, which every remark of an import names, nor the words of a value. A test
// holds [Parse] against it.
package unitfile

import (
	"fmt"
	"strings"

	"supervise/internal/config"
)

// Setting is one assignment.
type Setting struct {
	Section string // "Service"
	Name    string // "ExecStart"
	Value   string // as it stands, with lines that go on joined by blanks
	At      config.Position
}

// String gives the assignment as it is written.
func (s Setting) String() string { return s.Name + "=" + s.Value }

// Parse reads a unit file. The error is of type [config.Errors]; what could be read
// is given all the same, as systemd itself goes on after a line that it does not
// understand.
func Parse(file, text string) ([]Setting, error) {
	var all []Setting
	var wrong config.Errors
	section := ""
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at := config.Position{File: file, Line: i + 1}
		line := trim(lines[i])
		if isComment(line) {
			continue
		}
		for goesOn(line) {
			line = line[:len(line)-1] + " "
			// Comments between the lines of one value are no part of it.
			for i++; i < len(lines) && isCommentWithin(lines[i]); i++ {
			}
			if i >= len(lines) {
				break
			}
			line += strings.TrimRight(lines[i], blanks)
		}
		line = trim(line)
		if line == "" { // lines that only go on
			continue
		}
		name, value, found := strings.Cut(line, "=")
		switch {
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		case line[0] == '[' || !found || trim(name) == "":
			wrong = append(wrong, config.Error{Position: at, Msg: fmt.Sprintf("%q is neither [Section] nor Name=value", clip(line)), Hint: "a comment begins with #"})
		case section == "":
			wrong = append(wrong, config.Error{Position: at, Msg: fmt.Sprintf("%q stands before any [Section]", clip(line))})
		default:
			all = append(all, Setting{Section: section, Name: trim(name), Value: trim(value), At: at})
		}
	}
	if wrong != nil {
		return all, wrong
	}
	return all, nil
}

// blanks are what systemd takes for such.
const blanks = " \t\n\r"

func trim(s string) string { return strings.Trim(s, blanks) }

// goesOn says whether a line ends in a backslash that no other takes back.
func goesOn(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func isComment(line string) bool { return line == "" || line[0] == '#' || line[0] == ';' }

func isCommentWithin(line string) bool {
	line = strings.TrimLeft(line, blanks)
	return line != "" && (line[0] == '#' || line[0] == ';')
}

func clip(line string) string {
	if len(line) > 60 {
		return strings.ToValidUTF8(line[:60], "") + "…"
	}
	return line
}
